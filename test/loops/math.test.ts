/** The decomposed functions: bounds of their errors against float64, special values, exact laws, and where the `let`s go. */
import { expect, test } from "vitest";
import {
  binary,
  f32,
  i32,
  letIn,
  load,
  loop,
  mul,
  ref,
  set,
  splat,
  store,
  unary,
  varOf,
  when,
} from "../../src/loops/build.ts";
import { check } from "../../src/loops/check.ts";
import { unaryFunctions } from "../../src/loops/functions.ts";
import { interpret } from "../../src/loops/interpret.ts";
import { type Buffer, type Expr, type Program, type Stmt, types, type UnaryFn } from "../../src/loops/ir.ts";
import { decompose, isDecomposed } from "../../src/loops/math.ts";
import { print } from "../../src/loops/print.ts";
import { visitExpressions } from "../../src/loops/walk.ts";
import { createRuntime } from "../../src/runtime/wasm.ts";
import { emitWasm } from "../../src/target/wasm/emit.ts";

const functions = ["exp", "log", "tanh", "sigmoid", "erf", "sin", "cos"] as const;
type Unit = "ulp" | "absolute";
type Build = (...ins: Expr[]) => Expr;

const buffer = (name: string, size: number, role: Buffer["role"]): Buffer => ({ name, scalar: "f32", size, role });

/** out[i] = build(in0[i], in1[i], ...) for i < size, one or four lanes at a time. */
function elementwise(build: Build, arity: number, size: number, lanes: 1 | 4): Program {
  const ins = Array.from({ length: arity }, (_, i) => buffer(`in${i}`, size, { kind: "input", position: i }));
  const out = buffer("out", size, { kind: "output", position: 0 });
  const i = { name: "i", type: types.i32 };
  const value = build(...ins.map((b) => load(b, ref(i), lanes)));
  const body = [loop(i, i32(0), i32(size), lanes, [store(out, ref(i), value)])];
  return { name: "elementwise", buffers: [...ins, out], sizes: [], checks: [], body };
}

/** A single kernel of one statement list over `in0` and `out`. */
function programOf(body: (x: Buffer, out: Buffer) => readonly Stmt[]): Program {
  const [x, out] = [
    buffer("in0", 4, { kind: "input", position: 0 }),
    buffer("out", 4, { kind: "output", position: 0 }),
  ];
  return { name: "small", buffers: [x, out], sizes: [], checks: [], body: body(x, out) };
}

function evaluate(build: Build, ins: readonly Float32Array[], lanes: 1 | 4 = 4): Float32Array {
  const program = check(decompose(elementwise(build, ins.length, ins[0].length, lanes)));
  return interpret(program, ins, {}, { precision: "float32" })[0] as Float32Array;
}

function one(build: Build, ...xs: number[]): number {
  const ins = xs.map((x) => Float32Array.of(x));
  return evaluate(build, ins, 1)[0];
}

const of =
  (fn: UnaryFn): Build =>
  (x) =>
    unary(fn, x);
const pow: Build = (x, y) => binary("pow", x, y);

/** Every step-th float between two magnitudes, with both signs; a multiple of four of them. */
function floats(from: number, to: number, step: number): Float32Array {
  const [first, last] = new Uint32Array(Float32Array.of(from, to).buffer);
  const bits: number[] = [];
  for (let at = first; at <= last; at += step) bits.push(at, (at | 0x80000000) >>> 0);
  while (bits.length % 4 !== 0) bits.push(last);
  return new Float32Array(Uint32Array.from(bits).buffer);
}

/** Where two results differ first, with -0 and 0 apart and NaN like NaN; -1 if nowhere. */
function difference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return 0;
  for (let i = 0; i < a.length; i++) if (!Object.is(a[i], b[i])) return i;
  return -1;
}

/** Distance of neighbouring floats at x. */
function ulp(x: number): number {
  const size = Math.max(Math.abs(x), 2 ** -126);
  return 2 ** (Math.floor(Math.log2(size)) - 23);
}

function worst(
  xs: Float32Array,
  ys: Float32Array,
  exact: (x: number) => number,
  unit: Unit,
): { error: number; at: number } {
  let found = { error: 0, at: 0 };
  for (const [i, x] of xs.entries()) {
    const y = exact(x);
    if (Object.is(Math.fround(y), ys[i])) continue;
    const error = Math.abs(ys[i] - y) / (unit === "ulp" ? ulp(y) : 1);
    if (!(error <= found.error)) found = { error, at: x };
  }
  return found;
}

// What math.ts states: the least and the largest magnitude that is tried, and the bound.
test.each([
  ["exp", 2 ** -149, 86.99, 2.5, "ulp"],
  ["log", 2 ** -149, 3.4e38, 1, "ulp"],
  ["tanh", 2 ** -149, 3.4e38, 6, "ulp"],
  ["sigmoid", 2 ** -149, 3.4e38, 2e-7, "absolute"],
  ["erf", 2 ** -149, 3.4e38, 7, "ulp"],
  ["sin", 2 ** -149, 8192, 1e-7, "absolute"],
  ["cos", 2 ** -149, 8192, 1e-7, "absolute"],
  ["sin", 8192, 65536, 1e-6, "absolute"],
] as const)("%s of floats from %d to %d is within %d %s", (fn, from, to, bound, unit) => {
  const xs = floats(from, to, 8191);
  const { error, at } = worst(xs, evaluate(of(fn), [xs]), unaryFunctions[fn], unit);
  expect(error, `at ${at}`).toBeLessThanOrEqual(bound);
  expect(error, "the stated bound is not idle").toBeGreaterThan(bound / 3);
});

/** Whole exponents and others, numbers on both sides of one, far and near; reproducible. */
function pairs(count: number, seed: number): [Float32Array, Float32Array] {
  let state = seed;
  const next = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  const x = Float32Array.from({ length: count }, (_, i) =>
    i % 2 === 0 ? Math.exp(next() * 40 - 20) : 1 + (next() - 0.5) / 4,
  );
  const y = Float32Array.from({ length: count }, (_, i) => (next() - 0.5) * (i % 2 === 0 ? 8 : 600));
  return [x, y];
}

test("pow has a relative error of (3 + 3 |y log x|) 2^-24 (seed 7)", () => {
  const [x, y] = pairs(40_000, 7);
  const z = evaluate(pow, [x, y]);
  let used = 0;
  for (const [i, got] of z.entries()) {
    const size = y[i] * Math.log(x[i]);
    if (size < -86.9 || size > 88.7) continue;
    const error = Math.abs(got / x[i] ** y[i] - 1) * 2 ** 24;
    used = Math.max(used, error / (3 + 3 * Math.abs(size)));
  }
  expect(used).toBeLessThanOrEqual(1);
  expect(used, "the stated bound is not idle").toBeGreaterThan(1 / 3);
});

test("pow at its special places is what the interpreter of IEEE numbers says", () => {
  const special = [0, -0, 1, -1, 2, -2, 0.5, -0.5, 3, -3, 2.5, 1e30, -1e30, 16777215, Infinity, -Infinity, Number.NaN];
  const pairsOf = special.flatMap((x) => special.map((y) => [x, y] as const));
  const exact = interpret(elementwise(pow, 2, pairsOf.length, 1), [
    pairsOf.map(([x]) => x),
    pairsOf.map(([, y]) => y),
  ])[0];
  for (const [i, [x, y]] of pairsOf.entries()) {
    const [got, expected] = [one(pow, x, y), Math.fround(exact[i])];
    if (Number.isFinite(expected) && expected !== 0) expect(got / expected, `pow(${x}, ${y})`).toBeCloseTo(1, 5);
    else expect(got, `pow(${x}, ${y})`).toBe(expected);
  }
});

test.each([0, 1, 2, 3, 4, 7, 16, 0.5, 1.5, 2.5, -0.5, -1, -2, -3])(
  "pow with the constant exponent %d is products and roots",
  (y) => {
    const xs = Float32Array.of(0.3, 1, 1.7, 0, 12.5, 2 ** -20, Infinity, -0);
    const build: Build = (x) => binary("pow", x, splat(f32(y), 4));
    const text = print(decompose(elementwise(build, 1, 8, 4)));
    expect(text).not.toContain("<<");
    for (const [i, got] of evaluate(build, [xs]).entries()) {
      const expected = Math.fround(xs[i] ** y);
      if (Number.isFinite(expected) && expected >= 2 ** -126)
        expect(Math.abs(got / expected - 1), `${xs[i]} ** ${y}`).toBeLessThan((Math.abs(y) + 1) * 2 ** -23);
      else if (expected === 0 || expected >= 2 ** -126) expect(got, `${xs[i]} ** ${y}`).toBe(expected);
    }
  },
);

test("NaN, infinities and zeros go where IEEE says", () => {
  const { POSITIVE_INFINITY: infinity, NaN: nan } = Number;
  const expected: Record<(typeof functions)[number], readonly number[]> = {
    // x:       NaN  inf       -inf  0          -0         1e-40 as below
    exp: [nan, infinity, 0, 1, 1],
    log: [nan, infinity, nan, -infinity, -infinity],
    tanh: [nan, 1, -1, 0, -0],
    sigmoid: [nan, 1, 0, 0.5, 0.5],
    erf: [nan, 1, -1, 0, -0],
    sin: [nan, nan, nan, 0, -0],
    cos: [nan, nan, nan, 1, 1],
  };
  for (const fn of functions) {
    const got = [nan, infinity, -infinity, 0, -0].map((x) => one(of(fn), x));
    expect(got, fn).toEqual(expected[fn]);
  }
});

test("exp is infinite from the first float on whose power is, and 0 where 2^-125.5 is not reached", () => {
  expect(one(of("exp"), 88.72283)).toBeLessThan(Infinity);
  expect(one(of("exp"), 88.72284)).toBe(Infinity);
  expect(one(of("exp"), -86.98)).toBeGreaterThan(0);
  expect([-87, -88, -100, -1e30].map((x) => one(of("exp"), x))).toEqual([0, 0, 0, 0]);
});

test("log(1) is 0, and log of a negative number is NaN", () => {
  expect(one(of("log"), 1)).toBe(0);
  expect(["-1", "-1e-40", "-3e38"].map((x) => one(of("log"), Number(x)))).toEqual([Number.NaN, Number.NaN, Number.NaN]);
});

test.each(["tanh", "erf", "sin"] as const)("%s is odd to the last bit, and a straight line near 0", (fn) => {
  const xs = floats(2 ** -100, 100, 65_537);
  const [there, mirrored] = [evaluate(of(fn), [xs]), evaluate(of(fn), [xs.map((x) => -x)])];
  expect(
    difference(
      there.map((y) => -y),
      mirrored,
    ),
  ).toBe(-1);
  const slope = fn === "erf" ? 2 / Math.sqrt(Math.PI) : 1;
  expect(one(of(fn), 1e-20) / 1e-20).toBeCloseTo(slope, 6);
});

test("cos is even to the last bit", () => {
  const xs = floats(2 ** -100, 8192, 65_537);
  const mirrored = xs.map((x) => -x);
  expect(difference(evaluate(of("cos"), [xs]), evaluate(of("cos"), [mirrored]))).toBe(-1);
});

// tanh and erf come near to 1 only there; every 61st float of the last stretch before the bounds.
test.each([
  ["tanh", 5, 9, -1],
  ["erf", 3, 4, -1],
  ["sigmoid", 12, 18, 0],
] as const)("%s between %d and %d never leaves its range", (fn, from, to, least) => {
  const ys = evaluate(of(fn), [floats(from, to, 61)]);
  expect(ys.reduce((a, b) => Math.max(a, b))).toBe(1);
  expect(ys.reduce((a, b) => Math.min(a, b))).toBe(least);
});

test.each(["sin", "cos"] as const)("%s of large numbers stays between -1 and 1", (fn) => {
  const ys = evaluate(of(fn), [floats(8192, 3.4e38, 1_000_003)]);
  expect(ys.every((y) => Math.abs(y) <= 1)).toBe(true);
});

test.each(functions)("%s gives the same bits in one lane, in four, and in WebAssembly", (fn) => {
  const xs = floats(2 ** -149, 3.4e38, 65_537);
  xs.set([0, -0, Infinity, -Infinity, Number.NaN, 1, -1, 0.5]);
  const expected = evaluate(of(fn), [xs], 1);
  expect(difference(evaluate(of(fn), [xs], 4), expected)).toBe(-1);
  for (const lanes of [1, 4] as const) {
    const artefact = emitWasm(decompose(elementwise(of(fn), 1, xs.length, lanes)));
    const [got] = createRuntime().load(artefact).run([xs], ["host"], {});
    expect(difference(got ?? [], expected)).toBe(-1);
  }
});

test("pow gives the same bits in one lane, in four, and in WebAssembly (seed 8)", () => {
  const [x, y] = pairs(4000, 8);
  x.set([-2, -2, -0, 0, Infinity, -Infinity]);
  y.set([3, 2.5, -3, 0, -1, 0.5]);
  const expected = evaluate(pow, [x, y], 1);
  expect(difference(evaluate(pow, [x, y], 4), expected)).toBe(-1);
  for (const lanes of [1, 4] as const) {
    const artefact = emitWasm(decompose(elementwise(pow, 2, x.length, lanes)));
    const [got] = createRuntime().load(artefact).run([x, y], ["host"], {});
    expect(difference(got ?? [], expected)).toBe(-1);
  }
});

test("nothing that is decomposed is left, however deep it stands", () => {
  const build: Build = (x, y) =>
    functions.reduce((inner, fn) => unary(fn, inner), binary("pow", unary("exp", x), unary("tanh", y)));
  const left: Expr[] = [];
  visitExpressions(check(decompose(elementwise(build, 2, 8, 4))).body, (x) => {
    if (isDecomposed(x)) left.push(x);
  });
  expect(left).toEqual([]);
});

test("a program without such functions is returned as it is", () => {
  const program = elementwise((x) => unary("sqrt", unary("abs", x)), 1, 8, 4);
  expect(decompose(program)).toBe(program);
});

test("the operand is computed once, in front of the statement that asks", () => {
  const program = decompose(elementwise((x) => unary("tanh", unary("sqrt", x)), 1, 8, 4));
  expect(print(program).match(/sqrt/g)).toHaveLength(1);
  expect(print(program)).toMatch(/for i in 0..8 step 4 \{\n {4}let tanhX: f32x4 = min\(max\(sqrt\(in0\[i :4\]\)/);
});

test("an expression object that one statement holds twice becomes one list of lets", () => {
  const build: Build = (x) => {
    const shared = unary("exp", x);
    return mul(shared, shared);
  };
  expect(print(decompose(elementwise(build, 1, 8, 4))).match(/let expX/g)).toHaveLength(1);
});

test("lets stay inside the branch that guards them, and before the condition that needs them", () => {
  const program = decompose(
    programOf((x, out) => {
      const first = load(x, i32(0));
      const total = { name: "total", type: types.f32 };
      return [
        varOf(total, f32(0)),
        when(binary("less", unary("log", first), f32(0)), [set(total, unary("exp", first))], [set(total, f32(1))]),
        letIn({ name: "expX", type: types.f32 }, first),
        store(out, i32(0), ref(total)),
      ];
    }),
  );
  const lines = print(check(program)).split("\n");
  const at = (part: string): number => lines.findIndex((line) => line.includes(part));
  expect(at("let logX")).toBeLessThan(at("if "));
  expect(at("let expX1")).toBeGreaterThan(at("if "));
  expect(at("let expX1")).toBeLessThan(at("} else {"));
});
