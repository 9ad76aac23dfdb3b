/**
 * Products x W of a loop's xs, in calls that turn out to have few rows: with few rows a step takes as long as reading W
 * takes, and the products of all steps at once do not. Where the number of rows is known only in a call, and is small
 * there, they are made before the loop, and each step reads its own.
 */
import { type Dim, multiplyDims, remainderDim } from "../../base/dims.ts";
import { affine, rebuild, scale, strideOf, sum } from "../affine.ts";
import { add, binary, i32, load, loop, mul, ref, size, when } from "../build.ts";
import type { Expr, Stmt, Variable } from "../ir.ts";
import { panelWidth, tileSum } from "./matmulTile.ts";
import type { Addend, Product } from "./matrix.ts";

/** From so many rows on, a step makes the products of its xs itself. */
export const rowsTogether = 8;

/** The loop whose body a product is in. */
export interface Round {
  /** Counts the steps. */
  readonly variable: Variable;
  /** How many there may be, and how many there are. */
  readonly length: Dim;
  readonly count: Expr;
  /** What runs before the loop. */
  readonly preheader: Stmt[];
}

/** Whether A is another one at each step, each as far from the last. */
export function changesWith({ a }: Product, { variable }: Round): boolean {
  const stride = strideOf(affine(a.offset), variable);
  return stride !== undefined && stride !== 0;
}

/** Makes the products of all steps if there are few rows; what a step reads then. */
export function beforeLoop(p: Product, { variable, length, count, preheader }: Round): Addend {
  const { context, a } = p;
  const form = affine(a.offset);
  const stride = strideOf(form, variable) as Dim;
  const first = rebuild(sum(form, scale(affine(ref(variable)), multiplyDims(stride, -1))));
  const each = multiplyDims(length, p.n);
  // As many rows as there are, if they are few: m modulo 8.
  const most = remainderDim(p.m, rowsTogether);
  const buffer = context.buffer("inputs", "f32", multiplyDims(each, most), { kind: "temp" });
  const row = context.variable("i");
  const product = (): Product => ({
    context,
    m: length,
    k: p.k,
    n: p.n,
    a: { buffer: a.buffer, offset: add(first, mul(ref(row), size(a.row))), row: stride, column: a.column },
    b: p.b,
    c: { buffer, offset: mul(ref(row), size(each)), row: p.n, column: 1 },
    rows: { from: i32(0), to: count, unit: 1 },
    columns: context.share(p.n, panelWidth(p)),
  });
  const sharing = context.sharing === undefined ? undefined : "even";
  const rows = context.sharingAs(sharing, () => [loop(row, i32(0), size(p.m), 1, tileSum([{ product: product() }]))]);
  const few = binary("less", size(p.m), i32(rowsTogether));
  preheader.push(context.kernel("few rows", [when(few, rows)]));
  return (i, j) => load(buffer, add(add(mul(i, size(each)), mul(ref(variable), size(p.n))), j));
}
