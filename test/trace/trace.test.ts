/** Tracing: eager calls, compiled functions, free sizes, variables in program order, scans with captured tensors. */
import { expect, test } from "vitest";
import { foldIn as hostFoldIn, keyFromSeed } from "../../src/base/random.ts";
import {
  add,
  argmax,
  cast,
  categorical,
  compile,
  concat,
  foldIn,
  greater,
  logSumExp,
  matmul,
  mean,
  mul,
  normal,
  oneHot,
  pad,
  randomKey,
  reshape,
  reverse,
  scan,
  size,
  slice,
  softmax,
  spec,
  split,
  stack,
  sub,
  sum,
  type Tensor,
  take,
  tanh,
  tensor,
  transpose,
  uniform,
  variable,
  where,
  zeros,
} from "../../src/trace/index.ts";
import { compiledBackend } from "../backends.ts";

test("eager operations broadcast and take numbers as scalars", () => {
  const x = tensor([
    [1, 2, 3],
    [4, 5, 6],
  ]);
  expect(add(x, tensor([10, 20, 30])).toArray()).toEqual([
    [11, 22, 33],
    [14, 25, 36],
  ]);
  expect(sub(1, x).toArray()).toEqual([
    [0, -1, -2],
    [-3, -4, -5],
  ]);
  expect(mul(tensor(new Int32Array([2, 3])), 4).toArray()).toEqual([8, 12]);
  expect(where(greater(x, 2), x, 0).toArray()).toEqual([
    [0, 0, 3],
    [4, 5, 6],
  ]);
  expect(sum(x).item()).toBe(21);
  expect(mean(x, 0).toArray()).toEqual([2.5, 3.5, 4.5]);
  expect(matmul(x, transpose(x)).toArray()).toEqual([
    [14, 32],
    [32, 77],
  ]);
});

test("array operations move elements where NumPy would", () => {
  const x = reshape(tensor(Array.from({ length: 12 }, (_, i) => i)), [3, -1]);
  expect(x.shape).toEqual([3, 4]);
  expect(slice(x, 1, -2).toArray()).toEqual([
    [2, 3],
    [6, 7],
    [10, 11],
  ]);
  expect(split(x, 2)[1].toArray()).toEqual([
    [2, 3],
    [6, 7],
    [10, 11],
  ]);
  expect(concat([slice(x, 0, 0, 1), slice(x, 0, 2, 3)], 0).toArray()).toEqual([
    [0, 1, 2, 3],
    [8, 9, 10, 11],
  ]);
  expect(stack([tensor([1, 2]), tensor([3, 4])], 1).toArray()).toEqual([
    [1, 3],
    [2, 4],
  ]);
  expect(pad(tensor([1, 2]), [[1, 2]], 9).toArray()).toEqual([9, 1, 2, 9, 9]);
  expect(reverse(tensor([1, 2, 3]), 0).toArray()).toEqual([3, 2, 1]);
  expect(take(x, tensor(new Int32Array([2, 0]))).toArray()).toEqual([
    [8, 9, 10, 11],
    [0, 1, 2, 3],
  ]);
  expect(oneHot(tensor(new Int32Array([1, 5])), 3).toArray()).toEqual([
    [0, 1, 0],
    [0, 0, 0],
  ]);
  expect(
    argmax(
      tensor([
        [1, 5, 5],
        [7, 2, 3],
      ]),
    ).toArray(),
  ).toEqual([1, 0]);
});

test("softmax sums to one and logSumExp does not overflow", () => {
  const x = tensor([
    [1000, 1001, 999],
    [-1000, -1000, -1000],
  ]);
  for (const row of softmax(x).toArray() as number[][]) expect(row.reduce((a, b) => a + b)).toBeCloseTo(1, 6);
  expect((logSumExp(x, -1).toArray() as number[])[1]).toBeCloseTo(-1000 + Math.log(3), 3);
});

test("a compiled function serves any sizes that its inputs declare free, with one program", () => {
  const f = compile((x: ReturnType<typeof tensor>) => mul(sum(x, 1), size(x, 0)), {
    name: "f",
    inputs: [spec(["b", "t"])],
  });
  for (const [b, t] of [
    [1, 1],
    [2, 5],
    [3, 4],
    [7, 1],
  ]) {
    expect(f(tensor(new Float32Array(b * t).fill(2), { shape: [b, t] })).toArray()).toEqual(
      new Array(b).fill(2 * t * b),
    );
  }
  expect(f.programs).toBe(1);
});

test("without declared inputs a size becomes free when it changes, and programs stay few", () => {
  const f = compile((x: ReturnType<typeof tensor>, y: ReturnType<typeof tensor>) => add(x, y));
  for (let n = 1; n <= 50; n++) expect(f(zeros([n, 3]), tensor([[1, 2, 3]])).shape).toEqual([n, 3]);
  expect(f.programs).toBeLessThanOrEqual(3);
});

test("variables are read and assigned in program order, and an assignment is never forgotten", () => {
  const v = variable(tensor([1, 2]), { name: "v" });
  const f = compile(() => {
    const before = v.read();
    v.assign(mul(v.read(), 10));
    const between = v.read();
    v.assign(add(v.read(), 1));
    return { before, between };
  });
  const { before, between } = f();
  expect(before.toArray()).toEqual([1, 2]);
  expect(between.toArray()).toEqual([10, 20]);
  expect(v.read().toArray()).toEqual([11, 21]);
  f();
  expect(v.read().toArray()).toEqual([111, 211]);
});

test("a scan is the loop that defines it, and captures what is around it", () => {
  const w = tensor([
    [0.5, -0.25],
    [0.125, 0.75],
  ]);
  const xs = tensor([[[1, 2]], [[3, -1]], [[0.5, 0.5]]]);
  const run = compile((w2: ReturnType<typeof tensor>, xs2: ReturnType<typeof tensor>) =>
    scan(
      (h: ReturnType<typeof tensor>, x: ReturnType<typeof tensor>) => {
        const next = tanh(add(matmul(h, w2), x));
        return { carry: next, y: { h: next, twice: mul(next, 2) } };
      },
      { init: zeros([1, 2]), xs: xs2 },
    ),
  );
  const { carry, ys } = run(w, xs);
  let h = zeros([1, 2]);
  const all: unknown[] = [];
  for (let t = 0; t < 3; t++) {
    h = tanh(add(matmul(h, w), reshape(slice(xs, 0, t, t + 1), [1, 2])));
    all.push(h.toArray());
  }
  const [got, wanted] = [[carry.toArray(), ys.h.toArray()].flat(4), [h.toArray(), all].flat(4)] as number[][];
  // Eager operations run on WebAssembly, which rounds each product; native programs may not.
  if (compiledBackend === "wasm") expect(got).toEqual(wanted);
  else for (const [i, value] of got.entries()) expect(value).toBeCloseTo(wanted[i], 6);
  expect(ys.twice.shape).toEqual([3, 1, 2]);
});

test("a reversed scan keeps ys in the positions of xs", () => {
  const { carry, ys } = scan(
    (c: ReturnType<typeof tensor>, x: ReturnType<typeof tensor>) => ({ carry: add(c, x), y: add(c, x) }),
    {
      init: tensor(0),
      xs: tensor([1, 2, 3]),
      reverse: true,
    },
  );
  expect(carry.item()).toBe(6);
  expect(ys.toArray()).toEqual([6, 5, 3]);
});

test("random numbers depend on the key alone", () => {
  const key = randomKey(7);
  expect(uniform(key, [5]).toArray()).toEqual(uniform(key, [5]).toArray());
  expect(foldIn(key, 3).toArray()).toEqual([...hostFoldIn(keyFromSeed(7), 3)]);
  const sample = normal(key, [4000]).data() as Float32Array;
  const average = sample.reduce((a, b) => a + b) / sample.length;
  // Four standard errors of the mean.
  expect(Math.abs(average)).toBeLessThan(4 / Math.sqrt(4000));
  const draws = categorical(
    key,
    cast(
      tensor(
        new Float32Array(3000).map((_, i) => (i % 3 === 1 ? 50 : 0)),
        { shape: [1000, 3] },
      ),
      "float32",
    ),
  );
  expect(new Set(draws.data())).toEqual(new Set([1]));
});

test("a loop of eager calls and of assignments grows nothing", () => {
  const v = variable(zeros([4]), { name: "v" });
  const step = compile((x: ReturnType<typeof tensor>) => v.assign(add(v.read(), x)));
  for (let i = 0; i < 100; i++) step(tensor([1, 1, 1, 1]));
  expect(v.read().toArray()).toEqual([100, 100, 100, 100]);
  expect(step.programs).toBe(1);
});

test("the memory of a result is its own, however short it is, and a result is an argument as it is", () => {
  const next = compile((x: Tensor) => add(x, 1));
  const results = [next(tensor([1, 2]))];
  for (let i = 0; i < 3; i++) results.push(next(results[i]));
  const [first, second] = results.map((x) => x.data());
  expect(first.buffer.byteLength).toBe(first.byteLength);
  expect(second.buffer).not.toBe(first.buffer);
  expect(results[0].data()).toBe(first);
  structuredClone(first, { transfer: [first.buffer as ArrayBuffer] });
  expect(results.slice(1).map((x) => x.toArray())).toEqual([
    [3, 4],
    [4, 5],
    [5, 6],
  ]);
});

test("a call finds its program again whatever kind of call came before", () => {
  const total = compile((x: Tensor, scale: Tensor | number, twice: boolean) =>
    mul(sum(x), twice ? mul(scale, 2) : scale),
  );
  const [a, b] = [tensor([1, 2]), tensor([1, 2, 3])];
  const seen = [a, b, a, a].map((x) => [total(x, 2, false).item(), total(x, tensor(3), true).item()]);
  expect(seen).toEqual([
    [6, 18],
    [12, 36],
    [6, 18],
    [6, 18],
  ]);
  const plain = compile((x: Tensor) => sum(x));
  expect([a, a, b, b, cast(a, "int32"), a, reshape(a, [1, 2])].map((x) => plain(x).item())).toEqual([
    3, 3, 6, 6, 3, 3, 3,
  ]);
});
