/** Threefry against the published known answers of Random123, and laws of the draws made from it. */
import { expect, test } from "vitest";
import {
  fillNormal,
  fillUniform,
  foldIn,
  keyFromSeed,
  permutation,
  threefry2x32,
  uniformAt,
} from "../../src/base/random.ts";

// From the file kat_vectors of the Random123 distribution: threefry2x32, 20 rounds; counter, key, answer.
const knownAnswers: readonly [number[], number[], number[]][] = [
  [
    [0x00000000, 0x00000000],
    [0x00000000, 0x00000000],
    [0x6b200159, 0x99ba4efe],
  ],
  [
    [0xffffffff, 0xffffffff],
    [0xffffffff, 0xffffffff],
    [0x1cb996fc, 0xbb002be7],
  ],
  [
    [0x243f6a88, 0x85a308d3],
    [0x13198a2e, 0x03707344],
    [0xc4923a9c, 0x483df7a0],
  ],
];

test("Threefry-2x32 of 20 rounds gives the known answers of Random123", () => {
  for (const [counter, key, answer] of knownAnswers) {
    const words = threefry2x32(key[0], key[1], counter[0], counter[1]);
    expect(words.map((word) => word >>> 0)).toEqual(answer);
  }
});

test("uniform numbers lie in [0, 1), are exact in float32 and have mean 1/2 and variance 1/12 (seed 1)", () => {
  const draws = new Float64Array(20000);
  fillUniform(keyFromSeed(1), draws);
  expect(draws.every((x) => x >= 0 && x < 1 && Math.fround(x) === x)).toBe(true);
  expect(mean(draws)).toBeCloseTo(1 / 2, 2);
  expect(mean(draws.map((x) => (x - 0.5) ** 2))).toBeCloseTo(1 / 12, 2);
});

test("a uniform number depends on its key and position only (seed 2)", () => {
  const key = keyFromSeed(2);
  const [long, short] = [new Float64Array(9), new Float64Array(5)];
  fillUniform(key, long);
  fillUniform(key, short);
  expect([...short]).toEqual([...long.subarray(0, 5)]);
  expect(uniformAt(key, 7)).toBe(long[7]);
});

test("normal numbers have the mean and the standard deviation that were asked for, also for odd counts (seed 3)", () => {
  const draws = new Float64Array(20001);
  fillNormal(keyFromSeed(3), draws, 2, 3);
  expect(Math.abs(mean(draws) - 2)).toBeLessThan(0.06);
  expect(Math.abs(Math.sqrt(mean(draws.map((x) => (x - 2) ** 2))) - 3)).toBeLessThan(0.05);
  expect(draws.every(Number.isFinite)).toBe(true);
});

test("a permutation names each number once and moves most of them (seed 4)", () => {
  const order = permutation(keyFromSeed(4), 1000);
  expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: 1000 }, (_, i) => i));
  expect(order.filter((x, i) => x === i).length).toBeLessThan(10);
});

test("folding numbers into keys and seeding give distinct keys (seeds 0 to 31)", () => {
  const keys = new Set<string>();
  for (let seed = 0; seed < 32; seed++) {
    const key = keyFromSeed(seed);
    keys.add(key.join());
    for (let n = 0; n < 32; n++) keys.add(foldIn(key, n).join());
  }
  expect(keys.size).toBe(32 * 33);
});

function mean(xs: Float64Array): number {
  return xs.reduce((a, b) => a + b, 0) / xs.length;
}
