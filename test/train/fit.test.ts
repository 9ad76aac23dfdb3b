/** Training learns, counts rightly, carries state, stops when told, and reports what evaluation reports. */
import { describe, expect, test } from "vitest";
import { OptionError, StateError } from "../../src/base/errors.ts";
import { call, dense, gru, input, lstm, model } from "../../src/nn/index.ts";
import { maximum, mean, mul, sub, type Tensor, tensor } from "../../src/trace/index.ts";
import {
  adam,
  batches,
  binaryCrossentropy,
  type Callback,
  createTrainer,
  type Dataset,
  earlyStopping,
  evaluate,
  fit,
  fromProbabilities,
  globalClipNorm,
  lanes,
  predict,
  sgd,
} from "../../src/train/index.ts";
import { createPace } from "../../src/train/pace.ts";
import { idModel, meansTask, randomIds, rowModel, weightsOf } from "./models.ts";
import { expectClose } from "./values.ts";

test("a GRU learns to say the symbol before, across windows of 4 steps, only because its state is carried (seed 5)", async () => {
  const ids = randomIds(5, 1200, 3);
  const before = Int32Array.from(ids, (_, i) => ids[Math.max(0, i - 1)]);
  const options = {
    loss: "sparseCategoricalCrossentropy",
    optimizer: adam({ learningRate: 0.02 }),
    clip: globalClipNorm(1),
    epochs: 6,
  } as const;
  const stream = lanes(ids, { lanes: 8, steps: 4, targets: before });
  const carried = await fit(idModel({ classes: 3 }), stream, options);
  // Without state the first of each 4 steps is a guess among 3: the mean can not be below ln 3 / 4 = 0.27.
  expect(carried.loss.at(-1)).toBeLessThan(0.15);
  const cut = await fit(idModel({ classes: 3 }), { ...stream, carriesState: false }, options);
  expect(cut.loss.at(-1)).toBeGreaterThan(0.26);
});

test("with learning rate 0 the running mean of uneven batches equals evaluation and the mean by hand", async () => {
  const { x, y } = meansTask(1, 11);
  const one = rowModel();
  const before = weightsOf(one);
  const data = batches(x, y, { batchSize: 4 });
  const options = { loss: "meanSquaredError", metrics: ["meanAbsoluteError"], learningRate: 0 } as const;
  const history = await fit(one, data, { ...options, optimizer: "sgd" });
  const { loss, meanAbsoluteError } = await evaluate(one, data, { loss: options.loss, metrics: options.metrics });
  const outputs = (await predict(one, x, { batchSize: 3 })) as Tensor;
  const byHand = Array.from(outputs.data(), (p, i) => (p - y.data()[i]) ** 2).reduce((a, b) => a + b) / 11;
  expectClose([history.loss[0], loss], [byHand, byHand]);
  expectClose(history.metrics.meanAbsoluteError, [meanAbsoluteError]);
  expect(weightsOf(one)).toEqual(before);
});

test("sampleWeights of 0 train as if the rows were not there", async () => {
  const { x, y } = meansTask(2, 6);
  const weights = tensor([1, 1, 1, 0, 0, 0]);
  const [all, half] = [rowModel(), rowModel()];
  const options = { loss: "meanSquaredError", optimizer: sgd({ learningRate: 0.1 }), epochs: 2 } as const;
  await fit(all, batches(x, y, { shuffle: false, sampleWeights: weights }), options);
  const rows = (t: Tensor): Tensor =>
    tensor(t.data().slice(0, t.data().length / 2) as Float32Array, { shape: [3, ...(t.shape.slice(1) as number[])] });
  await fit(half, batches(rows(x), rows(y), { shuffle: false }), options);
  for (const [path, values] of Object.entries(weightsOf(half))) expectClose(weightsOf(all)[path], values);
});

test("validation numbers are those of evaluate, at every second epoch where asked", async () => {
  const { x, y } = meansTask(3, 8);
  const validationData = batches(x, y, { shuffle: false });
  const one = rowModel();
  const history = await fit(one, batches(x, y), {
    loss: "meanSquaredError",
    epochs: 4,
    validationData,
    validationEvery: 2,
  });
  expect(history.loss.length).toBe(4);
  expect(history.valLoss.length).toBe(2);
  expect(history.valLoss[1]).toBe((await evaluate(one, validationData, { loss: "meanSquaredError" })).loss);
  expect([history.epochs, history.steps, history.stopped]).toEqual([4, 4, "epochs"]);
});

test("P5: next-step loss on one-hot rows [b, t, 38] runs, with b and t free from batch to batch", async () => {
  const one = model38();
  const sizes = [
    [4, 9],
    [3, 5],
    [4, 12],
  ];
  const data: Dataset = {
    batchesPerEpoch: sizes.length,
    carriesState: false,
    batch: (_, index) => oneHotBatch(index, sizes[index][0], sizes[index][1]),
  };
  const history = await fit(one, data, {
    loss: "sparseCategoricalCrossentropy",
    metrics: ["accuracy", "bitsPerCharacter"],
    epochs: 2,
  });
  expect(history.loss[0]).toBeGreaterThan(Math.log(38) - 0.5);
  expectClose(
    history.metrics.bitsPerCharacter,
    history.loss.map((loss) => loss / Math.LN2),
  );
});

test("P5 at its size: (128, 300, 38) through two LSTMs, a loss for each of 38 400 steps, falls in three updates", async () => {
  const x = input({ shape: [null, 38] });
  const read = [0, 1].reduce((below) => call(lstm({ units: 8, returnSequences: true }), below), x);
  const trainer = createTrainer(model({ inputs: x, outputs: call(dense({ units: 38 }), read) }), {
    loss: "sparseCategoricalCrossentropy",
    learningRate: 0.01,
  });
  const batch = oneHotBatch(12, 128, 300);
  const losses = [0, 1, 2].map(() => trainer.step(batch).loss);
  expect(Math.abs(losses[0] - Math.log(38))).toBeLessThan(0.1);
  expect(losses[2]).toBeLessThan(losses[0]);
});

function model38() {
  const x = input({ shape: [null, 38] });
  return model({ inputs: x, outputs: call(dense({ units: 38 }), call(gru({ units: 4, returnSequences: true }), x)) });
}

function oneHotBatch(seed: number, b: number, t: number) {
  const ids = randomIds(seed, b * (t + 1), 38);
  const rows = new Float32Array(b * t * 38);
  const next = new Int32Array(b * t);
  for (let i = 0; i < b * t; i++) {
    const at = Math.floor(i / t) * (t + 1) + (i % t);
    rows[i * 38 + ids[at]] = 1;
    next[i] = ids[at + 1];
  }
  return { x: tensor(rows, { shape: [b, t, 38] }), y: tensor(next, { shape: [b, t] }) };
}

test("a model of two outputs takes a loss and a target for each, and the loss is their sum", async () => {
  const x = input({ shape: [null, 2], name: "rows" });
  const read = call(gru({ units: 3 }), x);
  const two = model({ inputs: [x], outputs: [call(dense({ units: 1 }), read), call(dense({ units: 2 }), read)] });
  const task = meansTask(4, 6);
  const labels = tensor([0, 1, 0, 1, 0, 1], { dtype: "int32" });
  const data = batches({ rows: task.x }, [task.y, labels], { shuffle: false });
  const loss = ["meanSquaredError", "sparseCategoricalCrossentropy"] as const;
  const history = await fit(two, data, { loss, epochs: 2, learningRate: 0 });
  const outputs = (await predict(two, task.x)) as Tensor[];
  expect(outputs.map((output) => output.shape)).toEqual([
    [6, 1],
    [6, 2],
  ]);
  const squared = Array.from(outputs[0].data(), (p, i) => (p - task.y.data()[i]) ** 2).reduce((a, b) => a + b) / 6;
  expect(history.loss[0]).toBeGreaterThan(squared);
  await expect(fit(two, data, { loss: "meanSquaredError" })).rejects.toThrow(OptionError);
});

describe("training ends", () => {
  const { x, y } = meansTask(6, 12);
  const data = batches(x, y, { batchSize: 2 });
  const loss = "meanSquaredError";

  test("after `steps`, in the middle of an epoch, whose numbers count", async () => {
    const history = await fit(rowModel(), data, { loss, steps: 8 });
    expect([history.steps, history.epochs, history.stopped, history.loss.length]).toEqual([8, 1, "steps", 2]);
  });

  test("when the signal is aborted, after the present step", async () => {
    const controller = new AbortController();
    const abort: Callback = {
      onStepEnd: ({ trainer }) => {
        if (trainer.steps === 3) controller.abort();
      },
    };
    const history = await fit(rowModel(), data, { loss, epochs: 100, callbacks: [abort], signal: controller.signal });
    expect([history.steps, history.stopped]).toEqual([3, "signal"]);
  });

  test("when a callback returns stop, also from a promise", async () => {
    const stop: Callback = { onStepEnd: async ({ trainer }) => (trainer.steps === 4 ? "stop" : undefined) };
    const history = await fit(rowModel(), data, { loss, epochs: 3, callbacks: [stop] });
    expect([history.steps, history.stopped]).toEqual([4, "callback"]);
  });

  test("when the minutes are over", async () => {
    const history = await fit(rowModel(), data, { loss, minutes: 1e-9 });
    expect([history.steps, history.stopped]).toEqual([0, "minutes"]);
  });

  test("when validation no longer improves, with the weights of the best epoch", async () => {
    const one = rowModel();
    const seen: Record<string, number[]>[] = [];
    const watch: Callback = { onEpochEnd: () => void seen.push(weightsOf(one)) };
    // Upwards on the loss: the first epoch is the best.
    const learningRate = { kind: "up", options: {}, at: () => tensor(-0.05) };
    const callbacks = [watch, earlyStopping({ patience: 2, restoreBestWeights: true })];
    const options = { loss, optimizer: "sgd", learningRate, epochs: 50, validationData: data, callbacks } as const;
    const history = await fit(one, data, options);
    expect([history.valLoss.length, history.stopped]).toEqual([3, "callback"]);
    expect(weightsOf(one)).toEqual(seen[0]);
  });
});

test("early stopping waits for the last of `patience` rows without a gain above minDelta, up for accuracies", () => {
  const verdict = (options: object, name: string, values: number[]): unknown =>
    earlyStopping(options).onEpochEnd?.({ rows: values.map((value) => ({ [name]: value })) } as never);
  expect(verdict({ patience: 2 }, "valLoss", [1, 2])).toBeUndefined();
  expect(verdict({ patience: 2 }, "valLoss", [1, 2, 2])).toBe("stop");
  expect(verdict({ patience: 2 }, "valLoss", [1, 2, 0.9])).toBeUndefined();
  expect(verdict({ minDelta: 0.5 }, "valLoss", [1, 0.9])).toBe("stop");
  expect(verdict({ monitor: "valAccuracy" }, "valAccuracy", [0.5, 0.6])).toBeUndefined();
  expect(verdict({ monitor: "valAccuracy" }, "valAccuracy", [0.6, 0.5])).toBe("stop");
  expect(() => verdict({}, "loss", [1])).toThrow(OptionError);
});

test("callbacks come in order, and see the position of the batch that comes next", async () => {
  const { x, y } = meansTask(7, 4);
  const events: string[] = [];
  const note =
    (event: string) =>
    ({ trainer }: { trainer: { position: { epoch: number; index: number } } }) => {
      events.push(`${event} ${trainer.position.epoch}.${trainer.position.index}`);
    };
  const callback: Callback = {
    onTrainBegin: note("begin"),
    onEpochBegin: note("epoch"),
    onStepEnd: note("step"),
    onEpochEnd: note("epoch end"),
    onTrainEnd: note("end"),
  };
  await fit(rowModel(), batches(x, y, { batchSize: 2 }), { loss: "meanSquaredError", callbacks: [callback] });
  expect(events).toEqual(["begin 0.0", "epoch 0.0", "step 0.1", "step 0.2", "epoch end 1.0", "end 1.0"]);
});

test("evaluation from another state than training is warned of, once", async () => {
  const ids = randomIds(8, 200, 3);
  const stream = lanes(ids, { lanes: 4, steps: 5 });
  const warnings: string[] = [];
  const trainer = createTrainer(idModel({ classes: 3 }), { loss: "sparseCategoricalCrossentropy" });
  const warn = (sentence: string): void => void warnings.push(sentence);
  await fit(trainer, stream, { epochs: 2, validationData: stream, warn });
  expect(warnings).toEqual([]);
  await fit(trainer, stream, { epochs: 4, validationData: { ...stream, carriesState: false }, warn });
  expect(warnings.length).toBe(1);
  await evaluate(trainer, { ...stream, carriesState: false }, { warn });
  expect(warnings.length).toBe(2);
});

test("batches of other numbers of lanes are refused while state is carried, and taken after resetState", () => {
  const trainer = createTrainer(idModel({ classes: 3 }), { loss: "sparseCategoricalCrossentropy" });
  const batch = (rows: number) => ({
    x: tensor(randomIds(1, rows * 4, 3), { shape: [rows, 4] }),
    y: tensor(randomIds(2, rows * 4, 3), { shape: [rows, 4] }),
  });
  trainer.step(batch(2), { carriesState: true });
  expect(() => trainer.step(batch(3), { carriesState: true })).toThrow(StateError);
  trainer.resetState();
  expect(trainer.step(batch(3), { carriesState: true }).step).toBe(2);
});

test("evaluation carries state through a stream: windows of 2 give the loss of the whole", async () => {
  const ids = randomIds(9, 41, 3);
  const one = idModel({ classes: 3 });
  const loss = { loss: "sparseCategoricalCrossentropy" } as const;
  const whole = await evaluate(one, lanes(ids, { lanes: 2, steps: 20 }), loss);
  const windows = await evaluate(one, lanes(ids, { lanes: 2, steps: 2 }), loss);
  expectClose([windows.loss], [whole.loss]);
});

test("predict gives the rows of run, whatever the batch size, from a given state", async () => {
  const { x } = meansTask(10, 7);
  const one = rowModel();
  const { outputs, state } = one.run(x);
  expectClose(((await predict(one, x, { batchSize: 3 })) as Tensor).data(), outputs.data());
  const again = one.run(x, { state }).outputs;
  expectClose(((await predict(one, x, { batchSize: 2, state })) as Tensor).data(), again.data());
});

test("a loss from logits is refused for a model that ends in sigmoid, unless told that it gives probabilities", () => {
  const x = input({ shape: [null, 2] });
  const squashed = model({
    inputs: x,
    outputs: call(dense({ units: 1, activation: "sigmoid" }), call(gru({ units: 2 }), x)),
  });
  expect(() => createTrainer(squashed, { loss: "binaryCrossentropy" })).toThrow(OptionError);
  expect(createTrainer(squashed, { loss: fromProbabilities(binaryCrossentropy) }).steps).toBe(0);
});

test("a pace gives a turn only after its interval of work", async () => {
  let time = 0;
  const pace = createPace(12, () => time);
  expect(pace.breathe()).toBeUndefined();
  time = 12;
  const turn = pace.breathe();
  expect(turn).toBeInstanceOf(Promise);
  await turn;
  expect(pace.breathe()).toBeUndefined();
  pace.close();
});

test("a user's own loss is a function: the quantile loss by hand for 0.9 of errors -1 and 2", async () => {
  const quantile = (target: Tensor, prediction: Tensor): Tensor => {
    const error = sub(target, prediction);
    return mean(maximum(mul(error, 0.9), mul(error, -0.1)), -1);
  };
  const one = rowModel();
  const { x } = meansTask(11, 2);
  const outputs = one.run(x).outputs.data();
  const y = tensor([[outputs[0] - 1], [outputs[1] + 2]]);
  const history = await fit(one, batches(x, y), { loss: quantile, learningRate: 0 });
  expectClose(history.loss, [(0.1 + 1.8) / 2]);
});
