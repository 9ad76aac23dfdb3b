/**
 * How the threads of a team divide the work of a kernel: each does a stretch of one axis, worked out from its number.
 * Which axis that is, the kernels say; where threads must wait for each other, `team.ts` says afterwards.
 */
import { addDims, type Dim, equalDims, floorDivideDim, multiplyDims } from "../../base/dims.ts";
import type { Value } from "../../graph/graph.ts";
import type { RowAxis } from "../../passes/rows.ts";
import { affine, isMultiple, rebuild, scale } from "../affine.ts";
import { add, binary, i32, mul, ref, size } from "../build.ts";
import type { Expr, Lanes, Team } from "../ir.ts";

/** A stretch of an axis. Both ends are multiples of `unit`, unless `to` is the end of the axis. */
export interface Range {
  readonly from: Expr;
  readonly to: Expr;
  readonly unit: Dim;
}

/** A nest is to go through a stretch of one of its axes only. */
export interface Part {
  readonly axis: number;
  readonly range: Range;
}

/** The rows of the body of a scan, of which this thread does some. */
export interface Rows {
  readonly range: Range;
  /** Where the rows of a value are; undefined for what is the same for all rows. */
  readonly axisOf: (value: Value) => RowAxis | undefined;
}

/** What a kernel divides: nothing, whatever axis suits it, or the rows of a batch. */
export type Sharing = undefined | "even" | Rows;

/** Rows go to threads by so many, so that tiles of a product stay whole. */
export const rowQuantum = 4;

/** All of an axis. */
export function whole(length: Dim): Range {
  return { from: i32(0), to: size(length), unit: length };
}

/** The share of a thread of 0..length, in multiples of `quantum`: the first threads have the most. */
export function shareOf(team: Team, length: Dim, quantum: number): Range {
  const quanta = floorDivideDim(addDims(length, quantum - 1), quantum);
  const each = multiplyDims(quantum, floorDivideDim(addDims(quanta, team.count - 1), team.count));
  const start = mul(ref(team.index), size(each));
  if (equalDims(multiplyDims(each, team.count), length)) return { from: start, to: add(start, size(each)), unit: each };
  const within = (x: Expr): Expr => binary("min", x, size(length));
  return { from: within(start), to: within(add(start, size(each))), unit: quantum };
}

/** The elements of a stretch of rows, each of `width` elements. */
export function widened({ from, to, unit }: Range, width: Dim): Range {
  const by = (x: Expr): Expr => rebuild(scale(affine(x), width));
  return { from: by(from), to: by(to), unit: multiplyDims(unit, width) };
}

/** A part of a range that goes by so many lanes at a time. */
export interface Stretch {
  readonly lanes: Lanes;
  readonly from: Expr;
  readonly to: Expr;
}

/** Cuts a range of an axis into stretches of fewer and fewer lanes, so that all of it is covered. */
export function stretches(widest: Lanes, range: Range, length: Dim): Stretch[] {
  let { from } = range;
  return widths(widest, range, length).map((lanes) => {
    const to = lanes === 1 ? range.to : upTo(range, lanes);
    const stretch = { lanes, from, to };
    from = to;
    return stretch;
  });
}

/** The end of the last whole group of so many elements. */
export function upTo({ from, to }: Range, by: number): Expr {
  return add(from, binary("and", binary("sub", to, from), i32(-by)));
}

/** Whether a range is for sure made of whole groups of so many elements. */
export function isWholeBy(range: Range, length: Dim, by: number): boolean {
  return isMultiple(range.unit, by) && isMultiple(length, by);
}

function widths(widest: Lanes, range: Range, length: Dim): Lanes[] {
  const all = ([16, 8, 4, 1] as const).filter((lanes) => lanes <= widest);
  const { from, to } = range;
  if (from.kind === "const" && to.kind === "const") {
    const count = to.value - from.value;
    return all.filter((lanes, i) => (i === 0 ? count : count % all[i - 1]) >= lanes);
  }
  // Of a length that is not known the rest is short: one more size of vector is enough.
  const some = all.filter((lanes) => lanes === widest || lanes <= 4);
  const last = some.findIndex((lanes) => isWholeBy(range, length, lanes));
  return last < 0 ? some : some.slice(0, last + 1);
}
