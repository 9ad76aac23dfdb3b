/** Which array of one model is held against which of another. */
import { expect, test } from "vitest";
import { compareArrays } from "../../src/io/compare.ts";
import type { HostTensor } from "../../src/io/hostTensor.ts";

const row = (...numbers: number[]): HostTensor => ({
  dtype: "float32",
  shape: [1, numbers.length],
  data: Float32Array.from(numbers),
});
const named = (differences: ReturnType<typeof compareArrays>) => differences.map(({ names }) => names);

test("arrays of one name belong together, then given pairs, then what has one shape in order", () => {
  const ours = { a: row(1, 2), b: row(3, 4), c: row(5, 6) };
  expect(named(compareArrays(ours, { b: row(0, 0), x: row(0, 0) }))).toEqual([
    ["a", "x"],
    ["b", "b"],
  ]);
  expect(named(compareArrays(ours, { output_0: row(5, 6) }))).toEqual([["a", "output_0"]]);
  const [difference] = compareArrays(ours, { output_0: row(5, 6) }, [["c", "output_0"]]);
  expect(difference).toMatchObject({ names: ["c", "output_0"], largest: 0 });
});

test("a pair of other shapes or names is none", () => {
  const pairs = [
    ["a", "x"],
    ["nobody", "y"],
    ["constructor", "y"],
  ] as const;
  expect(named(compareArrays({ a: row(1, 2) }, { x: row(1), y: row(1, 3) }, pairs))).toEqual([["a", "y"]]);
});

test("the largest difference is named with its place, and one alone that is no number is infinitely far", () => {
  const [apart] = compareArrays({ a: row(1, 2, 3) }, { a: row(1, 2.5, 3) });
  expect(apart).toMatchObject({ largest: 0.5, at: [0, 1] });
  const [odd] = compareArrays({ a: row(Number.NaN, 2) }, { a: row(Number.NaN, Number.NaN) });
  expect(odd).toMatchObject({ largest: Number.POSITIVE_INFINITY, at: [0, 1] });
});
