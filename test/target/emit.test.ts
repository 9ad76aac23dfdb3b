/** WebAssembly of hand-written loop programs equals the loop interpreter, to the last bit. */
import { expect, test } from "vitest";
import type { DimValues } from "../../src/base/dims.ts";
import { NumericError } from "../../src/base/errors.ts";
import { interpret } from "../../src/loops/interpret.ts";
import { type BinaryFn, type Expr, type Program, types, type UnaryFn } from "../../src/loops/ir.ts";
import { createRuntime } from "../../src/runtime/wasm.ts";
import { emitWasm } from "../../src/target/wasm/emit.ts";
import { randomNest } from "./nests.ts";
import * as p from "./programs.ts";

function outputsOf(program: Program): number {
  return program.buffers.filter(({ role }) => role.kind === "output").length;
}

function run(program: Program, inputs: readonly (Float32Array | Int32Array)[], dims: DimValues = {}): number[][] {
  const destinations = Array.from({ length: outputsOf(program) }, () => "host" as const);
  return createRuntime()
    .load(emitWasm(program))
    .run(inputs, destinations, dims)
    .map((result) => [...(result ?? [])]);
}

function expectLikeInterpreter(
  program: Program,
  inputs: readonly (Float32Array | Int32Array)[],
  dims: DimValues = {},
): void {
  const expected = interpret(program, inputs, dims, { precision: "float32" }).map((data) => [...data]);
  expect(run(program, inputs, dims)).toEqual(expected);
}

/** Numbers in -8..8 from a seed, with the difficult ones first. */
function floats(count: number, seed: number): Float32Array {
  const special = [0, -0, 1, -1, 0.5, 2.5, -2.5, Number.NaN, 1e10, -1e10, Infinity, -Infinity];
  let state = seed;
  return Float32Array.from({ length: count }, (_, i) => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return i % 3 === 0 && i / 3 < special.length ? special[i / 3] : (state / 2 ** 31) * 8;
  });
}

function plain(count: number, seed: number): Float32Array {
  return floats(count + 36, seed).slice(36);
}

function integers(count: number, seed: number): Int32Array {
  const special = [0, 1, -1, 7, -7, 2147483647, -2147483648];
  return Int32Array.from(floats(count, seed), (x, i) =>
    i % 3 === 0 && i / 3 < special.length ? special[i / 3] : Math.trunc(x * 1000),
  );
}

const floatUnary: UnaryFn[] = ["neg", "abs", "sign", "floor", "nearest", "sqrt"];
const integerUnary: UnaryFn[] = ["neg", "abs", "sign"];
const floatBinary: BinaryFn[] = ["add", "sub", "mul", "div", "max", "min"];
const integerBinary: BinaryFn[] = ["add", "sub", "mul", "mod", "max", "min", "and", "or", "xor", "shl", "shr"];
const comparisons: BinaryFn[] = ["less", "lessEqual", "equal"];

test.each(floatUnary)("%s of floats, vectors and tail", (fn) => {
  expectLikeInterpreter(
    p.elementwise((a) => p.unary(fn, a)),
    [floats(47, 1), floats(47, 2)],
    { n: 47 },
  );
});

test.each(integerUnary)("%s of integers", (fn) => {
  expectLikeInterpreter(
    p.elementwise((a) => p.unary(fn, a), "i32"),
    [integers(47, 1), integers(47, 2)],
    { n: 47 },
  );
});

test.each(floatBinary)("%s of floats", (fn) => {
  expectLikeInterpreter(
    p.elementwise((a, b) => p.binary(fn, a, b)),
    [floats(47, 3), floats(47, 4).reverse()],
    { n: 47 },
  );
});

test.each([
  { fn: "max", bound: 0.25 },
  { fn: "max", bound: 0 },
  { fn: "max", bound: -0 },
  { fn: "min", bound: 0.25 },
  { fn: "min", bound: 0 },
  { fn: "min", bound: -0 },
] as const)(
  "$fn with the constant $bound on either side passes NaN on and keeps the signs of zeros",
  ({ fn, bound }) => {
    const value: Expr = { kind: "const", type: types.f32, value: bound };
    const constant = (x: Expr): Expr => (x.type.lanes === 4 ? p.splat(value, 4) : value);
    for (const f of [(a: Expr) => p.binary(fn, a, constant(a)), (a: Expr) => p.binary(fn, constant(a), a)]) {
      expectLikeInterpreter(p.elementwise(f), [floats(47, 3), plain(47, 4)], { n: 47 });
    }
  },
);

test.each(integerBinary)("%s of integers", (fn) => {
  expectLikeInterpreter(
    p.elementwise((a, b) => p.binary(fn, a, b), "i32"),
    [integers(47, 5), integers(47, 6).reverse()],
    { n: 47 },
  );
});

test("mod of floats has the sign of the divisor", () => {
  const [result] = run(
    p.elementwise((a, b) => p.binary("mod", a, b)),
    [Float32Array.of(5, -5, 5, -5, 7), Float32Array.of(3, 3, -3, -3, 0.5)],
    { n: 5 },
  );
  expect(result.map((x) => x + 0)).toEqual([2, 1, -1, -2, 0]);
});

test("mod and shifts of integers by a constant", () => {
  const same = (x: Expr, value: number): Expr => (x.type.lanes === 4 ? p.splat(p.i32(value), 4) : p.i32(value));
  const f = (a: Expr): Expr =>
    p.add(
      p.add(p.binary("mod", a, same(a, 8)), p.binary("mod", a, same(a, -3))),
      p.binary("xor", p.binary("shl", a, same(a, 13)), p.binary("shr", a, same(a, 7))),
    );
  expectLikeInterpreter(p.elementwise(f, "i32"), [integers(47, 7), integers(47, 8)], { n: 47 });
});

test.each(["f32", "i32"] as const)("comparisons of %s give masks that select, cast and combine", (scalar) => {
  const data = scalar === "f32" ? [floats(47, 9), floats(47, 10)] : [integers(47, 9), integers(47, 10)];
  data[1].set(data[0].subarray(0, 20));
  for (const fn of comparisons) {
    const f = (a: Expr, b: Expr): Expr => {
      const found = p.binary(fn, a, b);
      const either = p.binary(
        "or",
        p.unary("not", found),
        p.binary("and", found, p.binary("equal", found, p.cast(a, "bool"))),
      );
      return p.add(p.select(found, a, b), p.cast(either, scalar));
    };
    expectLikeInterpreter(p.elementwise(f, scalar), data, { n: 47 });
  }
});

test("conversions between floats, integers and bits", () => {
  expectLikeInterpreter(
    p.elementwise((a) => p.cast(a, "i32"), "f32", "i32"),
    [floats(47, 11), floats(47, 12)],
    { n: 47 },
  );
  expectLikeInterpreter(
    p.elementwise((a) => p.cast(a, "f32"), "i32", "f32"),
    [integers(47, 11), integers(47, 12)],
    { n: 47 },
  );
  const bits = (a: Expr): Expr =>
    p.unary("bitsToFloat", p.add(p.unary("floatToBits", a), a.type.lanes === 4 ? p.splat(p.i32(1), 4) : p.i32(1)));
  expectLikeInterpreter(p.elementwise(bits), [plain(47, 13), plain(47, 14)], { n: 47 });
});

test("a ramp holds the indices of its lanes", () => {
  expectLikeInterpreter(
    p.elementwise((a, _, index) => p.add(p.cast(index, "f32"), a)),
    [plain(47, 15), plain(47, 16)],
    { n: 47 },
  );
});

test.each([0, 1, 3, 4, 5, 8])("elementwise loops over %i elements stop where they should", (n) => {
  expectLikeInterpreter(
    p.elementwise((a, b) => p.mul(a, b)),
    [plain(n, 17), plain(n, 18)],
    { n },
  );
});

test.each([
  { n: 0, k: 3 },
  { n: 3, k: 0 },
  { n: 5, k: 7 },
])("row sums of a matrix with free sizes $n x $k", ({ n, k }) => {
  expectLikeInterpreter(p.rowSums(), [plain(n * k, 19)], { n, k });
});

test("the tile of a matrix product adds in the order of the interpreter", () => {
  expectLikeInterpreter(p.matrixTiles(8, 13, 3), [plain(8 * 13, 20), plain(13 * 24, 21)]);
});

test("powers of two from a polynomial and bits equal those of JavaScript to 4e-6", () => {
  const x = plain(48, 22);
  const [result] = run(p.powersOfTwo(), [x], { n: 48 });
  for (const [i, y] of result.entries()) expect(Math.abs(y / 2 ** x[i] - 1)).toBeLessThan(4e-6);
});

test("a row times a matrix adds in the order of the interpreter", () => {
  expectLikeInterpreter(p.rowTimesMatrix(11, 32, 4), [plain(11, 22), plain(11 * 32, 23)]);
});

test.each([0, 1, 5])("a time loop of %i steps calls its kernels each step", (t) => {
  expectLikeInterpreter(p.leakyScan(6), [plain(6 * t, 22), plain(6, 23)], { t });
});

test("guards, fills, negative indices and strides, indices modulo, and kernels that set outside variables", () => {
  expectLikeInterpreter(p.differences(), [plain(9, 24)], { n: 9 });
  expectLikeInterpreter(p.scrambled(), [plain(11, 25)], { n: 11 });
  expectLikeInterpreter(p.maximum(), [plain(24, 26)], { n: 6 });
});

test.each([0, 100, 200, 300, 400])(
  "random loop nests address what the interpreter addresses, seeds %i to + 99",
  (first) => {
    for (let seed = first; seed < first + 100; seed++) {
      const { program, inputs, dims } = randomNest(seed);
      const expected = interpret(program, inputs, dims, { precision: "float32" }).map((data) => [...data]);
      expect(run(program, inputs, dims), `seed ${seed}`).toEqual(expected);
    }
  },
);

test("a gather reads rows, and an index outside raises the check's message with the index", () => {
  const table = plain(5 * 3, 27);
  const program = p.gatherRows(5, 3);
  expectLikeInterpreter(program, [table, Int32Array.of(4, 0, 2, 2)], { n: 4 });
  const call = (): unknown => run(program, [table, Int32Array.of(4, 5)], { n: 2 });
  expect(call).toThrow(NumericError);
  expect(call).toThrow("gather: expected an index in 0..4, got 5.");
});

test("a function that should have been decomposed is our own bug", () => {
  expect(() => emitWasm(p.elementwise((a) => p.unary("tanh", a)))).toThrow(
    "internal: the WebAssembly target does not spell tanh of f32x4",
  );
});
