/** What top-k and nucleus sampling keep, exactly, against sorting in plain JavaScript; what is drawn, against its distribution. */
import { expect, test } from "vitest";
import { decode, keepTopK, keepTopP, type SampleOptions, sample } from "../../src/decode/index.ts";
import { broadcastTo, compile, randomKey, spec, type Tensor, tensor, zeros } from "../../src/trace/index.ts";
import { backends } from "../backends.ts";
import { distance, ints, numbers } from "./toy.ts";

const lowest = Number.NEGATIVE_INFINITY;

/** Ids in descending order of logits, of equals the lower id first. */
function order(logits: ArrayLike<number>): number[] {
  return Array.from(logits, (_, i) => i).sort((a, b) => logits[b] - logits[a] || a - b);
}

function probabilities(logits: ArrayLike<number>): number[] {
  const largest = Math.max(...Array.from(logits));
  const e = Array.from(logits, (x) => Math.exp(x - largest));
  const total = e.reduce((a, b) => a + b, 0);
  return e.map((x) => x / total);
}

function plainTopK(logits: ArrayLike<number>, k: number): number[] {
  const kept = new Set(order(logits).slice(0, k));
  return Array.from(logits, (x, i) => (kept.has(i) ? x : lowest));
}

function plainTopP(logits: ArrayLike<number>, p: number): number[] {
  const mass = probabilities(logits);
  const kept = new Set<number>();
  let sum = 0;
  for (const id of order(logits)) {
    if (sum >= p) break;
    kept.add(id);
    sum += mass[id];
  }
  return Array.from(logits, (x, i) => (kept.has(i) ? x : lowest));
}

/** Rows of all kinds: spread, flat, with ties, with what can not be chosen, with one that dominates. */
function rows(n: number, seed: number): number[][] {
  const spread = [...numbers(n, seed, 6)];
  return [
    spread,
    [...numbers(n, seed + 1, 0.01)],
    spread.map((x) => Math.round(x)),
    spread.map((x, i) => (i % 3 === 1 ? lowest : x)),
    spread.map((x, i) => (i === 2 ? 60 : x)),
    spread.map(() => 0.5),
    spread.map((x) => x * 5),
  ].map((row) => [...Float32Array.from(row)]);
}

test.each([1, 7, 33].flatMap((n) => backends.map((backend) => ({ n, backend }))))(
  "top-k keeps the k largest of $n, of equals the first ($backend, seed 5)",
  ({ n, backend }) => {
    const data = rows(n, 5);
    const run = compile((x: Tensor, k: Tensor) => keepTopK(x, k), { backend });
    for (const k of [1, 2, 3, 5, n, n + 3]) {
      const got = run(tensor(data), tensor(k));
      expect(got.toArray(), `k = ${k}`).toEqual(data.map((row) => plainTopK(row, k)));
    }
  },
);

test.each([1, 7, 33].flatMap((n) => backends.map((backend) => ({ n, backend }))))(
  "top-p keeps the smallest set of at least p of $n, of equals the first ($backend, seed 6)",
  ({ n, backend }) => {
    const data = rows(n, 6);
    const run = compile((x: Tensor, p: Tensor) => keepTopP(x, p), { backend });
    for (const p of [0.01, 0.3, 0.501, 0.77, 0.9]) {
      const got = run(tensor(data), tensor(p)).toArray() as number[][];
      // Sums of equals in float32 and float64 may fall on two sides of p: there, one more or less is right.
      data.forEach((row, i) => {
        const want = plainTopP(row, p);
        const mass = probabilities(row).reduce((sum, x, id) => sum + (got[i][id] === lowest ? 0 : x), 0);
        const differing = want.filter((x, id) => x !== got[i][id]).length;
        expect(differing, `row ${i}, p = ${p}`).toBeLessThanOrEqual(Math.abs(mass - p) < 1e-5 ? 1 : 0);
      });
    }
    expect(run(tensor(data), tensor(1)).toArray()).toEqual(data);
  },
);

test("a large vocabulary needs no sorting: 5000 logits, k = 40 and p = 0.9 (seed 8)", () => {
  const logits = numbers(5000, 8, 9);
  const x = tensor(logits, { shape: [1, 5000] });
  expect([...keepTopK(x, 40).data()]).toEqual(plainTopK(logits, 40));
  const [got, want] = [keepTopP(x, 0.9).data(), plainTopP(logits, 0.9)];
  expect(Array.from(got).filter((v, i) => v !== want[i]).length).toBeLessThanOrEqual(1);
});

/** How often each id is drawn from the same logits, of `draws`. */
function frequencies(logits: readonly number[], options: SampleOptions, draws: number, seed: number): number[] {
  const run = compile(
    (x: Tensor, start: Tensor, key: Tensor) =>
      decode({
        step: (state: Tensor) => ({ logits: broadcastTo(x, [start.shape[0], logits.length]), state }),
        init: zeros([start.shape[0]]),
        start,
        maxSteps: 2,
        strategy: sample(options),
        key,
      }).ids,
    { inputs: [spec([logits.length]), spec(["b"], "int32"), spec([2], "int32")] },
  );
  const ids = Array.from(run(tensor(logits), ints(new Array(draws / 2).fill(0)), randomKey(seed)).data());
  return logits.map((_, id) => ids.reduce((count, x) => count + (x === id ? 1 : 0), 0) / draws);
}

const logits = [0.3, 2, 1.2, -1, 1.9, 0];

test.each<{ name: string; options: SampleOptions; change: (x: readonly number[]) => readonly number[] }>([
  { name: "plain", options: {}, change: (x) => x },
  { name: "temperature 0.5", options: { temperature: 0.5 }, change: (x) => x.map((v) => v / 0.5) },
  { name: "top-k 2", options: { topK: 2 }, change: (x) => plainTopK(x, 2) },
  { name: "top-p 0.6", options: { topP: 0.6 }, change: (x) => plainTopP(x, 0.6) },
  {
    // In this order: the temperature moves the border of p, and p is of what top-k has left.
    name: "temperature 2, then top-k 4, then top-p 0.7",
    options: { temperature: 2, topK: 4, topP: 0.7 },
    change: (x) =>
      plainTopP(
        plainTopK(
          x.map((v) => v / 2),
          4,
        ),
        0.7,
      ),
  },
])("draws follow softmax of what is kept: $name (key 11, 8000 draws)", ({ options, change }) => {
  const draws = 8000;
  const got = frequencies(logits, options, draws, 11);
  // Four standard deviations of a frequency are at most 4 sqrt(0.25 / draws) = 0.022.
  expect(distance(got, probabilities(change(logits)))).toBeLessThan(0.022);
  change(logits).forEach((x, id) => {
    if (x === lowest) expect(got[id], `id ${id}`).toBe(0);
  });
});

test("steps and rows draw independently (key 3)", () => {
  const even = [0, 0];
  const run = compile(
    (start: Tensor, key: Tensor) =>
      decode({
        step: (state: Tensor) => ({ logits: broadcastTo(tensor(even), [2000, 2]), state }),
        init: zeros([2000]),
        start,
        maxSteps: 2,
        strategy: sample(),
        key,
      }).ids,
  );
  const pairs = run(ints(new Array(2000).fill(0)), randomKey(3)).toArray() as number[][];
  for (const want of [
    [0, 0],
    [0, 1],
    [1, 0],
    [1, 1],
  ]) {
    const share = pairs.filter(([a, b]) => a === want[0] && b === want[1]).length / 2000;
    expect(Math.abs(share - 0.25)).toBeLessThan(0.04);
  }
});
