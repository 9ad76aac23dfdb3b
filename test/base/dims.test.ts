/** Sizes as polynomials: arithmetic on them is arithmetic on their values, and equal sizes have one form. */
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  addDims,
  type Dim,
  divideDims,
  equalDims,
  evaluateDim,
  floorDivideDim,
  formatDim,
  largestDim,
  multiplyDims,
  remainderDim,
  subtractDims,
  symbol,
} from "../../src/base/dims.ts";

const names = ["b", "t", "n"];
const values = fc.record({ b: fc.integer({ min: 1, max: 40 }), t: fc.integer({ min: 1, max: 40 }), n: fc.constant(3) });

/** Numbers and sums and products of numbers and symbols. */
const dims = fc.letrec<{ dim: Dim }>((tie) => ({
  dim: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.integer({ min: -3, max: 9 }),
    fc.constantFrom(...names).map(symbol),
    fc.tuple(tie("dim"), tie("dim")).map(([x, y]) => addDims(x, y)),
    fc.tuple(tie("dim"), tie("dim")).map(([x, y]) => multiplyDims(x, y)),
    fc.tuple(tie("dim"), fc.integer({ min: 2, max: 4 })).map(([x, by]) => floorDivideDim(x, by)),
  ),
})).dim;

const seeded = { seed: 20261123, numRuns: 300 };

test("sums, differences and products have the sums, differences and products of the values", () => {
  fc.assert(
    fc.property(dims, dims, values, (x, y, at) => {
      const [left, right] = [evaluateDim(x, at), evaluateDim(y, at)];
      // + 0, because a size of zero has no sign.
      expect(evaluateDim(addDims(x, y), at)).toBe(left + right);
      expect(evaluateDim(subtractDims(x, y), at)).toBe(left - right + 0);
      expect(evaluateDim(multiplyDims(x, y), at) + 0).toBe(left * right + 0);
    }),
    seeded,
  );
});

test("sizes that are equal as polynomials have one text, whatever the order in which they were made", () => {
  fc.assert(
    fc.property(dims, dims, dims, (x, y, z) => {
      expect(formatDim(addDims(x, y, z))).toBe(formatDim(addDims(z, y, x)));
      expect(formatDim(multiplyDims(x, y, z))).toBe(formatDim(multiplyDims(z, x, y)));
      expect(formatDim(multiplyDims(x, addDims(y, z)))).toBe(
        formatDim(addDims(multiplyDims(x, y), multiplyDims(x, z))),
      );
      expect(subtractDims(x, x)).toBe(0);
      expect(equalDims(subtractDims(addDims(x, y), y), x)).toBe(true);
    }),
    seeded,
  );
});

test("a product divided by a single product of symbols is the rest of it", () => {
  fc.assert(
    fc.property(dims, fc.constantFrom(...names), fc.integer({ min: 1, max: 9 }), (x, name, factor) => {
      const by = multiplyDims(factor, symbol(name));
      fc.pre(x !== 0);
      const quotient = divideDims(multiplyDims(x, by), by);
      expect(quotient !== undefined && equalDims(quotient, x)).toBe(true);
    }),
    seeded,
  );
});

test("exact quotients by a number stay polynomials with whole coefficients", () => {
  const x = addDims(multiplyDims(49, symbol("b")), 98);
  expect(formatDim(floorDivideDim(x, 49))).toBe("b + 2");
});

test("a remainder is smaller than what it is divided by, also so and so many times", () => {
  const [t, by] = [addDims(symbol("t"), 3), 64];
  const left = remainderDim(t, by);
  for (const value of [0, 60, 61, 1000]) expect(evaluateDim(left, { t: value })).toBe((value + 3) % by);
  expect(largestDim(left)).toBe(63);
  expect(largestDim(addDims(multiplyDims(5, left), 2))).toBe(5 * 63 + 2);
  expect(largestDim(7)).toBe(7);
  for (const free of [t, multiplyDims(symbol("b"), left), subtractDims(t, left), addDims(left, symbol("b"))])
    expect(largestDim(free)).toBeUndefined();
});
