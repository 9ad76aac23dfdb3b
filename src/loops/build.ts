/**
 * Constructors of expressions and statements. They check scalars and lanes and fold what is plain (constants of i32,
 * x + 0, x * 1); nothing else changes an expression here. Not here: moving and sharing of work (hoist.ts).
 */
import { addDims, type Dim, multiplyDims, subtractDims } from "../base/dims.ts";
import { internal } from "../base/errors.ts";
import {
  type BinaryFn,
  type Buffer,
  type Expr,
  type Lanes,
  type LoopType,
  type Scalar,
  type Stmt,
  types,
  type UnaryFn,
  type Variable,
} from "./ir.ts";

const typesByLanes: { readonly [L in Lanes]: { readonly [S in Scalar]: LoopType } } = {
  1: types,
  4: { f32: types.f32x4, i32: types.i32x4, bool: types.boolx4 },
  8: { f32: types.f32x8, i32: types.i32x8, bool: types.boolx8 },
  16: { f32: types.f32x16, i32: types.i32x16, bool: types.boolx16 },
};

/** The type of a scalar in so many lanes, as one of the shared objects of `types`. */
export function typeOf(scalar: Scalar, lanes: Lanes): LoopType {
  return typesByLanes[lanes][scalar];
}

export function sameType(a: LoopType, b: LoopType): boolean {
  return a === b || (a.scalar === b.scalar && a.lanes === b.lanes);
}

// ---- leaves ---------------------------------------------------------------------------------------------------

export function i32(value: number): Expr {
  return { kind: "const", type: types.i32, value: value | 0 };
}

/** A float constant, rounded to float32. */
export function f32(value: number): Expr {
  return { kind: "const", type: types.f32, value: Math.fround(value) };
}

export function constant(scalar: Scalar, value: number): Expr {
  return scalar === "f32" ? f32(value) : { kind: "const", type: typeOf(scalar, 1), value: value | 0 };
}

export function ref(variable: Variable): Expr {
  return { kind: "ref", type: variable.type, variable };
}

/** The value of a size, a constant where it is known. */
export function size(dim: Dim): Expr {
  return typeof dim === "number" ? i32(dim) : { kind: "size", type: types.i32, dim };
}

export function load(buffer: Buffer, index: Expr, lanes: Lanes = 1): Expr {
  if (index.type !== types.i32) expect(index, "i32", 1, "load index");
  return { kind: "load", type: typeOf(buffer.scalar, lanes), buffer, index };
}

// ---- operations -----------------------------------------------------------------------------------------------

export function unary(fn: UnaryFn, x: Expr): Expr {
  if (fn === "bitsToFloat") return { kind: "unary", type: typeOf("f32", x.type.lanes), fn, x };
  if (fn === "floatToBits") return { kind: "unary", type: typeOf("i32", x.type.lanes), fn, x };
  return { kind: "unary", type: x.type, fn, x };
}

export function binary(fn: BinaryFn, a: Expr, b: Expr): Expr {
  if (!sameType(a.type, b.type)) internal(`${fn} of two types`, { a: a.type, b: b.type });
  const compares = fn === "less" || fn === "lessEqual" || fn === "equal";
  const type = compares ? typeOf("bool", a.type.lanes) : a.type;
  return simplify(fn, a, b) ?? { kind: "binary", type, fn, a, b };
}

export function select(condition: Expr, a: Expr, b: Expr): Expr {
  if (!sameType(a.type, b.type)) internal("select of two types", { a: a.type, b: b.type });
  expect(condition, "bool", a.type.lanes, "select condition");
  return { kind: "select", type: a.type, condition, a, b };
}

export function cast(x: Expr, scalar: Scalar): Expr {
  return x.type.scalar === scalar ? x : { kind: "cast", type: typeOf(scalar, x.type.lanes), x };
}

/** One value in every lane; a vector stays what it is. */
export function splat(x: Expr, lanes: Lanes): Expr {
  if (x.type.lanes === lanes) return x;
  expect(x, x.type.scalar, 1, "splat");
  const type = typeOf(x.type.scalar, lanes);
  return x.kind === "const" ? { ...x, type } : { kind: "splat", type, x };
}

export function ramp(base: Expr, lanes: Lanes): Expr {
  expect(base, "i32", 1, "ramp base");
  return { kind: "ramp", type: typeOf("i32", lanes), base };
}

export function lane(x: Expr, at: number): Expr {
  if (at >= x.type.lanes) internal(`lane ${at} of ${x.type.lanes}`);
  return { kind: "lane", type: typeOf(x.type.scalar, 1), x, lane: at };
}

export const add = (a: Expr, b: Expr): Expr => binary("add", a, b);
export const sub = (a: Expr, b: Expr): Expr => binary("sub", a, b);
export const mul = (a: Expr, b: Expr): Expr => binary("mul", a, b);

/** A size minus a known number, and the like: arithmetic on sizes stays in sizes. */
export function isZero(x: Expr): boolean {
  return x.kind === "const" && x.value === 0 && x.type.scalar === "i32";
}

function simplify(fn: BinaryFn, a: Expr, b: Expr): Expr | undefined {
  if (a.type.scalar === "f32") return simplifyFloat(fn, a, b);
  if (a.type.scalar !== "i32" || a.type.lanes !== 1) return undefined;
  const [x, y] = [dimOf(a), dimOf(b)];
  if (x !== undefined && y !== undefined) return foldSizes(fn, x, y);
  if (fn === "add") return isZero(a) ? b : isZero(b) ? a : reassociate(a, b);
  if (fn === "sub") return isZero(b) ? a : b.kind === "const" ? add(a, i32(-b.value)) : undefined;
  if (fn === "mul") return isZero(a) || x === 1 ? (isZero(a) ? a : b) : isZero(b) ? b : y === 1 ? a : undefined;
  return undefined;
}

function simplifyFloat(fn: BinaryFn, a: Expr, b: Expr): Expr | undefined {
  if (fn === "mul") return isFloat(a, 1) ? b : isFloat(b, 1) ? a : undefined;
  if (fn === "div") return isFloat(b, 1) ? a : undefined;
  return fn === "sub" && isFloat(b, 0) && !Object.is((b as { value: number }).value, -0) ? a : undefined;
}

function isFloat(x: Expr, value: number): boolean {
  return x.kind === "const" && x.value === value;
}

function dimOf(x: Expr): Dim | undefined {
  return x.kind === "const" ? x.value : x.kind === "size" ? x.dim : undefined;
}

function foldSizes(fn: BinaryFn, x: Dim, y: Dim): Expr | undefined {
  if (fn === "add") return size(addDims(x, y));
  if (fn === "sub") return size(subtractDims(x, y));
  if (fn === "mul") return size(multiplyDims(x, y));
  if (typeof x !== "number" || typeof y !== "number") return undefined;
  if (fn === "and") return i32(x & y);
  if (fn === "min") return i32(Math.min(x, y));
  return fn === "max" ? i32(Math.max(x, y)) : undefined;
}

/** (x + 3) + 4 is x + 7; constants drift to the right, where targets fold them into addresses. */
function reassociate(a: Expr, b: Expr): Expr | undefined {
  if (a.kind === "const") return add(b, a);
  if (b.kind === "binary" && b.fn === "add" && b.b.kind === "const") return add(add(a, b.a), b.b);
  if (a.kind !== "binary" || a.fn !== "add" || a.b.kind !== "const") return undefined;
  if (b.kind === "const") return add(a.a, i32(a.b.value + b.value));
  return add(add(a.a, b), a.b);
}

function expect(x: Expr, scalar: Scalar, lanes: Lanes, what: string): void {
  if (x.type.scalar !== scalar || x.type.lanes !== lanes)
    internal(`${what} is not ${scalar} in ${lanes}`, { got: x.type });
}

// ---- statements -----------------------------------------------------------------------------------------------

export function loop(
  variable: Variable,
  from: Expr,
  to: Expr,
  step: number,
  body: readonly Stmt[],
  parallel = false,
): Stmt {
  return { kind: "for", variable, from, to, step, parallel, body };
}

export function leave(condition: Expr): Stmt {
  return { kind: "leave", condition };
}

export function letIn(variable: Variable, value: Expr): Stmt {
  return { kind: "let", variable, value };
}

export function varOf(variable: Variable, value: Expr): Stmt {
  return { kind: "var", variable, value };
}

export function set(variable: Variable, value: Expr): Stmt {
  return { kind: "set", variable, value };
}

export function store(buffer: Buffer, index: Expr, value: Expr): Stmt {
  return { kind: "store", buffer, index, value };
}

export function when(condition: Expr, then: readonly Stmt[], otherwise: readonly Stmt[] = []): Stmt {
  return { kind: "if", condition, then, else: otherwise };
}

export function fill(buffer: Buffer, index: Expr, count: Expr): Stmt {
  return { kind: "fill", buffer, index, count };
}

/** Where all threads of a team meet. */
export const barrier: Stmt = { kind: "barrier" };

export function kernel(name: string, body: readonly Stmt[]): Stmt {
  return { kind: "kernel", name, body };
}
