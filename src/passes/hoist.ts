/**
 * Out of the loop, before it: what depends only on constants is computed once; matrix products, table look-ups and
 * inner loops that depend on xs but not on the carry are done for all steps at once. The input projection of a layer
 * becomes one product `(T*B, D) x (D, 4U)`, its bias added on the way, unless D is small (`joins.ts`). Cheap work stays
 * inside.
 */
import type { Builder } from "../graph/build.ts";
import type { Graph, Node, ScanNode, Value } from "../graph/graph.ts";
import { binaryOps, type OpName, unaryOps } from "../graph/ops.ts";
import { joiningProducts } from "./joins.ts";
import { isFree, liftable, Outside, producersOf, type Reach, reachOf, usesIn } from "./outside.ts";
import { leavesOut, type Operand, putTogether, type ScanParts, takeApart } from "./parts.ts";
import { rewrite } from "./rewrite.ts";

/** Whether a node of xs and constants is worth doing for all steps at once. */
function pays(node: Node, reach: ReadonlyMap<Value, Reach>): boolean {
  // A product of two operands that change with time gains nothing: it stays one product a step.
  if (node.op === "matmul") return node.ins.some((value) => reach.get(value) === "constant");
  return node.op === "scan" || (node.op === "gather" && reach.get(node.ins[0]) === "constant");
}

/**
 * Whether a node of xs may be done in front of a loop that leaves steps out: nobody reads what comes of these, but an
 * index among them may lie outside of its table, and a loop that ends by itself may end long before its length.
 */
function mayStand(parts: ScanParts, { op }: Node): boolean {
  return !leavesOut(parts) || (parts.stop === undefined && op !== "gather" && op !== "scan");
}

/** Ops that follow a moved operand, being one pass over it in either place. */
const lightOps: ReadonlySet<OpName> = new Set<OpName>([
  ...unaryOps,
  ...binaryOps,
  "select",
  "cast",
  "reshape",
  "transpose",
]);

/** Moves work in front of loops. */
export function hoist(graph: Graph): Graph {
  return rewrite(graph, (builder) => (node) => (node.op === "scan" ? hoistFrom(builder, node) : undefined));
}

function hoistFrom(builder: Builder, scan: ScanNode): readonly Value[] | undefined {
  const parts = takeApart(scan);
  const reach = reachOf(parts);
  const joining = joiningProducts(builder, parts, reach);
  const moved = choose(parts, reach, joining, scan.params.segments === true);
  const nodes = parts.nodes.filter((node) => !moved.has(node));
  const wanted = frontier(parts, nodes, moved);
  if (wanted.size === 0) return undefined;
  const outside = new Outside(builder, scan, parts, producersOf(parts.nodes));
  const operands = (kind: "constant" | "xs"): Operand[] =>
    [...wanted].flatMap(([value, node]) => {
      if ((reach.get(value) === "constant") !== (kind === "constant")) return [];
      return [{ input: { name: node.op, value }, value: outside.get(value).value }];
    });
  const next = putTogether(scan, {
    ...parts,
    consts: [...parts.consts, ...operands("constant")],
    xs: [...parts.xs, ...operands("xs")],
    nodes,
  });
  builder.push(next);
  return next.outs;
}

/** The nodes that leave the loop: of one over segments only what is constant, for the others would need the memory of all. */
function choose(
  parts: ScanParts,
  reach: ReadonlyMap<Value, Reach>,
  joining: ReadonlySet<Node>,
  segments: boolean,
): Set<Node> {
  const able = liftable(parts, reach);
  const uses = usesIn(parts);
  const moved = new Set<Node>();
  const movedValues = new Set<Value>();
  const xs = new Set(parts.xs.map(({ input }) => input.value));
  for (const node of parts.nodes) {
    const [out] = node.outs;
    if (!able.has(out) || isFree(node.op) || joining.has(node)) continue;
    const single = (value: Value): boolean => uses.get(value) === 1;
    // A follower takes the place of the stack that it reads; it must not add one.
    const follows = (): boolean =>
      lightOps.has(node.op) &&
      node.ins.some((value) => movedValues.has(value) && reach.get(value) === "xs" && single(value)) &&
      node.ins.every((value) => reach.get(value) === "constant" || xs.has(value) || single(value));
    const stays = segments || !mayStand(parts, node) || !(pays(node, reach) || follows());
    if (reach.get(out) !== "constant" && stays) continue;
    moved.add(node);
    for (const value of node.outs) movedValues.add(value);
  }
  return moved;
}

/** The results of moved nodes that the rest of the body, or its outputs, read. */
function frontier({ carry, ys, stop }: ScanParts, rest: readonly Node[], moved: ReadonlySet<Node>): Map<Value, Node> {
  const made = new Map<Value, Node>([...moved].flatMap((node) => node.outs.map((out) => [out, node] as const)));
  const wanted = new Map<Value, Node>();
  const want = (value: Value): void => {
    const node = made.get(value);
    if (node !== undefined) wanted.set(value, node);
  };
  for (const node of rest) node.ins.forEach(want);
  for (const { next } of carry) want(next);
  for (const { step } of ys) want(step);
  if (stop !== undefined) want(stop.step);
  return wanted;
}
