/**
 * Matrix products: C[m,n] = A[m,k] * B[k,n]. Chooses among the kernels by what is known of the sizes and strides:
 * tiles on packed panels for many rows, row kernels for few, dot products for few columns. The choice does not depend
 * on how threads divide the work.
 */
import type { Dim } from "../../base/dims.ts";
import type { NodeOf, Value } from "../../graph/graph.ts";
import { add, binary, f32, i32, loop, mul, ref, size, when } from "../build.ts";
import type { Buffer, Expr, Stmt } from "../ir.ts";
import type { Context } from "./context.ts";
import type { Read } from "./elements.ts";
import { beforeLoop, changesWith, type Round, rowsTogether } from "./fewRows.ts";
import { dotColumns, dotRows, plainProduct, streamRows } from "./matmulRows.ts";
import { packAll, packedSize, panelWidth, tileSiblings, tileSum } from "./matmulTile.ts";
import { type Addend, at, isUnit, type Matrix, type Product, transposed, withAddends } from "./matrix.ts";
import { elementwiseNest } from "./nest.ts";
import type { Schedule } from "./schedule.ts";
import { type Part, type Range, whole } from "./share.ts";
import type { View } from "./view.ts";

/** Puts the operands of a product where its kernels can read them: in memory, with any strides. */
export function matmulOperands(schedule: Schedule, node: NodeOf<"matmul">): void {
  for (const x of node.ins) schedule.ensureView(x);
}

/** From so many rows on, products go by tiles. */
const manyRows = 4;

/** What the lowering of a graph offers to a product. */
export interface Surroundings {
  readonly context: Context;
  readonly view: (value: Value) => View;
  /** Where the result goes. */
  readonly target: View;
  /** How many terms of the sums of a product are not zero for sure, where that is known only in a call. */
  readonly terms: (node: NodeOf<"matmul">) => Expr | undefined;
  /** Statements that run before the outermost loop in which a value stays the same; undefined if there is none. */
  readonly preheader: (value: Value) => Stmt[] | undefined;
  /** The loop that a value is one of the xs of; undefined if there is none. */
  readonly round: (value: Value) => Round | undefined;
}

/** A term of a sum: a product, or what is added, by its index. */
export type Summed = { readonly product: NodeOf<"matmul"> } | { readonly read: Read };

/** The statements of a sum with matmul nodes of one shape, with a loop over their leading axes. */
export function sumStatements(given: Surroundings, terms: readonly Summed[]): Stmt[] {
  const { context } = given;
  const [first] = terms.flatMap((term) => ("product" in term ? [term.product] : []));
  const [out] = first.outs;
  const batch = out.shape.slice(0, -2);
  const counters = batch.map(() => context.variable("batch"));
  const division = divide(context, first);
  const place = counters.map((counter, i) => (batch[i] === 1 ? i32(0) : ref(counter)));
  const sum = terms.map((term): Summand => {
    if ("read" in term) return (row, column) => term.read([...place, row, column]);
    const [a, b] = term.product.ins;
    const preheader = batch.every((dim) => dim === 1) ? given.preheader(b) : undefined;
    return { ...productOf(given, term.product, place, division), preheader, round: preheader && given.round(a) };
  });
  const body = statementsOf(sum);
  return counters.reduceRight<Stmt[]>((inside, counter, i) => {
    const range = division.batch?.axis === i ? division.batch.range : whole(batch[i]);
    return batch[i] === 1 ? inside : [loop(counter, range.from, range.to, 1, inside, true)];
  }, body);
}

/** The statements of matmul nodes of one B and two axes; what is around each of them differs in its target. */
export function siblingStatements(
  siblings: readonly { readonly node: NodeOf<"matmul">; readonly given: Surroundings }[],
): Stmt[] {
  const products = siblings.map(({ node, given }) => productOf(given, node, [], divide(given.context, node)));
  const [{ columns, terms }] = products;
  // Where other terms are left out, or threads divide columns of the one and rows of the other, each goes by itself.
  const alike = products.every((p) => sameText(p.columns, columns) && sameText(p.terms, terms));
  return alike ? tileSiblings(products) : products.flatMap((product) => statementsOf([product]));
}

function sameText(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

function productOf(given: Surroundings, node: NodeOf<"matmul">, place: readonly Expr[], division: Division): Product {
  const { transposeA, transposeB } = node.params;
  const [a, b] = node.ins;
  const [out] = node.outs;
  const rank = out.shape.length;
  return {
    context: given.context,
    m: out.shape[rank - 2],
    k: a.shape[transposeA ? rank - 2 : rank - 1],
    n: out.shape[rank - 1],
    terms: given.terms(node),
    a: matrixOf(given.view(a), place, transposeA),
    b: matrixOf(given.view(b), place, transposeB),
    c: matrixOf(given.target, place, false),
    rows: division.rows,
    columns: division.columns,
  };
}

/** What a thread does of a product. */
interface Division {
  readonly rows: Range;
  readonly columns: Range;
  readonly batch?: Part;
}

function divide(context: Context, { outs: [out] }: NodeOf<"matmul">): Division {
  const rank = out.shape.length;
  const [m, n] = out.shape.slice(-2);
  const all: Division = { rows: whole(m), columns: whole(n) };
  const { sharing } = context;
  if (sharing === undefined) return all;
  if (sharing !== "even") {
    const part = context.part(out);
    if (part === undefined) return all;
    if (part.axis === rank - 2) return { ...all, rows: part.range };
    return part.axis === rank - 1 ? { ...all, columns: part.range } : { ...all, batch: part };
  }
  const { machine } = context;
  const long = out.shape.slice(0, -2).findIndex((dim) => typeof dim !== "number" || dim >= 2 * machine.threads);
  if (long >= 0) return { ...all, batch: { axis: long, range: context.share(out.shape[long], 1) } };
  const panel = panelWidth({ context });
  const wide = typeof n !== "number" || n >= 2 * panel * machine.threads;
  return wide || isSmall(m, 4)
    ? { ...all, columns: context.share(n, isSmall(m, 4) ? machine.lanes : panel) }
    : { ...all, rows: context.share(m, machine.tile.rows) };
}

function matrixOf(view: View, batch: readonly Expr[], flip: boolean): Matrix {
  const rank = view.strides.length;
  const offset = batch.reduce((sum, at, i) => add(sum, mul(at, size(view.strides[i]))), view.offset);
  const matrix: Matrix = { buffer: view.buffer, offset, row: view.strides[rank - 2], column: view.strides[rank - 1] };
  return flip ? transposed(matrix) : matrix;
}

/** A product of a sum, what runs before the loop in which its B stays the same, and the loop that its A is one of the xs of. */
interface Factor extends Product {
  readonly preheader?: Stmt[] | undefined;
  readonly round?: Round | undefined;
}

/** A term of a sum: a product, or what is added. */
type Summand = Factor | Addend;

/** The products of a sum, in order, each with what comes before it, or after it up to the next. */
function chain(sum: readonly Summand[]): Factor[] {
  const products: Factor[] = [];
  const waiting: Addend[] = [];
  for (const term of sum) {
    const last = products.at(-1);
    if (typeof term !== "function") {
      products.push({ ...term, before: last === undefined ? allOf(waiting) : "c" });
    } else if (last === undefined) waiting.push(term);
    else products[products.length - 1] = { ...last, after: [...(last.after ?? []), term] };
  }
  return products;
}

function allOf(addends: readonly Addend[]): Addend | undefined {
  if (addends.length === 0) return undefined;
  return (row, column) => addends.map((read) => read(row, column)).reduce(add);
}

function statementsOf(sum: readonly Summand[]): Stmt[] {
  const products = chain(sum);
  const [p] = products;
  if (isSmall(p.n, 4) || p.k === 0) return products.flatMap((one) => (one.k === 0 ? empty(one) : fewColumns(one)));
  if (isSmall(p.m, manyRows)) return products.flatMap(rows);
  if (typeof p.m === "number") return tileSum(products.map((one) => ({ product: one, panels: packedBefore(one) })));
  const [many, enough] = [atLeast(manyRows, p.m), atLeast(rowsTogether, p.m)];
  const left = products.filter((one) => !isOfXs(one));
  const divided = left.length > 0 && left.length < products.length;
  const packed = products.map((one) => packedBefore(one, divided && isOfXs(one) ? enough : many));
  const tiles = tileSum(products.map((product, i) => ({ product, panels: packed[i] })));
  if (!divided) return [when(many, tiles, products.flatMap(rows))];
  const apart = chain(
    sum.map((term) => (typeof term !== "function" && isOfXs(term) ? beforeLoop(term, term.round as Round) : term)),
  );
  const panels = packed.filter((_, i) => !isOfXs(products[i]));
  const fewer = tileSum(apart.map((product, i) => ({ product, panels: panels[i] })));
  return [when(enough, tiles, [when(many, fewer, apart.flatMap(rows))])];
}

function atLeast(count: number, rows: Dim): Expr {
  return binary("lessEqual", i32(count), size(rows));
}

function isOfXs(p: Factor): boolean {
  return p.round !== undefined && changesWith(p, p.round);
}

/** Few rows: no packing, B as it lies. */
function rows(p: Product): Stmt[] {
  if (isUnit(p.b.column)) return streamRows(p);
  if (isUnit(p.b.row) && isUnit(p.a.column)) return dotRows(p);
  return plainProduct(p);
}

/** Few columns. With A stored by columns, the product the other way round streams A. */
function fewColumns(p: Product): Stmt[] {
  if (isUnit(p.a.row) && !isUnit(p.a.column)) {
    return streamRows({
      ...p,
      m: p.n,
      n: p.m,
      rows: p.columns,
      columns: p.rows,
      a: transposed(p.b),
      b: transposed(p.a),
      c: transposed(p.c),
    });
  }
  if (isUnit(p.a.column) && !isSmall(p.k, 4)) return dotColumns(p);
  return plainProduct(p);
}

/** Packs a B that stays the same through a loop before that, if there will be many rows. */
function packedBefore({ preheader, ...p }: Factor, condition?: Expr): Buffer | undefined {
  if (preheader === undefined) return undefined;
  const packed = p.context.buffer("panels", "f32", packedSize(p), { kind: "temp" });
  const sharing = p.context.sharing === undefined ? undefined : "even";
  const packing = p.context.sharingAs(sharing, () =>
    packAll({ ...p, columns: p.context.share(p.n, panelWidth(p)) }, packed),
  );
  preheader.push(p.context.kernel("pack", condition === undefined ? packing : [when(condition, packing)]));
  return packed;
}

/** A product without terms. */
function empty(p: Product): Stmt[] {
  return elementwiseNest(
    p.context,
    [p.m, p.n],
    ([i, j]) => [{ buffer: p.c.buffer, index: at(p.c, i, j), value: withAddends(p, i, j, f32(0)) }],
    { axis: 0, range: p.rows },
  );
}

function isSmall(dim: Dim, below: number): boolean {
  return typeof dim === "number" && dim < below;
}
