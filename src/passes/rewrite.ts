/**
 * The walk that most passes share: node by node in order, bodies of scans first, with a rule that may replace a node.
 * It keeps values and nodes that did not change, so that a pass without effect returns the graph it was given.
 */
import { Builder } from "../graph/build.ts";
import type { Graph, Node, Value } from "../graph/graph.ts";

/** A pass: a graph that means the same, or the very same object when there was nothing to do. */
export type Pass = (graph: Graph) => Graph;

/** What to put in the place of a node's results; undefined keeps the node. New nodes go into the builder. */
export type Rule = (node: Node) => readonly Value[] | undefined;

/** Rebuilds a graph and the bodies in it. `start` makes the rule for each of them, on the builder of its new form. */
export function rewrite(graph: Graph, start: (builder: Builder, graph: Graph) => Rule): Graph {
  const builder = rebuilder(graph);
  const rule = start(builder, graph);
  const replaced = new Map<Value, Value>();
  const get = (value: Value): Value => replaced.get(value) ?? value;
  let changed = false;
  for (const old of graph.nodes) {
    const node = withBody(withIns(old, get), (body) => rewrite(body, start));
    builder.scope = node.scope;
    const outs = rule(node);
    if (outs === undefined) builder.push(node);
    else for (const [i, out] of node.outs.entries()) if (outs[i] !== out) replaced.set(out, outs[i]);
    changed ||= node !== old || outs !== undefined;
  }
  return changed ? builder.finish(graph.outputs.map(get)) : graph;
}

/** An empty builder with the inputs of a graph. */
export function rebuilder(graph: Graph): Builder {
  const builder = new Builder(graph.name);
  for (const input of graph.inputs) builder.adopt(input);
  return builder;
}

/** The node with its operands replaced, itself when none is. */
export function withIns(node: Node, get: (value: Value) => Value): Node {
  if (node.ins.every((value) => get(value) === value)) return node;
  return { ...node, ins: node.ins.map(get) } as Node;
}

/** The node with a changed body, where it has one. */
function withBody(node: Node, change: Pass): Node {
  if (node.op !== "scan") return node;
  const body = change(node.params.body);
  return body === node.params.body ? node : { ...node, params: { ...node.params, body } };
}

/** How often each value is read, by nodes or as an output. */
export function countUses(graph: Graph): Map<Value, number> {
  const uses = new Map<Value, number>();
  const count = (value: Value): unknown => uses.set(value, (uses.get(value) ?? 0) + 1);
  for (const node of graph.nodes) node.ins.forEach(count);
  graph.outputs.forEach(count);
  return uses;
}
