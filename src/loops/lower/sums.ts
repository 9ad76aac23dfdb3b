/**
 * Sums of matrix products and of what is added to them, such as x W + h U + b: one step of a schedule, in which a
 * kernel adds where it stores. Found here; computed by matmul.ts. Every product is summed up by itself and added in the
 * order of the graph, so that the result is the same, to the last bit, as if each term lay in memory.
 */
import { equalShapes } from "../../base/shapes.ts";
import type { Node, NodeOf, Value } from "../../graph/graph.ts";

type Matmul = NodeOf<"matmul">;

/** A term of a sum: a product, or a value that is added. */
export type SumTerm = { readonly product: Matmul } | { readonly addend: Value };

export interface ProductSum {
  readonly out: Value;
  /** Added up from first to last. */
  readonly terms: readonly SumTerm[];
}

/** How values are read: what a sum may take apart. */
export interface Uses {
  producer(value: Value): Node | undefined;
  usesOf(value: Value): readonly Node[];
  isOutput(value: Value): boolean;
}

/** The largest sums that have a product of at most so many terms among theirs, by the node that makes the sum. */
export function productSums(nodes: readonly Node[], uses: Uses, depth: number): ReadonlyMap<Node, ProductSum> {
  const sums = new Map<Node, ProductSum>();
  const inside = new Set<Node>();
  for (const node of nodes.toReversed()) {
    if (node.op !== "add" || inside.has(node) || node.outs[0].dtype !== "float32") continue;
    const [out] = node.outs;
    const only = (reader: Node, x: Value): Node | undefined => (isFor(reader, x, uses) ? uses.producer(x) : undefined);
    const termOf = (reader: Node, x: Value): SumTerm => {
      const producer = only(reader, x);
      return producer?.op === "matmul" && isAddable(producer, out, depth) ? { product: producer } : { addend: x };
    };
    const inner: Node[] = [];
    // One side goes on; where both are sums, the other is one by itself.
    const termsOf = (sum: NodeOf<"add">): SumTerm[] => {
      const [a, b] = sum.ins;
      const [left, right] = [only(sum, a), only(sum, b)];
      const next = left?.op === "add" ? left : right?.op === "add" ? right : undefined;
      if (next === undefined) return [termOf(sum, a), termOf(sum, b)];
      inner.push(next);
      return [...termsOf(next), termOf(sum, next === left ? b : a)];
    };
    const terms = termsOf(node);
    if (!terms.some((term) => "product" in term)) continue;
    for (const one of inner) inside.add(one);
    sums.set(node, { out, terms });
  }
  return sums;
}

/** The products of a sum. */
export function productsOf({ terms }: ProductSum): Matmul[] {
  return terms.flatMap((term) => ("product" in term ? [term.product] : []));
}

/** What is added to the products of a sum. */
export function addendsOf({ terms }: ProductSum): Value[] {
  return terms.flatMap((term) => ("addend" in term ? [term.addend] : []));
}

/** Whether a value is read by one node only, and nowhere else. */
function isFor(node: Node, x: Value, uses: Uses): boolean {
  const readers = uses.usesOf(x);
  return readers.length === 1 && readers[0] === node && !uses.isOutput(x);
}

/** Whether a kernel can add where it stores: one of few columns has no such place, one of many terms stores several times. */
function isAddable({ params, ins: [a], outs: [out] }: Matmul, sum: Value, most: number): boolean {
  const depth = a.shape[a.shape.length - (params.transposeA ? 2 : 1)];
  const columns = out.shape[out.shape.length - 1];
  const few = typeof columns === "number" && columns < 4;
  return equalShapes(out.shape, sum.shape) && typeof depth === "number" && depth > 0 && depth <= most && !few;
}
