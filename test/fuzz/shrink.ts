/**
 * The smallest part of a graph that still fails: one result, as few nodes as possible, and what is cut away above them
 * given as arguments. Bodies of scans stay whole.
 */
import type { DimValues } from "../../src/base/dims.ts";
import type { HostArray } from "../../src/base/dtypes.ts";
import type { Graph, Input, Node, Value } from "../../src/graph/graph.ts";
import { interpret } from "../../src/graph/interpret.ts";
import { dce } from "../../src/passes/dce.ts";

/** A graph with what it is called with. */
export interface Program {
  readonly graph: Graph;
  readonly args: readonly HostArray[];
  readonly dims: DimValues;
}

/** The smallest failing part of a failing program; `fails` may be called once for each node. */
export function shrink(program: Program, fails: (part: Program) => boolean): Program {
  const values = program.graph.nodes.flatMap(({ outs }) => outs);
  const first = values.map((value) => withOutput(program, value)).find(fails) ?? program;
  return cutAbove(first, fails);
}

/** Only one value is wanted. */
function withOutput({ graph, args, dims }: Program, value: Value): Program {
  return { graph: dce({ ...graph, outputs: [value] }), args, dims };
}

/** Turns results of nodes into arguments, from the last to the first, as long as the rest fails. */
function cutAbove(program: Program, fails: (part: Program) => boolean): Program {
  let smallest = program;
  for (const node of program.graph.nodes.toReversed()) {
    if (!smallest.graph.nodes.includes(node) || node.outs.some((out) => smallest.graph.outputs.includes(out))) continue;
    const part = withoutUnused(replaced(smallest, node));
    if (fails(part)) smallest = part;
  }
  return withoutUnused(smallest);
}

function replaced({ graph, args, dims }: Program, node: Node): Program {
  const given = interpret({ ...graph, outputs: node.outs }, args, dims, { precision: "float32" });
  const inputs = node.outs.map((value, i): Input => ({ name: `cut${value.id}.${i}`, value }));
  const rest = { ...graph, inputs: [...graph.inputs, ...inputs], nodes: graph.nodes.filter((other) => other !== node) };
  const rounded = given.map((data, i) =>
    node.outs[i].dtype === "float32" ? Float32Array.from(data) : Int32Array.from(data),
  );
  return { graph: dce(rest), args: [...args, ...rounded], dims };
}

function withoutUnused({ graph, args, dims }: Program): Program {
  const read = new Set([...graph.nodes.flatMap(({ ins }) => ins), ...graph.outputs]);
  const kept = graph.inputs.map(({ value }) => read.has(value));
  return {
    graph: { ...graph, inputs: graph.inputs.filter((_, i) => kept[i]) },
    args: args.filter((_, i) => kept[i]),
    dims,
  };
}
