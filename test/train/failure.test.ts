/** A number that stops being finite leaves every variable as it was, and says where it came from. */
import { expect, test } from "vitest";
import { NumericError } from "../../src/base/errors.ts";
import { dense, sequential, simpleRNN } from "../../src/nn/index.ts";
import { log, mul, sub, sum, type Tensor, tensor } from "../../src/trace/index.ts";
import { createTrainer, fit, lanes, type Trainer, type TrainerOptions } from "../../src/train/index.ts";
import { idModel, meansTask, randomIds, rowModel } from "./models.ts";

function failing(trainer: Trainer, batch: Parameters<Trainer["step"]>[0], options = {}): NumericError {
  try {
    trainer.step(batch, options);
  } catch (error) {
    if (error instanceof NumericError) return error;
    throw error;
  }
  return expect.fail("the step did not fail");
}

const arraysOf = (trainer: Trainer): unknown => trainer.snapshot().arrays;

test("a step with NaN in its input changes no weight, slot, counter, mean or carried state, and names the place", () => {
  const { x, y } = meansTask(31, 3);
  const trainer = createTrainer(rowModel(), { loss: "meanSquaredError", metrics: ["meanAbsoluteError"] });
  trainer.step({ x, y }, { carriesState: true });
  const before = arraysOf(trainer);
  const bad = Float32Array.from(x.data(), (value, i) => (i === 2 * 5 + 3 ? Number.NaN : value));
  const error = failing(trainer, { x: tensor(bad, { shape: [3, 5, 2] }), y }, { carriesState: true });
  expect(error.data).toMatchObject({ step: 2, input: "rows", place: [1, 1, 1] });
  expect(arraysOf(trainer)).toEqual(before);
  expect(trainer.step({ x, y }, { carriesState: true }).step).toBe(2);
});

test("the training after a failed step equals the training without it, to the last bit", () => {
  const { x, y } = meansTask(32, 3);
  const [one, two] = [0, 1].map(() => createTrainer(rowModel(), { loss: "meanSquaredError" }));
  one.step({ x, y });
  two.step({ x, y });
  failing(two, { x, y: tensor([[Number.POSITIVE_INFINITY], [0], [0]]) });
  one.step({ x, y });
  two.step({ x, y });
  expect(arraysOf(two)).toEqual(arraysOf(one));
});

test("a class outside the model's classes is named with its place, unless its weight is 0", () => {
  const trainer = createTrainer(idModel({ classes: 3 }), { loss: "sparseCategoricalCrossentropy" });
  const x = tensor(randomIds(33, 8, 3), { shape: [2, 4] });
  const y = tensor(
    [
      [0, 1, 2, 0],
      [0, 1, 3, 0],
    ],
    { dtype: "int32" },
  );
  expect(failing(trainer, { x, y }).data).toMatchObject({ target: 0, place: [1, 2], value: 3 });
  expect(
    trainer.step({
      x,
      y,
      sampleWeights: tensor([
        [1, 1, 1, 1],
        [1, 1, 0, 1],
      ]),
    }).step,
  ).toBe(1);
});

test("an id that the embedding has not is refused, and changes nothing", () => {
  const trainer = createTrainer(idModel({ classes: 3 }), { loss: "sparseCategoricalCrossentropy" });
  const y = tensor(randomIds(36, 8, 3), { shape: [2, 4] });
  trainer.step({ x: y, y });
  const before = arraysOf(trainer);
  failing(trainer, { x: tensor(new Int32Array(8).fill(3), { shape: [2, 4] }), y });
  expect(arraysOf(trainer)).toEqual(before);
});

test("a gradient alone that is not finite is caught: the loss 0 * log(0) has none", () => {
  const loss = (_: Tensor, p: Tensor): Tensor => sum(mul(sub(p, p), log(mul(p, 0))), -1);
  const { x, y } = meansTask(34, 2);
  const trainer = createTrainer(rowModel(), { loss });
  const error = failing(trainer, { x, y });
  expect(Number.isFinite(error.data.gradientNorm)).toBe(false);
});

/** h = exp(x w + h u): a state that explodes after a few steps. */
function explosive(options: Partial<TrainerOptions>): Trainer {
  const model = sequential(
    [simpleRNN({ units: 1, activation: "exponential", name: "reader" }), dense({ units: 1, name: "head" })],
    {
      input: { shape: [null, 1], name: "signal" },
    },
  );
  model.setWeights({ "reader.kernel": tensor([[1]]), "reader.recurrentKernel": tensor([[2]]) });
  return createTrainer(model, { loss: "meanSquaredError", ...options });
}

test("diagnose finds the layer and the time step: e^1 = 2.7, e^(1 + 5.4) = 617, e^1235 is infinite at step 2", () => {
  const batch = { x: tensor([[[1], [1], [1], [1]]]), y: tensor([[1]]) };
  const plain = failing(explosive({}), batch);
  expect(plain.message).toContain("diagnose: true");
  const error = failing(explosive({ diagnose: true }), batch);
  expect(error.data).toMatchObject({ step: 1, timeStep: 2, op: "exp", kind: "infinity" });
  expect(error.data.layer).toContain("reader");
});

test("fit raises the error with epoch and batch, and the trainer can be asked and saved as it was before", async () => {
  const ids = randomIds(35, 200, 4);
  const good = lanes(ids, { lanes: 4, steps: 5 });
  const data = {
    ...good,
    batch: (epoch: number, index: number) => {
      const batch = good.batch(epoch, index);
      return epoch === 1 && index === 2
        ? { ...batch, y: tensor(new Int32Array(20).fill(7), { shape: [4, 5] }) }
        : batch;
    },
  };
  const trainer = createTrainer(idModel({ classes: 4 }), { loss: "sparseCategoricalCrossentropy" });
  await expect(fit(trainer, data, { epochs: 3 })).rejects.toMatchObject({
    data: { epoch: 1, index: 2, step: good.batchesPerEpoch + 3 },
  });
  expect(trainer.position).toEqual({ epoch: 1, index: 2 });
  expect(Object.values(trainer.snapshot().arrays).every(({ data }) => data.every(Number.isFinite))).toBe(true);
});
