/**
 * Products of several A with one B over a long k, such as the gradients of a layer's two kernels, x^T G and h^T G: one
 * step of a schedule, which reads and packs B once for all of them. Found here; computed by matmul.ts.
 */
import { largestDim } from "../../base/dims.ts";
import type { Node, NodeOf, Value } from "../../graph/graph.ts";

type Matmul = NodeOf<"matmul">;

/** With fewer terms B is little work to pack again. */
const leastDepth = 512;

/** What a schedule knows of the nodes that it is made of. */
export interface Family {
  producer(value: Value): Node | undefined;
  /** Whether a node becomes a step of its own, at its place among the nodes. */
  isStep(node: Node): boolean;
}

/** Products of one B, by the first of them. All are computed where that one stands. */
export function siblingProducts(nodes: readonly Node[], family: Family): ReadonlyMap<Node, readonly Matmul[]> {
  const found = new Map<Node, Matmul[]>();
  const firsts = new Map<string, Matmul>();
  const positions = new Map(nodes.map((node, i) => [node, i]));
  for (const node of nodes) {
    if (node.op !== "matmul" || !isLong(node)) continue;
    const key = `${node.ins[1].id} ${node.params.transposeB}`;
    const first = firsts.get(key);
    if (first === undefined) firsts.set(key, node);
    else if (isReadyBefore(node.ins[0], positions.get(first) as number, positions, family)) {
      const others = found.get(first);
      if (others === undefined) found.set(first, [first, node]);
      else others.push(node);
    }
  }
  return found;
}

/** Whether tiles compute it, block by block of k. */
function isLong({ params, ins: [a], outs: [out] }: Matmul): boolean {
  if (out.shape.length !== 2) return false;
  const [rows, columns] = out.shape;
  const depth = largestDim(a.shape[params.transposeA ? 0 : 1]);
  const many = typeof rows === "number" && rows >= 4 && typeof columns === "number" && columns >= 4;
  return many && !(depth !== undefined && depth <= leastDepth);
}

/** Whether all steps that a value needs come before a position. */
function isReadyBefore(
  value: Value,
  position: number,
  positions: ReadonlyMap<Node, number>,
  family: Family,
  seen = new Set<Value>(),
): boolean {
  if (seen.has(value)) return true;
  seen.add(value);
  const node = family.producer(value);
  if (node === undefined) return true;
  if (family.isStep(node) && (positions.get(node) as number) >= position) return false;
  return node.ins.every((x) => isReadyBefore(x, position, positions, family, seen));
}
