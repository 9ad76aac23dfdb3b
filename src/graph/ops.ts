/**
 * The closed set of operations: the first waist of the compiler. Each has parameters, listed here, and a shape rule,
 * in `rules.ts`. Everything above builds graphs of these; everything below interprets, differentiates or lowers them
 * with one total table each, so that a new op makes `tsc` list the places to fill.
 * Elementwise ops take operands of one shape: broadcasting is the op `broadcast`, never implicit.
 */

import type { Dim } from "../base/dims.ts";
import type { DType, HostArray } from "../base/dtypes.ts";
import type { Shape } from "../base/shapes.ts";
import type { Graph } from "./graph.ts";

/** float32 -> float32 (neg, abs, sign also int32; not: bool -> bool). */
export const unaryOps = [
  "neg",
  "abs",
  "sign",
  "floor",
  "sqrt",
  "exp",
  "log",
  "tanh",
  "sigmoid",
  "erf",
  "sin",
  "cos",
  "not",
] as const;

/** Two operands of one shape and type; the comparisons give bool; and, or take bool; mod has the sign of the divisor. */
export const binaryOps = [
  "add",
  "sub",
  "mul",
  "div",
  "mod",
  "pow",
  "max",
  "min",
  "less",
  "lessEqual",
  "equal",
  "and",
  "or",
] as const;

export type UnaryOp = (typeof unaryOps)[number];
export type BinaryOp = (typeof binaryOps)[number];
export type ReduceKind = "sum" | "max" | "min";

type None = Readonly<Record<never, never>>;

/** What each op is told besides its operands. Axes are non-negative. */
export interface OpParams extends Record<UnaryOp, None>, Record<BinaryOp, None> {
  /** A scalar, or an array with data. */
  constant: { readonly dtype: DType; readonly shape: readonly number[]; readonly data: HostArray };
  /** The value of a size that is free until the call, as a scalar. */
  dimSize: { readonly dim: Dim; readonly dtype: "float32" | "int32" };
  /** 0, 1, 2, ... along `axis`, the same along the others. */
  iota: { readonly shape: Shape; readonly axis: number; readonly dtype: "float32" | "int32" };
  /** (condition: bool, a, b) -> a where true, else b. */
  select: None;
  /** float32 -> int32 truncates towards zero; to bool is "not zero". */
  cast: { readonly dtype: DType };
  /** The operand's axis i becomes the result's axis `axes[i]` (increasing); an operand axis of size 1 is repeated. */
  broadcast: { readonly shape: Shape; readonly axes: readonly number[] };
  reshape: { readonly shape: Shape };
  /** Result axis i is operand axis `permutation[i]`. */
  transpose: { readonly permutation: readonly number[] };
  /** Elements start, start + step, ... below stop of each axis; step is a positive whole number. */
  slice: { readonly start: readonly Dim[]; readonly stop: readonly Dim[]; readonly step: readonly number[] };
  pad: { readonly low: readonly Dim[]; readonly high: readonly Dim[]; readonly value: number };
  concat: { readonly axis: number };
  reverse: { readonly axes: readonly number[] };
  /** (table [v, ...rest], indices int32 [...i]) -> [...i, ...rest]. An index outside 0..v-1 stops the program with a NumericError. */
  gather: { readonly name: string };
  /** (indices int32 [...i], updates [...i, ...rest]) -> [rows, ...rest]: zeros plus every update at its row. */
  scatterAdd: { readonly rows: Dim };
  /** Drops `axes` (increasing). */
  reduce: { readonly kind: ReduceKind; readonly axes: readonly number[] };
  /** int32 index of the first largest element; drops `axis`. */
  argmax: { readonly axis: number };
  /** a [...batch, m, k] x b [...batch, k, n] -> [...batch, m, n], before which a and b may be transposed in their last two axes. */
  matmul: { readonly transposeA: boolean; readonly transposeB: boolean };
  /** (key int32 [2]) -> uniform float32 in [0, 1), or 32 random bits as int32: Threefry-2x32, counter = flat index (base/random.ts). */
  random: { readonly shape: Shape; readonly distribution: "uniform" | "bits" };
  /** The operand; its gradient is zero. */
  stopGradient: None;
  /** The operand under a name of the user's, so that diagnoses can speak of it. */
  named: { readonly name: string };
  /**
   * `for t in 0..n-1 (downwards if reverse): carry, ys[t] = body(consts, carry, xs[t])`, starting from `init`. n is
   * `length`; if `limited` it is the last operand, an int32 scalar, kept within 0..length. With `until` the body has one
   * output more, a bool scalar, and the loop ends after the first step that makes it true; the last result is then the
   * number of steps done, int32. ys of steps that were not run are zero, and nothing of such a step is computed.
   * Operands: consts, then init, then xs (leading axis `length`), then the limit; results: final carry, then ys (leading
   * axis `length`, in the same positions as xs also when reversed), then the count. Use `scanIns`, `scanOuts`, `bodyIns`,
   * `bodyOuts` to read the groups by name.
   */
  scan: {
    readonly body: Graph;
    readonly length: Dim;
    readonly reverse: boolean;
    readonly consts: number;
    readonly carry: number;
    /** Whether the number of steps is an operand. */
    readonly limited?: boolean;
    /** Whether the body says when to stop; upwards only. */
    readonly until?: boolean;
    /** What a gradient is to save: the carry of every so many steps, computing the steps between again. See `autodiff/checkpoint.ts`. */
    readonly checkpoint?: number | "auto";
    /**
     * Whether each step is a segment of a longer loop, to be done in the memory of one: its gradient saves nothing but
     * the carry that enters a step, and passes keep inside what varies from step to step.
     */
    readonly segments?: boolean;
  };
}

export type OpName = keyof OpParams;
