/** Sums so far, the largest few, conditions over axes, and functions that are accurate near 0; eager, compiled, free sizes. */
import { expect, test } from "vitest";
import { keyFromSeed, uniformAt } from "../../src/base/random.ts";
import {
  all,
  any,
  clip,
  compile,
  cumsum,
  expm1,
  grad,
  log1p,
  mul,
  softplus,
  spec,
  sum,
  type Tensor,
  tensor,
  topK,
  zeros,
} from "../../src/trace/index.ts";
import { backends } from "../backends.ts";

/** `count` numbers of a seed: halves from -8 to 8, so that many are equal, or fine ones. */
function numbers(seed: number, count: number, coarse = false): Float32Array {
  const key = keyFromSeed(seed);
  return Float32Array.from({ length: count }, (_, i) => {
    const x = 16 * uniformAt(key, i) - 8;
    return coarse ? Math.round(x) / 2 : x;
  });
}

const rowsOf = (data: ArrayLike<number>, n: number): number[][] =>
  Array.from({ length: data.length / n }, (_, i) => Array.from(data).slice(i * n, (i + 1) * n));

test("cumsum sums along an axis, from either end, with the element or without", () => {
  const x = tensor([
    [1, 2, 3],
    [10, 20, 30],
  ]);
  expect(cumsum(x).toArray()).toEqual([
    [1, 3, 6],
    [10, 30, 60],
  ]);
  expect(cumsum(x, 0).toArray()).toEqual([
    [1, 2, 3],
    [11, 22, 33],
  ]);
  expect(cumsum(x, 1, { exclusive: true }).toArray()).toEqual([
    [0, 1, 3],
    [0, 10, 30],
  ]);
  expect(cumsum(x, 1, { reverse: true }).toArray()).toEqual([
    [6, 5, 3],
    [60, 50, 30],
  ]);
  expect(cumsum(x, 1, { reverse: true, exclusive: true }).toArray()).toEqual([
    [5, 3, 0],
    [50, 30, 0],
  ]);
  const whole = cumsum(tensor([1, 2, 3], { dtype: "int32" }));
  expect([whole.dtype, whole.toArray()]).toEqual(["int32", [1, 3, 6]]);
  expect(cumsum(zeros([2, 0])).shape).toEqual([2, 0]);
  expect(() => cumsum(x, 0, { backwards: true } as object)).toThrow('got "backwards"');
});

test.for(backends)("the gradient of cumsum is a cumsum from the other end, on %s", (backend) => {
  const weights = tensor([1, 10, 100]);
  const slope = compile((x: Tensor) => grad((y: Tensor) => sum(mul(cumsum(y), weights)))(x), { backend });
  expect(slope(tensor([5, 6, 7])).toArray()).toEqual([111, 110, 100]);
});

/** The k largest by sorting all. */
function sortedTop(row: readonly number[], k: number): { values: number[]; indices: number[] } {
  const rank = (x: number): number => (Number.isNaN(x) ? Number.NEGATIVE_INFINITY : x);
  const order = row.map((_, i) => i);
  order.sort((i, j) => (rank(row[i]) === rank(row[j]) ? i - j : rank(row[j]) > rank(row[i]) ? 1 : -1));
  return { indices: order.slice(0, k), values: order.slice(0, k).map((i) => row[i]) };
}

function expectTop(x: Tensor, k: number, top: (x: Tensor, k: number) => { values: Tensor; indices: Tensor }): void {
  const { values, indices } = top(x, k);
  const n = x.shape.at(-1) as number;
  const wanted = rowsOf(x.data(), n).map((row) => sortedTop(row, k));
  expect(indices.shape).toEqual([...x.shape.slice(0, -1), k]);
  expect(Array.from(indices.data())).toEqual(wanted.flatMap((row) => row.indices));
  expect(Array.from(values.data())).toEqual(wanted.flatMap((row) => row.values));
}

const sizes = [
  [1, 1, 1],
  [3, 2, 2],
  [2, 5, 3],
  [4, 16, 16],
  [3, 50, 7],
  [2, 333, 20],
  [1, 1000, 40],
] as const;

test.for(sizes)("topK of %i rows of %i elements is the first %i of a stable sort", ([rows, n, k]) => {
  expectTop(tensor(numbers(n, rows * n, true), { shape: [rows, n] }), k, topK);
  expectTop(tensor(numbers(n + 1, rows * n), { shape: [rows, n] }), k, topK);
});

test("one program finds the largest of rows of any length", () => {
  const top = compile((x: Tensor) => topK(x, 5), { inputs: [spec(["b", "n"])] });
  for (const [rows, n] of [
    [2, 5],
    [3, 64],
    [1, 65],
    [2, 200],
  ])
    expectTop(tensor(numbers(n, rows * n, true), { shape: [rows, n] }), 5, (x) => top(x));
  expect(top.programs).toBe(1);
});

test("topK counts NaN as -Infinity, takes each element once, and keeps leading axes", () => {
  const strange = [Number.NaN, Number.NEGATIVE_INFINITY, 3, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 3];
  const { values, indices } = topK(tensor([[strange, [1, 1, 1, 1, 1, 1]]]), 6);
  expect(indices.toArray()).toEqual([
    [
      [3, 2, 5, 0, 1, 4],
      [0, 1, 2, 3, 4, 5],
    ],
  ]);
  expect(Array.from(values.data()).slice(0, 6)).toEqual([
    Number.POSITIVE_INFINITY,
    3,
    3,
    Number.NaN,
    Number.NEGATIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
  ]);
  expect(topK(tensor([1, 3, 2]), 2).indices.toArray()).toEqual([1, 2]);
});

test.for(backends)("the gradient of topK goes to the elements chosen, on %s", (backend) => {
  const slope = compile((x: Tensor) => grad((y: Tensor) => sum(mul(topK(y, 2).values, tensor([1, 10]))))(x), {
    backend,
  });
  expect(
    slope(
      tensor([
        [1, 5, 3, 5],
        [9, 0, 8, 7],
      ]),
    ).toArray(),
  ).toEqual([
    [0, 1, 0, 10],
    [1, 0, 10, 0],
  ]);
});

test("topK refuses more than there are, and what is not float", () => {
  expect(() => topK(tensor([1, 2]), 3)).toThrow("topK: expected at least 3 elements on the last axis, got [2]");
  expect(() => topK(tensor([1, 2]), 0)).toThrow("topK: expected a whole number of 1 or more as k, got 0");
  expect(() => topK(tensor([1, 2], { dtype: "int32" }), 1)).toThrow("topK: expected float32, got int32");
});

test("any and all are those of logic, over nothing too", () => {
  const x = tensor([
    [true, false],
    [true, true],
  ]);
  expect(any(x, 0).toArray()).toEqual([true, true]);
  expect(all(x, 0).toArray()).toEqual([true, false]);
  expect(all(x, 1, { keepDims: true }).toArray()).toEqual([[false], [true]]);
  expect([any(x).dtype, any(x).item(), all(x).item()]).toEqual(["bool", 1, 0]);
  const none = zeros([2, 0], "bool");
  expect([any(none, 1).toArray(), all(none, 1).toArray()]).toEqual([
    [false, false],
    [true, true],
  ]);
  expect(() => any(tensor([1, 0]))).toThrow("any: expected bool, got float32");
});

test("clip keeps NaN, and has slope 1 on its bounds and between, 0 outside", () => {
  const x = tensor([-2, -1, 0, 1, 2]);
  expect(clip(x, -1, 1).toArray()).toEqual([-1, -1, 0, 1, 1]);
  expect(clip(tensor([Number.NaN]), -1, 1).item()).toBeNaN();
  expect(clip(x, tensor([0, 0, 0, 0, 0]), 1).toArray()).toEqual([0, 0, 0, 1, 1]);
  expect(grad((y: Tensor) => sum(clip(y, -1, 1)))(x).toArray()).toEqual([0, 1, 1, 1, 0]);
});

/** Largest |got - want| / |want|. */
function worst(got: ArrayLike<number>, want: readonly number[]): number {
  return Math.max(...want.map((w, i) => (got[i] === w ? 0 : Math.abs(got[i] - w) / Math.abs(w))));
}

test("expm1, log1p and softplus are within some roundings of the exact value, their slopes too", () => {
  const points = Float32Array.of(-0.9, -0.3, -1e-3, -1e-6, -1e-20, 1e-30, 1e-7, 1e-4, 0.3, 1, 5, 80);
  const x = tensor(points);
  const exact = (f: (v: number) => number): number[] => Array.from(points, f);
  expect(worst(expm1(x).data(), exact(Math.expm1))).toBeLessThan(1e-6);
  expect(worst(log1p(x).data(), exact(Math.log1p))).toBeLessThan(5e-7);
  expect(
    worst(
      softplus(x).data(),
      exact((v) => Math.log1p(Math.exp(v))),
    ),
  ).toBeLessThan(5e-7);
  const slope = (f: (y: Tensor) => Tensor): ArrayLike<number> => grad((y: Tensor) => sum(f(y)))(x).data();
  expect(worst(slope(expm1), exact(Math.exp))).toBeLessThan(1e-6);
  expect(
    worst(
      slope(log1p),
      exact((v) => 1 / (1 + v)),
    ),
  ).toBeLessThan(1e-6);
  expect(
    worst(
      slope(softplus),
      exact((v) => 1 / (1 + Math.exp(-v))),
    ),
  ).toBeLessThan(1e-6);
});

test("expm1, log1p and softplus at the ends of their ranges", () => {
  const [up, down] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  const at = (f: (y: Tensor) => Tensor, ...xs: number[]): unknown => Array.from(f(tensor(xs)).data());
  expect(at(expm1, up, down, 0)).toEqual([up, -1, 0]);
  expect(at(log1p, up, -1, 0, -2)).toEqual([up, down, 0, Number.NaN]);
  expect(at(softplus, 1e30, -1e30, down)).toEqual([Math.fround(1e30), 0, 0]);
});
