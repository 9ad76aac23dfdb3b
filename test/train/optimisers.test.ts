/** Optimisers against Keras's numbers and by hand; clipping laws; schedules' values. */
import { describe, expect, test } from "vitest";
import { OptionError } from "../../src/base/errors.ts";
import { type Tree, zipTrees } from "../../src/base/trees.ts";
import { compile, type Tensor, tensor } from "../../src/trace/index.ts";
import { clipNorm, clipValue, globalClipNorm, globalNorm } from "../../src/train/clipping.ts";
import { adam, adamW, type Optimizer, optimizerOf, rmsprop, sgd } from "../../src/train/optimisers.ts";
import * as schedules from "../../src/train/schedules.ts";
import { expectClose, type FixtureArray, fixture, fromFixture } from "./values.ts";

type Update = (
  params: Record<string, Tensor>,
  grads: Record<string, Tensor>,
  slots: Record<string, Tree<Tensor>>,
  step: Tensor,
) => {
  params: Record<string, Tensor>;
  slots: Record<string, Tree<Tensor>>;
};

/** The parameter after each gradient, as the compiled training step computes it. */
function trajectory(optimizer: Optimizer, start: Tensor, grads: readonly Tensor[]): number[] {
  const rate = schedules.scheduleOf(optimizer.learningRate);
  const update = compile(
    ((params, given, slots, step) =>
      optimizer.update({ params, grads: given, slots, step, learningRate: rate.at(step) }) as never) as Update,
  );
  let params: Record<string, Tensor> = { p: start };
  let slots = optimizer.slots(params as never) as Record<string, Tree<Tensor>>;
  return grads.flatMap((g, i) => {
    ({ params, slots } = update(params, { p: g }, slots, tensor(i, { dtype: "int32" })));
    return [...params.p.data()];
  });
}

const byRule: Record<string, (options: never) => Optimizer> = { SGD: sgd, Adam: adam, AdamW: adamW, RMSprop: rmsprop };

describe("five steps of an optimiser equal Keras's to 5e-6:", () => {
  const { start, grads, cases } = fixture("optimisers") as {
    start: FixtureArray;
    grads: FixtureArray;
    cases: { case: string; rule: string; options: object; after: FixtureArray }[];
  };
  const steps = Array.from({ length: grads.shape[0] }, (_, i) => tensor(grads.data.slice(4 * i, 4 * i + 4)));
  for (const one of cases) {
    test(one.case, () => {
      const after = trajectory(byRule[one.rule](one.options as never), fromFixture(start), steps);
      // The tolerance is float32 against float64 over five steps of lengths up to 0.2.
      expectClose(after, one.after.data, 5e-6);
    });
  }
});

test("the first step of adam has the length of the learning rate, whatever the gradient", () => {
  expectClose(
    trajectory(adam({ learningRate: 0.01, epsilon: 0 }), tensor([1, 1]), [tensor([1e-3, -50])]),
    [0.99, 1.01],
  );
});

test("adamW without gradient only decays: p (1 - lr wd)^n", () => {
  const after = trajectory(adamW({ learningRate: 0.1, weightDecay: 0.5 }), tensor([2]), [tensor([0]), tensor([0])]);
  expectClose(after, [2 * 0.95, 2 * 0.95 ** 2]);
});

test("centered rmsprop divides by the root of the variance: g 0.1 and 1 - 0.9 give (1 - 0.1) * 0.1 * g^2", () => {
  const after = trajectory(rmsprop({ learningRate: 1, centered: true, epsilon: 0 }), tensor([0]), [tensor([3])]);
  expectClose(after, [-3 / Math.sqrt(0.1 * 9 - 0.3 ** 2)]);
});

test("unknown options and names of optimisers are refused", () => {
  expect(() => adam({ beta_1: 0.9 } as never)).toThrow(OptionError);
  expect(() => sgd({ momentum: -1 })).toThrow(OptionError);
  expect(() => optimizerOf("adamax" as never)).toThrow(OptionError);
});

const gradients = {
  a: tensor([
    [3, -4],
    [0, 0],
  ]),
  b: tensor([12]),
};

test("globalClipNorm scales everything by one factor: norm 13 becomes 1, and the direction stays", () => {
  const clipped = compile((grads: typeof gradients) => globalClipNorm(1).apply(grads))(gradients);
  expectClose([globalNorm(clipped).item()], [1]);
  for (const { a, b } of zipTrees(gradients as never, clipped as never, "grads") as unknown as {
    a: Tensor;
    b: Tensor;
  }[]) {
    expectClose(
      b.data(),
      Array.from(a.data(), (x) => x / 13),
    );
  }
});

test("clipNorm bounds each tensor alone: norms 5 and 12 become 5 and 6", () => {
  const clipped = clipNorm(6).apply(gradients);
  expectClose(clipped.a.data(), [3, -4, 0, 0]);
  expectClose(clipped.b.data(), [6]);
});

test("gradients within the limit are not changed, to the last bit", () => {
  for (const clip of [clipNorm(12), clipValue(12), globalClipNorm(13)]) {
    expect([...clip.apply(gradients).a.data()]).toEqual([3, -4, 0, 0]);
    expect([...clip.apply(gradients).b.data()]).toEqual([12]);
  }
});

test("clipValue moves each element into the range", () => {
  expect([...clipValue(3.5).apply(gradients).a.data()]).toEqual([3, -3.5, 0, 0]);
});

/** The rates at some steps, as a compiled program computes them from an int32 counter. */
function rates(schedule: schedules.Schedule, steps: readonly number[]): number[] {
  const at = compile((step: Tensor) => schedule.at(step));
  return steps.map((step) => at(tensor(step, { dtype: "int32" })).item());
}

test("exponential decay halves in 10 steps, and in stairs only at whole ones", () => {
  const options = { initialLearningRate: 0.8, decaySteps: 10, decayRate: 0.5 };
  expectClose(rates(schedules.exponentialDecay(options), [0, 5, 10, 20]), [0.8, 0.8 * Math.SQRT1_2, 0.4, 0.2]);
  expectClose(rates(schedules.exponentialDecay({ ...options, staircase: true }), [0, 9, 10, 19]), [0.8, 0.8, 0.4, 0.4]);
});

test("cosine decay goes 1, 1/2, alpha and stays; with warm-up a line leads to its start", () => {
  const plain = schedules.cosineDecay({ initialLearningRate: 1, decaySteps: 100, alpha: 0.1 });
  expectClose(rates(plain, [0, 50, 100, 1000]), [1, 0.55, 0.1, 0.1]);
  const warm = schedules.cosineDecay({ initialLearningRate: 0, decaySteps: 100, warmupTarget: 2, warmupSteps: 10 });
  expectClose(rates(warm, [0, 5, 10, 60, 110]), [0, 1, 2, 1, 0]);
});

test("piecewise constant changes after its boundary, as in Keras", () => {
  expectClose(
    rates(schedules.piecewiseConstant({ boundaries: [2, 5], values: [1, 0.5, 0.1] }), [0, 2, 3, 5, 6]),
    [1, 1, 0.5, 0.5, 0.1],
  );
});

test("polynomial decay reaches its end and stays; power 2 is at a quarter in the middle", () => {
  const line = schedules.polynomialDecay({ initialLearningRate: 1, decaySteps: 10, endLearningRate: 0 });
  expectClose(rates(line, [0, 5, 10, 50]), [1, 0.5, 0, 0]);
  const square = schedules.polynomialDecay({ initialLearningRate: 1, decaySteps: 10, endLearningRate: 0, power: 2 });
  expectClose(rates(square, [0, 5, 10, 50]), [1, 0.25, 0, 0]);
});

test("linear warm-up of 4 steps gives quarters, then the schedule behind it from its own start", () => {
  const after = schedules.piecewiseConstant({ boundaries: [1], values: [1, 0.5] });
  expectClose(rates(schedules.linearWarmup({ steps: 4, after }), [0, 1, 3, 4, 5, 6]), [0.25, 0.5, 1, 1, 1, 0.5]);
});
