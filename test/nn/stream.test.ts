/** Streams: rows, snapshots, several streams of one model. That streamed = whole is a law of `test/cells`. */
import { expect, test } from "vitest";
import { dense, lstm, rnn, type State, sequential } from "../../src/nn/index.ts";
import { tensor } from "../../src/trace/index.ts";
import { mgu, random } from "../cells/cells.ts";

const net = () =>
  sequential(
    [lstm({ units: 4, returnSequences: true }), rnn(mgu({ units: 3 }), { returnSequences: true }), dense({ units: 2 })],
    {
      input: { shape: [null, 3] },
    },
  );

const steps = Array.from({ length: 6 }, (_, t) => random([2, 3], t));

test("resetting some rows is starting these rows anew", () => {
  const model = net();
  const stream = model.stream({ batch: 2 });
  const fresh = model.stream({ batch: 2 });
  const first = stream.push(steps[0]).toArray() as number[][];
  stream.push(steps[1]);
  const unreset = stream.snapshot();
  stream.reset([1]);
  const after = stream.push(steps[0]).toArray() as number[][];
  expect(after[1]).toEqual(first[1]);
  stream.restore(unreset);
  expect((stream.push(steps[0]).toArray() as number[][])[0]).toEqual(after[0]);
  stream.reset();
  expect(stream.push(steps[0]).toArray()).toEqual(fresh.push(steps[0]).toArray());
});

test("a snapshot goes on in another stream, and is not changed by later pushes", () => {
  const model = net();
  const stream = model.stream({ batch: 2 });
  for (const x of steps.slice(0, 3)) stream.push(x);
  const snapshot = stream.snapshot();
  const rest = steps.slice(3).map((x) => stream.push(x).toArray());
  const other = model.stream({ batch: 2 });
  other.restore(snapshot);
  expect(steps.slice(3).map((x) => other.push(x).toArray())).toEqual(rest);
});

test("streams of one model do not disturb each other and share one program", () => {
  const model = net();
  const alone = model.stream({ batch: 2 });
  const want = steps.map((x) => alone.push(x).toArray());
  const programs = model.programs;
  const [a, b] = [model.stream({ batch: 2 }), model.stream({ batch: 2 })];
  steps.forEach((x, t) => {
    expect(a.push(x).toArray()).toEqual(want[t]);
    if (t % 2 === 0) b.push(steps[5]);
  });
  expect(model.programs).toBe(programs);
});

test("the state of a stream is the state that run takes", () => {
  const model = net();
  const stream = model.stream();
  const x = random([1, 4, 3], 1);
  for (let t = 0; t < 4; t++) stream.push(tensor([...x.data()].slice(t * 3, t * 3 + 3), { shape: [1, 3] }));
  const next = random([1, 2, 3], 2);
  const streamed = model.run(next, { state: stream.state as State }).outputs;
  const whole = model.run(next, { state: model.run(x).state }).outputs;
  const [a, b] = [streamed.data(), whole.data()];
  expect(Math.max(...[...a].map((y, i) => Math.abs(y - b[i])))).toBeLessThan(1e-5);
});

test("a stream sees weights that are set after it was opened", () => {
  const model = sequential([dense({ units: 1, useBias: false })], { input: { shape: [null, 2] } });
  const stream = model.stream();
  stream.push(tensor([[1, 1]]));
  model.setWeights({ "dense.kernel": tensor([[2], [5]]) });
  expect(stream.push(tensor([[1, 1]])).toArray()).toEqual([[7]]);
});
