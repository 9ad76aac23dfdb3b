/** Rescaling, normalisation by statistics, products along axes, learned slopes: their formulas and laws. */
import { describe, expect, test } from "vitest";
import { OptionError, ShapeError, UnsupportedError } from "../../src/base/errors.ts";
import {
  adaptNormalization,
  call,
  type DotOptions,
  dotLayer,
  gru,
  input,
  type Layer,
  type Model,
  model,
  normalization,
  prelu,
  rescaling,
  sequential,
  withMask,
} from "../../src/nn/index.ts";
import { cast, concat, mul, reshape, slice, type Tensor, tensor } from "../../src/trace/index.ts";
import { random } from "../cells/cells.ts";
import { expectClose, expectGradients, masked, maskOf, withRandomWeights } from "./layers.ts";

const over = (layer: Layer, shape: (number | null)[] = [null, 3]): Model<Tensor> =>
  sequential([layer], { input: { shape } });

/** What `formula` makes of every number of x [..., n] and its place among the features. */
function each(x: Tensor, formula: (value: number, feature: number) => number): Tensor {
  const n = x.shape.at(-1) as number;
  return tensor(
    Array.from(x.data(), (value, i) => formula(value, i % n)),
    { shape: x.shape as number[] },
  );
}

const smooth: readonly (readonly [string, () => Layer])[] = [
  ["rescaling", () => rescaling({ scale: -2, offset: 1 })],
  ["normalization", () => normalization()],
  ["normalization of all numbers", () => normalization({ axis: "all" })],
  ["inverted normalization", () => normalization({ mean: 2, variance: 3, invert: true })],
  ["prelu", () => prelu({ sharedAxes: [1] })],
];

test.each(smooth)("gradients of a masked %s are finite differences, and a step is one of the sequence", (_, make) => {
  const x = random([2, 5, 2], 1);
  // A variance must be positive.
  const positive = (net: Model<Tensor>): Model<Tensor> => {
    const spread = Object.entries(net.weights()).filter(([path]) => path.endsWith("variance"));
    net.setWeights(Object.fromEntries(spread.map(([path, w]) => [path, each(w, (value) => 0.5 + Math.abs(value))])));
    return net;
  };
  expectGradients(positive(masked(make(), 2)), [x, maskOf([5, 3], 5)]);
  const net = positive(withRandomWeights(over(make(), [null, 2])));
  const whole = net.run(x).outputs;
  expectClose(net.step(reshape(slice(x, 1, 2, 3), [2, 2])).outputs, reshape(slice(whole, 1, 2, 3), [2, 2]));
});

describe("rescaling", () => {
  test("is scale x + offset, by numbers or by features", () => {
    const x = random([2, 4, 3], 1);
    expectClose(
      over(rescaling({ scale: 0.5, offset: -1 })).run(x).outputs,
      each(x, (v) => 0.5 * v - 1),
    );
    const [scale, offset] = [
      [2, -1, 0.5],
      [0, 1, 2],
    ];
    expectClose(
      over(rescaling({ scale, offset })).run(x).outputs,
      each(x, (v, i) => scale[i] * v + offset[i]),
    );
  });

  test("a list needs one number for each feature", () => {
    expect(() => over(rescaling({ scale: [1, 2] }))).toThrow(ShapeError);
    expect(() => rescaling({ scale: "2" as never })).toThrow(OptionError);
  });
});

describe("normalization", () => {
  const rows = [random([5, 3], 1), random([2, 3], 2), random([1, 3], 3)];

  test("of the data that it was adapted to has the mean 0 and the variance 1, over pieces as over the whole", () => {
    const whole = reshape(concat(rows, 0), [1, 8, 3]);
    const [net, other] = [over(normalization({ name: "scaled" })), over(normalization({ name: "scaled" }))];
    adaptNormalization(net, "scaled", rows);
    adaptNormalization(other, "scaled", whole);
    expect(other.weights()["scaled.mean"].data()).toEqual(net.weights()["scaled.mean"].data());
    expect(other.weights()["scaled.variance"].data()).toEqual(net.weights()["scaled.variance"].data());
    const y = [...net.run(whole).outputs.data()] as number[];
    for (let i = 0; i < 3; i++) {
      const column = y.filter((_, at) => at % 3 === i);
      expect(column.reduce((a, b) => a + b) / 8).toBeCloseTo(0, 6);
      expect(column.reduce((a, b) => a + b * b, 0) / 8).toBeCloseTo(1, 5);
    }
  });

  test("statistics are those of Keras 3.15's adapt", () => {
    const net = over(normalization({ name: "scaled" }));
    adaptNormalization(net, "scaled", tensor([1, 2, 3, 4, 5, 7, 0, -1, 2, 3, 3, 3.5], { shape: [2, 2, 3] }));
    expect([...net.weights()["scaled.mean"].data()]).toEqual([2, 2.25, 3.875]);
    expect([...net.weights()["scaled.variance"].data()]).toEqual([2.5, 4.6875, 3.546875]);
  });

  test('with axis "all" it has one mean and one variance', () => {
    const net = over(normalization({ axis: "all", name: "scaled" }));
    adaptNormalization(net, "scaled", tensor([1, 2, 3, 4, 5, 6], { shape: [2, 3] }));
    expect([...net.weights()["scaled.mean"].data()]).toEqual([3.5]);
    expect(net.weights()["scaled.variance"].data()[0]).toBeCloseTo(35 / 12, 6);
  });

  test("inverted it is undone", () => {
    const given = { mean: [1, -2, 0.5], variance: [4, 0.25, 0] };
    const x = random([2, 4, 3], 1);
    const net = sequential([normalization(given), normalization({ ...given, invert: true })], {
      input: { shape: [null, 3] },
    });
    expectClose(net.run(x).outputs, x);
  });

  test("given numbers are its formula; a deviation is at least 1e-7", () => {
    const x = random([2, 4, 3], 1);
    expectClose(
      over(normalization({ mean: 0.5, variance: 4 })).run(x).outputs,
      each(x, (v) => (v - 0.5) / 2),
    );
    const net = over(normalization({ mean: 0, variance: 0 }));
    expectClose(
      net.run(tensor([1e-7, 0, 2e-7], { shape: [1, 1, 3] })).outputs,
      tensor([1, 0, 2], { shape: [1, 1, 3] }),
    );
  });

  test("its weights are not trained", () => {
    const net = over(normalization({ name: "scaled" }));
    expect(Object.values(net.variables.scaled).map(({ trainable }) => trainable)).toEqual([false, false]);
  });

  test("mean and variance belong together; what can not be adapted is refused by name", () => {
    expect(() => normalization({ mean: 1 })).toThrow(OptionError);
    expect(() => normalization({ mean: [1, 2], variance: [1] })).toThrow(OptionError);
    expect(() => normalization({ mean: [1], variance: [1], axis: "all" })).toThrow(OptionError);
    expect(() => normalization({ mean: 1, variance: -1 })).toThrow(OptionError);
    const net = sequential([normalization({ name: "scaled" }), gru({ units: 2, name: "read" })], {
      input: { shape: [null, 3] },
    });
    expect(() => adaptNormalization(net, "read", rows)).toThrow(/normalization layer .* Name one of these: scaled/);
    expect(() => adaptNormalization(net, "scaled", [])).toThrow(OptionError);
    expect(() => adaptNormalization(net, "scaled", random([4, 2], 1))).toThrow(ShapeError);
    expect(() => adaptNormalization(net, "scaled", tensor([1, Number.NaN, 2], { shape: [1, 3] }))).toThrow(/NaN at 1/);
  });
});

describe("prelu", () => {
  test("is x above zero and alpha x below, alpha by step and feature, or shared", () => {
    const x = random([2, 4, 3], 1);
    for (const [options, shape] of [
      [{}, [4, 3]],
      [{ sharedAxes: [1] }, [1, 3]],
      [{ sharedAxes: [1, 2] }, [1, 1]],
    ] as const) {
      const net = withRandomWeights(over(prelu({ ...options, name: "layer" }), [4, 3]));
      const alpha = net.weights()["layer.alpha"];
      expect(alpha.shape).toEqual([...shape]);
      const slope = (i: number): number => alpha.data()[(i % 12) % (shape[0] * shape[1])];
      const at = shape[1] === 1 ? () => alpha.data()[0] : slope;
      const want = Array.from(x.data(), (v, i) => (v > 0 ? v : v * at(i)));
      expectClose(net.run(x).outputs, tensor(want, { shape: [2, 4, 3] }));
    }
  });

  test("a free axis must be shared, and slopes by step can not be stepped", () => {
    expect(() => over(prelu())).toThrow(ShapeError);
    expect(() => over(prelu({ sharedAxes: [3] }))).toThrow(OptionError);
    const net = over(prelu(), [4, 3]);
    expect(() => net.step(random([2, 3], 1))).toThrow(UnsupportedError);
  });
});

describe("dotLayer", () => {
  const drawn = (options: DotOptions, a: (number | null | string)[], b: (number | null | string)[]) => {
    const [x, y] = [input({ shape: a, name: "x" }), input({ shape: b, name: "y" })];
    return model({ inputs: [x, y], outputs: call(dotLayer(options), [x, y]) });
  };

  /** Numbers of x and y at their places in order of (batch, left, summed). */
  function product(x: Tensor, y: Tensor, axes: readonly [number, number], normalize: boolean): number[] {
    const [p, q] = [x, y].map((one, i) => lists(one, axes[i], normalize));
    return p.flatMap((rows, batch) =>
      rows.flatMap((row) => q[batch].map((other) => row.reduce((total, v, k) => total + v * other[k], 0))),
    );
  }

  /** [b][left][summed]. */
  function lists(x: Tensor, axis: number, normalize: boolean): number[][][] {
    const nested = (x.rank === 2 ? reshape(x, [x.shape[0], 1, x.shape[1]]) : x).toArray() as number[][][];
    const turned =
      x.rank === 3 && axis === 1 ? nested.map((one) => one[0].map((_, i) => one.map((row) => row[i]))) : nested;
    const length = (row: number[]): number => (normalize ? Math.hypot(...row) : 1);
    return turned.map((rows) => rows.map((row) => row.map((v) => v / length(row))));
  }

  const cases = [
    ["rows", [3], [3], 1, [2, 1]],
    ["rows from the end", [3], [3], -1, [2, 1]],
    ["sequences by features", [4, 3], [5, 3], 2, [2, 4, 5]],
    ["sequences by features and time", [4, 3], [3, 5], [2, 1], [2, 4, 5]],
    ["sequences by time and features", [3, 4], [5, 3], [1, 2], [2, 4, 5]],
    ["sequences by time", [4, 3], [4, 2], 1, [2, 3, 2]],
    ["a row and a sequence", [3], [5, 3], [1, 2], [2, 5]],
    ["a row of weights and a sequence", [5], [5, 3], 1, [2, 3]],
    ["a sequence and a row", [5, 3], [3], -1, [2, 5]],
  ] as const;

  test.each(cases)("%s: the sum of products, also of unit length, and its gradients", (_name, a, b, axes, shape) => {
    const [x, y] = [random([2, ...a], 1), random([2, ...b], 2)];
    const pair = (Array.isArray(axes) ? axes : [axes, axes]) as readonly number[];
    const counted = pair.map((axis, i) => (axis < 0 ? axis + [x, y][i].rank : axis)) as [number, number];
    for (const normalize of [false, true]) {
      const net = drawn({ axes: axes as DotOptions["axes"], normalize }, [...a], [...b]);
      expectClose(net.run([x, y]).outputs, tensor(product(x, y, counted, normalize), { shape: [...shape] }));
      expectGradients(net, [x, y]);
    }
  });

  test("lengths may be free", () => {
    const [x, y] = [random([2, 4, 3], 1), random([2, 5, 3], 2)];
    const free = drawn({ axes: 2 }, ["m", 3], ["n", 3]).run([x, y]).outputs;
    expectClose(free, drawn({ axes: 2 }, [4, 3], [5, 3]).run([x, y]).outputs);
  });

  test("a sum over time leaves out masked steps, NaN or not, unless it is told not to look at masks", () => {
    const [x, y] = [input({ shape: ["t", 2] }), input({ shape: ["t", 3] })];
    const mask = input({ shape: ["t"], dtype: "bool" });
    // So that something stands at masked steps.
    const moved = [x, y].map((one) => call(rescaling({ scale: 1, offset: 0.5 }), withMask(one, mask)));
    const net = model({ inputs: [x, y, mask], outputs: call(dotLayer({ axes: 1 }), moved) });
    const all = model({ inputs: [x, y, mask], outputs: call(dotLayer({ axes: 1, useMasks: false }), moved) });
    const [a, b] = [random([2, 3, 2], 1), random([2, 3, 3], 2)];
    const padded = [a, b].map((one) => {
      const last = one.shape.at(-1) as number;
      return concat([one, tensor(new Float32Array(4 * last).fill(Number.NaN), { shape: [2, 2, last] })], 1);
    });
    expectClose(net.run([...padded, maskOf([3, 3], 5)]).outputs, net.run([a, b, maskOf([3, 3], 3)]).outputs);
    const zeros = [a, b].map((one) => mul(one, reshape(cast(maskOf([1, 2], 3), "float32"), [2, 3, 1])));
    expectClose(all.run([a, b, maskOf([1, 2], 3)]).outputs, net.run([...zeros, maskOf([3, 3], 3)]).outputs);
    expect(() => dotLayer({ axes: 2, useMasks: false })).toThrow(OptionError);
  });

  test("a value of length zero has the cosine zero and a finite gradient", () => {
    const net = drawn({ axes: 1, normalize: true }, [2], [2]);
    expect([...net.run([tensor([[0, 0]]), tensor([[1, 2]])]).outputs.data()]).toEqual([0]);
    expectGradients(net, [random([1, 2], 1), random([1, 2], 2)]);
  });

  test("axes that do not fit, other ranks and single steps are refused", () => {
    expect(() => dotLayer({ axes: 0 })).toThrow(OptionError);
    expect(() => dotLayer({ axes: [1, 2, 1] as never })).toThrow(OptionError);
    expect(() => drawn({ axes: 1 }, [4, 3], [5, 3])).toThrow(ShapeError);
    expect(() => drawn({ axes: 2 }, [3], [3])).toThrow(ShapeError);
    expect(() => drawn({ axes: 1 }, [4, 3, 2], [4, 3])).toThrow(/two or three axes/);
    expect(() => drawn({ axes: 2 }, ["t", 3], ["t", 3]).step([random([2, 3], 1), random([2, 3], 2)])).toThrow(
      /one step at a time/,
    );
  });
});
