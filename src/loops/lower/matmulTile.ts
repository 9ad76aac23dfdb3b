/**
 * Products with many rows: B is packed into panels of a few vectors of columns, A is read in place, and C is made in
 * tiles of some rows by one panel that stay in registers; the machine says how many of each. A long k goes by blocks,
 * so that a panel stays in the first-level cache; rows go by blocks, so that A stays in the second.
 *
 *   for k block: pack; for row block: for panel: for rows: tile
 *   for k block: for panel: pack; for rows: tile                    where all rows are one block
 *
 * A sum of products with short k goes through all of them for one tile before it goes on to the next.
 */
import { addDims, type Dim, floorDivideDim, largestDim, multiplyDims } from "../../base/dims.ts";
import { internal } from "../../base/errors.ts";
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
  typeOf,
  varOf,
  when,
} from "../build.ts";
import type { Buffer, Expr, Lanes, Stmt, Variable } from "../ir.ts";
import { at, type Columns, element, type Product, spread, storeSums, terms, vectorAt, withAddends } from "./matrix.ts";
import { elementwiseNest } from "./nest.ts";
import { isWholeBy, upTo } from "./share.ts";

/** So many rows of A, with a block of k, stay in a second-level cache. */
const rowBlock = 128;

/** Elements of a panel that stays in a first-level cache. */
const panelSize = 8192;

/** The length of the blocks of a long k: short where C is small and stays near, long where C has to come and go. */
function depthOf(p: Product): number {
  const { depth } = p.context.machine.tile;
  return hasFewRows(p) ? Math.min(depth, panelSize / panelWidth(p)) : depth;
}

/** Where a buffer begins for the thread that writes the kernel. */
interface Place {
  readonly buffer: Buffer;
  readonly base: Expr;
}

/** A stretch of k of a product: where it starts, how long it is, and where its panels lie. */
interface Block {
  readonly product: Product;
  readonly start: Expr;
  readonly length: Expr;
  readonly panels: Place;
  /** Whether there is room for one panel only, which is packed when its turn comes. */
  readonly inTurn?: boolean;
  /** Where A is copied to, a tile of rows at a time. */
  readonly rows?: Place;
}

/** The columns of a panel. */
export function panelWidth({ context: { machine } }: Pick<Product, "context">): number {
  return machine.tile.vectors * machine.lanes;
}

/** Elements of the panels of all of B. */
export function packedSize(p: Product): Dim {
  return multiplyDims(p.k, paddedColumns(p));
}

function paddedColumns(p: Product): Dim {
  const width = panelWidth(p);
  return multiplyDims(width, floorDivideDim(addDims(p.n, width - 1), width));
}

/** Packs all of B, block by block. */
export function packAll(p: Product, panels: Buffer): Stmt[] {
  return overBlocks(p, (start, length) => pack(p, blockIn(p, panels, start, length)));
}

/** A product, and the panels where `packAll` has packed its B. Without them it is packed on the way. */
export interface Term {
  readonly product: Product;
  readonly panels?: Buffer;
}

/** A sum of products with one C, of a block each; or one product. */
export function tileSum(sum: readonly Term[]): Stmt[] {
  // The schedule adds up products of one block each, and gives others alone.
  if (sum.length === 1 && !isSingle(sum[0].product)) return tileLong(sum[0]);
  const blocks = sum.map(({ product, panels }): Block => {
    const [start, length] = [i32(0), size(product.k)];
    if (panels !== undefined) return blockIn(product, panels, start, length);
    return { product, start, length, ...scratchPanels(product, product.k) };
  });
  const packing = blocks.filter((_, i) => sum[i].panels === undefined);
  return packed(packing, [{ product: sum[0].product, blocks }]);
}

/** A product whose k goes by blocks: C holds the sums meanwhile. */
function tileLong({ product: given, panels }: Term): Stmt[] {
  const product = intoZeros(given);
  const place = panels === undefined ? scratchPanels(product, depthOf(product)) : undefined;
  const body = (start: Expr, length: Expr): Stmt[] => {
    const block = panels === undefined ? undefined : blockIn(product, panels, start, length);
    if (block !== undefined) return packed([], [{ product, blocks: [block] }]);
    const own: Block = { product, start, length, ...(place as Panels) };
    return packed([own], [{ product, blocks: [own] }]);
  };
  return [...zeros(given), ...overBlocks(product, body)];
}

/** Products with one B, and as many terms each: every block of B is packed once. */
export function tileSiblings(given: readonly Product[]): Stmt[] {
  const products = given.map(intoZeros);
  const [first] = products;
  const place = scratchPanels(first, depthOf(first), products.every(hasFewRows));
  const body = (start: Expr, length: Expr): Stmt[] => {
    const units = products.map((product): Unit => ({ product, blocks: [{ product, start, length, ...place }] }));
    return packed([units[0].blocks[0]], units);
  };
  return [...given.flatMap(zeros), ...overBlocks(first, body)];
}

/** Where the panels of a block lie. */
type Panels = Pick<Block, "panels" | "inTurn">;

/** Threads that divide the columns pack panels of their own; those that divide the rows need all of them. */
function scratchPanels(p: Product, depth: Dim, inTurn = hasFewRows(p)): Panels {
  const columns = inTurn ? panelWidth(p) : paddedColumns(p);
  return { panels: p.context.scratch("panels", multiplyDims(depth, columns)), inTurn };
}

/** Whether a panel is read once only, for all rows. */
function hasFewRows({ m }: Product): boolean {
  return typeof m === "number" && m <= rowBlock;
}

/** One C, and the products that are added up in it. */
interface Unit {
  readonly product: Product;
  readonly blocks: readonly Block[];
}

/** Packs some blocks, all at once or in turn, and computes what needs them. */
function packed(packing: readonly Block[], units: readonly Unit[]): Stmt[] {
  const before = packing.filter(({ inTurn }) => inTurn !== true).flatMap((block) => pack(block.product, block));
  const inTurn = packing.filter((block) => block.inTurn === true);
  if (inTurn.length === 0) return [...before, ...units.flatMap(({ product, blocks }) => rowBlocks(product, blocks))];
  const whole = units.map((unit): UnitRows => ({ ...withRows(unit), ...unit.product.rows }));
  return [...before, ...panels(whole, inTurn)];
}

function isSingle(p: Product): boolean {
  const most = largestDim(p.k);
  return most !== undefined && most <= p.context.machine.tile.depth;
}

function blockIn(product: Product, panels: Buffer, start: Expr, length: Expr): Block {
  return { product, start, length, panels: { buffer: panels, base: mul(start, size(paddedColumns(product))) } };
}

function overBlocks(p: Product, body: (start: Expr, length: Expr) => Stmt[]): Stmt[] {
  if (isSingle(p)) return body(i32(0), size(p.k));
  const start = p.context.variable("k");
  const length = p.context.variable("depth");
  const end = terms(p);
  const left = binary("min", i32(depthOf(p)), sub(end, ref(start)));
  return [loop(start, i32(0), end, depthOf(p), [letIn(length, left), ...body(ref(start), ref(length))])];
}

/** A product of several blocks is added to what C holds of the blocks before. */
function intoZeros(p: Product): Product {
  if (p.before !== undefined || p.after !== undefined)
    internal("a product of several blocks cannot be added to others");
  return { ...p, before: "c" };
}

/** Clears C. */
function zeros(p: Product): Stmt[] {
  const divided = p.rows.from.kind === "const" ? { axis: 1, range: p.columns } : { axis: 0, range: p.rows };
  return elementwiseNest(
    p.context,
    [p.m, p.n],
    ([i, j]) => [{ buffer: p.c.buffer, index: at(p.c, i, j), value: f32(0) }],
    divided,
  );
}

// ---- packing -----------------------------------------------------------------------------------------------------

// panels[base + (j / width) * (width * length) + width * k + c] = b[start + k, j + c], zero beyond the last column
function pack(p: Product, block: Block): Stmt[] {
  return overPanels(p, (j, columns) => packPanel(p, block, j, columns));
}

/** Runs over the panels: whole ones, then one with the columns that are left (undefined: as many as there are). */
function overPanels(p: Product, body: (j: Expr, columns: number | undefined) => Stmt[]): Stmt[] {
  const width = panelWidth(p);
  const { from, to } = p.columns;
  const j = p.context.variable("j");
  const whole = upTo(p.columns, width);
  const stmts: Stmt[] = [];
  if (!(typeof p.n === "number" && p.n < width)) stmts.push(loop(j, from, whole, width, body(ref(j), width)));
  if (isWholeBy(p.columns, p.n, width)) return stmts;
  const known = from.kind === "const" && to.kind === "const";
  if (known) return [...stmts, ...body(whole, (to.value - from.value) % width)];
  const left = typeof p.n === "number" && isMultiple(p.columns.unit, width) ? p.n % width : undefined;
  return [...stmts, when(binary("less", whole, to), body(whole, left))];
}

/** `columns` of the panel exist; undefined: as many as are left. */
function packPanel(p: Product, block: Block, j: Expr, columns: number | undefined): Stmt[] {
  const { lanes } = p.context.machine;
  const width = panelWidth(p);
  const k = p.context.variable("k");
  const row = add(block.start, ref(k));
  const to = panelAt(p, block, j, ref(k));
  const { buffer } = block.panels;
  const body: Stmt[] = [];
  for (let c = 0; c < width; ) {
    const vector = p.b.column === 1 && columns !== undefined && c % lanes === 0 && c + lanes <= columns;
    const column = add(j, i32(c));
    if (vector) body.push(store(buffer, add(to, i32(c)), vectorAt(p.b, row, column, lanes)));
    else body.push(store(buffer, add(to, i32(c)), padded(p, row, column, c, columns)));
    c += vector ? lanes : 1;
  }
  return [loop(k, i32(0), block.length, 1, body)];
}

function padded(p: Product, row: Expr, column: Expr, c: number, columns: number | undefined): Expr {
  if (columns !== undefined) return c < columns ? element(p.b, row, column) : f32(0);
  const last = sub(size(p.n), i32(1));
  return select(binary("lessEqual", column, last), element(p.b, row, binary("min", column, last)), f32(0));
}

function panelAt(p: Product, { panels: { base }, inTurn, length }: Block, j: Expr, k: Expr): Expr {
  const panel = inTurn === true ? base : add(base, mul(j, length));
  return add(panel, mul(k, i32(panelWidth(p))));
}

// ---- tiles -------------------------------------------------------------------------------------------------------

function rowBlocks(p: Product, given: readonly Block[]): Stmt[] {
  const unit = withRows({ product: p, blocks: given });
  const { from, to } = p.rows;
  if (hasFewRows(p)) return panels([{ ...unit, from, to }]);
  const start = p.context.variable("i");
  const end = p.context.variable("end");
  const body = [
    letIn(end, binary("min", to, add(ref(start), i32(rowBlock)))),
    ...panels([{ ...unit, from: ref(start), to: ref(end) }]),
  ];
  // The blocks share the memory for the rows of A.
  const apart = unit.blocks.every(({ rows }) => rows === undefined);
  return [loop(start, from, to, rowBlock, body, apart)];
}

/** An A that lies by columns is copied: its elements along k are far apart, more lines than the first-level cache holds. */
function rowsPlace(p: Product): Place | undefined {
  if (p.a.column === 1 || p.a.row !== 1 || (typeof p.n === "number" && p.n < 64)) return undefined;
  const depth = isSingle(p) ? p.k : depthOf(p);
  const { rows } = p.context.machine.tile;
  const height = typeof p.m === "number" ? Math.min(rowBlock, Math.ceil(p.m / rows) * rows) : rowBlock;
  return p.context.scratch("rows", multiplyDims(depth, height));
}

/** Copies rows of A by tiles; beyond the last row it repeats that. */
// rows[(i - from) * length + height * k + r] = a[i + r, start + k]
function packRows(block: Block, from: Expr, to: Expr): Stmt[] {
  const { product: p, rows } = block;
  if (rows === undefined) return [];
  const group = (first: Expr, height: number, edge: boolean): Stmt[] => {
    const k = p.context.variable("k");
    const place = add(add(rows.base, mul(sub(first, from), block.length)), mul(ref(k), i32(height)));
    const column = add(block.start, ref(k));
    const last = sub(to, i32(1));
    const singles = Array.from({ length: height }, (_, r) =>
      store(rows.buffer, add(place, i32(r)), element(p.a, binary("min", add(first, i32(r)), last), column)),
    );
    const vectors = copiesOf(p, height).map(({ lanes, start }) =>
      store(rows.buffer, add(place, i32(start)), load(p.a.buffer, at(p.a, add(first, i32(start)), column), lanes)),
    );
    return [loop(k, i32(0), block.length, 1, edge ? singles : vectors)];
  };
  return overTiles(p, from, to, group);
}

/** The vectors that so many neighbours are copied by. */
function copiesOf(p: Product, height: number): { lanes: Lanes; start: number }[] {
  const found: { lanes: Lanes; start: number }[] = [];
  for (let start = 0; start < height; ) {
    const lanes = ([16, 8, 4, 1] as const).find((n) => n <= p.context.machine.lanes && n <= height - start) as Lanes;
    found.push({ lanes, start });
    start += lanes;
  }
  return found;
}

/** The heights of tiles, tallest first; what the last leaves is done by one more of its height that goes beyond the end. */
function heightsOf(p: Product): number[] {
  const { rows } = p.context.machine.tile;
  return rows > 4 ? [rows, 4] : [rows];
}

/** Runs over the rows from..to by tiles. At the edge there are fewer rows than the tile is high. */
function overTiles(
  p: Product,
  from: Expr,
  to: Expr,
  body: (first: Expr, height: number, edge: boolean) => Stmt[],
): Stmt[] {
  let start = from;
  const isWhole = (height: number): boolean => isWholeBy(p.rows, p.m, height);
  const stmts: Stmt[] = [];
  for (const height of heightsOf(p)) {
    const i = p.context.variable("i");
    const end = add(start, binary("and", sub(to, start), i32(-height)));
    stmts.push(loop(i, start, end, height, body(ref(i), height, false)));
    if (isWhole(height)) return stmts;
    start = end;
  }
  const height = heightsOf(p).at(-1) as number;
  return [...stmts, when(binary("less", start, to), body(start, height, true))];
}

/** Some rows of a unit. */
interface UnitRows extends Unit {
  readonly from: Expr;
  readonly to: Expr;
}

/** Gives the products whose A is to be copied a place for that. */
function withRows({ product, blocks }: Unit): Unit {
  return { product, blocks: blocks.map((block): Block => ({ ...block, rows: rowsPlace(block.product) })) };
}

/** Some rows by all columns, panel by panel; `packing` are the blocks that pack theirs in turn. */
function panels(units: readonly UnitRows[], packing: readonly Block[] = []): Stmt[] {
  const { product: p } = units[0];
  const tiles = (j: Expr, columns: number | undefined): Stmt[] => {
    const column = p.context.variable("column");
    const [named, before] = j.kind === "ref" ? [j.variable, []] : [column, [letIn(column, j)]];
    const body = units.flatMap(({ product, blocks, from, to }) =>
      overTiles(product, from, to, (first, height, edge) =>
        tile(product, blocks, { from, to, first, height, edge }, named, columns),
      ),
    );
    return [...before, ...packing.flatMap((block) => packPanel(block.product, block, ref(named), columns)), ...body];
  };
  const rows = units.flatMap(({ blocks, from, to }) => blocks.flatMap((block) => packRows(block, from, to)));
  return [...rows, ...overPanels(p, tiles)];
}

/** The rows of a tile: `height` from `first`, or those before `to` (`edge`); packed rows count from `from`. */
interface TileRows {
  readonly from: Expr;
  readonly to: Expr;
  readonly first: Expr;
  readonly height: number;
  readonly edge: boolean;
}

/** Some rows by the columns of one panel. */
function tile(p: Product, blocks: readonly Block[], given: TileRows, j: Variable, columns: number | undefined): Stmt[] {
  const { context } = p;
  const { lanes, tile } = context.machine;
  const { to, first, height, edge } = given;
  const last = sub(to, i32(1));
  const rows = Array.from({ length: height }, (_, r) => add(first, i32(r)));
  const readable = rows.map((row, r) => (edge && r > 0 ? binary("min", row, last) : row));
  const wide = columns === panelWidth(p) && p.c.column === 1;
  const vectors = Array.from({ length: tile.vectors }, (_, v) => v).filter(
    (v) => columns === undefined || lanes * v < columns,
  );
  const place = (v: number): Columns => ({ column: j, shift: lanes * v, lanes });
  const sums = rows.map(() => vectors.map(() => context.variable("c", typeOf("f32", lanes))));
  const stores = (one: Product): Stmt[] => {
    const ofRow = (row: readonly Variable[], r: number): Stmt[] =>
      row.flatMap((s, v) =>
        wide ? storeSums(one, rows[r], place(v), ref(s)) : storePart(one, rows[r], ref(j), s, v, columns),
      );
    const isThere = (r: number): Expr => binary("lessEqual", rows[r], last);
    return sums.flatMap((row, r) => (edge && r > 0 ? [when(isThere(r), ofRow(row, r))] : ofRow(row, r)));
  };
  const zero = splat(f32(0), lanes);
  return blocks.flatMap((block, i) => {
    const begun = sums.flat().map((s) => (i === 0 ? varOf(s, zero) : set(s, zero)));
    return [...begun, inner(block, given, readable, ref(j), sums), ...stores(block.product)];
  });
}

// sums[r][v] += a[row r, k] * panel[k, lanes * v ..]
function inner(
  block: Block,
  { from, first, height }: TileRows,
  rows: readonly Expr[],
  j: Expr,
  sums: readonly (readonly Variable[])[],
): Stmt {
  const { product: p } = block;
  const { lanes } = p.context.machine;
  const type = typeOf("f32", lanes);
  const k = p.context.variable("k");
  const panel = panelAt(p, block, j, ref(k));
  const bs = sums[0].map(() => p.context.variable("b", type));
  const loads = bs.map((b, v) => letIn(b, load(block.panels.buffer, add(panel, i32(lanes * v)), lanes)));
  const packed = block.rows;
  const group = packed && add(add(packed.base, mul(sub(first, from), block.length)), mul(ref(k), i32(height)));
  const steps = rows.flatMap((row, r) => {
    const a = p.context.variable("a", type);
    const value =
      packed === undefined || group === undefined
        ? spread(p.a, row, add(block.start, ref(k)), lanes)
        : splat(load(packed.buffer, add(group, i32(r))), lanes);
    return [letIn(a, value), ...sums[r].map((s, v) => set(s, add(ref(s), mul(ref(a), ref(bs[v])))))];
  });
  return loop(k, i32(0), block.length, 1, [...loads, ...steps]);
}

/** Stores those columns of one vector of a tile that exist, one by one. */
function storePart(p: Product, row: Expr, j: Expr, value: Variable, v: number, columns: number | undefined): Stmt[] {
  const { lanes } = p.context.machine;
  return Array.from({ length: lanes }, (_, l) => lanes * v + l).flatMap((c) => {
    const column = add(j, i32(c));
    if (columns !== undefined && c >= columns) return [];
    const x = lane(ref(value), c - lanes * v);
    const write = store(p.c.buffer, at(p.c, row, column), withAddends(p, row, column, x));
    return columns === undefined ? [when(binary("less", column, size(p.n)), [write])] : [write];
  });
}
