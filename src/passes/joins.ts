/**
 * Products of a scan's xs that stay in the loop though they could go before it: x W that is added to h U. A kernel goes
 * on from one product to the other, so that nothing of x W is ever stored; for all steps at once it would be a stack of
 * [T, B, n] that is written to memory and read again, while x is narrower. Decides only; `hoist` acts.
 */
import { type Dim, evaluateDim, symbolsOf } from "../base/dims.ts";
import { equalShapes } from "../base/shapes.ts";
import type { Builder } from "../graph/build.ts";
import type { Node, NodeOf, Value } from "../graph/graph.ts";
import type { Reach } from "./outside.ts";
import type { ScanParts } from "./parts.ts";

/** Below so many rows a step takes as long as reading the weights takes; narrower products are little to store. */
const leastRows = 8;
const leastColumns = 64;
/** Weights of both products that stay in a cache while rows go by, in elements. */
const mostWeights = 2 ** 17;

/** The products that stay. */
export function joiningProducts(
  builder: Builder,
  parts: ScanParts,
  reach: ReadonlyMap<Value, Reach>,
): ReadonlySet<Node> {
  const readers = new Map<Value, Node[]>();
  const producers = new Map<Value, Node>();
  for (const node of parts.nodes) {
    for (const x of node.ins) readers.set(x, [...(readers.get(x) ?? []), node]);
    for (const out of node.outs) producers.set(out, node);
  }
  const outputs = new Set<Value>([...parts.carry.map(({ next }) => next), ...parts.ys.map(({ step }) => step)]);
  /** The one sum that a value is a term of. */
  const sumOf = (x: Value): NodeOf<"add"> | undefined => {
    const [reader, ...others] = readers.get(x) ?? [];
    return others.length === 0 && reader?.op === "add" && !outputs.has(x) ? (reader as NodeOf<"add">) : undefined;
  };
  const termsOf = (sum: NodeOf<"add">): Value[] =>
    sum.ins.flatMap((x) => {
      const inner = producers.get(x);
      return inner?.op === "add" && sumOf(x) === sum ? termsOf(inner as NodeOf<"add">) : [x];
    });
  const stays = (node: Node): boolean => {
    if (node.op !== "matmul" || reach.get(node.outs[0]) !== "xs" || isLookedUp(builder, parts, node.ins[0]))
      return false;
    const [out] = node.outs;
    let sum = sumOf(out);
    for (let next = sum; next !== undefined; next = sumOf(next.outs[0])) sum = next;
    if (sum === undefined || !equalShapes(sum.outs[0].shape, out.shape)) return false;
    return termsOf(sum).some((term) => {
      const other = producers.get(term);
      return other?.op === "matmul" && reach.get(term) === "carry" && sumOf(term) !== undefined && isWorth(node, other);
    });
  };
  return new Set(parts.nodes.filter(stays));
}

function isWorth(ofXs: NodeOf<"matmul">, ofCarry: NodeOf<"matmul">): boolean {
  const { shape } = ofXs.outs[0];
  if (shape.length !== 2 || !equalShapes(shape, ofCarry.outs[0].shape)) return false;
  const [rows, columns] = shape.map(known);
  const [short, long] = [depthOf(ofXs), depthOf(ofCarry)];
  const fits = (short + long) * columns <= mostWeights;
  return rows >= leastRows && columns >= leastColumns && fits && short <= long;
}

function depthOf({ params, ins: [a] }: NodeOf<"matmul">): number {
  return known(a.shape[params.transposeA ? 0 : 1]);
}

/** What was looked up in a table may be multiplied there instead (`lookups.ts`). */
function isLookedUp(builder: Builder, { xs }: ScanParts, x: Value): boolean {
  const stack = xs.find(({ input }) => input.value === x)?.value;
  let node = stack && builder.producer(stack);
  while (node?.op === "transpose" || node?.op === "reshape") node = builder.producer(node.ins[0]);
  return node?.op === "gather";
}

/** Free sizes count as 32. */
function known(dim: Dim): number {
  if (typeof dim === "number") return dim;
  return evaluateDim(dim, Object.fromEntries(symbolsOf(dim).map((name) => [name, 32])));
}
