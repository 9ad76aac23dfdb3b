/** The compiled training step is the interpreted one: same losses, gradient norms, weights, slots and means. */
import { describe, expect, test } from "vitest";
import { dense, dropout, lstm, type Model, sequential, simpleRNN } from "../../src/nn/index.ts";
import {
  adamW,
  batches,
  clipNorm,
  clipValue,
  cosineDecay,
  createTrainer,
  type Dataset,
  globalClipNorm,
  lanes,
  rmsprop,
  sgd,
  type TrainerOptions,
} from "../../src/train/index.ts";
import { compiledBackend } from "../backends.ts";
import { idModel, meansTask, randomIds, rowModel } from "./models.ts";
import { expectClose } from "./values.ts";

interface Case {
  readonly model: () => Model;
  readonly data: Dataset;
  readonly options: TrainerOptions;
}

const rows = meansTask(51, 7);
const labels = { x: rows.x, y: meansTask(52, 7).y };
const stack = [
  lstm({ units: 3, returnSequences: true }),
  dropout({ rate: 0.5 }),
  lstm({ units: 4 }),
  dense({ units: 1 }),
];
const input = { shape: [null, 2] } as const;
const warm = cosineDecay({ initialLearningRate: 0.01, decaySteps: 10, warmupTarget: 0.05, warmupSteps: 2 });

const cases: Record<string, Case> = {
  "GRU over lanes with carried state, dropout, adam, warm-up and global clipping": {
    model: () => idModel({ classes: 5, rate: 0.3 }),
    data: lanes(randomIds(53, 61, 5), { lanes: 3, steps: 4 }),
    options: {
      loss: "sparseCategoricalCrossentropy",
      metrics: ["accuracy", "perplexity"],
      clip: globalClipNorm(0.5),
      learningRate: warm,
    },
  },
  "GRU with centered rmsprop, momentum and clipping by norm": {
    model: () => rowModel(),
    data: batches(rows.x, rows.y, { batchSize: 3 }),
    options: {
      loss: "meanSquaredError",
      metrics: ["meanAbsoluteError"],
      clip: clipNorm(0.1),
      optimizer: rmsprop({ momentum: 0.9, centered: true, epsilon: 1e-3 }),
    },
  },
  "two LSTMs with dropout, adamW and clipping by value": {
    model: () => sequential(stack, { input, seed: 4 }),
    data: batches(rows.x, rows.y, { batchSize: 4 }),
    options: { loss: "huber", clip: clipValue(0.02), optimizer: adamW({ learningRate: 0.01 }) },
  },
  "simple RNN with binary cross-entropy and Nesterov momentum": {
    model: () => sequential([simpleRNN({ units: 3 }), dense({ units: 1 })], { input, seed: 5 }),
    data: batches(labels.x, labels.y, { batchSize: 2 }),
    options: {
      loss: "binaryCrossentropy",
      metrics: ["accuracy"],
      optimizer: sgd({ momentum: 0.9, nesterov: true, learningRate: 0.1 }),
    },
  },
};

describe("five steps on WebAssembly equal those of the interpreter to 1e-4:", () => {
  test.each(Object.entries(cases))("%s", (_, { model, data, options }) => {
    const [compiled, interpreted] = ([compiledBackend, "interpreter"] as const).map((backend) =>
      createTrainer(model(), { ...options, backend }),
    );
    for (let i = 0; i < 5; i++) {
      const batch = data.batch(0, i % data.batchesPerEpoch);
      const [a, b] = [compiled, interpreted].map((trainer) => trainer.step(batch, { carriesState: data.carriesState }));
      // Rounding grows from step to step; adam divides by roots of tiny moments.
      expectClose(Object.values(a), Object.values(b), 1e-4);
    }
    const [a, b] = [compiled.snapshot(), interpreted.snapshot()];
    expect(Object.keys(a.arrays)).toEqual(Object.keys(b.arrays));
    for (const [name, { data }] of Object.entries(a.arrays)) expectClose(data, b.arrays[name].data, 1e-4);
    expectClose(Object.values(compiled.means()), Object.values(interpreted.means()), 1e-4);
  });
});
