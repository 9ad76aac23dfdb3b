/** A training that is stopped, written as plain data and continued elsewhere equals the uninterrupted one, bit for bit. */
import { beforeAll, describe, expect, test } from "vitest";
import { StateError } from "../../src/base/errors.ts";
import { type Tensor, tensor } from "../../src/trace/index.ts";
import {
  adam,
  batches,
  type Callback,
  createTrainer,
  type Dataset,
  fit,
  globalClipNorm,
  lanes,
  sgd,
  type Trainer,
  type TrainingOptions,
  type TrainingState,
} from "../../src/train/index.ts";
import { idModel, randomIds, weightsOf } from "./models.ts";

const options = {
  loss: "sparseCategoricalCrossentropy",
  metrics: ["accuracy"],
  optimizer: adam({ learningRate: 0.02 }),
  clip: globalClipNorm(1),
  seed: 3,
} as const;

/** Every trainer begins from other weights unless it is restored. */
function newTrainer(seed: number): Trainer {
  return createTrainer(idModel({ classes: 4, rate: 0.3, seed }), options);
}

/** As a file would keep it: JSON as text, arrays as copies. */
function throughFile({ arrays, json }: TrainingState): TrainingState {
  const copies = Object.entries(arrays).map(([name, array]) => [name, { ...array, data: array.data.slice() }]);
  return { arrays: Object.fromEntries(copies), json: JSON.parse(JSON.stringify(json)) };
}

function everything(trainer: Trainer): unknown {
  const { arrays, json } = trainer.snapshot();
  return { weights: weightsOf(trainer.model), arrays, json: { ...json, seconds: 0 } };
}

const ids = randomIds(21, 161, 4);
const x = tensor(ids.slice(0, 140), { shape: [28, 5] });
const y = tensor(ids.slice(1, 141), { shape: [28, 5] });
const sources: Record<string, Dataset> = {
  "carried state, dropout": lanes(ids, { lanes: 4, steps: 5 }),
  "shuffled batches of uneven sizes, dropout": batches(x, y, { batchSize: 5, seed: 2 }),
};

describe.each(Object.entries(sources))("with %s, resumed", (_, data) => {
  // Two trainers serve all tests, since each compiles its own programs: `restore` takes the first back to its start.
  const perEpoch = data.batchesPerEpoch;
  const [first, second] = [newTrainer(1), newTrainer(99)];
  const start = first.snapshot();
  let whole: unknown;
  const again = (): void => first.restore(start);
  const train = (trainer: Trainer, more: Partial<TrainingOptions>) =>
    fit(trainer, data, { validationData: data, ...more });

  beforeAll(async () => {
    await train(first, { epochs: 3 });
    whole = everything(first);
  });

  for (const [name, steps] of [
    ["in the middle of an epoch", perEpoch + 3],
    ["before its last batch", 2 * perEpoch - 1],
    ["at the end of an epoch", perEpoch],
  ] as const) {
    test(`${name}, it ends with the same weights, slots, state, key and history`, async () => {
      again();
      await train(first, { steps });
      second.restore(throughFile(first.snapshot()));
      await train(second, { epochs: 3 });
      expect(everything(second)).toEqual(whole);
    });
  }

  test.each([4, perEpoch])(
    "from a snapshot that a callback took at step %i, while the first run went on",
    async (step) => {
      let taken: TrainingState | undefined;
      const take: Callback = {
        onStepEnd: ({ trainer }) => {
          if (trainer.steps === step) taken = trainer.snapshot();
        },
      };
      again();
      await train(first, { epochs: 2, callbacks: [take] });
      second.restore(taken as TrainingState);
      expect(second.steps).toBe(step);
      await train(second, { epochs: 3 });
      expect(everything(second)).toEqual(whole);
    },
  );
});

test("a snapshot names every array: weights, slots by weight, step, key, sums, and state by layer", async () => {
  const trainer = newTrainer(1);
  await fit(trainer, sources["carried state, dropout"], { steps: 1 });
  const { arrays, json } = trainer.snapshot();
  const names = Object.keys(arrays);
  expect(names.filter((name) => !/kernel|bias|embedding/i.test(name))).toEqual([
    "slots.correction.first",
    "slots.correction.second",
    "step",
    "key",
    "sums",
    "state.reader.h",
  ]);
  expect(names).toContain("slots.momentum.reader.recurrentKernel");
  expect(arrays["state.reader.h"].shape).toEqual([4, 6]);
  expect(json).toMatchObject({ version: 1, steps: 1, position: { epoch: 0, index: 1 }, optimizer: { kind: "adam" } });
});

test("a snapshot of another model or optimizer is refused, and nothing is changed", async () => {
  const trainer = newTrainer(1);
  await fit(trainer, sources["carried state, dropout"], { steps: 2 });
  const before = everything(trainer);
  const snapshot = trainer.snapshot();
  const small = createTrainer(idModel({ classes: 4, units: 2 }), options);
  expect(() => small.restore(snapshot)).toThrow(StateError);
  expect(() =>
    trainer.restore(createTrainer(idModel({ classes: 4 }), { ...options, optimizer: sgd() }).snapshot()),
  ).toThrow(StateError);
  const { key: _, ...without } = snapshot.arrays;
  expect(() => trainer.restore({ ...snapshot, arrays: without })).toThrow(StateError);
  expect(everything(trainer)).toEqual(before);
});

test("the running means are in the snapshot: restored in the middle, the epoch's loss counts its first part", () => {
  const data = sources["shuffled batches of uneven sizes, dropout"];
  const [first, second] = [newTrainer(1), newTrainer(2)];
  first.step(data.batch(0, 0));
  second.restore(first.snapshot());
  first.step(data.batch(0, 1));
  second.step(data.batch(0, 1));
  expect(second.means()).toEqual(first.means());
  expect((first.model.run(x).outputs as Tensor).data()).toEqual((second.model.run(x).outputs as Tensor).data());
});
