/**
 * Products with many rows: B is packed into panels of 8 columns, A is read in place, and C is made in tiles of 4 rows
 * by 8 columns that stay in registers. A long k goes by blocks, so that a panel stays in the first-level cache; rows
 * go by blocks, so that A stays in the second.
 *
 *   for k block: pack; for row block: for panel: for 4 rows: tile
 */
import { addDims, type Dim, floorDivideDim, multiplyDims } from "../../base/dims.ts";
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
  select,
  set,
  size,
  splat,
  store,
  sub,
  varOf,
  when,
} from "../build.ts";
import { type Buffer, type Expr, type Stmt, types, type Variable } from "../ir.ts";
import { at, element, four, type Product, spread, storeLanes, terms } from "./matrix.ts";
import { elementwiseNest } from "./nest.ts";

const kBlock = 256;
/** A k up to here is one block. */
const kSingle = 384;
const rowBlock = 64;

/** A stretch of k: where it starts, how long it is, and where its panels lie. */
interface Block {
  readonly start: Expr;
  readonly length: Expr;
  readonly panels: Buffer;
  readonly base: Expr;
  /** Where A is copied to, four rows at a time. */
  readonly rows?: Buffer;
}

/** Elements of the panels of all of B. */
export function packedSize(p: Product): Dim {
  return multiplyDims(p.k, paddedColumns(p.n));
}

function paddedColumns(n: Dim): Dim {
  return multiplyDims(8, floorDivideDim(addDims(n, 7), 8));
}

/** Packs all of B, block by block. */
export function packAll(p: Product, panels: Buffer): Stmt[] {
  return overBlocks(p, (start, length) => pack(p, blockIn(p, panels, start, length)));
}

/** The product with a B that `packAll` has packed. */
export function tileOnPacked(p: Product, panels: Buffer): Stmt[] {
  const body = (start: Expr, length: Expr): Stmt[] => rowBlocks(p, blockIn(p, panels, start, length));
  return [...cleared(p), ...overBlocks(p, body)];
}

/** The product with its packing, block by block through one small buffer. */
export function tileWithPacking(p: Product): Stmt[] {
  const depth = isSingle(p) ? p.k : kBlock;
  const panels = p.context.buffer("panels", "f32", multiplyDims(depth, paddedColumns(p.n)), { kind: "temp" });
  const body = (start: Expr, length: Expr): Stmt[] => {
    const block: Block = { start, length, panels, base: i32(0) };
    return [...pack(p, block), ...rowBlocks(p, block)];
  };
  return [...cleared(p), ...overBlocks(p, body)];
}

function isSingle(p: Product): boolean {
  return typeof p.k === "number" && p.k <= kSingle;
}

function blockIn(p: Product, panels: Buffer, start: Expr, length: Expr): Block {
  return { start, length, panels, base: mul(start, size(paddedColumns(p.n))) };
}

function overBlocks(p: Product, body: (start: Expr, length: Expr) => Stmt[]): Stmt[] {
  if (isSingle(p)) return body(i32(0), size(p.k));
  const start = p.context.variable("k");
  const length = p.context.variable("depth");
  const end = terms(p);
  const left = binary("min", i32(kBlock), sub(end, ref(start)));
  return [loop(start, i32(0), end, kBlock, [letIn(length, left), ...body(ref(start), ref(length))])];
}

/** With several blocks of k, tiles add to what is there. */
function cleared(p: Product): Stmt[] {
  if (isSingle(p)) return [];
  return elementwiseNest(p.context, [p.m, p.n], ([i, j]) => [
    { buffer: p.c.buffer, index: at(p.c, i, j), value: f32(0) },
  ]);
}

// ---- packing -----------------------------------------------------------------------------------------------------

// panels[base + (j / 8) * (8 * length) + 8 * k + c] = b[start + k, j + c], zero beyond the last column
function pack(p: Product, block: Block): Stmt[] {
  const j = p.context.variable("j");
  const whole = binary("and", size(p.n), i32(-8));
  const stmts: Stmt[] = [];
  if (!(typeof p.n === "number" && p.n < 8)) stmts.push(loop(j, i32(0), whole, 8, packPanel(p, block, ref(j), 8)));
  if (isMultiple(p.n, 8)) return stmts;
  if (typeof p.n === "number") return [...stmts, ...packPanel(p, block, whole, p.n % 8)];
  return [...stmts, when(binary("less", whole, size(p.n)), packPanel(p, block, whole, undefined))];
}

/** `columns` of the eight exist; undefined: as many as are left. */
function packPanel(p: Product, block: Block, j: Expr, columns: number | undefined): Stmt[] {
  const k = p.context.variable("k");
  const row = add(block.start, ref(k));
  const to = panelAt(block, j, ref(k));
  const body: Stmt[] = [];
  for (let c = 0; c < 8; ) {
    const vector = p.b.column === 1 && columns !== undefined && c % 4 === 0 && c + 4 <= columns;
    const column = add(j, i32(c));
    if (vector) body.push(store(block.panels, add(to, i32(c)), four(p.b, row, column)));
    else body.push(store(block.panels, add(to, i32(c)), packed(p, row, column, c, columns)));
    c += vector ? 4 : 1;
  }
  return [loop(k, i32(0), block.length, 1, body)];
}

function packed(p: Product, row: Expr, column: Expr, c: number, columns: number | undefined): Expr {
  if (columns !== undefined) return c < columns ? element(p.b, row, column) : f32(0);
  const last = sub(size(p.n), i32(1));
  return select(binary("lessEqual", column, last), element(p.b, row, binary("min", column, last)), f32(0));
}

function panelAt(block: Block, j: Expr, k: Expr): Expr {
  return add(add(block.base, mul(j, block.length)), mul(k, i32(8)));
}

// ---- tiles -------------------------------------------------------------------------------------------------------

function rowBlocks(p: Product, given: Block): Stmt[] {
  const block = { ...given, rows: rowsBuffer(p) };
  if (typeof p.m === "number" && p.m <= rowBlock) return panels(p, block, i32(0), size(p.m));
  const from = p.context.variable("i");
  const to = p.context.variable("end");
  const end = binary("min", size(p.m), add(ref(from), i32(rowBlock)));
  const body = [letIn(to, end), ...panels(p, block, ref(from), ref(to))];
  // The blocks share the memory for the rows of A.
  return [loop(from, i32(0), size(p.m), rowBlock, body, block.rows === undefined)];
}

/** An A that lies by columns is copied: its elements along k are far apart, more lines than the first-level cache holds. */
function rowsBuffer(p: Product): Buffer | undefined {
  if (p.a.column === 1 || p.a.row !== 1 || (typeof p.n === "number" && p.n < 64)) return undefined;
  const depth = isSingle(p) ? p.k : kBlock;
  return p.context.buffer("rows", "f32", multiplyDims(depth, rowBlock), { kind: "temp" });
}

/** Copies rows of A by fours; beyond the last row it repeats that. */
// rows[(i - from) * length + 4 * k + r] = a[i + r, start + k]
function packRows(p: Product, block: Block, from: Expr, to: Expr): Stmt[] {
  const { rows } = block;
  if (rows === undefined) return [];
  const i = p.context.variable("i");
  const whole = add(from, binary("and", sub(to, from), i32(-4)));
  const group = (first: Expr, edge: boolean): Stmt => {
    const k = p.context.variable("k");
    const place = add(mul(sub(first, from), block.length), mul(ref(k), i32(4)));
    const column = add(block.start, ref(k));
    if (!edge)
      return loop(k, i32(0), block.length, 1, [store(rows, place, load(p.a.buffer, at(p.a, first, column), 4))]);
    const last = sub(size(p.m), i32(1));
    const singles = [0, 1, 2, 3].map((r) =>
      store(rows, add(place, i32(r)), element(p.a, binary("min", add(first, i32(r)), last), column)),
    );
    return loop(k, i32(0), block.length, 1, singles);
  };
  const stmts: Stmt[] = [loop(i, from, whole, 4, [group(ref(i), false)])];
  if (isMultiple(p.m, 4)) return stmts;
  return [...stmts, when(binary("less", whole, to), [group(whole, true)])];
}

function panels(p: Product, block: Block, from: Expr, to: Expr): Stmt[] {
  const j = p.context.variable("j");
  const whole = binary("and", size(p.n), i32(-8));
  const stmts: Stmt[] = packRows(p, block, from, to);
  if (!(typeof p.n === "number" && p.n < 8))
    stmts.push(loop(j, i32(0), whole, 8, rowsOfPanel(p, block, from, to, ref(j), 8)));
  if (isMultiple(p.n, 8)) return stmts;
  if (typeof p.n === "number") return [...stmts, ...rowsOfPanel(p, block, from, to, whole, p.n % 8)];
  return [...stmts, when(binary("less", whole, size(p.n)), rowsOfPanel(p, block, from, to, whole, undefined))];
}

function rowsOfPanel(p: Product, block: Block, from: Expr, to: Expr, j: Expr, columns: number | undefined): Stmt[] {
  const i = p.context.variable("i");
  const whole = add(from, binary("and", sub(to, from), i32(-4)));
  const stmts: Stmt[] = [loop(i, from, whole, 4, tile(p, block, from, ref(i), j, columns, false))];
  if (isMultiple(p.m, 4)) return stmts;
  return [...stmts, when(binary("less", whole, to), tile(p, block, from, whole, j, columns, true))];
}

/** Four rows from i, or those of them that exist (`edge`), by the columns of one panel. */
function tile(
  p: Product,
  block: Block,
  from: Expr,
  i: Expr,
  j: Expr,
  columns: number | undefined,
  edge: boolean,
): Stmt[] {
  const { context } = p;
  const last = sub(size(p.m), i32(1));
  const rows = [0, 1, 2, 3].map((r) => add(i, i32(r)));
  const readable = rows.map((row, r) => (edge && r > 0 ? binary("min", row, last) : row));
  const wide = columns === 8 && p.c.column === 1;
  const adds = !isSingle(p);
  const sums = rows.map(() =>
    [0, 1].filter((v) => columns === undefined || 4 * v < columns).map(() => context.variable("c", types.f32x4)),
  );
  const starts = sums.flatMap((row, r) =>
    row.map((s, v) => varOf(s, adds && wide ? four(p.c, readable[r], add(j, i32(4 * v))) : splat(f32(0), 4))),
  );
  const stores = sums.map((row, r) =>
    row.flatMap((s, v) =>
      wide ? storeLanes(p.c, rows[r], add(j, i32(4 * v)), ref(s)) : storePart(p, rows[r], j, s, v, columns, adds),
    ),
  );
  const guarded = stores.flatMap((row, r) => (edge && r > 0 ? [when(binary("lessEqual", rows[r], last), row)] : row));
  return [...starts, inner(p, block, sub(i, from), readable, j, sums), ...guarded];
}

// sums[r][v] += a[row r, k] * panel[k, 4 v ..]
function inner(
  p: Product,
  block: Block,
  group: Expr,
  rows: readonly Expr[],
  j: Expr,
  sums: readonly (readonly Variable[])[],
): Stmt {
  const k = p.context.variable("k");
  const panel = panelAt(block, j, ref(k));
  const bs = sums[0].map(() => p.context.variable("b", types.f32x4));
  const loads = bs.map((b, v) => letIn(b, load(block.panels, add(panel, i32(4 * v)), 4)));
  const steps = rows.flatMap((row, r) => {
    const a = p.context.variable("a", types.f32x4);
    return [
      letIn(
        a,
        block.rows === undefined
          ? spread(p.a, row, add(block.start, ref(k)))
          : splat(load(block.rows, add(add(mul(group, block.length), mul(ref(k), i32(4))), i32(r))), 4),
      ),
      ...sums[r].map((s, v) => set(s, add(ref(s), mul(ref(a), ref(bs[v]))))),
    ];
  });
  return loop(k, i32(0), block.length, 1, [...loads, ...steps]);
}

/** Stores those columns of one vector of a tile that exist, one by one. */
function storePart(
  p: Product,
  row: Expr,
  j: Expr,
  value: Variable,
  v: number,
  columns: number | undefined,
  adds: boolean,
): Stmt[] {
  return ([0, 1, 2, 3] as const).flatMap((l) => {
    const column = add(j, i32(4 * v + l));
    if (columns !== undefined && 4 * v + l >= columns) return [];
    const x = lane(ref(value), l);
    const write = store(p.c.buffer, at(p.c, row, column), adds ? add(element(p.c, row, column), x) : x);
    return columns === undefined ? [when(binary("less", column, size(p.n)), [write])] : [write];
  });
}
