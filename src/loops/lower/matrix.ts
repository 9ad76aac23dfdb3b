/** A matrix in memory and a product of two, as the kernels of `matmul.ts` see them. */
import { type Dim, multiplyDims } from "../../base/dims.ts";
import { affine, rebuild, scale, sum } from "../affine.ts";
import { lane, load, size, splat, store } from "../build.ts";
import type { Buffer, Expr, Stmt } from "../ir.ts";
import type { Context } from "./context.ts";

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

/** One element in four lanes. */
export function spread(x: Matrix, row: Expr, column: Expr): Expr {
  return splat(element(x, row, column), 4);
}

/** Four neighbours of a row; columns must be next to each other. */
export function four(x: Matrix, row: Expr, column: Expr): Expr {
  return load(x.buffer, at(x, row, column), 4);
}

/** Stores the first `count` lanes of a vector to neighbours of a row. */
export function storeLanes(x: Matrix, row: Expr, column: Expr, value: Expr, count = 4): Stmt[] {
  if (count === 4 && x.column === 1) return [store(x.buffer, at(x, row, column), value)];
  return ([0, 1, 2, 3] as const)
    .slice(0, count)
    .map((i) => store(x.buffer, at({ ...x, offset: step(x, i) }, row, column), lane(value, i)));
}

function step(x: Matrix, columns: number): Expr {
  return rebuild(sum(affine(x.offset), affine(size(multiplyDims(x.column, columns)))));
}
