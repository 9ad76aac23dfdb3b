/** C of hand-written loop programs equals the loop interpreter, to the last bit where no products are fused with sums. */
import { describe, expect, test } from "vitest";
import type { DimValues } from "../../src/base/dims.ts";
import type { HostArray } from "../../src/base/dtypes.ts";
import { NumericError } from "../../src/base/errors.ts";
import { interpret } from "../../src/loops/interpret.ts";
import type { BinaryFn, Expr, Lanes, Program, Stmt, UnaryFn } from "../../src/loops/ir.ts";
import { natively, reason } from "./native.ts";
import { randomNest } from "./nests.ts";
import * as p from "./programs.ts";

const unfused = { macros: ["RECURVE_UNFUSED"] };
const plain = { macros: ["RECURVE_UNFUSED", "RECURVE_PLAIN"] };

/** Numbers in -8..8 from a seed, with the difficult ones first. */
function floats(count: number, seed: number): Float32Array {
  const special = [0, -0, 1, -1, 0.5, 2.5, -2.5, Number.NaN, 1e10, -1e10, Infinity, -Infinity];
  let state = seed;
  return Float32Array.from({ length: count }, (_, i) => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return i % 3 === 0 && i / 3 < special.length ? special[i / 3] : (state / 2 ** 31) * 8;
  });
}

const ordinary = (count: number, seed: number): Float32Array => floats(count + 36, seed).slice(36);

function integers(count: number, seed: number): Int32Array {
  const special = [0, 1, -1, 7, -7, 2147483647, -2147483648];
  return Int32Array.from(floats(count, seed), (x, i) =>
    i % 3 === 0 && i / 3 < special.length ? special[i / 3] : Math.trunc(x * 1000),
  );
}

type Function = (a: Expr, b: Expr, index: Expr) => Expr;
type Scalar = "f32" | "i32";

/** One program of many elementwise ones, in vectors with a scalar tail: compiling is what takes the time. */
function together(functions: readonly Function[], from: Scalar, to: Scalar, lanes: Lanes): Program {
  const parts = functions.map((f) => p.elementwise(f, from, to, lanes));
  const [{ buffers, sizes }] = parts;
  const [a, b] = buffers;
  const replaced = (part: Program, position: number): Stmt[] => {
    const out = { ...part.buffers[2], name: `out${position}`, role: { kind: "output", position } as const };
    const swap = new Map([
      [part.buffers[0], a],
      [part.buffers[1], b],
      [part.buffers[2], out],
    ]);
    outs.push(out);
    return p.withBuffers(part.body, (buffer) => swap.get(buffer) ?? buffer);
  };
  const outs: Program["buffers"][number][] = [];
  const body = parts.flatMap(replaced);
  return p.program("together", [a, b, ...outs], body, sizes);
}

function expectLikeInterpreter(
  program: Program,
  inputs: readonly HostArray[],
  dims: DimValues = {},
  what = program.name,
): void {
  const expected = interpret(program, inputs, dims, { precision: "float32" }).map((data) => [...data]);
  for (const options of [unfused, plain]) expect(natively(program, options)(inputs, dims), what).toEqual(expected);
}

const widths: readonly Lanes[] = [4, 8, 16];
const lanesOf = (x: Expr): Lanes => x.type.lanes;
const sameIn = (x: Expr, value: Expr): Expr => (lanesOf(x) > 1 ? p.splat(value, lanesOf(x)) : value);
const float = (value: number): Expr => p.f32(value);

const unary =
  (fn: UnaryFn): Function =>
  (a) =>
    p.unary(fn, a);
const binary =
  (fn: BinaryFn): Function =>
  (a, b) =>
    p.binary(fn, a, b);

const floatFunctions: readonly Function[] = [
  ...(["neg", "abs", "sign", "floor", "nearest", "sqrt"] as const).map(unary),
  ...(["add", "sub", "mul", "div", "max", "min"] as const).map(binary),
  ...([0.25, 0, -0] as const).flatMap((bound): Function[] => [
    (a) => p.binary("max", a, sameIn(a, float(bound))),
    (a) => p.binary("max", sameIn(a, float(bound)), a),
    (a) => p.binary("min", a, sameIn(a, float(bound))),
    (a) => p.binary("min", sameIn(a, float(bound)), a),
  ]),
  (a) => p.unary("bitsToFloat", p.add(p.unary("floatToBits", a), sameIn(a, p.i32(1)))),
  (a, _, index) => p.add(p.cast(index, "f32"), a),
];

const integerFunctions: readonly Function[] = [
  ...(["neg", "abs", "sign"] as const).map(unary),
  ...(["add", "sub", "mul", "mod", "max", "min", "and", "or", "xor", "shl", "shr"] as const).map(binary),
  ...([8, -3, 1, -1] as const).map(
    (by): Function =>
      (a) =>
        p.binary("mod", a, sameIn(a, p.i32(by))),
  ),
  (a) => p.binary("xor", p.binary("shl", a, sameIn(a, p.i32(13))), p.binary("shr", a, sameIn(a, p.i32(7)))),
];

/** Masks that select, are cast and combined. */
const masks = (["less", "lessEqual", "equal"] as const).map(
  (fn): Function =>
    (a, b) => {
      const found = p.binary(fn, a, b);
      const same = p.binary("equal", p.cast(found, "i32"), p.cast(p.cast(a, "bool"), "i32"));
      const either = p.binary("or", p.unary("not", found), p.binary("and", found, same));
      return p.add(p.select(found, a, b), p.cast(either, a.type.scalar));
    },
);

describe.skipIf(reason !== undefined)(`on this machine${reason === undefined ? "" : `: ${reason}`}`, () => {
  test.each(widths)("functions of floats in vectors of %i and one by one", (lanes) => {
    const data = [floats(61, 3), floats(61, 4).reverse()];
    expectLikeInterpreter(together([...floatFunctions, ...masks], "f32", "f32", lanes), data, { n: 61 });
  });

  test.each(widths)("functions of integers in vectors of %i and one by one", (lanes) => {
    const data = [integers(61, 5), integers(61, 6).reverse()];
    data[1].set(data[0].subarray(0, 20), 20);
    expectLikeInterpreter(together([...integerFunctions, ...masks], "i32", "i32", lanes), data, { n: 61 });
  });

  test.each(widths)("conversions in vectors of %i and one by one", (lanes) => {
    const toInteger = p.elementwise((a) => p.cast(a, "i32"), "f32", "i32", lanes);
    expectLikeInterpreter(toInteger, [floats(61, 11), floats(61, 12)], { n: 61 });
    const toFloat = p.elementwise((a) => p.cast(a, "f32"), "i32", "f32", lanes);
    expectLikeInterpreter(toFloat, [integers(61, 11), integers(61, 12)], { n: 61 });
  });

  test.each(widths)("mod of floats in vectors of %i has the sign of the divisor", (lanes) => {
    const program = p.elementwise((a, b) => p.binary("mod", a, b), "f32", "f32", lanes);
    const [a, b] = [
      [5, -5, 5, -5, 7],
      [3, 3, -3, -3, 0.5],
    ].map((part) => Float32Array.from({ length: 20 }, (_, i) => part[i % 5]));
    const [result] = natively(program)([a, b], { n: 20 });
    expect(result.slice(0, 5).map((x) => x + 0)).toEqual([2, 1, -1, -2, 0]);
    expect(result).toEqual([
      ...result.slice(0, 5),
      ...result.slice(0, 5),
      ...result.slice(0, 5),
      ...result.slice(0, 5),
    ]);
  });

  test.each(widths)("a sum of a product is one operation or two, alike in vectors of %i and one by one", (lanes) => {
    const forms: readonly Function[] = [
      (a, b) => p.add(p.mul(a, b), a),
      (a, b) => p.add(a, p.mul(a, b)),
      (a, b) => p.sub(a, p.mul(a, b)),
      (a, b) => p.sub(p.mul(a, b), a),
    ];
    const [x, y] = [ordinary(61, 31), ordinary(61, 32)];
    const got = natively(together(forms, "f32", "f32", lanes))([x, y], { n: 61 });
    const want = (round: (x: number) => number): number[][] =>
      [(a: number, b: number) => round(a * b) + a, (a: number, b: number) => a + round(a * b)]
        .concat([(a, b) => a - round(a * b), (a, b) => round(a * b) - a])
        .map((f) => [...x].map((a, i) => Math.fround(f(a, y[i]))));
    // The product of two float32 numbers is exact in float64.
    const [fused, apart] = [want((value) => value), want(Math.fround)];
    expect([fused, apart]).toContainEqual(got);
  });

  test("a product that was moved to a variable is fused with its sum all the same", () => {
    const [x, y] = [ordinary(47, 33), ordinary(47, 34)];
    const direct = p.elementwise((a, b) => p.add(p.mul(a, b), b));
    expect(natively(p.productsInLets())([x, y], { n: 47 })).toEqual(natively(direct)([x, y], { n: 47 }));
  });

  test.each([0, 1, 3, 4, 5, 8])("loops over %i elements stop where they should", (n) => {
    expectLikeInterpreter(
      p.elementwise((a, b) => p.mul(a, b)),
      [ordinary(n, 17), ordinary(n, 18)],
      { n },
    );
  });

  test("loops, branches, copies, kernels and early ends", () => {
    for (const [n, k] of [
      [0, 3],
      [3, 0],
      [5, 7],
    ])
      expectLikeInterpreter(p.rowSums(), [ordinary(n * k, 19)], { n, k });
    expectLikeInterpreter(p.matrixTiles(8, 13, 3), [ordinary(8 * 13, 20), ordinary(13 * 24, 21)]);
    expectLikeInterpreter(p.powersOfTwo(), [ordinary(48, 22)], { n: 48 });
    expectLikeInterpreter(p.rowTimesMatrix(11, 32, 4), [ordinary(11, 22), ordinary(11 * 32, 23)]);
    expectLikeInterpreter(p.leakyScan(6), [ordinary(30, 24), ordinary(6, 25)], { t: 5 });
    expectLikeInterpreter(p.differences(), [ordinary(9, 26)], { n: 9 });
    expectLikeInterpreter(p.scrambled(), [ordinary(10, 27)], { n: 10 });
    expectLikeInterpreter(p.maximum(), [ordinary(24, 28)], { n: 6 });
    for (const n of [1, 9]) expectLikeInterpreter(p.firstNegative(), [ordinary(n, 29)], { n });
  });

  test("random nests of loops, seeds 0 to 11", () => {
    for (let seed = 0; seed < 12; seed++) {
      const { program, inputs, dims } = randomNest(seed);
      const expected = interpret(program, inputs, dims, { precision: "float32" }).map((data) => [...data]);
      expect(natively(program, unfused)(inputs, dims), `seed ${seed}`).toEqual(expected);
    }
  });

  test("an index outside raises the check's message with the index, and the next call is fine", () => {
    const table = ordinary(5 * 3, 27);
    const gather = natively(p.gatherRows(5, 3));
    const good = (): number[][] => gather([table, Int32Array.of(4, 0, 2, 2)], { n: 4 });
    const expected = interpret(p.gatherRows(5, 3), [table, Int32Array.of(4, 0, 2, 2)], { n: 4 });
    expect(good()).toEqual(expected.map((data) => [...data]));
    const call = (): unknown => gather([table, Int32Array.of(4, 5)], { n: 2 });
    expect(call).toThrow(NumericError);
    expect(call).toThrow("gather: expected an index in 0..4, got 5.");
    expect(good()).toEqual(expected.map((data) => [...data]));
  });

  test.each([2, 3, 5])("a team of %i meets in a loop, and each sees what the others wrote", (count) => {
    const run = natively(p.passedAround(count));
    for (let call = 0; call < 50; call++) {
      const x = Float32Array.from({ length: count }, (_, i) => i + call);
      const expected = interpret(p.passedAround(count), [x], { t: 7 });
      expect(run([x], { t: 7 })).toEqual(expected.map((data) => [...data]));
    }
  });

  test("where one thread of a team fails all stop, before a barrier and behind the last one", () => {
    const run = natively(p.teamWithCheck(3));
    const good = (): void => expect(run([Int32Array.of(1, 1)])).toEqual([[1, 1, 1]]);
    good();
    for (let call = 0; call < 40; call++) {
      const failing = call % 2 === 0 ? Int32Array.of(-4, 1) : Int32Array.of(1, -5);
      expect(() => run([failing])).toThrow(`expected a positive number, got ${Math.min(...failing)}.`);
      if (call % 3 === 0) good();
    }
  });
});
