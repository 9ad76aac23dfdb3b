/** Regularisers, constraints and penalties: Keras's numbers, and what training does with them. */
import { describe, expect, test } from "vitest";
import { ShapeError } from "../../src/base/errors.ts";
import {
  abs,
  add,
  batches,
  type Constraint,
  createTrainer,
  dense,
  embedding,
  evaluate,
  fit,
  lstm,
  mean,
  modelFromDefinition,
  mul,
  type NamedTensors,
  normal,
  OptionError,
  type Penalty,
  type PenaltyCall,
  type Regularizer,
  randomKey,
  sequential,
  sgd,
  simpleRNN,
  slice,
  square,
  stopGradient,
  sub,
  sum,
  type Tensor,
  type TrainerOptions,
  tensor,
  valueAndGrad,
} from "../../src/index.ts";
import { context } from "../../src/nn/layer.ts";
import { constrained } from "../../src/nn/weights/constraints.ts";
import { regularization } from "../../src/nn/weights/regularizers.ts";
import { compile, grad } from "../../src/trace/index.ts";
import { penaltyOf } from "../../src/train/penalties.ts";
import { expectClose, type FixtureArray, fixture, fromFixture } from "./values.ts";

interface Numbers {
  readonly regularizers: {
    readonly w: FixtureArray;
    readonly cases: readonly { regularizer: Regularizer; value: number; grad: FixtureArray }[];
  };
  readonly constraints: {
    readonly w: FixtureArray;
    readonly cases: readonly { constraint: Constraint; after: FixtureArray }[];
  };
  readonly steps: {
    readonly x: FixtureArray;
    readonly y: FixtureArray;
    readonly before: Record<string, FixtureArray>;
    readonly after: Record<string, FixtureArray>;
    readonly losses: readonly number[];
    readonly evaluated: number;
  };
}

const numbers = fixture("training") as unknown as Numbers;
const sumOfSquares = (w: ArrayLike<number>): number => Array.from(w).reduce((total, one) => total + one * one, 0);
const noise = (seed: number, shape: readonly number[]): Tensor => normal(randomKey(seed), shape);

describe("a regulariser has Keras's value and gradient:", () => {
  const w = fromFixture(numbers.regularizers.w);
  for (const one of numbers.regularizers.cases) {
    test(JSON.stringify(one.regularizer), () => {
      const of = (x: Tensor): Tensor => regularization(one.regularizer, x);
      expectClose([of(w).item()], [one.value]);
      expectClose(grad(of)(w).data(), one.grad.data);
    });
  }
});

describe("a constraint puts weights where Keras does:", () => {
  const w = fromFixture(numbers.constraints.w);
  for (const { constraint, after } of numbers.constraints.cases) {
    test(JSON.stringify(constraint), () => expectClose(constrained(constraint, w).data(), after.data));
  }
});

test("a regulariser or constraint that does not suit its weight is refused by name", () => {
  expect(() => dense({ units: 2, kernelRegularizer: "l3" as never })).toThrow(
    /kernelRegularizer.*a regulariser: l1, l2/,
  );
  expect(() => dense({ units: 2, kernelConstraint: { name: "maxNorm", max: 2 } as never })).toThrow(/maxValue, axis/);
  const orthogonalBias = sequential.bind(null, [dense({ units: 2, biasRegularizer: "orthogonal" })]);
  expect(() => orthogonalBias({ input: { shape: [3] } })).toThrow(OptionError);
  const beyond = sequential.bind(null, [dense({ units: 2, biasConstraint: { name: "unitNorm", axis: 1 } })]);
  expect(() => beyond({ input: { shape: [3] } })).toThrow(/axes of a weight of shape \[2\].*got 1/);
});

const kerasName = (path: string): string => path.replace("recurrentKernel", "recurrent_kernel").replace(".", "/");

/** The network of the fixture. */
function keras(): ReturnType<typeof sequential> {
  const reader = lstm({
    units: 3,
    returnSequences: true,
    kernelRegularizer: { name: "l2", l2: 0.1 },
    recurrentRegularizer: { name: "l1", l1: 0.05 },
    biasRegularizer: { name: "l1l2", l1: 0.02, l2: 0.03 },
    kernelConstraint: { name: "maxNorm", maxValue: 0.6 },
    recurrentConstraint: "unitNorm",
    biasConstraint: "nonNeg",
    activityRegularizer: { name: "l2", l2: 0.04 },
    name: "lstm",
  });
  const head = dense({
    units: 1,
    kernelRegularizer: { name: "l2", l2: 0.5 },
    kernelConstraint: { name: "maxNorm", maxValue: 0.5 },
    name: "dense",
  });
  const net = sequential([reader, head], {
    input: { shape: [4, 2] },
  });
  const given = (path: string): Tensor => fromFixture(numbers.steps.before[kerasName(path)]);
  net.setWeights(Object.fromEntries(Object.keys(net.weights()).map((path) => [path, given(path)])));
  return net;
}

test("three steps of SGD with regularisers and constraints everywhere give Keras's losses and weights", async () => {
  const net = keras();
  const batch = { x: fromFixture(numbers.steps.x), y: fromFixture(numbers.steps.y) };
  const trainer = createTrainer(net, { loss: "meanSquaredError", optimizer: sgd({ learningRate: 0.1 }) });
  const losses = [1, 2, 3].map(() => trainer.step(batch).loss);
  expectClose(losses, numbers.steps.losses, 5e-6);
  const { loss, penalty } = await evaluate(trainer, batches(batch.x, batch.y));
  expectClose([loss], [numbers.steps.evaluated], 5e-6);
  expect(penalty).toBeGreaterThan(0.3 * loss);
  for (const [path, value] of Object.entries(net.weights()))
    expectClose(value.data(), numbers.steps.after[kerasName(path)].data, 5e-6);
});

test("regularisers and constraints are part of the definition, and a layer without them stores null", () => {
  const net = sequential(
    [embedding({ inputDim: 3, outputDim: 2, embeddingsRegularizer: "l2", embeddingsConstraint: "unitNorm" })],
    { input: { shape: [null], dtype: "int32" } },
  );
  const [layer] = modelFromDefinition(JSON.parse(JSON.stringify(net.definition()))).layers;
  expect(layer.options).toMatchObject({ embeddingsRegularizer: "l2", embeddingsConstraint: "unitNorm" });
  expect(layer.options.activityRegularizer).toBeNull();
});

test("a weight that two calls share is penalised once", () => {
  const shared = simpleRNN({
    units: 2,
    returnSequences: true,
    kernelRegularizer: { name: "l2", l2: 1 },
    name: "shared",
  });
  const once = sequential([shared], { input: { shape: [null, 2] }, seed: 3 });
  const twice = sequential([shared, shared], { input: { shape: [null, 2] }, seed: 3 });
  const batch = { x: noise(1, [2, 3, 2]), y: noise(2, [2, 3, 2]) };
  const penalty = ([trainer]: ReturnType<typeof createTrainer>[]): number => {
    trainer.step(batch);
    return trainer.means().penalty;
  };
  const options: TrainerOptions = { loss: "meanSquaredError" };
  expect(penalty([createTrainer(twice, options)])).toBeCloseTo(penalty([createTrainer(once, options)]), 6);
});

test("an activity regulariser does not count masked steps", () => {
  const net = sequential([dense({ units: 2, activityRegularizer: { name: "l2", l2: 1 }, name: "head" })], {
    input: { shape: [null, 2], lengths: true },
  });
  const trainer = createTrainer(net, { loss: "meanSquaredError", optimizer: sgd({ learningRate: 0 }) });
  const [x, y] = [noise(4, [2, 3, 2]), noise(5, [2, 3, 2])];
  trainer.step({ x: [x, tensor([3, 1], { dtype: "int32" })], y });
  const out = net.run([x, tensor([3, 3], { dtype: "int32" })]).outputs.data();
  const expected = [0, 1, 2, 3, 4, 5, 6, 7].reduce((total, i) => total + out[i] ** 2, 0);
  expect(trainer.means().penalty).toBeCloseTo(expected / 2, 5);
});

const units = 3;
const recurrent = (): ReturnType<typeof sequential> =>
  sequential([simpleRNN({ units, returnSequences: true, name: "reader" })], { input: { shape: [null, 2] }, seed: 2 });
const batch = { x: noise(7, [4, 5, 2]), y: noise(8, [4, 5, units]) };

/** The gradient of a training's loss, from the update of plain SGD. */
function gradients(options: Partial<TrainerOptions>): Record<string, number[]> {
  const net = recurrent();
  const before = net.weights();
  const trainer = createTrainer(net, { loss: "meanSquaredError", optimizer: sgd({ learningRate: 1 }), ...options });
  trainer.step(batch);
  const after = net.weights();
  return Object.fromEntries(
    Object.entries(before).map(([path, w]) => [
      path,
      Array.from(w.data(), (value, i) => value - after[path].data()[i]),
    ]),
  );
}

test("a penalty on states has the gradient of finite differences through all steps (seed 2)", () => {
  const penalty = ({ states }: PenaltyCall): Tensor => {
    const h = states.reader.h;
    return mean(abs(sub(slice(h, 1, 1), slice(h, 1, 0, -1))));
  };
  // Loss 0: what is left is the gradient of the penalty.
  const got = gradients({ penalties: [penalty], lossWeights: [0] });
  const net = recurrent();
  const value = (path: string, i: number, by: number): number => {
    const w = net.weights()[path];
    const moved = w.data().slice();
    moved[i] += by;
    net.setWeights({ [path]: tensor(moved, { shape: w.shape as readonly number[] }) });
    const h = (net.run(batch.x, { states: true }).states as unknown as NamedTensors).reader.h;
    net.setWeights({ [path]: w });
    return mean(abs(sub(slice(h, 1, 1), slice(h, 1, 0, -1)))).item();
  };
  for (const path of Object.keys(got)) {
    const slope = got[path].map((_, i) => (value(path, i, 1e-2) - value(path, i, -1e-2)) / 2e-2);
    expectClose(got[path], slope, 2e-3);
  }
});

test("a stopped state gets no gradient: with it on both sides nothing moves", () => {
  const moves = (stop: (x: Tensor) => Tensor): number =>
    Math.max(
      ...Object.values(
        gradients({
          lossWeights: [0],
          penalties: [
            ({ states: { reader } }) =>
              mean(square(sub(stop(slice(reader.h, 1, 1)), stopGradient(slice(reader.h, 1, 0, -1))))),
          ],
        }),
      ).flatMap((g) => g.map(Math.abs)),
    );
  expect(moves((x) => x)).toBeGreaterThan(1e-3);
  expect(moves(stopGradient)).toBe(0);
});

test("the penalty is told apart in history, and the loss holds it", async () => {
  const data = batches(batch.x, batch.y, { batchSize: 4, shuffle: false });
  const options = { loss: "meanSquaredError", optimizer: sgd({ learningRate: 0 }) } as const;
  const plain = await fit(recurrent(), data, options);
  const penalised = await fit(recurrent(), data, {
    ...options,
    penalties: [({ params }) => mul(sum(square(params.reader.kernel)), 0.5)],
  });
  expect(plain.metrics).toEqual({});
  const [penalty] = penalised.metrics.penalty;
  const kernel = recurrent().weights()["reader.kernel"].data();
  expect(penalty).toBeCloseTo(0.5 * sumOfSquares(kernel), 6);
  expect(penalised.loss[0]).toBeCloseTo(plain.loss[0] + penalty, 6);
});

test("a penalty sees targets, outputs and final states by name, and its evaluation equals its training", async () => {
  const penalties = [
    ({ outputs: [y], targets: [target] }: PenaltyCall) => mean(mul(y, target)),
    ({ state: { reader }, inputs: [x] }: PenaltyCall) => mul(mean(reader.h), mean(x)),
  ];
  const net = recurrent();
  const options = { loss: "meanSquaredError", penalties, optimizer: sgd({ learningRate: 0 }) } as const;
  const trainer = createTrainer(net, options);
  const { loss } = trainer.step(batch);
  const evaluated = await evaluate(trainer, batches(batch.x, batch.y, { batchSize: 4 }));
  expect(evaluated.loss).toBeCloseTo(loss, 5);
  expect(evaluated.penalty).toBeCloseTo(trainer.means().penalty, 5);
});

test("states are computed only where a penalty asks for them: the programs are the same", () => {
  const net = sequential([lstm({ units: 4, name: "reader" }), dense({ units: 1 })], { input: { shape: [6, 2] } });
  const program = (wantsStates: boolean, penalty: (seen: PenaltyCall) => Tensor): unknown => {
    const body = (params: ReturnType<typeof net.params>, x: Tensor): unknown =>
      valueAndGrad((own: typeof params) => {
        const result = net.forward({ params: own, inputs: [x], context: context(), wantsStates });
        const added = penaltyOf(net, [penalty], { params: own, inputs: [x], targets: [], result });
        return add(sum(result.outputs[0]), added as Tensor);
      })(params);
    const { bytes, source } = compile(body).inspect(net.params(), noise(1, [3, 6, 2]));
    return bytes ?? source;
  };
  const onWeights: Penalty = ({ params }) => sum(square(params.reader.kernel));
  expect(program(true, onWeights)).toEqual(program(false, onWeights));
  expect(program(true, ({ states }) => sum(square(states.reader.c)))).not.toEqual(program(false, onWeights));
});

test("a penalty that is no scalar, or no function, is refused", () => {
  expect(() => gradients({ penalties: [({ states }) => states.reader.h] })).toThrow(ShapeError);
  expect(() => createTrainer(recurrent(), { loss: "meanSquaredError", penalties: [0.1 as never] })).toThrow(
    /list of functions/,
  );
});

test("P15: a network that is only asked to stay near its last state collapses, and a unit norm keeps it alive (seed 5)", async () => {
  const stay = ({ states: { reader } }: PenaltyCall): Tensor =>
    mul(mean(abs(sub(slice(reader.h, 1, 1), stopGradient(slice(reader.h, 1, 0, -1))))), 1);
  const norms = async (constraint: Constraint | null): Promise<number> => {
    const layer = simpleRNN({
      units: 4,
      activation: "relu",
      returnSequences: true,
      kernelConstraint: constraint,
      name: "reader",
    });
    const net = sequential([layer], { input: { shape: [null, 2] }, seed: 5 });
    const x = noise(9, [16, 5, 2]);
    await fit(net, batches(x, noise(10, [16, 5, 4]), { batchSize: 16 }), {
      epochs: 120,
      loss: "meanSquaredError",
      lossWeights: [0],
      optimizer: sgd({ learningRate: 0.5 }),
      penalties: [stay],
    });
    return Math.sqrt(sumOfSquares(net.weights()["reader.kernel"].data()));
  };
  expect(await norms(null)).toBeLessThan(0.8);
  expect(await norms("unitNorm")).toBeCloseTo(2, 5);
});
