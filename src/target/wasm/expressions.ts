/**
 * Spells expressions: pushes the value of an `Expr` on the WebAssembly stack. Scalars of type bool are i32 0 or 1,
 * vectors of bool are lane masks. Addresses and variables are the business of the `Scope` that is handed in.
 */
import { internal } from "../../base/errors.ts";
import type { BinaryFn, Expr, LoopType, UnaryFn } from "../../loops/ir.ts";
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

/** Pushes the value of an expression. */
export function emitValue(expr: Expr, scope: Scope): void {
  const { f } = scope;
  switch (expr.kind) {
    case "const":
      return emitConstant(expr.value, expr.type, f);
    case "ref":
      return scope.read(expr.variable);
    case "size":
      return scope.size(expr.dim);
    case "load": {
      const offset = scope.address(expr.buffer, expr.index);
      return f.memory(
        expr.type.lanes === 4 ? "v128.load" : expr.type.scalar === "f32" ? "f32.load" : "i32.load",
        offset,
      );
    }
    case "unary":
      return emitUnary(expr, scope);
    case "binary":
      return emitBinary(expr, scope);
    case "select":
      return emitSelect(expr, scope);
    case "cast":
      emitValue(expr.x, scope);
      return emitCast(expr.x.type, expr.type, f);
    case "splat":
      return emitSplat(expr, scope);
    case "ramp":
      emitValue(expr.base, scope);
      f.op("i32x4.splat");
      f.v128(Int32Array.of(0, 1, 2, 3));
      return f.op("i32x4.add");
    case "lane":
      emitValue(expr.x, scope);
      return f.lane(expr.type.scalar === "f32" ? "f32x4.extract_lane" : "i32x4.extract_lane", expr.lane);
    default:
      expr satisfies never;
  }
}

function emitConstant(value: number, type: LoopType, f: FunctionBuilder): void {
  switch (kindOf(type)) {
    case "f32":
      return f.f32(value);
    case "i32":
    case "bool":
      return f.i32(value);
    case "f32x4":
      return f.v128(new Float32Array(4).fill(value));
    case "i32x4":
      return f.v128(new Int32Array(4).fill(value));
    case "boolx4":
      return f.v128(new Int32Array(4).fill(value === 0 ? 0 : -1));
  }
}

function emitUnary(expr: Expr & { kind: "unary" }, scope: Scope): void {
  const { f } = scope;
  const kind = kindOf(expr.x.type);
  if (expr.fn === "neg" && kind === "i32") {
    f.i32(0);
    emitValue(expr.x, scope);
    return f.op("i32.sub");
  }
  emitValue(expr.x, scope);
  if (expr.fn === "sign") return emitSign(kind, scope);
  if (expr.fn === "abs" && kind === "i32") return emitScalarAbs(scope);
  spell(unarySpellings[expr.fn][kind], expr.fn, kind, scope);
}

function emitBinary(expr: Expr & { kind: "binary" }, scope: Scope): void {
  const kind = kindOf(expr.a.type);
  const { fn } = expr;
  if (fn === "max" || fn === "min") return emitExtreme(expr, fn, kind, scope);
  emitValue(expr.a, scope);
  if (fn === "mod") return emitRemainder(expr.b, kind, scope);
  if ((fn === "shl" || fn === "shr") && kind === "i32x4") return emitVectorShift(fn, expr.b, scope);
  emitValue(expr.b, scope);
  spell(binarySpellings[fn][kind], fn, kind, scope);
}

function spell(spelling: readonly PlainOp[] | undefined, fn: string, kind: Kind, { f }: Scope): void {
  if (spelling === undefined)
    internal(`the WebAssembly target does not spell ${fn} of ${kind}; it should have been decomposed`);
  for (const op of spelling) f.op(op);
}

/** mod of the value on the stack. */
function emitRemainder(divisor: Expr, kind: Kind, scope: Scope): void {
  const value = constantOf(divisor) ?? 0;
  const mask = kind.startsWith("i32") && value > 0 && (value & (value - 1)) === 0;
  if (mask) emitConstant(value - 1, divisor.type, scope.f);
  else emitValue(divisor, scope);
  if (mask) scope.f.op(kind === "i32" ? "i32.and" : "v128.and");
  else emitMod(kind, scope);
}

/** Shifts the vector on the stack. */
function emitVectorShift(fn: "shl" | "shr", count: Expr, scope: Scope): void {
  const value = constantOf(count);
  if (value !== undefined) scope.f.i32(value);
  else emitValue(count.kind === "splat" ? count.x : count, scope);
  if (value === undefined && count.kind !== "splat") emitLaneShifts(fn, scope);
  else scope.f.op(fn === "shl" ? "i32x4.shl" : "i32x4.shr_u");
}

/** max and min that pass NaN on from either side. */
function emitExtreme(expr: Expr & { kind: "binary" }, fn: "max" | "min", kind: Kind, scope: Scope): void {
  const [x, y] = constantOf(expr.a) !== undefined ? [expr.b, expr.a] : [expr.a, expr.b];
  emitValue(x, scope);
  emitValue(y, scope);
  if (kind === "i32") return emitIntegerExtreme(fn, scope);
  // One instruction instead of about six; right because pmax(x, y) is x where y is not larger, also where x is NaN.
  const bound = constantOf(y);
  if (kind === "f32x4" && bound !== undefined && !Number.isNaN(bound))
    return scope.f.op(fn === "max" ? "f32x4.pmax" : "f32x4.pmin");
  spell(binarySpellings[fn][kind], fn, kind, scope);
}

/** The number that an expression always is, in every lane. */
function constantOf(expr: Expr): number | undefined {
  if (expr.kind === "const") return expr.value;
  return expr.kind === "splat" ? constantOf(expr.x) : undefined;
}

function emitSelect(expr: Expr & { kind: "select" }, scope: Scope): void {
  const { f } = scope;
  emitValue(expr.a, scope);
  emitValue(expr.b, scope);
  emitValue(expr.condition, scope);
  if (expr.type.lanes === 1) f.op("select");
  else if (expr.condition.type.lanes === 4) f.op("v128.bitselect");
  else f.selectV128();
}

/** Converts the value on the stack. */
export function emitCast(from: LoopType, to: LoopType, f: FunctionBuilder): void {
  if (from.scalar === to.scalar) return;
  const vector = from.lanes === 4;
  if (to.scalar === "bool") {
    if (vector) f.v128(new Int32Array(4));
    else emitConstant(0, from, f);
    return f.op(from.scalar === "f32" ? (vector ? "f32x4.ne" : "f32.ne") : vector ? "i32x4.ne" : "i32.ne");
  }
  if (from.scalar === "bool" && vector) {
    f.v128(to.scalar === "f32" ? new Float32Array(4).fill(1) : new Int32Array(4).fill(1));
    return f.op("v128.and");
  }
  if (to.scalar === "i32") {
    if (from.scalar === "f32") f.op(vector ? "i32x4.trunc_sat_f32x4_s" : "i32.trunc_sat_f32_s");
    return;
  }
  f.op(vector ? "f32x4.convert_i32x4_s" : "f32.convert_i32_s");
}

function emitSplat(expr: Expr & { kind: "splat" }, scope: Scope): void {
  const { f } = scope;
  const { x } = expr;
  if (x.kind === "const") return emitConstant(x.value, expr.type, f);
  if (x.kind === "load") return f.memory("v128.load32_splat", scope.address(x.buffer, x.index));
  emitValue(x, scope);
  if (x.type.scalar === "bool") {
    // A lane mask from 0 or 1.
    f.op("i32x4.splat");
    return f.op("i32x4.neg");
  }
  f.op(x.type.scalar === "f32" ? "f32x4.splat" : "i32x4.splat");
}
