/**
 * The loop IR: the second waist. A program is a list of buffers and a body of twelve statements over eleven expressions;
 * a target only spells these. Scalars and vectors are explicit; nothing here knows tensors or gradients.
 *
 *   Program = name, buffers, dims, checks, team, body
 *   Stmt    = for | leave | let | var | set | store | if | copy | fill | kernel | barrier | require
 *   Expr    = const | ref | size | load | unary | binary | select | cast | splat | ramp | lane
 *
 * Indices and sizes count elements (four bytes each), never bytes. Every variable is declared once in a program.
 */
import type { Dim } from "../base/dims.ts";
import type { HostArray } from "../base/dtypes.ts";

/** `bool` is a register type only: comparisons make it, `select` and `if` take it; in memory it is i32 0 or 1. */
export type Scalar = "f32" | "i32" | "bool";

/** How many numbers of 32 bits a register holds: one, or a vector of as many as the machine of the program has. */
export type Lanes = 1 | 4 | 8 | 16;

export interface LoopType {
  readonly scalar: Scalar;
  readonly lanes: Lanes;
}

/** A variable: a loop counter (i32), a `let` (never changes) or a `var` (changed by `set`). Identity is the object. */
export interface Variable {
  readonly name: string;
  readonly type: LoopType;
}

/** What a buffer is to the host. `input` and `output` positions count the program's arguments and results. */
export type Role =
  | { readonly kind: "input" | "output"; readonly position: number }
  /** Argument and result in one place, updated in place: the host passes one address that holds the argument before and the result after. */
  | { readonly kind: "inout"; readonly input: number; readonly output: number }
  /** Data of the program itself that never changes; the host writes it once, before the first call. */
  | { readonly kind: "constant"; readonly data: HostArray }
  /** Scratch memory of a call; `plan.ts` lays these out. */
  | { readonly kind: "temp" };

/** Memory of `size` elements, aligned to 16 bytes. Identity is the object. */
export interface Buffer {
  readonly name: string;
  readonly scalar: "f32" | "i32";
  readonly size: Dim;
  readonly role: Role;
}

/** f32: all but not; i32: neg abs sign; bool: not. `bitsToFloat` and `floatToBits` reinterpret 32 bits. */
export const unaryFns = [
  "neg",
  "abs",
  "sign",
  "floor",
  "nearest",
  "sqrt",
  "exp",
  "log",
  "tanh",
  "sigmoid",
  "erf",
  "sin",
  "cos",
  "not",
  "bitsToFloat",
  "floatToBits",
] as const;
/** and, or: i32 bitwise or bool; xor, shl, shr (unsigned): i32; mod has the sign of the divisor; the comparisons give bool. */
export const binaryFns = [
  "add",
  "sub",
  "mul",
  "div",
  "mod",
  "pow",
  "max",
  "min",
  "and",
  "or",
  "xor",
  "shl",
  "shr",
  "less",
  "lessEqual",
  "equal",
] as const;
export type UnaryFn = (typeof unaryFns)[number];
export type BinaryFn = (typeof binaryFns)[number];

export type Expr =
  | { readonly kind: "const"; readonly type: LoopType; readonly value: number }
  | { readonly kind: "ref"; readonly type: LoopType; readonly variable: Variable }
  /** The value of a size in this call, as i32. */
  | { readonly kind: "size"; readonly type: LoopType; readonly dim: Dim }
  /** One element, or as many elements as the type has lanes, from `index` on. */
  | { readonly kind: "load"; readonly type: LoopType; readonly buffer: Buffer; readonly index: Expr }
  | { readonly kind: "unary"; readonly type: LoopType; readonly fn: UnaryFn; readonly x: Expr }
  | { readonly kind: "binary"; readonly type: LoopType; readonly fn: BinaryFn; readonly a: Expr; readonly b: Expr }
  | { readonly kind: "select"; readonly type: LoopType; readonly condition: Expr; readonly a: Expr; readonly b: Expr }
  /** f32 <-> i32 (truncating, saturating), bool -> 0 or 1, to bool is "not zero". */
  | { readonly kind: "cast"; readonly type: LoopType; readonly x: Expr }
  | { readonly kind: "splat"; readonly type: LoopType; readonly x: Expr }
  /** i32 lanes base, base + 1, base + 2, ... */
  | { readonly kind: "ramp"; readonly type: LoopType; readonly base: Expr }
  | { readonly kind: "lane"; readonly type: LoopType; readonly x: Expr; readonly lane: number };

export type Stmt =
  /** `for variable = from; variable < to; variable += step`. Iterations of a parallel loop are independent. */
  | {
      readonly kind: "for";
      readonly variable: Variable;
      readonly from: Expr;
      readonly to: Expr;
      readonly step: number;
      readonly parallel: boolean;
      readonly body: readonly Stmt[];
    }
  /** Ends the loop whose body it stands in, directly and not inside of another statement, where the condition holds. */
  | { readonly kind: "leave"; readonly condition: Expr }
  | { readonly kind: "let"; readonly variable: Variable; readonly value: Expr }
  | { readonly kind: "var"; readonly variable: Variable; readonly value: Expr }
  | { readonly kind: "set"; readonly variable: Variable; readonly value: Expr }
  | { readonly kind: "store"; readonly buffer: Buffer; readonly index: Expr; readonly value: Expr }
  | { readonly kind: "if"; readonly condition: Expr; readonly then: readonly Stmt[]; readonly else: readonly Stmt[] }
  /** Moves `count` elements; the ranges may be of one buffer only where they do not overlap. */
  | {
      readonly kind: "copy";
      readonly to: Buffer;
      readonly toIndex: Expr;
      readonly from: Buffer;
      readonly fromIndex: Expr;
      readonly count: Expr;
    }
  /** Writes zero to `count` elements. */
  | { readonly kind: "fill"; readonly buffer: Buffer; readonly index: Expr; readonly count: Expr }
  /** A named piece of work: what the graph node is called, for readers and profilers. Targets may outline it as a function. */
  | { readonly kind: "kernel"; readonly name: string; readonly body: readonly Stmt[] }
  /** All threads of the team meet: what each wrote before is there for all after. Every thread meets every barrier. */
  | { readonly kind: "barrier" }
  /** Stops the program unless the condition holds; the host then raises check number `check` with `value`. */
  | { readonly kind: "require"; readonly condition: Expr; readonly check: number; readonly value: Expr };

/** What a failed `require` says: `{value}` in the message stands for the offending number. */
export interface Check {
  readonly message: string;
}

export interface Program {
  readonly name: string;
  readonly buffers: readonly Buffer[];
  /** Every size that an expression asks for; the host evaluates them before a call. */
  readonly sizes: readonly Dim[];
  readonly checks: readonly Check[];
  /** The threads that run the body together, each from its beginning to its end; undefined: one. */
  readonly team?: Team;
  readonly body: readonly Stmt[];
}

/** So many threads run one program. Each has its number, 0..count-1, in a variable that the body reads. */
export interface Team {
  readonly index: Variable;
  readonly count: number;
}

const type = (scalar: Scalar, lanes: Lanes = 1): LoopType => ({ scalar, lanes });

/** All types, to be compared by their fields. */
export const types = {
  f32: type("f32"),
  i32: type("i32"),
  bool: type("bool"),
  f32x4: type("f32", 4),
  i32x4: type("i32", 4),
  boolx4: type("bool", 4),
  f32x8: type("f32", 8),
  i32x8: type("i32", 8),
  boolx8: type("bool", 8),
  f32x16: type("f32", 16),
  i32x16: type("i32", 16),
  boolx16: type("bool", 16),
} as const;
