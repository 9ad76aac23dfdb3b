/**
 * Products with few rows or few columns, on operands as they lie. The streaming step of one row runs here:
 * B is read once, in order, and every sum goes by k from first to last, as in the tiles.
 */
import type { Dim } from "../../base/dims.ts";
import { isMultiple } from "../affine.ts";
import { add, binary, f32, i32, lane, letIn, load, loop, mul, ref, set, size, splat, store, varOf } from "../build.ts";
import { type Expr, type Stmt, types, type Variable } from "../ir.ts";
import { at, element, four, isUnit, type Matrix, type Product, spread, storeLanes, terms } from "./matrix.ts";

/** So many rows of B are added to C at a time. */
const depth = 4;

/** Whether no terms are left over when they go by so many, whatever the call. */
function isEven(p: Product, by: number): boolean {
  return p.terms === undefined && isMultiple(p.k, by);
}

/** B by rows, for each row of A: in order where a row is long, else by blocks of columns that stay in registers. */
export function streamRows(p: Product): Stmt[] {
  const i = p.context.variable("i");
  const long = isUnit(p.c.column) && !(typeof p.n === "number" && p.n < 64);
  return [loop(i, i32(0), size(p.m), 1, long ? wholeRow(p, ref(i)) : rowBlocks(p, ref(i)), true)];
}

// c[i, ..] = 0; for k: c[i, ..] += a[i, k] * b[k, ..] for four k at a time
function wholeRow(p: Product, i: Expr): Stmt[] {
  const whole = binary("and", terms(p), i32(-depth));
  const [k, rest] = ["k", "k"].map((name) => p.context.variable(name));
  const cleared = overColumns(p, (j, lanes) =>
    store(p.c.buffer, at(p.c, i, j), lanes === 1 ? f32(0) : splat(f32(0), 4)),
  );
  const main = loop(k, i32(0), whole, depth, addRows(p, i, ref(k), depth));
  if (isEven(p, depth)) return [...cleared, main];
  return [...cleared, main, loop(rest, whole, terms(p), 1, addRows(p, i, ref(rest), 1))];
}

// c[i, ..] = c[i, ..] + a[i, k] * b[k, ..] + a[i, k + 1] * b[k + 1, ..] + ...
function addRows(p: Product, i: Expr, k: Expr, count: number): Stmt[] {
  const rows = Array.from({ length: count }, (_, r) => add(k, i32(r)));
  const scales = rows.map(() => p.context.variable("a", types.f32));
  const update = (j: Expr, lanes: 1 | 4): Stmt => {
    const index = at(p.c, i, j);
    const terms = rows.map((row, r) => {
      const a = ref(scales[r]);
      return mul(lanes === 1 ? a : splat(a, 4), load(p.b.buffer, at(p.b, row, j), lanes));
    });
    return store(p.c.buffer, index, terms.reduce(add, load(p.c.buffer, index, lanes)));
  };
  return [...rows.map((row, r) => letIn(scales[r], element(p.a, i, row))), ...overColumns(p, update)];
}

/** Runs over the columns of C, by four and then one by one. */
function overColumns(p: Product, body: (j: Expr, lanes: 1 | 4) => Stmt): Stmt[] {
  const whole = binary("and", size(p.n), i32(-4));
  const [j, rest] = ["j", "j"].map((name) => p.context.variable(name));
  const main = loop(j, i32(0), whole, 4, [body(ref(j), 4)]);
  return isMultiple(p.n, 4) ? [main] : [main, loop(rest, whole, size(p.n), 1, [body(ref(rest), 1)])];
}

/** Blocks of 16, 8, 4 and 1 columns. */
function rowBlocks(p: Product, i: Expr): Stmt[] {
  let from = i32(0);
  return widthsFor(p.n).map((width) => {
    const j = p.context.variable("j");
    const to = width === 1 ? size(p.n) : binary("and", size(p.n), i32(-width));
    const block = loop(j, from, to, width, streamBlock(p, i, ref(j), width));
    from = to;
    return block;
  });
}

/** The block widths that cover a number of columns, widest first. */
function widthsFor(n: Dim): number[] {
  const widths = [16, 8, 4, 1];
  if (typeof n !== "number") return [16, 4, 1].filter((_, i) => i === 0 || !isMultiple(n, i === 1 ? 16 : 4));
  return widths.filter((width, i) => (i === 0 ? n : n % widths[i - 1]) >= width);
}

// c[i, j..j+width-1] = sum over k of a[i, k] * b[k, j..]
function streamBlock(p: Product, i: Expr, j: Expr, width: number): Stmt[] {
  const k = p.context.variable("k");
  const type = width === 1 ? types.f32 : types.f32x4;
  const columns = Array.from({ length: Math.ceil(width / 4) }, (_, c) => add(j, i32(4 * c)));
  const sums = columns.map(() => p.context.variable("sum", type));
  const a = p.context.variable("a", type);
  const scale = width === 1 ? element(p.a, i, ref(k)) : spread(p.a, i, ref(k));
  const steps = sums.map((s, c) => {
    const b = width === 1 ? element(p.b, ref(k), columns[c]) : four(p.b, ref(k), columns[c]);
    return set(s, add(ref(s), mul(ref(a), b)));
  });
  const stores = sums.flatMap((s, c) =>
    width === 1 ? [store(p.c.buffer, at(p.c, i, columns[c]), ref(s))] : storeLanes(p.c, i, columns[c], ref(s)),
  );
  const start = width === 1 ? f32(0) : splat(f32(0), 4);
  return [...sums.map((s) => varOf(s, start)), loop(k, i32(0), terms(p), 1, [letIn(a, scale), ...steps]), ...stores];
}

/** B by columns: dot products along k, four columns at a time. */
export function dotRows(p: Product): Stmt[] {
  const i = p.context.variable("i");
  const blocks: Stmt[] = [];
  const j = p.context.variable("j");
  const wide = binary("and", size(p.n), i32(-4));
  blocks.push(loop(j, i32(0), wide, 4, dots(p, [ref(i)], shifts(ref(j), 4))));
  if (!isMultiple(p.n, 4)) {
    const rest = p.context.variable("j");
    blocks.push(loop(rest, wide, size(p.n), 1, dots(p, [ref(i)], [ref(rest)])));
  }
  return [loop(i, i32(0), size(p.m), 1, blocks, true)];
}

/** Fewer than four columns: dot products along k for four rows at a time, on a B laid out by columns. */
export function dotColumns(p: Product): Stmt[] {
  const count = p.n as number;
  const columns = Array.from({ length: count }, (_, c) => i32(c));
  const [before, product] = p.b.row === 1 ? [[], p] : packColumns(p);
  const i = p.context.variable("i");
  const wide = binary("and", size(p.m), i32(-4));
  const blocks: Stmt[] = [loop(i, i32(0), wide, 4, dots(product, shifts(ref(i), 4), columns), true)];
  if (!isMultiple(p.m, 4)) {
    const rest = p.context.variable("i");
    blocks.push(loop(rest, wide, size(p.m), 1, dots(product, [ref(rest)], columns), true));
  }
  return [...before, ...blocks];
}

/** Copies B so that its columns lie along k. */
function packColumns(p: Product): [Stmt[], Product] {
  const buffer = p.context.buffer("columns", "f32", mulDim(p.k, p.n as number), { kind: "temp" });
  const b: Matrix = { buffer, offset: i32(0), row: 1, column: p.k };
  const k = p.context.variable("k");
  const copies = Array.from({ length: p.n as number }, (_, c) =>
    store(buffer, at(b, ref(k), i32(c)), element(p.b, ref(k), i32(c))),
  );
  return [[loop(k, i32(0), size(p.k), 1, copies)], { ...p, b }];
}

function mulDim(k: Dim, n: number): Dim {
  const product = mul(size(k), i32(n));
  return product.kind === "size" ? product.dim : (product as { value: number }).value;
}

function shifts(from: Expr, count: number): Expr[] {
  return Array.from({ length: count }, (_, i) => add(from, i32(i)));
}

// c[i, j] = sum over k of a[i, k] * b[k, j] for a few i and j; k is the unit axis of both
function dots(p: Product, rows: readonly Expr[], columns: readonly Expr[]): Stmt[] {
  const { context } = p;
  const cells = rows.flatMap((i) =>
    columns.map((j) => ({
      i,
      j,
      sum: context.variable("sum", types.f32x4),
      total: context.variable("total", types.f32),
    })),
  );
  const wide = binary("and", terms(p), i32(-4));
  const k = context.variable("k");
  const byColumn = { ...p.b, row: p.b.column, column: p.b.row };
  const a = new Map<Expr, Variable>(rows.map((i) => [i, context.variable("a", types.f32x4)]));
  const b = new Map<Expr, Variable>(columns.map((j) => [j, context.variable("b", types.f32x4)]));
  const loads = [
    ...rows.map((i) => letIn(a.get(i) as Variable, four(p.a, i, ref(k)))),
    ...columns.map((j) => letIn(b.get(j) as Variable, four(byColumn, j, ref(k)))),
  ];
  const steps = cells.map(({ i, j, sum }) =>
    set(sum, add(ref(sum), mul(ref(a.get(i) as Variable), ref(b.get(j) as Variable)))),
  );
  const tail: Stmt[] = [];
  if (!isEven(p, 4)) {
    const rest = context.variable("k");
    const singles = cells.map(({ i, j, total }) =>
      set(total, add(ref(total), mul(element(p.a, i, ref(rest)), element(p.b, ref(rest), j)))),
    );
    tail.push(loop(rest, wide, terms(p), 1, singles));
  }
  return [
    ...cells.map(({ sum }) => varOf(sum, splat(f32(0), 4))),
    loop(k, i32(0), wide, 4, [...loads, ...steps]),
    ...cells.map(({ sum, total }) => varOf(total, horizontal(ref(sum)))),
    ...tail,
    ...cells.map(({ i, j, total }) => store(p.c.buffer, at(p.c, i, j), ref(total))),
  ];
}

function horizontal(x: Expr): Expr {
  return add(add(lane(x, 0), lane(x, 1)), add(lane(x, 2), lane(x, 3)));
}

/** One element after the other, for strides that suit no other kernel. */
export function plainProduct(p: Product): Stmt[] {
  const [i, j, k] = ["i", "j", "k"].map((name) => p.context.variable(name));
  const total = p.context.variable("total", types.f32);
  const term = mul(load(p.a.buffer, at(p.a, ref(i), ref(k))), load(p.b.buffer, at(p.b, ref(k), ref(j))));
  const cell = [
    varOf(total, f32(0)),
    loop(k, i32(0), terms(p), 1, [set(total, add(ref(total), term))]),
    store(p.c.buffer, at(p.c, ref(i), ref(j)), ref(total)),
  ];
  return [loop(i, i32(0), size(p.m), 1, [loop(j, i32(0), size(p.n), 1, cell)], true)];
}
