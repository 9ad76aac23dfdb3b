/**
 * What is computed again rather than kept, where checkpoints bound the memory: maxima over a few neighbours, as pooling
 * takes them, that the backward pass reads long after the forward pass has, while what they are taken of is kept anyway.
 * Not in the list of passes: common subexpressions would become one again, so lowering begins with it.
 */
import { multiplyDims } from "../base/dims.ts";
import { type Builder, newValue } from "../graph/build.ts";
import type { Graph, Node, Value } from "../graph/graph.ts";
import type { OpName } from "../graph/ops.ts";
import { dce } from "./dce.ts";
import { rebuilder, withIns } from "./rewrite.ts";

/** Elements that a maximum is taken of. */
const mostNeighbours = 8;
/** Loops over all steps that run between two readers while what both read would only be kept. */
const leastLoops = 2;

const views: ReadonlySet<OpName> = new Set<OpName>(["reshape", "transpose"]);

/** Computes for late readers again what little work gives, in a graph whose loops save checkpoints only. */
export function again(graph: Graph): Graph {
  const isLoop = (node: Node): boolean => node.op === "scan" && node.params.segments === true;
  if (!graph.nodes.some(isLoop)) return graph;
  const family = familyOf(graph);
  const small = new Set(graph.nodes.filter((node) => isSmall(node, family)).map(({ outs: [out] }) => out));
  if (small.size === 0) return graph;
  const builder = rebuilder(graph);
  /** The newest copy of a value, and how many loops had run when it was read last. */
  const copies = new Map<Value, { readonly copy: Value; readonly at: number }>();
  let [loops, changed] = [0, false];
  const copyOf = (value: Value): Value => {
    const producer = family.producers.get(value);
    if (producer === undefined) return value;
    if (views.has(producer.op)) {
      const [x] = producer.ins;
      const inner = copyOf(x);
      return inner === x ? value : push(builder, producer, inner);
    }
    if (!small.has(value)) return value;
    const { copy, at } = copies.get(value) ?? { copy: value, at: loops };
    const isNear = loops - at < leastLoops;
    const next = isNear ? copy : push(builder, producer, producer.ins[0]);
    changed ||= !isNear;
    copies.set(value, { copy: next, at: loops });
    return next;
  };
  for (const node of graph.nodes) {
    // What only looks at a value does so where it is read itself.
    builder.push(views.has(node.op) ? node : withIns(node, copyOf));
    if (isLoop(node)) loops++;
  }
  return changed ? dce(builder.finish(graph.outputs)) : graph;
}

/** The same node once more, of this operand. */
function push(builder: Builder, node: Node, operand: Value): Value {
  const out = newValue(node.outs[0]);
  builder.push({ ...node, ins: [operand], outs: [out] } as Node);
  return out;
}

interface Family {
  readonly producers: ReadonlyMap<Value, Node>;
  /** The position of the last node that reads a value, or what only looks at it in another shape. */
  readonly lastReads: ReadonlyMap<Value, number>;
  readonly outputs: ReadonlySet<Value>;
}

function familyOf({ nodes, outputs, inputs }: Graph): Family {
  const producers = new Map(nodes.flatMap((node) => node.outs.map((out) => [out, node] as const)));
  const lastReads = new Map<Value, number>();
  const end = nodes.length;
  for (const value of [...outputs, ...inputs.map((input) => input.value)]) lastReads.set(value, end);
  nodes.forEach((node, i) => {
    for (const x of node.ins) lastReads.set(x, Math.max(i, lastReads.get(x) ?? 0));
  });
  for (const { op, ins, outs } of nodes.toReversed())
    if (views.has(op)) lastReads.set(ins[0], Math.max(lastReads.get(ins[0]) ?? 0, lastReads.get(outs[0]) ?? 0));
  return { producers, lastReads, outputs: new Set(outputs) };
}

/** A maximum of few, of something that is there for as long as the maximum is read. */
function isSmall(node: Node, { producers, lastReads, outputs }: Family): boolean {
  if (node.op !== "reduce" || node.params.kind !== "max") return false;
  const [{ shape }] = node.ins;
  const count = multiplyDims(...node.params.axes.map((axis) => shape[axis]));
  if (typeof count !== "number" || count > mostNeighbours || outputs.has(node.outs[0])) return false;
  const [out] = node.outs;
  return (lastReads.get(rootOf(node.ins[0], producers)) ?? 0) >= (lastReads.get(out) ?? 0);
}

function rootOf(value: Value, producers: ReadonlyMap<Value, Node>): Value {
  const producer = producers.get(value);
  return producer !== undefined && views.has(producer.op) ? rootOf(producer.ins[0], producers) : value;
}
