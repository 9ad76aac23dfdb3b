/**
 * What masks, lengths, resets, directions and horizons mean is the same for every cell: each law compares with plain runs
 * of single rows. In float64, in the interpreter; that WebAssembly gives the same is in `gradients.test.ts`.
 */
import { describe, expect, test } from "vitest";
import { leavesOf, mapTree, type Tree } from "../../src/base/trees.ts";
import { bidirectional, context, type RunCellOptions, rnn, runCell, stackCells } from "../../src/nn/index.ts";
import {
  add,
  compile,
  concat,
  mul,
  reverse,
  slice,
  sum,
  type Tensor,
  tensor,
  transpose,
  valueAndGrad,
} from "../../src/trace/index.ts";
import { everyCell, everyName, floatsOf, inputsOf, type Listed, paramsOf, stateOf } from "./cells.ts";

// Float64, but what goes in and comes out is float32.
const tolerance = 2e-6;
const [b, t] = [2, 4];

interface Args {
  readonly params: Tree<Tensor>;
  readonly x: readonly Tensor[];
  readonly state: Tree<Tensor>;
}

interface Answer {
  readonly y: Tensor;
  readonly state: Tree<Tensor>;
  readonly grads: Args;
}

type How = Omit<RunCellOptions, "params" | "x" | "state">;

/** Outputs, the final state, and the gradients of a scalar of both. */
function run(listed: Listed, args: Args, how: How = {}): Answer {
  const cell = listed.make();
  const value = ({ params, x, state }: Args) => {
    const whole = runCell(cell, { params, x, state, ...how });
    const squares = floatsOf(whole.state).map(({ leaf }) => sum(mul(leaf, leaf)));
    return { value: squares.reduce((all, one) => add(all, one), sum(mul(whole.y, whole.y))), aux: whole };
  };
  const both = compile(
    (given: Args) => {
      const { aux, grads } = valueAndGrad(value, { aux: true })(given);
      return { y: aux.y, state: aux.state, grads };
    },
    { backend: "interpreter" },
  );
  return both(args) as Answer;
}

describe.each(everyName.map((name, seed) => ({ name, seed })))("$name (seed $seed)", ({ name, seed }) => {
  const listed = everyCell[name];
  const args: Args = { params: paramsOf(listed), x: inputsOf(listed, b, t, 400 + seed), state: stateOf(listed, b) };
  const plain = run(listed, args);
  const rows = Array.from({ length: b }, (_, row) => row);

  test("masked steps are as if they were not there, NaN in them or not: outputs, state, gradients", () => {
    const valid = rows.map((row) => Array.from({ length: t }, (_, i) => (seed * 5 + i * 3 + row * 7) % 4 !== 0));
    const x = args.x.map((one) => filled(one, valid, Number.NaN));
    const masked = run(listed, { ...args, x }, { mask: tensor(valid), zeroOutputForMask: true });
    const alone = rows.map((row) => run(listed, rowOf(args, row, kept(valid[row]))));
    for (const row of rows) {
      const steps = kept(valid[row]);
      expectClose(pick(masked.y, row, steps), alone[row].y);
      expectTrees(rowsOf(masked.state, row), alone[row].state);
      expectTrees(rowsOf(masked.grads.state, row), alone[row].grads.state);
      masked.grads.x.forEach((dx, i) => {
        expectClose(pick(dx, row, steps), alone[row].grads.x[i]);
        expect(zerosOnly(pick(dx, row, skipped(valid[row])))).toBe(true);
      });
      expect(zerosOnly(pick(masked.y, row, skipped(valid[row])))).toBe(true);
    }
    expectTrees(masked.grads.params, alone.map(({ grads }) => grads.params).reduce(added));
  });

  test("lengths are the mask of the first steps, and padding changes nothing", () => {
    const longer = args.x.map((one) => concat([one, mul(slice(one, 1, 0, 2), Number.NaN)], 1));
    const lengths = tensor([t, t], { dtype: "int32" });
    const padded = run(listed, { ...args, x: longer }, { lengths, zeroOutputForMask: true });
    expectClose(slice(padded.y, 1, 0, t), plain.y);
    expectTrees(padded.state, plain.state);
    expectTrees(padded.grads.params, plain.grads.params);
    const some = [3, 1];
    const valid = rows.map((row) => Array.from({ length: t }, (_, i) => i < some[row]));
    const byLengths = run(listed, args, { lengths: tensor(some, { dtype: "int32" }) });
    expectTrees(byLengths as never, run(listed, args, { mask: tensor(valid) }) as never);
  });

  test("a row of length 0 returns its initial state, and its output is that or zero", () => {
    const empty = run(listed, args, { lengths: tensor([0, t], { dtype: "int32" }) });
    for (const { path, leaf } of floatsOf(empty.state)) {
      const before = floatsOf(args.state).find((one) => one.path === path)?.leaf as Tensor;
      expectClose(slice(leaf, 0, 0, 1), slice(before, 0, 0, 1));
    }
    const first = slice(slice(empty.y, 0, 0, 1), 1, 0, 1).data();
    const starts = floatsOf(args.state).map(({ leaf }) => [...slice(leaf, 0, 0, 1).data()]);
    expect([[...first].map(() => 0), ...starts]).toContainEqual([...first]);
    expectTrees(rowsOf(empty.state, 1), rowsOf(plain.state, 1));
  });

  test("backwards over the reversed input is forwards; over lengths it begins at each row's own end", () => {
    const reversed = { ...args, x: args.x.map((one) => reverse(one, 1)) };
    const back = run(listed, reversed, { goBackwards: true });
    expectClose(reverse(back.y, 1), plain.y);
    expectTrees(back.state, plain.state);
    expectTrees(back.grads.params, plain.grads.params);
    const lengths = [2, 3];
    const short = run(listed, args, { goBackwards: true, lengths: tensor(lengths, { dtype: "int32" }) });
    for (const row of rows) {
      const steps = Array.from({ length: lengths[row] }, (_, i) => lengths[row] - 1 - i);
      const alone = run(listed, rowOf(args, row, steps));
      expectClose(pick(short.y, row, steps), alone.y);
      expectTrees(rowsOf(short.state, row), alone.state);
    }
  });

  test("a row that is reset inside a batch is two runs, the second from the initial state", () => {
    const resets = tensor([
      [false, false, true, false],
      [false, false, false, false],
    ]);
    const zero = { ...args, state: mapTree<Tensor, Tensor>(args.state, (leaf) => mul(leaf, 0)) };
    const whole = run(listed, zero);
    const cut = run(listed, zero, { resets });
    expectClose(pick(cut.y, 1, [0, 1, 2, 3]), pick(whole.y, 1, [0, 1, 2, 3]));
    expectClose(pick(cut.y, 0, [0, 1]), pick(whole.y, 0, [0, 1]));
    const second = run(listed, rowOf(zero, 0, [2, 3]));
    expectClose(pick(cut.y, 0, [2, 3]), second.y);
    expectTrees(rowsOf(cut.state, 0), second.state);
  });

  test("a gradient horizon of all steps is none; a shorter one changes no value", () => {
    expectTrees(run(listed, args, { gradientHorizon: t }).grads as never, plain.grads as never);
    const short = run(listed, args, { gradientHorizon: 2 });
    expectClose(short.y, plain.y);
    expectTrees(short.state, plain.state);
  });

  test("with checkpoints outputs, states and gradients are those without, in both directions and with lengths", () => {
    for (const how of [{}, { goBackwards: true }, { lengths: tensor([1, 4], { dtype: "int32" }) }]) {
      const whole = run(listed, args, how);
      for (const checkpoint of [1, 3, t] as const) {
        const cut = run(listed, args, { ...how, checkpoint });
        expectClose(cut.y, whole.y);
        expectTrees(cut.state, whole.state);
        expectTrees(cut.grads as never, whole.grads as never);
      }
    }
  });

  test("time-major is batch-major with two axes changed", () => {
    const turn = (x: Tensor): Tensor => transpose(x, [1, 0, ...x.shape.slice(2).map((_, i) => i + 2)]);
    const other = run(listed, { ...args, x: args.x.map(turn) }, { timeMajor: true });
    expectClose(turn(other.y), plain.y);
    expectTrees(other.grads.params, plain.grads.params);
  });

  test("a stack of one is the cell", () => {
    const stacked = { ...listed, make: () => stackCells([listed.make()]) };
    const inside = { params: { cells: { 0: args.params } }, x: args.x, state: { 0: args.state } };
    const one = run(stacked, inside);
    expectClose(one.y, plain.y);
    expectTrees((one.state as { 0: Tree<Tensor> })[0], plain.state);
    expectTrees((one.grads.params as { cells: { 0: Tree<Tensor> } }).cells[0], plain.grads.params);
  });

  test("bidirectional is two runs side by side", () => {
    const layer = bidirectional(rnn(listed.make(), { returnSequences: true }));
    const specs = args.x.map(({ dtype, shape }) => ({ dtype, shape }));
    const zeros = mapTree<{ shape: readonly number[]; dtype: "float32" | "int32" }, Tensor>(
      layer.state(specs) as never,
      ({ shape, dtype }) =>
        tensor(Array(b * shape.reduce((n, d) => n * d, 1)).fill(0), { shape: [b, ...shape], dtype }),
    );
    const params = { forward: args.params, backward: args.params };
    const both = compile((inputs: Tensor[]) => layer.apply({ params, state: zeros, inputs, context: context() }).y, {
      backend: "interpreter",
    })([...args.x]);
    const fresh = { ...args, state: mapTree<Tensor, Tensor>(args.state, (leaf) => mul(leaf, 0)) };
    const [forward, backward] = [run(listed, fresh), run(listed, fresh, { goBackwards: true })];
    expectClose(both, concat([forward.y, backward.y], -1));
  });
});

const kept = (valid: readonly boolean[]): number[] => valid.flatMap((one, i) => (one ? [i] : []));
const skipped = (valid: readonly boolean[]): number[] => valid.flatMap((one, i) => (one ? [] : [i]));
const zerosOnly = (x: Tensor): boolean => x.data().every((value) => value === 0);

/** x [b, t, ...] with `value` in the steps that are not valid. */
function filled(x: Tensor, valid: readonly (readonly boolean[])[], value: number): Tensor {
  const width = x.data().length / (b * t);
  const data = Float32Array.from(x.data(), (one, i) => {
    const step = Math.floor(i / width);
    return valid[Math.floor(step / t)][step % t] ? one : value;
  });
  return tensor(data, { shape: x.shape as number[] });
}

/** One row of x [b, t, ...], and of it some steps: [1, steps, ...]. */
function pick(x: Tensor, row: number, steps: readonly number[]): Tensor {
  const [, length, ...rest] = x.shape as number[];
  const width = rest.reduce((n, d) => n * d, 1);
  const at = (step: number): number => (row * length + step) * width;
  const data = steps.flatMap((step) => [...x.data().slice(at(step), at(step) + width)]);
  return tensor(Float32Array.from(data), { shape: [1, steps.length, ...rest] });
}

function rowOf({ params, x, state }: Args, row: number, steps: readonly number[]): Args {
  return { params, x: x.map((one) => pick(one, row, steps)), state: rowsOf(state, row) };
}

function rowsOf(tree: Tree<Tensor>, row: number): Tree<Tensor> {
  return mapTree<Tensor, Tensor>(tree, (leaf) => slice(leaf, 0, row, row + 1));
}

function added(a: Tree<Tensor>, c: Tree<Tensor>): Tree<Tensor> {
  const others = new Map(leavesOf<Tensor>(c).map(({ path, leaf }) => [path, leaf]));
  return mapTree<Tensor, Tensor>(a, (leaf, path) => add(leaf, others.get(path) as Tensor));
}

function expectTrees(got: Tree<Tensor>, want: Tree<Tensor>): void {
  const [a, c] = [leavesOf<Tensor>(got), leavesOf<Tensor>(want)];
  expect(a.map(({ path }) => path)).toEqual(c.map(({ path }) => path));
  a.forEach(({ path, leaf }, i) => {
    expectClose(leaf, c[i].leaf, path);
  });
}

function expectClose(got: Tensor, want: Tensor, what = "y"): void {
  expect(got.shape, what).toEqual(want.shape);
  const [a, c] = [got.data(), want.data()];
  const errors = Array.from(a, (value, i) => Math.abs(value - c[i]) / Math.max(1, Math.abs(c[i])));
  for (const error of errors) expect(error, what).toBeLessThanOrEqual(tolerance);
}
