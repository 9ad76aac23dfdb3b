/**
 * Sums of matrix products and of what is added to them, such as x W + h U + b: one step of a schedule, whose products
 * begin with what is added and go on from each other, so that no product is stored to be added later. Found here;
 * computed by matmul.ts.
 */
import { equalShapes } from "../../base/shapes.ts";
import type { Node, NodeOf, Value } from "../../graph/graph.ts";

export interface ProductSum {
  readonly out: Value;
  readonly products: readonly NodeOf<"matmul">[];
  /** What the products are added to. */
  readonly addends: readonly Value[];
}

/** How values are read: what a sum may take apart. */
export interface Uses {
  producer(value: Value): Node | undefined;
  usesOf(value: Value): readonly Node[];
  isOutput(value: Value): boolean;
}

/** The largest sums that have a product among their terms, by the node that makes the sum. */
export function productSums(nodes: readonly Node[], uses: Uses): ReadonlyMap<Node, ProductSum> {
  const sums = new Map<Node, ProductSum>();
  const inside = new Set<Node>();
  for (const node of nodes.toReversed()) {
    if (node.op !== "add" || inside.has(node) || node.outs[0].dtype !== "float32") continue;
    const [out] = node.outs;
    const products: NodeOf<"matmul">[] = [];
    const addends: Value[] = [];
    const visit = (sum: Node): void => {
      for (const x of sum.ins) {
        const producer = isFor(sum, x, uses) ? uses.producer(x) : undefined;
        if (producer?.op === "add") {
          inside.add(producer);
          visit(producer);
        } else if (producer?.op === "matmul" && isAddable(producer, out)) products.push(producer);
        else addends.push(x);
      }
    };
    visit(node);
    if (products.length > 0) sums.set(node, { out, products, addends });
  }
  return sums;
}

/** Whether a value is read by one node only, and nowhere else. */
function isFor(node: Node, x: Value, uses: Uses): boolean {
  const readers = uses.usesOf(x);
  return readers.length === 1 && readers[0] === node && !uses.isOutput(x);
}

/** Whether a kernel can go on from other terms of a sum: a product with very few columns has kernels of its own. */
function isAddable({ params, ins: [a], outs: [out] }: NodeOf<"matmul">, sum: Value): boolean {
  const depth = a.shape[a.shape.length - (params.transposeA ? 2 : 1)];
  const columns = out.shape[out.shape.length - 1];
  return equalShapes(out.shape, sum.shape) && depth !== 0 && !(typeof columns === "number" && columns < 4);
}
