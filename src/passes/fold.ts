/**
 * Simplification: constants are computed, laws of arithmetic and of layout are applied, and names are dropped.
 * The laws lie in `algebra.ts`, `done.ts`, `layout.ts`, `lookups.ts` and `pieces.ts`; this file tries them.
 */

import { allocate, type HostArray } from "../base/dtypes.ts";
import { product } from "../base/shapes.ts";
import type { Builder } from "../graph/build.ts";
import type { Graph, Node, NodeOf, Value } from "../graph/graph.ts";
import { interpret } from "../graph/interpret.ts";
import type { OpName } from "../graph/ops.ts";
import { applyLaws, arithmeticLaws, belowBroadcast, type Laws } from "./algebra.ts";
import { doneLaws } from "./done.ts";
import { layoutLaws, nameLaws } from "./layout.ts";
import { lookupLaws } from "./lookups.ts";
import { joinPads } from "./pieces.ts";
import { countUses, rewrite } from "./rewrite.ts";
import { isStatic } from "./splat.ts";

export interface FoldOptions {
  /** Keeps `named` and `stopGradient`, for diagnoses and for graphs still to be differentiated. */
  readonly keepNames?: boolean;
}

/** Constants of at most this many elements are computed ahead. */
const foldedElements = 64;

/** Ops whose result is not made a constant: free already, or with a meaning beside their value. */
const notFolded: ReadonlySet<OpName> = new Set<OpName>([
  "constant",
  "dimSize",
  "iota",
  "broadcast",
  "gather",
  "scan",
  "named",
  "stopGradient",
]);

/** Applies every law where it fits, once. */
export function fold(graph: Graph, { keepNames = false }: FoldOptions = {}): Graph {
  const laws = [arithmeticLaws, layoutLaws, lookupLaws, doneLaws];
  const tables: readonly Laws[] = keepNames ? laws : [nameLaws, ...laws];
  return rewrite(graph, (builder, current) => {
    const partial = partialSums(current);
    return (node) => {
      const value = simplify(builder, node, tables, partial);
      return value === undefined ? undefined : [value];
    };
  });
}

function simplify(
  builder: Builder,
  node: Node,
  tables: readonly Laws[],
  partial: ReadonlySet<Value>,
): Value | undefined {
  for (const laws of tables) {
    const value = applyLaws(laws, builder, node);
    if (value !== undefined) return value;
  }
  if (node.op === "add" && !partial.has(node.outs[0])) {
    const joined = joinPads(builder, node, partial);
    if (joined !== undefined) return joined;
  }
  return belowBroadcast(builder, node) ?? compute(builder, node);
}

/** Sums that only another sum reads. */
function partialSums(graph: Graph): Set<Value> {
  const uses = countUses(graph);
  const sums = new Set(graph.nodes.flatMap(({ op, outs }) => (op === "add" ? outs : [])));
  const read = graph.nodes.flatMap(({ op, ins }) => (op === "add" ? ins : []));
  return new Set(read.filter((value) => sums.has(value) && uses.get(value) === 1));
}

/** The result as a constant, where the operands are, and float32 holds it to the last bit. */
function compute(builder: Builder, node: Node): Value | undefined {
  if (node.op === "constant") return shrink(builder, node);
  const sources = node.ins.map((value) => builder.producer(value));
  const [out] = node.outs;
  if (notFolded.has(node.op) || !isStatic(out.shape) || !sources.every((source) => source?.op === "constant"))
    return undefined;
  if (product(out.shape) > foldedElements) return undefined;
  const graph: Graph = { name: "constant", inputs: [], nodes: [...(sources as Node[]), node], outputs: [out] };
  const [result] = interpret(graph, []);
  const data: HostArray = allocate(out.dtype, result.length);
  data.set(result);
  if (!data.every((element, i) => Object.is(element, result[i]))) return undefined;
  return builder.add("constant", { dtype: out.dtype, shape: out.shape, data }, []);
}

/** A constant array of one number is a broadcast scalar. */
function shrink(builder: Builder, { params: { dtype, shape, data } }: NodeOf<"constant">): Value | undefined {
  if (shape.length === 0 || data.length === 0) return undefined;
  return data.every((element) => Object.is(element, data[0])) ? builder.full(shape, data[0], dtype) : undefined;
}
