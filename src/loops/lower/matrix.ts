/** A matrix in memory and a product of two, as the kernels of `matmul.ts` see them. */
import type { Dim } from "../../base/dims.ts";
import { affine, rebuild, scale, sum } from "../affine.ts";
import { add, f32, i32, lane, load, ref, size, splat, store } from "../build.ts";
import type { Buffer, Expr, Lanes, Stmt, Variable } from "../ir.ts";
import { vectorise } from "../vectorise.ts";
import type { Context } from "./context.ts";
import type { Range } from "./share.ts";

export interface Matrix {
  readonly buffer: Buffer;
  readonly offset: Expr;
  /** Elements from one row, and from one column, to the next. */
  readonly row: Dim;
  readonly column: Dim;
}

/** An element of what a product is added to. */
export type Start = (row: Expr, column: Expr) => Expr;

/** c [m,n] = start + a [m,k] * b [k,n] */
export interface Product {
  readonly context: Context;
  readonly m: Dim;
  readonly k: Dim;
  readonly n: Dim;
  /** The terms of each sum, from the first, beyond which all are zero; k if not given. */
  readonly terms?: Expr;
  readonly a: Matrix;
  readonly b: Matrix;
  readonly c: Matrix;
  /** What the product is added to: numbers, or what C holds; nothing if not given. */
  readonly start?: Start | "c";
  /** The rows and the columns of C that this thread computes. */
  readonly rows: Range;
  readonly columns: Range;
}

/** How many terms each sum of a product has. */
export function terms(p: Product): Expr {
  return p.terms ?? size(p.k);
}

export function transposed(x: Matrix): Matrix {
  return { ...x, row: x.column, column: x.row };
}

export function isUnit(stride: Dim): boolean {
  return stride === 1;
}

/** The index of an element. */
export function at(x: Matrix, row: Expr, column: Expr): Expr {
  return rebuild(sum(sum(affine(x.offset), scale(affine(row), x.row)), scale(affine(column), x.column)));
}

export function element(x: Matrix, row: Expr, column: Expr): Expr {
  return load(x.buffer, at(x, row, column));
}

/** One element in every lane. */
export function spread(x: Matrix, row: Expr, column: Expr, lanes: Lanes): Expr {
  return splat(element(x, row, column), lanes);
}

/** Neighbours of a row; columns must be next to each other. */
export function vectorAt(x: Matrix, row: Expr, column: Expr, lanes: Lanes): Expr {
  return load(x.buffer, at(x, row, column), lanes);
}

/** An element of what a product is added to; undefined where that is nothing. */
export function startAt({ start, c }: Product, row: Expr, column: Expr): Expr | undefined {
  return start === "c" ? element(c, row, column) : start?.(row, column);
}

/** The sum of a product, from zero on, with what it is added to. */
export function withStart(p: Product, row: Expr, column: Expr, value: Expr): Expr {
  const start = startAt(p, row, column);
  return start === undefined ? value : add(start, value);
}

/** Neighbours of a row of C: `column` and what comes after it by `shift`. */
export interface Columns {
  readonly column: Variable;
  readonly shift: number;
  readonly lanes: Lanes;
}

/** Where the sums of neighbours begin; undefined where `storeSums` is to add what they begin with. */
function startVector(p: Product, row: Expr, { column, shift, lanes }: Columns): Expr | undefined {
  const one = startAt(p, row, add(ref(column), i32(shift)));
  return one === undefined ? splat(f32(0), lanes) : vectorise(one, column, lanes);
}

/** What the sums of neighbours are before the first term. */
export function beginSums(p: Product, row: Expr, columns: Columns): Expr {
  return startVector(p, row, columns) ?? splat(f32(0), columns.lanes);
}

/** Stores the sums of neighbours that have begun with `beginSums`. */
export function storeSums(p: Product, row: Expr, columns: Columns, value: Expr): Stmt[] {
  const { column, shift, lanes } = columns;
  const { c } = p;
  const begun = startVector(p, row, columns) !== undefined;
  if (begun && (lanes === 1 || c.column === 1))
    return [store(c.buffer, at(c, row, add(ref(column), i32(shift))), value)];
  return Array.from({ length: lanes }, (_, i) => {
    const place = add(ref(column), i32(shift + i));
    const one = lane(value, i);
    return store(c.buffer, at(c, row, place), begun ? one : withStart(p, row, place, one));
  });
}
