/**
 * Is this graph what every later stage may rely on? Values are defined once and before use, every node satisfies its
 * shape rule again, axes are in range, bodies of scans are closed. A failure is a bug of a pass, never of a user.
 */
import { internal } from "../base/errors.ts";
import { equalShapes, formatShape } from "../base/shapes.ts";
import type { Graph, Node, Value } from "./graph.ts";
import { type BinaryOp, binaryOps, type OpName, type OpParams, type UnaryOp, unaryOps } from "./ops.ts";
import { resultTypes } from "./rules.ts";

/** Returns the graph if it is sound, else stops with a message that begins with `internal:`. */
export function checkGraph(graph: Graph, where: string = graph.name): Graph {
  const known = new Set<Value>();
  const define = (value: Value, by: string): void => {
    if (known.has(value)) internal(`${where}: ${by} defines a value a second time`, { id: value.id });
    known.add(value);
  };
  for (const { name, value } of graph.inputs) define(value, `input "${name}"`);
  graph.nodes.forEach((node, i) => {
    const at = `${where}, node ${i} (${node.op}${node.scope === "" ? "" : ` of ${node.scope}`})`;
    for (const value of node.ins)
      if (!known.has(value)) internal(`${at} reads a value that is not defined before it`, { id: value.id });
    checkNode(node, at);
    for (const out of node.outs) define(out, at);
  });
  for (const value of graph.outputs)
    if (!known.has(value)) internal(`${where}: an output is not defined`, { id: value.id });
  return graph;
}

function checkNode(node: Node, at: string): void {
  const arity = operandCounts[node.op];
  if (arity !== undefined && node.ins.length !== arity) internal(`${at} has ${node.ins.length} operands, not ${arity}`);
  checkAxes(node, at);
  const types = typesOf(node, at);
  if (types.length !== node.outs.length) internal(`${at} has ${node.outs.length} results, not ${types.length}`);
  types.forEach(({ dtype, shape }, i) => {
    const out = node.outs[i];
    if (out.dtype === dtype && equalShapes(out.shape, shape)) return;
    internal(
      `${at}: result ${i} is ${out.dtype}${formatShape(out.shape)}, its rule says ${dtype}${formatShape(shape)}`,
    );
  });
  if (node.op === "scan") checkGraph(node.params.body, `${at}, body`);
}

function typesOf(node: Node, at: string): ReturnType<typeof resultTypes> {
  try {
    return resultTypes(node.op, node.params as OpParams[OpName], node.ins, node.op);
  } catch (error) {
    return internal(`${at} breaks its rule: ${(error as Error).message}`);
  }
}

const counts = <K extends string>(ops: readonly K[], count: number): Record<K, number> =>
  Object.fromEntries(ops.map((op) => [op, count])) as Record<K, number>;

/** How many operands each op takes; undefined where its own rule decides. */
const operandCounts: { readonly [K in OpName]: number | undefined } = {
  ...counts<UnaryOp>(unaryOps, 1),
  ...counts<BinaryOp>(binaryOps, 2),
  constant: 0,
  dimSize: 0,
  iota: 0,
  select: 3,
  cast: 1,
  broadcast: 1,
  reshape: 1,
  transpose: 1,
  slice: 1,
  pad: 1,
  concat: undefined,
  reverse: 1,
  gather: 2,
  scatterAdd: 2,
  reduce: 1,
  argmax: 1,
  matmul: 2,
  random: 1,
  stopGradient: 1,
  named: 1,
  scan: undefined,
};

/** Axes that must be increasing and inside a rank, by the names that parameters have for them. */
function checkAxes(node: Node, at: string): void {
  const params = node.params as {
    readonly axes?: readonly number[];
    readonly axis?: number;
    readonly step?: readonly number[];
  };
  const rank = Math.max(node.ins[0]?.shape.length ?? 0, node.outs[0]?.shape.length ?? 0);
  const axes = params.axes ?? (params.axis === undefined ? [] : [params.axis]);
  axes.forEach((axis, i) => {
    const increasing = i === 0 || axes[i - 1] < axis;
    if (!Number.isInteger(axis) || axis < 0 || axis >= rank || !increasing)
      internal(`${at} has the axes [${axes.join(", ")}] of rank ${rank}`);
  });
  for (const step of params.step ?? []) if (!Number.isInteger(step) || step < 1) internal(`${at} has the step ${step}`);
  if (node.op === "concat" && node.ins.length === 0) internal(`${at} has no operands`);
}
