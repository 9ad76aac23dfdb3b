/** Scratch memory: what is needed at the same time does not overlap; what is not, does. */
import { expect, test } from "vitest";
import { evaluateDim, symbol } from "../../src/base/dims.ts";
import { f32, i32, kernel, load, loop, ref, store, sub } from "../../src/loops/build.ts";
import { writesInPlace } from "../../src/loops/inPlace.ts";
import { type Buffer, type Expr, type Program, type Stmt, types } from "../../src/loops/ir.ts";
import { lower } from "../../src/loops/lower/index.ts";
import { layout, lifetimes } from "../../src/loops/plan.ts";
import { randomGraph } from "../fuzz/graphs.ts";

const temp = (name: string, size: number): Buffer => ({ name, scalar: "f32", size, role: { kind: "temp" } });
const program = (buffers: readonly Buffer[], body: readonly Stmt[]): Program => ({
  name: "test",
  buffers,
  sizes: [],
  checks: [],
  body,
});
const write = (to: Buffer): Stmt => store(to, i32(0), f32(1));
const move = (to: Buffer, from: Buffer): Stmt => store(to, i32(0), load(from, i32(0)));

test("a chain of temporaries needs two places", () => {
  const [a, b, c] = ["a", "b", "c"].map((name) => temp(name, 8));
  const { bytes, offsets } = layout(program([a, b, c], [write(a), move(b, a), move(c, b)]), {});
  expect(bytes).toBe(128);
  expect(offsets.get(a)).toBe(offsets.get(c));
});

test("what an iteration reads from the one before lives through the whole loop", () => {
  const [a, b, c] = ["a", "b", "c"].map((name) => temp(name, 8));
  const t = { name: "t", type: types.i32 };
  const body = [move(b, a), move(a, b), write(c)];
  const lives = lifetimes(program([a, b, c], [write(a), loop(t, i32(0), i32(9), 1, body)]));
  const whole = lives.get(a);
  expect(whole?.last).toBeGreaterThan(lives.get(c)?.last ?? 0);
  expect(lives.get(b)?.last).toBeLessThan(lives.get(c)?.first ?? 0);
});

/** for i in 0..7: to[i] = what `value` makes of i, as one kernel. */
function kernelOf(to: Buffer, value: (i: Expr) => Expr): Stmt {
  const i = { name: `i_${to.name}`, type: types.i32 };
  return kernel("work", [loop(i, i32(0), i32(16), 1, [store(to, ref(i), value(ref(i)))])]);
}

test("an element may be written where the element at its index was read for the last time", () => {
  const [a, b] = ["a", "b"].map((name) => temp(name, 16));
  const end: Buffer = { ...temp("end", 16), role: { kind: "output", position: 0 } };
  const bytes = (read: (i: Expr) => Expr): number => {
    const body = [kernelOf(a, () => f32(1)), kernelOf(b, (i) => load(a, read(i))), kernelOf(end, (i) => load(b, i))];
    return layout(program([a, b, end], body), {}).bytes;
  };
  expect(bytes((i) => i)).toBe(64);
  expect(bytes((i) => sub(i32(15), i))).toBe(128);
});

test("a kernel that writes elsewhere than it reads, or reads again, leaves what it reads in its place", () => {
  const [a, b] = ["a", "b"].map((name) => temp(name, 8));
  const i = { name: "i", type: types.i32 };
  const j = { name: "j", type: types.i32 };
  const at = (value: Expr, index: Expr = ref(i)): Stmt => store(b, index, value);
  const every = (body: readonly Stmt[]): Stmt => loop(i, i32(0), i32(8), 1, body);
  const read = load(a, ref(i));
  expect(writesInPlace([every([at(read)])], a, b)).toBe(true);
  expect(writesInPlace([every([at(f32(1)), move(b, a)])], a, b)).toBe(false);
  expect(writesInPlace([every([at(load(a, i32(0)))])], a, b)).toBe(false);
  expect(writesInPlace([loop(j, i32(0), i32(2), 1, [every([at(read)])])], a, b)).toBe(false);
  expect(writesInPlace([every([at(read)]), every([at(read)])], a, b)).toBe(false);
  expect(writesInPlace([every([at(read)])], a, { ...b, size: 4 })).toBe(false);
  const thread = { name: "thread", type: types.i32 };
  expect(writesInPlace([every([at(read)])], a, b, thread)).toBe(false);
  expect(writesInPlace([loop(i, ref(thread), i32(8), 1, [at(read)])], a, b, thread)).toBe(true);
  const half = (from: number, to: number): Stmt => loop(i, i32(from), i32(to), 1, [at(read)]);
  expect(writesInPlace([half(0, 4), half(4, 8)], a, b)).toBe(true);
});

test("an empty buffer and a free size have their place", () => {
  const a: Buffer = { ...temp("a", 0), size: symbol("b") };
  expect(layout(program([a], [write(a)]), { b: 0 }).bytes).toBe(0);
  expect(layout(program([a], [write(a)]), { b: 3 }).bytes).toBe(64);
});

for (let seed = 0; seed < 20; seed++) {
  test(`buffers of random graph ${seed} that live at the same time do not overlap`, () => {
    const { graph, dims } = randomGraph(seed, { depth: 2 });
    const lowered = lower(graph);
    const lives = [...lifetimes(lowered)];
    const { offsets } = layout(lowered, { ...dims, b: 5, t: 7 });
    for (const [x, a] of lives) {
      for (const [y, b] of lives) {
        if (x === y || a.first > b.last || b.first > a.last) continue;
        const [from, to] = [offsets.get(x) ?? 0, offsets.get(y) ?? 0];
        if (from === to && a.partners?.includes(lowered.buffers.indexOf(y)) === true) continue;
        expect(
          from < to ? from + 4 * sizeIn(x) <= to : to + 4 * sizeIn(y) <= from || sizeIn(x) * sizeIn(y) === 0,
          `${x.name} and ${y.name}`,
        ).toBe(true);
      }
    }
    function sizeIn(buffer: Buffer): number {
      return evaluateDim(buffer.size, { ...dims, b: 5, t: 7 });
    }
  });
}
