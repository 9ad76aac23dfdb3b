/** What training needs of memory, by the plan: checkpoints keep what they promise, and a limit names what needs the most. */
import { describe, expect, test } from "vitest";
import {
  bidirectional,
  compile,
  createTrainer,
  dense,
  dropoutCell,
  gru,
  type Layer,
  lstm,
  lstmCell,
  type Memory,
  type Model,
  maxPooling1D,
  mul,
  OptionError,
  residualCell,
  rnn,
  runCell,
  scan,
  sequential,
  simpleRNN,
  sum,
  type Tensor,
  type TrainerOptions,
  tanh,
  tensor,
  UnsupportedError,
  upSampling1D,
  valueAndGrad,
  zeros,
} from "../../src/index.ts";
import { random } from "./data.ts";

const loss = "meanSquaredError";

/** What a step with one row needs. */
function needs(model: Model<Tensor>, steps: number, features: number, options: Partial<TrainerOptions> = {}): Memory {
  const y = zeros([1, ...model.outputs[0].shape.slice(1).map((size) => (typeof size === "number" ? size : steps))]);
  return createTrainer(model, { loss, ...options }).memory({ x: zeros([1, steps, features]), y });
}

// A network that people train on series of 2^14 steps: no fused kernel elsewhere takes relu.
test("the pooled autoencoder over 16 384 steps needs a quarter of the memory with checkpoints", () => {
  const both = (units: number): Layer => bidirectional(lstm({ units, activation: "relu", returnSequences: true }));
  const model = sequential(
    [
      both(16),
      maxPooling1D({ poolSize: 4 }),
      both(8),
      maxPooling1D({ poolSize: 4 }),
      both(8),
      upSampling1D({ size: 4 }),
      both(16),
      upSampling1D({ size: 4 }),
      both(1),
      dense({ units: 1, activation: "relu" }),
    ],
    { input: { shape: [16384, 64] } },
  );
  const [plain, saving] = [{}, { checkpoint: "auto" } as const].map((options) => needs(model, 16384, 64, options));
  expect(saving.temporaries / plain.temporaries).toBeLessThan(1 / 5);
  // The batch itself, 4 of the 9 MB, and the weights are in both.
  expect(saving.peak / plain.peak).toBeLessThan(1 / 4);
});

test("with checkpoints the memory of a gradient grows with the square root of the length", () => {
  const at = (steps: number, options: Partial<TrainerOptions>): number => {
    const model = sequential([lstm({ units: 16 }), dense({ units: 1 })], { input: { shape: [steps, 2] } });
    return needs(model, steps, 2, options).temporaries;
  };
  const growth = (options: Partial<TrainerOptions>): number => at(25600, options) / at(1600, options);
  expect(growth({})).toBeGreaterThan(15);
  expect(growth({ checkpoint: "auto" })).toBeLessThan(4.2);
});

test("at a free length a checkpoint every 64 steps is what automatic ones are", () => {
  const model = sequential([gru({ units: 16 }), dense({ units: 1 })], { input: { shape: [null, 2] } });
  const [plain, auto, every64] = [undefined, "auto" as const, 64].map((checkpoint) =>
    needs(model, 5000, 2, { checkpoint }),
  );
  expect(auto).toEqual(every64);
  expect(auto.temporaries).toBeLessThan(plain.temporaries / 8);
});

describe.each<[string, () => Layer]>([
  ["simpleRNN", () => simpleRNN({ units: 3 })],
  ["lstm, from the end", () => lstm({ units: 3, goBackwards: true })],
  ["cells round a cell", () => rnn(residualCell(dropoutCell(lstmCell({ units: 3 }), { output: 0.4 })))],
  ["a truncated gradient", () => gru({ units: 3, gradientHorizon: 4 })],
  ["dropout for a whole sequence", () => lstm({ units: 3, dropout: 0.3, recurrentDropout: 0.2 })],
  ["both directions", () => bidirectional(lstm({ units: 3, returnSequences: true }))],
])("%s", (_, make) => {
  test.each([false, true])("trains with checkpoints as without (lengths: %s)", (lengths) => {
    const x = random([4, 11, 3], 7);
    const train = (options: Partial<TrainerOptions>): Record<string, Tensor> => {
      const model = sequential([make(), dense({ units: 1 })], { input: { shape: [null, 3], lengths }, seed: 2 });
      const trainer = createTrainer(model, { loss, optimizer: "sgd", learningRate: 0.1, seed: 3, ...options });
      const y = zeros([4, ...(model.outputs[0].shape.length > 2 ? [11] : []), 1]);
      const rows = { dtype: "int32" as const };
      const given = lengths ? [x, tensor([11, 3, 0, 7], rows)] : x;
      for (let step = 0; step < 3; step++) trainer.step({ x: given, y });
      return model.weights();
    };
    const plain = train({});
    for (const checkpoint of [1, 4, "auto"] as const) {
      for (const [path, value] of Object.entries(train({ checkpoint }))) {
        value.data().forEach((v, i) => {
          expect(Math.abs(v - plain[path].data()[i]), `${path}, checkpoint ${checkpoint}`).toBeLessThan(1e-5);
        });
      }
    }
  });
});

test("with checkpoints values and gradients of inputs are the same to the last bit; those of weights are summed in another order", () => {
  const cell = lstmCell({ units: 16 });
  const specs = Object.entries(cell.params([[5]]) as unknown as Record<string, { shape: number[] }>);
  const params = Object.fromEntries(specs.map(([name, { shape }], i) => [name, random(shape, i + 1)]));
  const x = random([4, 50, 5], 9);
  const gradients = (how: { checkpoint?: number }) =>
    compile(
      valueAndGrad((at: { params: Record<string, Tensor>; x: Tensor }) => sum(runCell(cell, { ...at, ...how }).y)),
    )({
      params,
      x,
    });
  const plain = gradients({});
  for (const checkpoint of [7, 10, 60]) {
    const { value, grads } = gradients({ checkpoint });
    expect(value.item()).toBe(plain.value.item());
    expect([...grads.x.data()]).toEqual([...plain.grads.x.data()]);
    for (const [name, dw] of Object.entries(grads.params)) {
      const [scale, wanted] = [
        Math.max(...plain.grads.params[name].data().map(Math.abs)),
        plain.grads.params[name].data(),
      ];
      dw.data().forEach((v, i) => {
        expect(Math.abs(v - wanted[i]), name).toBeLessThan(1e-5 * scale);
      });
    }
  }
});

test("carried state is the same with checkpoints, and a layer's own word goes before the trainer's", () => {
  const model = (checkpoint: number | null) =>
    sequential([lstm({ units: 3, checkpoint, returnSequences: true }), dense({ units: 1 })], {
      input: { shape: [null, 2] },
      seed: 2,
    });
  const losses = (checkpoint: number | null): number[] => {
    const trainer = createTrainer(model(checkpoint), { loss });
    const batch = { x: random([2, 9, 2], 4), y: random([2, 9, 1], 5) };
    return [0, 1, 2].map(() => trainer.step(batch, { carriesState: true }).loss);
  };
  const [plain, saving] = [losses(null), losses(4)];
  plain.forEach((value, i) => {
    expect(saving[i]).toBeCloseTo(value, 5);
  });
  const [own, others] = [
    needs(model(32), 1024, 2, { checkpoint: 512 }),
    needs(model(null), 1024, 2, { checkpoint: 32 }),
  ];
  expect(own).toEqual(others);
});

test("inference does not change with a checkpoint", () => {
  const loops = [null, 8].map((checkpoint) => {
    const run = compile(
      (xs: Tensor) =>
        scan((h: Tensor, x: Tensor) => ({ carry: tanh(mul(h, x)) }), {
          init: zeros([2]),
          xs,
          ...(checkpoint === null ? {} : { checkpoint }),
        }).carry,
    );
    return run.memory(zeros([100, 2]));
  });
  expect(loops[1]).toEqual(loops[0]);
});

test("a call that needs more than the limit is refused before it runs, with the largest buffers and their layers", () => {
  const model = sequential([lstm({ units: 32, name: "reader" }), dense({ units: 1 })], {
    input: { shape: [null, 2], name: "rows" },
  });
  const trainer = createTrainer(model, { loss, memoryLimit: 1e6 });
  const batch = (steps: number) => ({ x: zeros([1, steps, 2]), y: zeros([1, 1]) });
  const needed = trainer.memory(batch(3000));
  expect(needed.peak).toBeGreaterThan(1e6);
  expect(needed.largest[0].scope).toMatch(/reader/);
  expect(() => trainer.step(batch(3000))).toThrow(UnsupportedError);
  expect(() => trainer.step(batch(3000))).toThrow(
    /^training: expected a call that needs at most 1.0 MB \("memoryLimit"\), got one that needs \d+.\d MB, most of it for .* of "reader" \(\d.*\)\. Give recurrent layers checkpoint: "auto"/,
  );
  expect(trainer.steps).toBe(0);
  expect(trainer.step(batch(10)).step).toBe(1);
});

test("limits and checkpoints that are none are refused by name", () => {
  const model = sequential([lstm({ units: 2 }), dense({ units: 1 })], { input: { shape: [null, 2] } });
  for (const checkpoint of [0, -1, 1.5, "often"] as never[]) {
    const expected = /"checkpoint" to be a positive whole number (of steps )?or "auto"/;
    expect(() => lstm({ units: 2, checkpoint })).toThrow(expected);
    expect(() => createTrainer(model, { loss, checkpoint })).toThrow(expected);
    expect(() => scan((h: Tensor) => ({ carry: h }), { init: zeros([]), length: 3, checkpoint })).toThrow(expected);
  }
  expect(() => createTrainer(model, { loss, memoryLimit: 0 })).toThrow(OptionError);
  expect(() => compile((x: Tensor) => x, { memoryLimit: Number.NaN })).toThrow(/"memoryLimit" to be a positive number/);
  const slow = compile((x: Tensor) => mul(x, 2), { backend: "interpreter", memoryLimit: 1e6 });
  expect(() => slow(zeros([2]))).toThrow(/a program whose memory is planned/);
});
