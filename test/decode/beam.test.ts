/** Laws of beam search: wide enough it is exhaustive search, with width one greedy, else its definition in plain JavaScript. */
import { expect, test } from "vitest";
import { type BeamSearchOptions, beamSearch, decode } from "../../src/decode/index.ts";
import {
  add,
  type BackendName,
  compile,
  expandDims,
  matmul,
  spec,
  type Tensor,
  take,
  tensor,
  zeros,
} from "../../src/trace/index.ts";
import { backends, compiledBackend } from "../backends.ts";
import { array, distance, ints, plainGreedy, plainStep, stepOf, type Toy, toy } from "./toy.ts";

interface Sequence {
  readonly ids: readonly number[];
  readonly h: readonly number[];
  readonly total: number;
  readonly ended: boolean;
}

const score = ({ ids, total }: Sequence, w: number): number => total / ((5 + ids.length) / 6) ** w;

function continued(model: Toy, sequence: Sequence, start: number, end: number): Sequence[] {
  if (sequence.ended) return [sequence];
  const { h, logProbs } = plainStep(model, sequence.h, sequence.ids.at(-1) ?? start);
  return logProbs.map((p, id) => ({
    ids: [...sequence.ids, id],
    h,
    total: sequence.total + p,
    ended: id === end,
  }));
}

/** Beam search of one row by its definition; Infinity keeps everything. */
function plainBeams(model: Toy, start: number, end: number, steps: number, width: number, w: number): Sequence[] {
  let beams: Sequence[] = [{ ids: [], h: new Array(model.n).fill(0), total: 0, ended: false }];
  for (let i = 0; i < steps && !(i > 0 && beams.length === width && beams.every(({ ended }) => ended)); i++) {
    beams = beams
      .flatMap((one) => continued(model, one, start, end))
      .sort((a, b) => score(b, w) - score(a, w))
      .slice(0, width);
  }
  return beams;
}

function search(
  model: Toy,
  options: BeamSearchOptions,
  starts: readonly number[],
  end: number,
  steps: number,
  backend: BackendName = compiledBackend,
) {
  const step = stepOf(model);
  const run = compile(
    (start: Tensor) =>
      decode({
        step,
        init: { h: zeros([start.shape[0], model.n]) },
        start,
        end,
        pad: -1,
        maxSteps: steps,
        strategy: beamSearch(options),
      }),
    { backend, inputs: [spec(["b"], "int32")] },
  );
  return run(ints(starts));
}

test.each([1, 2])("with a width of all sequences it is exhaustive search (seed %i)", (seed) => {
  const [model, v, steps, end] = [toy(3, 4, 20 * seed, 1), 3, 3, 1];
  const starts = [0, 2];
  for (const lengthPenalty of [0, 0.8]) {
    const got = search(model, { width: v ** steps, lengthPenalty }, starts, end, steps);
    starts.forEach((start, row) => {
      const all = plainBeams(model, start, end, steps, Number.POSITIVE_INFINITY, lengthPenalty);
      const ids = (got.ids.toArray() as number[][][])[row];
      const scores = array<number[][]>(got.scores)[row];
      all.forEach((one, i) => {
        expect(ids[i].filter((id) => id >= 0)).toEqual(one.ids);
        expect(scores[i]).toBeCloseTo(score(one, lengthPenalty), 5);
      });
      // No sequence is there twice: what is left over has no probability.
      expect(scores.slice(all.length).every((x) => x === Number.NEGATIVE_INFINITY)).toBe(true);
    });
  }
});

test.each([1, 2])("a width of one is greedy decoding (seed %i)", (seed) => {
  const model = toy(6, 4, 30 * seed);
  const starts = [0, 1, 2, 3];
  const got = search(model, { width: 1, lengthPenalty: 0.7 }, starts, 4, 8);
  starts.forEach((start, row) => {
    const want = plainGreedy(model, start, 4, 8);
    expect((got.ids.toArray() as number[][][])[row][0].filter((id) => id >= 0)).toEqual(want.ids);
    expect((got.lengths.toArray() as number[][])[row]).toEqual([want.ids.length]);
    const logProbs = array<number[][][]>(got.logProbs)[row][0].slice(0, want.ids.length);
    expect(distance(logProbs, want.logProbs)).toBeLessThan(1e-5);
  });
});

test.each([1, 2].flatMap((seed) => backends.map((backend) => ({ seed, backend }))))(
  "sequences, lengths, scores, log-probabilities and states are those of the definition (seed $seed, $backend)",
  ({ seed, backend }) => {
    const [model, end, steps, width] = [toy(7, 4, 40 * seed, 1.5), 0, 6, 3];
    const starts = [1, 2, 3, 6];
    for (const lengthPenalty of [0, 1]) {
      const got = search(model, { width, lengthPenalty }, starts, end, steps, backend);
      starts.forEach((start, row) => {
        const want = plainBeams(model, start, end, steps, width, lengthPenalty);
        const ids = (got.ids.toArray() as number[][][])[row];
        expect(ids.map((one) => one.filter((id) => id >= 0))).toEqual(want.map((one) => one.ids));
        expect((got.lengths.toArray() as number[][])[row]).toEqual(want.map((one) => one.ids.length));
        expect(
          distance(
            array<number[][]>(got.scores)[row],
            want.map((one) => score(one, lengthPenalty)),
          ),
        ).toBeLessThan(1e-5);
        const sums = array<number[][][]>(got.logProbs)[row].map((one) => one.reduce((a, b) => a + b, 0));
        expect(
          distance(
            sums,
            want.map(({ total }) => total),
          ),
        ).toBeLessThan(1e-5);
        const h = (got.state.h.toArray() as number[][]).slice(row * width, (row + 1) * width);
        want.forEach((one, i) => {
          expect(distance(h[i], one.h)).toBeLessThan(1e-5);
        });
      });
    }
  },
);

test("a width of more than the vocabulary fills up later", () => {
  const model = toy(3, 4, 5, 1);
  const got = search(model, { width: 5 }, [0], 2, 3);
  const want = plainBeams(model, 0, 2, 3, 5, 0);
  expect((got.ids.toArray() as number[][][])[0].map((one) => one.filter((id) => id >= 0))).toEqual(
    want.map((one) => one.ids),
  );
});

test("it stops when every candidate of every row has ended", () => {
  // Token 1, the end, is nearly certain after the first step.
  const sure = (state: Tensor, token: Tensor) => ({
    logits: add(matmul(expandDims(zeros(token.shape), 1), zeros([1, 3])), tensor([0, 9, 1])),
    state,
  });
  const got = decode({
    step: sure,
    init: zeros([1]),
    start: ints([0]),
    end: 1,
    maxSteps: 50,
    strategy: beamSearch({ width: 2 }),
  });
  expect(got.steps.item()).toBeLessThan(6);
  expect((got.ids.toArray() as number[][][])[0][0].slice(0, 2)).toEqual([1, 1]);
});

test("the coverage penalty prefers candidates that have read the whole memory", () => {
  // Token i attends to entry i of a memory of 3; entry 2 of row 1 is not there. Token 3 ends and attends to nothing new.
  const weights = tensor([
    [0.9, 0.05, 0.05],
    [0.05, 0.9, 0.05],
    [0.05, 0.05, 0.9],
    [1 / 3, 1 / 3, 1 / 3],
  ]);
  const logits = tensor([
    [1, 0.9, 0.8, 0.9],
    [1, 0.9, 0.8, 0.9],
    [1, 0.9, 0.8, 0.9],
    [1, 0.9, 0.8, 0.9],
  ]);
  const step = (state: Tensor, token: Tensor) => ({
    logits: take(logits, token),
    state,
    alignments: take(weights, token),
  });
  const run = (coveragePenalty: number, mask?: Tensor) =>
    decode({
      step,
      init: zeros([2]),
      start: ints([3, 3]),
      end: 3,
      maxSteps: 4,
      strategy: beamSearch({ width: 40, coveragePenalty }),
      alignmentsMask: mask,
    });
  const mask = tensor([
    [true, true, true],
    [true, true, false],
  ]);
  const got = run(2, mask);
  const [ids, scores, lengths] = [got.ids, got.scores as Tensor, got.lengths].map((x) => x.toArray()) as [
    number[][][],
    number[][],
    number[][],
  ];
  const alignments = array<number[][][][]>(got.alignments);
  const table = logits.toArray() as number[][];
  for (const row of [0, 1]) {
    let before = Number.POSITIVE_INFINITY;
    ids[row].forEach((one, i) => {
      if (scores[row][i] === Number.NEGATIVE_INFINITY) return;
      const read = one.slice(0, lengths[row][i]);
      const attended = [3, ...read.slice(0, -1)].map((id) => (weights.toArray() as number[][])[id]);
      const logOf = (id: number) => table[0][id] - Math.log(table[0].reduce((sum, x) => sum + Math.exp(x), 0));
      const total = read.reduce((sum, id) => sum + logOf(id), 0);
      const entries = row === 0 ? [0, 1, 2] : [0, 1];
      const missed = entries.reduce(
        (sum, j) =>
          sum +
          Math.log(
            Math.min(
              1,
              attended.reduce((s, a) => s + a[j], 0),
            ),
          ),
        0,
      );
      const want = total + (read.at(-1) === 3 ? 2 * missed : 0);
      expect(scores[row][i]).toBeCloseTo(want, 4);
      expect(scores[row][i]).toBeLessThanOrEqual(before);
      before = scores[row][i];
      // What each step of this very sequence attended to.
      alignments[row][i].slice(0, read.length).forEach((a, t) => {
        expect(distance(a, attended[t])).toBeLessThan(1e-6);
      });
    });
  }
  expect(() => run(1).scores?.data()).not.toThrow();
});

test("what beam search can not do is refused", () => {
  const base = { step: stepOf(toy(5, 4, 1)), init: { h: zeros([2, 4]) }, start: ints([0, 1]), maxSteps: 3, end: 1 };
  expect(() => decode({ ...base, strategy: beamSearch({ width: 2, coveragePenalty: 1 }) })).toThrow(
    "expected alignments for its coverage penalty",
  );
  expect(() => decode({ ...base, strategy: beamSearch({ width: 2 }), end: () => zeros([2]) })).toThrow(
    "to end with an id",
  );
  expect(() => beamSearch({ width: 0 })).toThrow('"width" to be a positive whole number');
  expect(() => beamSearch({ width: 2, lenghtPenalty: 1 } as never)).toThrow('Did you mean "lengthPenalty"');
});
