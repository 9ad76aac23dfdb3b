/** A matrix in memory and a product of two, as the kernels of `matmul.ts` see them. */
import type { Dim } from "../../base/dims.ts";
import { affine, rebuild, scale, sum } from "../affine.ts";
import { add, i32, lane, load, ref, size, splat, store } from "../build.ts";
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

/** Reads an element of what is added to a product. */
export type Addend = (row: Expr, column: Expr) => Expr;

/** c [m,n] = before + a [m,k] * b [k,n] + after */
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
  readonly before?: Addend | "c" | undefined;
  /** What is added to it after that, one after the other. */
  readonly after?: readonly Addend[];
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

/** What is added to a product, as `read` gives it: what comes before it, and what after. */
function addendsOf<T>({ c, before, after = [] }: Product, read: (addend: Addend) => T): { before: T[]; after: T[] } {
  const held: Addend = (row, column) => element(c, row, column);
  const first = before === undefined ? [] : [before === "c" ? held : before];
  return { before: first.map(read), after: after.map(read) };
}

/** The sum of a product, from zero on, with what is added to it. */
export function withAddends(p: Product, row: Expr, column: Expr, value: Expr): Expr {
  const { before, after } = addendsOf(p, (read) => read(row, column));
  return [...before, value, ...after].reduce(add);
}

/** Neighbours of a row of C: `column` and what comes after it by `shift`. */
export interface Columns {
  readonly column: Variable;
  readonly shift: number;
  readonly lanes: Lanes;
}

/** Stores the sums of neighbours with what is added to them. */
export function storeSums(p: Product, row: Expr, { column, shift, lanes }: Columns, sums: Expr): Stmt[] {
  const { c } = p;
  const first = add(ref(column), i32(shift));
  const { before, after } = addendsOf(p, (read) => vectorise(read(row, first), column, lanes));
  const all = [...before, sums, ...after];
  if ((lanes === 1 || c.column === 1) && all.every((x) => x !== undefined))
    return [store(c.buffer, at(c, row, first), all.reduce(add))];
  return Array.from({ length: lanes }, (_, i) => {
    const next = add(ref(column), i32(shift + i));
    return store(c.buffer, at(c, row, next), withAddends(p, row, next, lane(sums, i)));
  });
}
