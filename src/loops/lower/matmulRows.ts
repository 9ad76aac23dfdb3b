/**
 * Products with few rows or few columns, on operands as they lie. The streaming step of one row runs here:
 * B is read once, in order, and every sum goes by k from first to last, as in the tiles.
 */
import { type Dim, multiplyDims } from "../../base/dims.ts";
import { isMultiple } from "../affine.ts";
import {
  add,
  binary,
  f32,
  i32,
  lane,
  letIn,
  load,
  loop,
  mul,
  ref,
  set,
  size,
  splat,
  store,
  typeOf,
  varOf,
} from "../build.ts";
import { type Expr, type Lanes, type Stmt, types, type Variable } from "../ir.ts";
import {
  at,
  type Columns,
  element,
  isUnit,
  type Matrix,
  type Product,
  spread,
  storeSums,
  terms,
  vectorAt,
  withAddends,
} from "./matrix.ts";
import { elementwiseNest } from "./nest.ts";
import { isWholeBy, type Range, stretches, upTo } from "./share.ts";

/** So many rows of B are added to C at a time, then, of what is left, so many. */
const depths = [8, 4, 1] as const;

/** Whether no terms are left over when they go by so many, whatever the call. */
function isEven(p: Product, by: number): boolean {
  return p.terms === undefined && isMultiple(p.k, by);
}

/** B by rows, for each row of A: in order where a row is long, else by blocks of columns that stay in registers. */
export function streamRows(p: Product): Stmt[] {
  const i = p.context.variable("i");
  const long = isUnit(p.c.column) && !(typeof p.n === "number" && p.n < 64);
  return [loop(i, p.rows.from, p.rows.to, 1, long ? wholeRow(p, ref(i)) : rowBlocks(p, ref(i)), true)];
}

// c[i, ..] = 0; for k: c[i, ..] += a[i, k] * b[k, ..] for eight k at a time; then what is added to that
function wholeRow(given: Product, i: Expr): Stmt[] {
  const apart = given.before === "c" ? given.context.scratch("row", given.n) : undefined;
  const c: Matrix = apart === undefined ? given.c : { buffer: apart.buffer, offset: apart.base, row: 0, column: 1 };
  const sums: Product = { ...given, c, before: undefined, after: [] };
  const { before, after = [] } = given;
  const last = before === undefined && after.length === 0 ? [] : addToRow(given, c, i);
  return [...sumsOfRow(sums, i), ...last];
}

function sumsOfRow(p: Product, i: Expr): Stmt[] {
  const stmts = overColumns(p, (j, lanes) => store(p.c.buffer, at(p.c, i, j), splat(f32(0), lanes)));
  let start = i32(0);
  for (const depth of depths) {
    const k = p.context.variable("k");
    const end = depth === 1 ? terms(p) : binary("and", terms(p), i32(-depth));
    stmts.push(loop(k, start, end, depth, addRows(p, i, ref(k), depth)));
    if (isEven(p, depth)) return stmts;
    start = end;
  }
  return stmts;
}

function addToRow(p: Product, sums: Matrix, i: Expr): Stmt[] {
  const value = (j: Expr): Expr => withAddends(p, i, j, element(sums, i, j));
  const body = ([j]: readonly Expr[]) => [{ buffer: p.c.buffer, index: at(p.c, i, j), value: value(j) }];
  return elementwiseNest(p.context, [p.n], body, { axis: 0, range: p.columns });
}

// c[i, ..] = c[i, ..] + a[i, k] * b[k, ..] + a[i, k + 1] * b[k + 1, ..] + ...
function addRows(p: Product, i: Expr, k: Expr, count: number): Stmt[] {
  const rows = Array.from({ length: count }, (_, r) => add(k, i32(r)));
  const scales = rows.map(() => p.context.variable("a", types.f32));
  const update = (j: Expr, lanes: Lanes): Stmt => {
    const index = at(p.c, i, j);
    const terms = rows.map((row, r) => mul(splat(ref(scales[r]), lanes), load(p.b.buffer, at(p.b, row, j), lanes)));
    return store(p.c.buffer, index, terms.reduce(add, load(p.c.buffer, index, lanes)));
  };
  return [...rows.map((row, r) => letIn(scales[r], element(p.a, i, row))), ...overColumns(p, update)];
}

/** Runs over the columns of C by vectors, the rest by shorter ones and one by one. */
function overColumns(p: Product, body: (j: Expr, lanes: Lanes) => Stmt): Stmt[] {
  return stretches(p.context.machine.lanes, p.columns, p.n).map(({ lanes, from, to }) => {
    const j = p.context.variable("j");
    return loop(j, from, to, lanes, [body(ref(j), lanes)]);
  });
}

/** Blocks of four vectors, of two, of one, and of shorter ones. */
function rowBlocks(p: Product, i: Expr): Stmt[] {
  let { from } = p.columns;
  return widthsFor(p.columns, p.n, p.context.machine.lanes).map((width) => {
    const j = p.context.variable("j");
    const to = width === 1 ? p.columns.to : upTo(p.columns, width);
    const block = loop(j, from, to, width, streamBlock(p, i, j, width));
    from = to;
    return block;
  });
}

/** The block widths that cover a range of columns, widest first. */
function widthsFor(range: Range, n: Dim, lanes: Lanes): number[] {
  const { from, to } = range;
  const all = [...new Set([4 * lanes, 2 * lanes, lanes, 4, 1])];
  if (from.kind === "const" && to.kind === "const") {
    const count = to.value - from.value;
    return all.filter((width, i) => (i === 0 ? count : count % all[i - 1]) >= width);
  }
  const some = all.filter((width) => width !== 2 * lanes);
  const last = some.findIndex((width) => isWholeBy(range, n, width));
  return last < 0 ? some : some.slice(0, last + 1);
}

// c[i, j..j+width-1] = sum over k of a[i, k] * b[k, j..]
function streamBlock(p: Product, i: Expr, j: Variable, width: number): Stmt[] {
  const k = p.context.variable("k");
  const lanes = lanesOf(width, p.context.machine.lanes);
  const type = typeOf("f32", lanes);
  const columns = Array.from({ length: width / lanes }, (_, c): Columns => ({ column: j, shift: lanes * c, lanes }));
  const sums = columns.map(() => p.context.variable("sum", type));
  const a = p.context.variable("a", type);
  const term = ({ shift }: Columns): Expr => mul(ref(a), vectorAt(p.b, ref(k), add(ref(j), i32(shift)), lanes));
  const steps = sums.map((s, c) => set(s, add(ref(s), term(columns[c]))));
  const stores = sums.flatMap((s, c) => storeSums(p, i, columns[c], ref(s)));
  return [
    ...sums.map((s) => varOf(s, splat(f32(0), lanes))),
    loop(k, i32(0), terms(p), 1, [letIn(a, spread(p.a, i, ref(k), lanes)), ...steps]),
    ...stores,
  ];
}

/** The widest vector that a number of columns is made of. */
function lanesOf(width: number, widest: Lanes): Lanes {
  return ([16, 8, 4] as const).find((lanes) => lanes <= widest && width % lanes === 0) ?? 1;
}

/** B by columns: dot products along k, four columns at a time. */
export function dotRows(p: Product): Stmt[] {
  const i = p.context.variable("i");
  const blocks: Stmt[] = [];
  const j = p.context.variable("j");
  const wide = upTo(p.columns, 4);
  blocks.push(loop(j, p.columns.from, wide, 4, dots(p, [ref(i)], shifts(ref(j), 4))));
  if (!isWholeBy(p.columns, p.n, 4)) {
    const rest = p.context.variable("j");
    blocks.push(loop(rest, wide, p.columns.to, 1, dots(p, [ref(i)], [ref(rest)])));
  }
  return [loop(i, p.rows.from, p.rows.to, 1, blocks, true)];
}

/** Fewer than four columns: dot products along k for four rows at a time, on a B laid out by columns. */
export function dotColumns(p: Product): Stmt[] {
  const count = p.n as number;
  const columns = Array.from({ length: count }, (_, c) => i32(c));
  const [before, product] = p.b.row === 1 ? [[], p] : packColumns(p);
  const i = p.context.variable("i");
  const wide = upTo(p.rows, 4);
  const blocks: Stmt[] = [loop(i, p.rows.from, wide, 4, dots(product, shifts(ref(i), 4), columns), true)];
  if (!isWholeBy(p.rows, p.m, 4)) {
    const rest = p.context.variable("i");
    blocks.push(loop(rest, wide, p.rows.to, 1, dots(product, [ref(rest)], columns), true));
  }
  return [...before, ...blocks];
}

/** Copies B so that its columns lie along k. */
function packColumns(p: Product): [Stmt[], Product] {
  const { buffer, base } = p.context.scratch("columns", multiplyDims(p.k, p.n));
  const b: Matrix = { buffer, offset: base, row: 1, column: p.k };
  const k = p.context.variable("k");
  const copies = Array.from({ length: p.n as number }, (_, c) =>
    store(buffer, at(b, ref(k), i32(c)), element(p.b, ref(k), i32(c))),
  );
  return [[loop(k, i32(0), size(p.k), 1, copies)], { ...p, b }];
}

function shifts(from: Expr, count: number): Expr[] {
  return Array.from({ length: count }, (_, i) => add(from, i32(i)));
}

// c[i, j] = sum over k of a[i, k] * b[k, j] for a few i and j; k is the unit axis of both
function dots(p: Product, rows: readonly Expr[], columns: readonly Expr[]): Stmt[] {
  const { context } = p;
  const lanes = lanesAlong(p);
  const type = typeOf("f32", lanes);
  const cells = rows.flatMap((i) =>
    columns.map((j) => ({
      i,
      j,
      sum: context.variable("sum", type),
      total: context.variable("total", types.f32),
    })),
  );
  const wide = binary("and", terms(p), i32(-lanes));
  const k = context.variable("k");
  const byColumn = { ...p.b, row: p.b.column, column: p.b.row };
  const a = new Map<Expr, Variable>(rows.map((i) => [i, context.variable("a", type)]));
  const b = new Map<Expr, Variable>(columns.map((j) => [j, context.variable("b", type)]));
  const loads = [
    ...rows.map((i) => letIn(a.get(i) as Variable, vectorAt(p.a, i, ref(k), lanes))),
    ...columns.map((j) => letIn(b.get(j) as Variable, vectorAt(byColumn, j, ref(k), lanes))),
  ];
  const steps = cells.map(({ i, j, sum }) =>
    set(sum, add(ref(sum), mul(ref(a.get(i) as Variable), ref(b.get(j) as Variable)))),
  );
  const tail: Stmt[] = [];
  if (!isEven(p, lanes)) {
    const rest = context.variable("k");
    const singles = cells.map(({ i, j, total }) =>
      set(total, add(ref(total), mul(element(p.a, i, ref(rest)), element(p.b, ref(rest), j)))),
    );
    tail.push(loop(rest, wide, terms(p), 1, singles));
  }
  return [
    ...cells.map(({ sum }) => varOf(sum, splat(f32(0), lanes))),
    loop(k, i32(0), wide, lanes, [...loads, ...steps]),
    ...cells.map(({ sum, total }) => varOf(total, horizontal(ref(sum)))),
    ...tail,
    ...cells.map(({ i, j, total }) => store(p.c.buffer, at(p.c, i, j), withAddends(p, i, j, ref(total)))),
  ];
}

/** The widest vector that goes into k without a rest, or the widest there is. */
function lanesAlong(p: Product): Lanes {
  const { lanes: widest } = p.context.machine;
  const all = ([16, 8, 4] as const).filter((lanes) => lanes <= widest);
  return all.find((lanes) => isEven(p, lanes)) ?? (typeof p.k === "number" && p.k < 4 * widest ? 4 : widest);
}

/** The sum of the lanes: neighbours first. */
function horizontal(x: Expr): Expr {
  let sums = Array.from({ length: x.type.lanes }, (_, i) => lane(x, i));
  while (sums.length > 1) sums = sums.flatMap((sum, i) => (i % 2 === 0 ? [add(sum, sums[i + 1])] : []));
  return sums[0];
}

/** One element after the other, for strides that suit no other kernel. */
export function plainProduct(p: Product): Stmt[] {
  const [i, j, k] = ["i", "j", "k"].map((name) => p.context.variable(name));
  const total = p.context.variable("total", types.f32);
  const term = mul(load(p.a.buffer, at(p.a, ref(i), ref(k))), load(p.b.buffer, at(p.b, ref(k), ref(j))));
  const cell = [
    varOf(total, f32(0)),
    loop(k, i32(0), terms(p), 1, [set(total, add(ref(total), term))]),
    store(p.c.buffer, at(p.c, ref(i), ref(j)), withAddends(p, ref(i), ref(j), ref(total))),
  ];
  return [loop(i, p.rows.from, p.rows.to, 1, [loop(j, p.columns.from, p.columns.to, 1, cell)], true)];
}
