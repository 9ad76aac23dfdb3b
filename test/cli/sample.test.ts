/** The laws of drawing a symbol from logits. */
import { expect, test } from "vitest";
import { keyFromSeed, uniformAt } from "../../src/base/random.ts";
import { sampleSymbol } from "../../src/cli/sample.ts";

const logits = [0.1, 2, -1, 1.5, 2, -30];
const draws = (count: number, options: Parameters<typeof sampleSymbol>[2], seed = 1): number[] =>
  Array.from({ length: count }, (_, i) => sampleSymbol(logits, uniformAt(keyFromSeed(seed), i), options));

test("temperature 0 is argmax, the first of equals, whatever the random number", () => {
  for (const random of [0, 0.3, 0.9999999]) expect(sampleSymbol(logits, random, { temperature: 0 })).toBe(1);
});

test("top-k keeps exactly the k most probable symbols, and top-k 1 is argmax", () => {
  expect(new Set(draws(500, { topK: 3, temperature: 5 }))).toEqual(new Set([1, 3, 4]));
  expect(new Set(draws(50, { topK: 1 }))).toEqual(new Set([1]));
});

test("top-p keeps the smallest leading set that reaches p", () => {
  // The two logits of 2 hold a share of about 0.69 together.
  expect(new Set(draws(300, { topP: 0.6 }))).toEqual(new Set([1, 4]));
  expect(new Set(draws(300, { topP: 0.3 }))).toEqual(new Set([1]));
});

test("the same seed gives the same symbols, another seed others", () => {
  expect(draws(100, {}, 7)).toEqual(draws(100, {}, 7));
  expect(draws(100, {}, 7)).not.toEqual(draws(100, {}, 8));
});

test("over 20000 draws (seed 1) frequencies are the softmax to within four standard deviations", () => {
  const drawn = draws(20_000, {});
  const weights = logits.map(Math.exp);
  const total = weights.reduce((a, b) => a + b);
  weights.forEach((weight, symbol) => {
    const p = weight / total;
    const share = drawn.filter((s) => s === symbol).length / drawn.length;
    expect(Math.abs(share - p)).toBeLessThan(4 * Math.sqrt((p * (1 - p)) / drawn.length) + 1e-9);
  });
});

test("a forbidden symbol is never drawn, also where it is the most probable one", () => {
  expect(draws(200, { never: [1, 4] }).some((s) => s === 1 || s === 4)).toBe(false);
  expect(sampleSymbol(logits, 0, { temperature: 0, never: [1] })).toBe(4);
});

test("huge logits neither overflow nor give a symbol that does not exist", () => {
  expect(sampleSymbol([1e30, -1e30, 1e30], 0.99, { temperature: 1e-3 })).toBe(2);
});

test.each([
  [{ temperature: -1 }, /expected temperature to be 0 or a positive number, got -1/],
  [{ topK: 0 }, /expected topK to be a whole number from 1 on, got 0/],
  [{ topP: 1.5 }, /expected topP to be above 0 and at most 1, got 1.5/],
])("%j is refused with a sentence", (options, sentence) => {
  expect(() => sampleSymbol(logits, 0.5, options)).toThrow(sentence);
});
