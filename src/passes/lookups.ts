/**
 * Laws of products with rows that were looked up in a table, such as an embedding of few words in front of a recurrent
 * layer. There are fewer rows in the table than rows looked up, so the product is of the table, and its rows are
 * looked up instead. E [v, d] the table, i the indices of n rows, W [d, m], G [n, m]:
 *
 *   E[i] W         = (E W)[i]
 *   E[i]^T G       = E^T S           S [v, m] sums the rows of G by their index
 *   scatter(i, G W^T) = S W^T
 *
 * The rows may have been laid out anew between the two (a batch turned to steps first).
 */
import { type Dim, equalDims, evaluateDim, symbolsOf } from "../base/dims.ts";
import { type Shape, sizeOf } from "../base/shapes.ts";
import type { Builder } from "../graph/build.ts";
import type { NodeOf, Value } from "../graph/graph.ts";
import type { Laws } from "./algebra.ts";
import { producerOf } from "./splat.ts";

/** Free sizes count as so many. */
const usual = 32;
/** So many times more rows must be looked up than the table has. */
const worth = 4;
/** With narrower rows a product costs no more than looking up its result. */
const leastWidth = 32;

export const lookupLaws: Laws = {
  matmul: [productOfRows, productOverRows],
  scatterAdd: [scatterOfProduct],
};

/** E[i] W = (E W)[i] */
function productOfRows(builder: Builder, node: NodeOf<"matmul">): Value | undefined {
  const [rows, w] = node.ins;
  const { transposeA, transposeB } = node.params;
  if (transposeA || rows.shape.length !== 2 || w.shape.length !== 2) return undefined;
  const { base, moves } = movesTo(builder, rows);
  const found = lookupOf(builder, base);
  if (found === undefined) return undefined;
  const product = builder.add("matmul", { transposeA: false, transposeB }, [found.table, w]);
  const looked = builder.add("gather", found.params, [product, found.indices]);
  return forwards(builder, looked, moves, [product.shape[1]]);
}

/** E[i]^T G = E^T S */
function productOverRows(builder: Builder, node: NodeOf<"matmul">): Value | undefined {
  const [rows, g] = node.ins;
  const { transposeA, transposeB } = node.params;
  if (!transposeA || transposeB || rows.shape.length !== 2 || g.shape.length !== 2) return undefined;
  const { base, moves } = movesTo(builder, rows);
  const found = lookupOf(builder, base);
  if (found === undefined) return undefined;
  const sums = sumByIndex(builder, forwards(builder, found.indices, moves, []), g, found.table.shape[0]);
  return builder.add("matmul", { transposeA: true, transposeB: false }, [found.table, sums]);
}

/** scatter(i, G W^T) = S W^T */
function scatterOfProduct(builder: Builder, node: NodeOf<"scatterAdd">): Value | undefined {
  const [indices, updates] = node.ins;
  const { base, moves } = movesTo(builder, updates);
  const product = producerOf(builder, base, "matmul");
  if (product === undefined || product.params.transposeA) return undefined;
  const [g, w] = product.ins;
  const width = updates.shape.at(-1) as Dim;
  if (g.shape.length !== 2 || w.shape.length !== 2 || updates.shape.length !== indices.shape.length + 1)
    return undefined;
  if (!isWorth(node.params.rows, indices.shape, width)) return undefined;
  const sums = sumByIndex(builder, backwards(builder, indices, moves), g, node.params.rows);
  return builder.add("matmul", product.params, [sums, w]);
}

function sumByIndex(builder: Builder, indices: Value, rows: Value, count: Dim): Value {
  return builder.add("scatterAdd", { rows: count }, [indices, rows]);
}

/** The table, the indices and what the lookup is called, where it is worth moving a product in front of it. */
function lookupOf(
  builder: Builder,
  value: Value,
): { table: Value; indices: Value; params: NodeOf<"gather">["params"] } | undefined {
  const node = producerOf(builder, value, "gather");
  if (node === undefined) return undefined;
  const [table, indices] = node.ins;
  if (table.shape.length !== 2 || !isWorth(table.shape[0], indices.shape, table.shape[1])) return undefined;
  return { table, indices, params: node.params };
}

function isWorth(rows: Dim, indices: Shape, width: Dim): boolean {
  return known(rows) * worth <= known(sizeOf(indices)) && known(width) >= leastWidth;
}

function known(dim: Dim): number {
  if (typeof dim === "number") return dim;
  return evaluateDim(dim, Object.fromEntries(symbolsOf(dim).map((name) => [name, usual])));
}

// ---- how rows are laid out anew -----------------------------------------------------------------------------------

/** A transpose or reshape of the leading axes; the last axis stays. */
interface Move {
  /** The leading axes before and after. */
  readonly from: Shape;
  readonly to: Shape;
  readonly permutation: readonly number[] | undefined;
}

/** The value that is laid out anew, and how, first move first. */
function movesTo(builder: Builder, value: Value): { base: Value; moves: Move[] } {
  const moves: Move[] = [];
  let base = value;
  for (let move = moveOf(builder, base); move !== undefined; move = moveOf(builder, base)) {
    moves.unshift(move.move);
    base = move.before;
  }
  return { base, moves };
}

function moveOf(builder: Builder, value: Value): { move: Move; before: Value } | undefined {
  const turned = producerOf(builder, value, "transpose");
  const shaped = producerOf(builder, value, "reshape");
  const before = (turned ?? shaped)?.ins[0];
  if (before === undefined || before.shape.length === 0 || value.shape.length === 0) return undefined;
  const [from, to] = [before.shape.slice(0, -1), value.shape.slice(0, -1)];
  if (turned !== undefined) {
    const { permutation } = turned.params;
    if (permutation.at(-1) !== from.length) return undefined;
    return { move: { from, to, permutation: permutation.slice(0, -1) }, before };
  }
  if (!equalDims(before.shape.at(-1) as Dim, value.shape.at(-1) as Dim)) return undefined;
  return { move: { from, to, permutation: undefined }, before };
}

/** Lays out another value in the same way; `tail` are its axes behind the leading ones. */
function forwards(builder: Builder, value: Value, moves: readonly Move[], tail: Shape): Value {
  return moves.reduce((x, { to, permutation }) => {
    if (permutation === undefined) return builder.reshape(x, [...to, ...tail]);
    return builder.transpose(x, [...permutation, ...tail.map((_, i) => permutation.length + i)]);
  }, value);
}

/** Undoes the moves for a value of leading axes alone. */
function backwards(builder: Builder, value: Value, moves: readonly Move[]): Value {
  return moves.reduceRight((x, { from, permutation }) => {
    if (permutation === undefined) return builder.reshape(x, from);
    return builder.transpose(
      x,
      permutation.map((_, axis) => permutation.indexOf(axis)),
    );
  }, value);
}
