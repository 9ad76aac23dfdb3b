/** What is true of every cell under the loop, whatever it computes. Seeds are in `cells.ts`. */
import { describe, expect, test } from "vitest";
import { leavesOf } from "../../src/base/trees.ts";
import { modelFromDefinition, type State } from "../../src/nn/index.ts";
import { concat, reshape, reverse, slice, type Tensor } from "../../src/trace/index.ts";
import { cells, mgu, modelOf, names, random, reservoir } from "./cells.ts";

// Sums of a few products in float32, in whatever order a target takes them.
const tolerance = 1e-5;

describe.each(names)("%s", (name) => {
  const model = modelOf(cells[name]());
  const x = random([3, 7, 2], 1);
  const whole = model.run(x);

  test("step by step is the whole sequence", () => {
    let state: State | undefined;
    for (let t = 0; t < 7; t++) {
      const one = model.step(at(x, t), { state });
      expectClose(one.outputs, at(whole.outputs, t));
      state = one.state;
    }
    expectStates(state as State, whole.state);
  });

  test("streamed is the whole sequence", () => {
    const stream = model.stream({ batch: 3 });
    for (let t = 0; t < 7; t++) expectClose(stream.push(at(x, t)), at(whole.outputs, t));
    expectStates(stream.state, whole.state);
  });

  test("a sequence cut in two and carried over is the sequence", () => {
    const first = model.run(slice(x, 1, 0, 3));
    const second = model.run(slice(x, 1, 3), { state: first.state });
    expectClose(concat([first.outputs, second.outputs], 1), whole.outputs);
    expectStates(second.state, whole.state);
  });

  test("rows do not know of each other", () => {
    for (let row = 0; row < 3; row++) {
      const alone = model.run(slice(x, 0, row, row + 1));
      expectClose(alone.outputs, slice(whole.outputs, 0, row, row + 1));
    }
    expectClose(model.run(reverse(x, 0)).outputs, reverse(whole.outputs, 0));
  });

  test("an output does not depend on later inputs", () => {
    for (const t of [0, 3, 6]) {
      const changed = concat([slice(x, 1, 0, t), random([3, 7 - t, 2], 2)], 1);
      const before = slice(model.run(changed).outputs, 1, 0, t);
      expect([...before.data()]).toEqual([...slice(whole.outputs, 1, 0, t).data()]);
    }
  });

  test("the last output is that of the whole sequence", () => {
    const last = modelOf(cells[name](), { returnSequences: false });
    const { outputs, state } = last.run(x);
    expectClose(outputs, at(whole.outputs, 6));
    expectStates(state, whole.state);
  });

  test("backwards is forwards on the reversed input, with outputs in the order of processing", () => {
    const backwards = modelOf(cells[name](), { goBackwards: true }).run(reverse(x, 1));
    expectClose(backwards.outputs, whole.outputs);
    expectStates(backwards.state, whole.state);
    const last = modelOf(cells[name](), { goBackwards: true, returnSequences: false }).run(reverse(x, 1));
    expectClose(last.outputs, at(whole.outputs, 6));
  });

  test("the definition makes the same model again", () => {
    const definition = JSON.parse(JSON.stringify(model.definition()));
    const again = modelFromDefinition<Tensor>(definition, { cells: { mgu, reservoir } });
    expect(again.definition()).toEqual(model.definition());
    again.setWeights(model.weights());
    expect([...again.run(x).outputs.data()]).toEqual([...whole.outputs.data()]);
  });
});

function at(x: Tensor, t: number): Tensor {
  const [b, , ...rest] = x.shape;
  return reshape(slice(x, 1, t, t + 1), [b, ...rest]);
}

function expectClose(got: Tensor, want: Tensor): void {
  expect(got.shape).toEqual(want.shape);
  const [a, b] = [got.data(), want.data()];
  expect(Math.max(0, ...Array.from(a, (value, i) => Math.abs(value - b[i])))).toBeLessThanOrEqual(tolerance);
}

function expectStates(got: State, want: State): void {
  const [a, b] = [leavesOf<Tensor>(got), leavesOf<Tensor>(want)];
  expect(a.map(({ path }) => path)).toEqual(b.map(({ path }) => path));
  a.forEach(({ leaf }, i) => {
    expectClose(leaf, b[i].leaf);
  });
}
