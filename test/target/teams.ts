/** Small loop programs for several threads, written by hand: shares of work, and meetings in every step of a loop. */
import { symbol } from "../../src/base/dims.ts";
import {
  add,
  barrier,
  binary,
  i32,
  kernel,
  load,
  loop,
  mul,
  ref,
  size,
  store,
  sub,
  when,
} from "../../src/loops/build.ts";
import { type Expr, type Program, types } from "../../src/loops/ir.ts";
import * as p from "./programs.ts";

const n = symbol("n");

/** doubled = x + x, by threads in turn; then out[i] = doubled[n - 1 - i]. Wrong without the barrier. */
export function mirrored(count: number): Program {
  const index = p.counter("thread");
  const [x, doubled, out] = [p.input(0, n), p.temp("doubled", n), p.output(0, n)];
  const [i, j] = [p.counter(), p.counter("j")];
  const body = [
    kernel("double", [
      loop(i, ref(index), size(n), count, [store(doubled, ref(i), add(load(x, ref(i)), load(x, ref(i))))]),
    ]),
    barrier,
    kernel("mirror", [
      loop(j, ref(index), size(n), count, [store(out, ref(j), load(doubled, sub(sub(size(n), ref(j)), i32(1))))]),
    ]),
  ];
  return { ...p.program(`mirrored${count}`, [x, doubled, out], body, [n]), team: { index, count } };
}

/**
 * A ring of numbers, one for each thread: in each of `n` steps every thread adds its right neighbour's to its own, and all
 * meet. Two rings take turns. Thread `who` fails check 0 in step `when` (arguments; never where it is negative).
 */
export function ring(count: number): Program {
  const index = p.counter("thread");
  const [start, plan, out] = [p.input(0, count, "i32"), p.input(1, 2, "i32"), p.output(0, count, "i32")];
  const rings = p.buffer("rings", 2 * count, { kind: "temp" }, "i32");
  const step = p.counter("step");
  const parity = binary("and", ref(step), i32(1));
  const at = (half: Expr, place: Expr): Expr => add(mul(half, i32(count)), place);
  const neighbour = binary("mod", add(ref(index), i32(1)), i32(count));
  const fails = binary("and", same(load(plan, i32(0)), ref(index)), same(load(plan, i32(1)), ref(step)));
  const body = [
    store(rings, ref(index), load(start, ref(index))),
    barrier,
    loop(step, i32(0), size(n), 1, [
      when(fails, [{ kind: "require", condition: binary("less", i32(1), i32(0)), check: 0, value: ref(step) }]),
      kernel("add", [
        store(
          rings,
          at(sub(i32(1), parity), ref(index)),
          add(load(rings, at(parity, ref(index))), load(rings, at(parity, neighbour))),
        ),
      ]),
      barrier,
    ]),
    store(out, ref(index), load(rings, at(binary("and", size(n), i32(1)), ref(index)))),
  ];
  const program = p.program(`ring${count}`, [start, plan, rings, out], body, [n], ["ring: stopped in step {value}."]);
  return { ...program, team: { index, count } };
}

function same(a: Expr, b: Expr): Expr {
  return binary("equal", a, b);
}

/** Reads far outside of the memory in the thread that its argument names, which is a bug that no program of ours has. */
export function stray(count: number): Program {
  const index = p.counter("thread");
  const [who, out] = [p.input(0, 1, "i32"), p.output(0, count, "i32")];
  const far = binary("and", i32(0x3ff00000), sub(i32(0), p.cast(same(load(who, i32(0)), ref(index)), "i32")));
  const body = [barrier, store(out, ref(index), load(who, far)), barrier];
  return { ...p.program("stray", [who, out], body), team: { index, count } };
}

/** Does nothing, on so many threads. */
export function idle(count: number): Program {
  const index = p.variable(types.i32, "thread");
  return { ...p.program("idle", [p.output(0, 1)], []), team: { index, count } };
}
