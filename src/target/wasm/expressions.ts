/**
 * Spells expressions: pushes the value of an `Expr` on the WebAssembly stack. Scalars of type bool are i32 0 or 1,
 * vectors of bool are lane masks. Addresses and variables are the business of the `Scope` that is handed in.
 */
import { internal } from "../../base/errors.ts";
import type { BinaryFn, Expr, LoopType, UnaryFn } from "../../loops/ir.ts";
import { eachOperand } from "../../loops/walk.ts";
import type { FunctionBuilder } from "./assembler.ts";
import type { PlainOp } from "./opcodes.ts";
import { type Kind, kindOf, type Scope } from "./scope.ts";
import { emitIntegerExtreme, emitLaneShifts, emitMod, emitScalarAbs, emitSign } from "./sequences.ts";

type Spelling = Partial<Record<Kind, readonly PlainOp[]>>;

/** Functions that are a fixed list of instructions after their operand; the others are decomposed or spelled below. */
const unarySpellings: Readonly<Record<UnaryFn, Spelling>> = {
  neg: { f32: ["f32.neg"], f32x4: ["f32x4.neg"], i32x4: ["i32x4.neg"] },
  abs: { f32: ["f32.abs"], f32x4: ["f32x4.abs"], i32x4: ["i32x4.abs"] },
  sign: {},
  floor: { f32: ["f32.floor"], f32x4: ["f32x4.floor"] },
  nearest: { f32: ["f32.nearest"], f32x4: ["f32x4.nearest"] },
  sqrt: { f32: ["f32.sqrt"], f32x4: ["f32x4.sqrt"] },
  exp: {},
  log: {},
  tanh: {},
  sigmoid: {},
  erf: {},
  sin: {},
  cos: {},
  not: { bool: ["i32.eqz"], boolx4: ["v128.not"] },
  bitsToFloat: { i32: ["f32.reinterpret_i32"], i32x4: [] },
  floatToBits: { f32: ["i32.reinterpret_f32"], f32x4: [] },
};

/** The same for two operands, by the type of the operands. */
const binarySpellings: Readonly<Record<BinaryFn, Spelling>> = {
  add: { f32: ["f32.add"], i32: ["i32.add"], f32x4: ["f32x4.add"], i32x4: ["i32x4.add"] },
  sub: { f32: ["f32.sub"], i32: ["i32.sub"], f32x4: ["f32x4.sub"], i32x4: ["i32x4.sub"] },
  mul: { f32: ["f32.mul"], i32: ["i32.mul"], f32x4: ["f32x4.mul"], i32x4: ["i32x4.mul"] },
  div: { f32: ["f32.div"], f32x4: ["f32x4.div"] },
  mod: {},
  pow: {},
  max: { f32: ["f32.max"], f32x4: ["f32x4.max"], i32x4: ["i32x4.max_s"] },
  min: { f32: ["f32.min"], f32x4: ["f32x4.min"], i32x4: ["i32x4.min_s"] },
  and: { i32: ["i32.and"], bool: ["i32.and"], i32x4: ["v128.and"], boolx4: ["v128.and"] },
  or: { i32: ["i32.or"], bool: ["i32.or"], i32x4: ["v128.or"], boolx4: ["v128.or"] },
  xor: { i32: ["i32.xor"], bool: ["i32.xor"], i32x4: ["v128.xor"], boolx4: ["v128.xor"] },
  shl: { i32: ["i32.shl"] },
  shr: { i32: ["i32.shr_u"] },
  less: { f32: ["f32.lt"], i32: ["i32.lt_s"], f32x4: ["f32x4.lt"], i32x4: ["i32x4.lt_s"] },
  lessEqual: { f32: ["f32.le"], i32: ["i32.le_s"], f32x4: ["f32x4.le"], i32x4: ["i32x4.le_s"] },
  equal: {
    f32: ["f32.eq"],
    i32: ["i32.eq"],
    bool: ["i32.eq"],
    f32x4: ["f32x4.eq"],
    i32x4: ["i32x4.eq"],
    boolx4: ["i32x4.eq"],
  },
};

type Rules = { readonly [K in Expr["kind"]]: (expr: Expr & { kind: K }, scope: Scope) => void };

/** How each kind of expression pushes its value. */
const expressionRules: Rules = {
  const: ({ value, type }, { f }) => emitConstant(value, type, f),
  ref: ({ variable }, scope) => scope.read(variable),
  size: ({ dim }, scope) => scope.size(dim),
  load: ({ buffer, index, type }, scope) => {
    const offset = scope.address(buffer, index);
    scope.f.memory(type.lanes === 4 ? "v128.load" : type.scalar === "f32" ? "f32.load" : "i32.load", offset);
  },
  unary: emitUnary,
  binary: emitBinary,
  select: emitSelect,
  cast: ({ x, type }, scope) => {
    emitValue(x, scope);
    emitCast(x.type, type, scope.f);
  },
  splat: emitSplat,
  ramp: ({ base }, scope) => {
    emitValue(base, scope);
    scope.f.op("i32x4.splat");
    scope.f.v128(Int32Array.of(0, 1, 2, 3));
    scope.f.op("i32x4.add");
  },
  lane: ({ x, type, lane }, scope) => {
    emitValue(x, scope);
    scope.f.lane(type.scalar === "f32" ? "f32x4.extract_lane" : "i32x4.extract_lane", lane);
  },
};

/** Pushes the value of an expression. */
export function emitValue(expr: Expr, scope: Scope): void {
  if (scope.final) (expressionRules[expr.kind] as (expr: Expr, scope: Scope) => void)(expr, scope);
  else learnValue(expr, scope);
}

/** Asks the scope for all that a value is made of, in the order of its instructions. */
function learnValue(expr: Expr, scope: Scope): void {
  if (expr.kind === "ref") scope.read(expr.variable);
  else if (expr.kind === "size") scope.size(expr.dim);
  else if (expr.kind === "load") scope.address(expr.buffer, expr.index);
  else if (expr.kind === "select") for (const x of [expr.a, expr.b, expr.condition]) learnValue(x, scope);
  else eachOperand(expr, (operand) => learnValue(operand, scope));
}

function emitConstant(value: number, type: LoopType, f: FunctionBuilder): void {
  if (type.lanes === 4) {
    if (type.scalar === "f32") f.v128(new Float32Array(4).fill(value));
    else f.v128(new Int32Array(4).fill(type.scalar === "bool" && value !== 0 ? -1 : value));
  } else if (type.scalar === "f32") f.f32(value);
  else f.i32(value);
}

function emitUnary(expr: Expr & { kind: "unary" }, scope: Scope): void {
  const kind = kindOf(expr.x.type);
  const negates = expr.fn === "neg" && kind === "i32";
  if (negates) scope.f.i32(0);
  emitValue(expr.x, scope);
  if (negates) scope.f.op("i32.sub");
  else if (expr.fn === "sign") emitSign(kind, scope);
  else if (expr.fn === "abs" && kind === "i32") emitScalarAbs(scope);
  else spell(unarySpellings[expr.fn][kind], expr.fn, kind, scope);
}

function emitBinary(expr: Expr & { kind: "binary" }, scope: Scope): void {
  const kind = kindOf(expr.a.type);
  const { fn, a, b } = expr;
  if (fn === "max" || fn === "min") emitExtreme(a, b, fn, kind, scope);
  else if (fn === "mod") emitRemainder(a, b, kind, scope);
  else if ((fn === "shl" || fn === "shr") && kind === "i32x4") emitVectorShift(fn, a, b, scope);
  else {
    emitValue(a, scope);
    emitValue(b, scope);
    spell(binarySpellings[fn][kind], fn, kind, scope);
  }
}

function spell(spelling: readonly PlainOp[] | undefined, fn: string, kind: Kind, { f }: Scope): void {
  if (spelling === undefined) {
    internal(`the WebAssembly target does not spell ${fn} of ${kind}; it should have been decomposed`);
  }
  for (const op of spelling) f.op(op);
}

function emitRemainder(a: Expr, b: Expr, kind: Kind, scope: Scope): void {
  emitValue(a, scope);
  const divisor = constantOf(b) ?? 0;
  if (kind.startsWith("i32") && divisor > 0 && (divisor & (divisor - 1)) === 0) {
    emitConstant(divisor - 1, b.type, scope.f);
    scope.f.op(kind === "i32" ? "i32.and" : "v128.and");
  } else {
    emitValue(b, scope);
    emitMod(kind, scope);
  }
}

function emitVectorShift(fn: "shl" | "shr", a: Expr, count: Expr, scope: Scope): void {
  emitValue(a, scope);
  const value = constantOf(count);
  if (value === undefined && count.kind !== "splat") {
    emitValue(count, scope);
    emitLaneShifts(fn, scope);
  } else {
    if (value !== undefined) scope.f.i32(value);
    else emitValue((count as Expr & { kind: "splat" }).x, scope);
    scope.f.op(fn === "shl" ? "i32x4.shl" : "i32x4.shr_u");
  }
}

/** max and min that pass NaN on from either side. */
function emitExtreme(a: Expr, b: Expr, fn: "max" | "min", kind: Kind, scope: Scope): void {
  const [x, y] = constantOf(a) !== undefined ? [b, a] : [a, b];
  emitValue(x, scope);
  emitValue(y, scope);
  const bound = constantOf(y) ?? Number.NaN;
  if (kind === "i32") emitIntegerExtreme(fn, scope);
  else if (kind === "f32x4" && !Number.isNaN(bound) && !Object.is(bound, -0)) {
    // One instruction instead of about six; right because pmax(x, y) is x where y is not larger, also where x is NaN.
    scope.f.op(fn === "max" ? "f32x4.pmax" : "f32x4.pmin");
    if (fn === "min" || bound !== 0) return;
    // max(-0, 0) is 0.
    emitConstant(0, y.type, scope.f);
    scope.f.op("f32x4.add");
  } else spell(binarySpellings[fn][kind], fn, kind, scope);
}

/** The number that an expression always is, in every lane. */
function constantOf(expr: Expr): number | undefined {
  if (expr.kind === "const") return expr.value;
  return expr.kind === "splat" ? constantOf(expr.x) : undefined;
}

function emitSelect({ condition, a, b, type }: Expr & { kind: "select" }, scope: Scope): void {
  emitValue(a, scope);
  emitValue(b, scope);
  emitValue(condition, scope);
  if (type.lanes === 1) scope.f.op("select");
  else if (condition.type.lanes === 4) scope.f.op("v128.bitselect");
  else scope.f.selectV128();
}

/** Converts the value on the stack. */
export function emitCast(from: LoopType, to: LoopType, f: FunctionBuilder): void {
  const vector = from.lanes === 4;
  if (from.scalar === to.scalar) return;
  if (to.scalar === "bool") {
    emitConstant(0, from, f);
    f.op(from.scalar === "f32" ? (vector ? "f32x4.ne" : "f32.ne") : vector ? "i32x4.ne" : "i32.ne");
  } else if (from.scalar === "bool" && vector) {
    emitConstant(1, { scalar: to.scalar, lanes: 4 }, f);
    f.op("v128.and");
  } else if (to.scalar === "f32") f.op(vector ? "f32x4.convert_i32x4_s" : "f32.convert_i32_s");
  else if (from.scalar === "f32") f.op(vector ? "i32x4.trunc_sat_f32x4_s" : "i32.trunc_sat_f32_s");
}

function emitSplat({ x, type }: Expr & { kind: "splat" }, scope: Scope): void {
  const { f } = scope;
  if (x.kind === "const") emitConstant(x.value, type, f);
  else if (x.kind === "load") f.memory("v128.load32_splat", scope.address(x.buffer, x.index));
  else {
    emitValue(x, scope);
    f.op(x.type.scalar === "f32" ? "f32x4.splat" : "i32x4.splat");
    // A lane mask from 0 or 1.
    if (x.type.scalar === "bool") f.op("i32x4.neg");
  }
}
