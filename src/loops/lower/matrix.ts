/** A matrix in memory and a product of two, as the kernels of `matmul.ts` see them. */
import { type Dim, multiplyDims } from "../../base/dims.ts";
import { affine, rebuild, scale, sum } from "../affine.ts";
import { lane, load, size, splat, store } from "../build.ts";
import type { Buffer, Expr, Lanes, Stmt } from "../ir.ts";
import type { Context } from "./context.ts";
import type { Range } from "./share.ts";

export interface Matrix {
  readonly buffer: Buffer;
  readonly offset: Expr;
  /** Elements from one row, and from one column, to the next. */
  readonly row: Dim;
  readonly column: Dim;
}

/** c [m,n] = a [m,k] * b [k,n] */
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

/** Stores the lanes of a vector to neighbours of a row. */
export function storeLanes(x: Matrix, row: Expr, column: Expr, value: Expr): Stmt[] {
  const { lanes } = value.type;
  if (lanes === 1 || x.column === 1) return [store(x.buffer, at(x, row, column), value)];
  return Array.from({ length: lanes }, (_, i) =>
    store(x.buffer, at({ ...x, offset: step(x, i) }, row, column), lane(value, i)),
  );
}

function step(x: Matrix, columns: number): Expr {
  return rebuild(sum(affine(x.offset), affine(size(multiplyDims(x.column, columns)))));
}
