/** Laws of the decoding loop: it is its definition in plain JavaScript, row by row, and stops when all rows have ended. */
import { expect, test } from "vitest";
import { decode, greedy, type Sampler, sample } from "../../src/decode/index.ts";
import {
  add,
  argmax,
  cast,
  compile,
  greaterEqual,
  mul,
  randomKey,
  spec,
  sum,
  type Tensor,
  tensor,
  zeros,
} from "../../src/trace/index.ts";
import { backends } from "../backends.ts";
import { distance, ints, plainGreedy, stepOf, toy } from "./toy.ts";

const maxSteps = 9;

test.each([1, 2].flatMap((seed) => backends.map((backend) => ({ seed, backend }))))(
  "greedy decoding is the loop written out, row by row (seed $seed, $backend)",
  ({ seed, backend }) => {
    const model = toy(5, 4, 10 * seed);
    const [end, pad] = [2, -1];
    const starts = [0, 1, 2, 3, 4];
    const step = stepOf(model);
    const run = compile(
      (start: Tensor) => decode({ step, init: { h: zeros([start.shape[0], 4]) }, start, end, pad, maxSteps }),
      { backend, inputs: [spec(["b"], "int32")] },
    );
    const got = run(ints(starts));
    const want = starts.map((start) => plainGreedy(model, start, end, maxSteps));
    const padded = <T>(row: readonly T[], filler: T): T[] =>
      Array.from({ length: maxSteps }, (_, i) => (i < row.length ? row[i] : filler));
    expect(got.ids.toArray()).toEqual(want.map(({ ids }) => padded(ids, pad)));
    expect(got.lengths.toArray()).toEqual(want.map(({ ids }) => ids.length));
    expect(got.steps.item()).toBe(Math.max(...want.map(({ ids }) => ids.length)));
    const logProbs = want.flatMap((row) => padded(row.logProbs, 0));
    expect(distance((got.logProbs as Tensor).data(), logProbs)).toBeLessThan(1e-5);
    // The state of a row is that after its own end.
    expect(
      distance(
        got.state.h.data(),
        want.flatMap(({ h }) => h),
      ),
    ).toBeLessThan(1e-5);
  },
);

test("without an end every row runs to the last step, and padding is never needed", () => {
  const model = toy(5, 4, 3);
  const got = decode({ step: stepOf(model), init: { h: zeros([2, 4]) }, start: ints([0, 3]), maxSteps: 4 });
  expect(got.ids.toArray()).toEqual([0, 3].map((start) => plainGreedy(model, start, undefined, 4).ids));
  expect(got.lengths.toArray()).toEqual([4, 4]);
});

test("the sampler of one's own is told logits, step, key and state", () => {
  const seen: string[] = [];
  const own: Sampler = (logits, { key, step, state }) => {
    seen.push(`${logits.shape} ${key.shape} ${step.shape} ${(state as { h: Tensor }).h.shape}`);
    // The k-th step chooses token k.
    return add(mul(argmax(logits), 0), step);
  };
  const got = decode({
    step: stepOf(toy(6, 4, 1)),
    init: { h: zeros([3, 4]) },
    start: ints([0, 1, 2]),
    maxSteps: 5,
    end: 3,
    strategy: own,
    key: randomKey(1),
  });
  expect(seen).toEqual(["3,6 2  3,4"]);
  expect(got.ids.toArray()).toEqual([0, 1, 2].map(() => [0, 1, 2, 3, 3]));
  expect(got.lengths.toArray()).toEqual([4, 4, 4]);
});

test("what is fed back need not be ids: a sequence of rows of numbers that ends by a rule of one's own", () => {
  const got = decode({
    step: (state: Tensor, token) => ({ logits: add(token, state), state: add(state, 1) }),
    init: zeros([2, 1]),
    start: tensor([[0.5], [2]]),
    end: (token) => greaterEqual(sum(token, 1), 3),
    pad: -1,
    maxSteps: 6,
    strategy: (value) => value,
  });
  // 0.5+0, +1, +2 = 3.5; 2+0, +1 = 3.
  expect(got.ids.toArray()).toEqual([
    [[0.5], [1.5], [3.5], [-1], [-1], [-1]],
    [[2], [3], [-1], [-1], [-1], [-1]],
  ]);
  expect(got.lengths.toArray()).toEqual([3, 2]);
  expect(got.state.toArray()).toEqual([[3], [2]]);
  expect(got.logProbs).toBeUndefined();
});

test("each step gets its slice of xs and its number", () => {
  const got = decode({
    step: (state: Tensor, _token: Tensor, { x, step }: { x: Tensor; step: Tensor }) => ({
      logits: add(add(x, cast(step, "float32")), state),
      state,
    }),
    init: zeros([1, 1]),
    start: zeros([1, 1]),
    maxSteps: 3,
    strategy: (value) => value,
    xs: tensor([[[10]], [[20]], [[30]]]),
  });
  expect(got.ids.toArray()).toEqual([[[10], [21], [32]]]);
});

test("the same key draws the same tokens, another key others", () => {
  const step = stepOf(toy(50, 4, 7, 0.1));
  const run = compile((key: Tensor) =>
    decode({ step, init: { h: zeros([4, 4]) }, start: ints([0, 1, 2, 3]), maxSteps: 6, strategy: sample(), key }),
  );
  const [a, b, c] = [1, 1, 2].map((seed) => run(randomKey(seed)).ids.toArray());
  expect(a).toEqual(b);
  expect(a).not.toEqual(c);
  // Rows and steps draw for themselves.
  expect(new Set((a as number[][]).flat()).size).toBeGreaterThan(5);
});

test("what does not fit is refused in the words of the caller", () => {
  const base = { step: stepOf(toy(5, 4, 1)), init: { h: zeros([2, 4]) }, start: ints([0, 1]), maxSteps: 3 };
  expect(() => decode({ ...base, strategy: sample() })).toThrow("expected a key, since its strategy draws tokens");
  expect(() => decode({ ...base, strategy: "greedy" as never })).toThrow("expected a strategy, got string");
  expect(() => decode({ ...base, beams: 3 } as never)).toThrow("expected the option to be one of");
  expect(() => decode({ ...base, strategy: () => zeros([2]) })).toThrow(
    "expected what is chosen to be like what is read",
  );
  expect(() =>
    decode({
      ...base,
      start: zeros([2, 3]),
      step: (state) => ({ logits: zeros([2, 3]), state }),
      strategy: (x) => x,
      end: (x) => greaterEqual(x, 1),
    }),
  ).toThrow("expected the end to say for each row whether it ends");
  expect(() => sample({ temperature: 0 })).toThrow('"temperature" to be a positive number');
  expect(() => sample({ topP: 1.5 })).toThrow('"topP" to be a number above 0 and up to 1');
  expect(() => sample({ topk: 3 } as never)).toThrow('Did you mean "topK"');
  expect(greedy()).toEqual({ kind: "greedy" });
});
