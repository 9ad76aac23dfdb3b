/** Free sizes: what a compiled function may do with them, and what a call must satisfy. */
import { expect, test } from "vitest";
import { ShapeError } from "../../src/base/errors.ts";
import {
  add,
  broadcastTo,
  compile,
  div,
  grad,
  range,
  reshape,
  slice,
  spec,
  sum,
  type Tensor,
  tensor,
  zeros,
} from "../../src/trace/index.ts";
import { backends } from "../backends.ts";

const count = (n: number): Tensor => range(n, "float32");

test.each(backends)("a slice beyond an axis that is free is refused at the call on %s", (backend) => {
  const declared = compile((x: Tensor) => slice(x, 0, 0, 10), { backend, inputs: [spec(["t"])], name: "head" });
  expect(declared(count(12)).shape).toEqual([10]);
  expect(() => declared(count(5))).toThrow(/^head: expected 0 <= 0 <= 10 <= t in slice, got t = 5\. /);
  expect(declared(count(10)).shape).toEqual([10]);
  expect(declared.programs).toBe(1);
  const inferred = compile((x: Tensor) => slice(x, 0, 0, 10), { backend });
  expect([count(12), count(15), count(10)].map((x) => inferred(x).shape)).toEqual([[10], [10], [10]]);
  expect(() => inferred(count(5))).toThrow(ShapeError);
  expect(inferred(count(11)).shape).toEqual([10]);
});

test.each(backends)(
  "sizes that would become negative are refused at the first call and later ones on %s",
  (backend) => {
    const drop = compile((x: Tensor) => slice(x, 0, 1), { backend, inputs: [spec(["t"])] });
    expect(() => drop(count(0))).toThrow(ShapeError);
    expect(drop(count(1)).shape).toEqual([0]);
    expect(() => drop(count(0))).toThrow(ShapeError);
    const slope = compile(
      grad((x: Tensor) => sum(slice(x, 0, -2))),
      { backend, inputs: [spec(["t"])] },
    );
    expect(slope(count(3)).toArray()).toEqual([0, 1, 1]);
    expect(() => slope(count(1))).toThrow(ShapeError);
  },
);

test("a function that counts with a size as a number gets a program for each size, never a wrong one", () => {
  const mean = compile((x: Tensor) => div(sum(x), x.shape[0] as number));
  const twice = compile((x: Tensor) => broadcastTo(sum(x), [(x.shape[0] as number) * 2]));
  const loop = compile((x: Tensor) => {
    let total = tensor(0);
    for (let k = 0; k < (x.shape[0] as number); k++) total = add(total, reshape(slice(x, 0, k, k + 1), []));
    return total;
  });
  for (const n of [3, 4, 5, 3]) {
    expect(mean(count(n)).item()).toBeCloseTo((n - 1) / 2, 6);
    expect(twice(count(n)).shape).toEqual([2 * n]);
    expect(loop(count(n)).item()).toBe((n * (n - 1)) / 2);
  }
});

test("a size that is null is free of its own in every argument", () => {
  const fn = compile((x: Tensor, y: Tensor) => [sum(x), sum(y)], { inputs: [spec([null, 2]), spec([null])] });
  expect(fn(zeros([3, 2]), count(5)).map((x) => x.item())).toEqual([0, 10]);
  expect(fn(zeros([4, 2]), count(2)).map((x) => x.item())).toEqual([0, 1]);
  expect(fn.programs).toBe(1);
});

test.each([[""], ["2"], ["b*t"], [-1], [1.5]])("the size %j is refused in a spec", (size) => {
  expect(() => spec([size])).toThrow(ShapeError);
});
