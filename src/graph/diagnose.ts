/** Finds where a number first went non-finite, by running a graph on the interpreter. For people, after the fact: slow. */
import type { DimValues } from "../base/dims.ts";
import type { HostArray } from "../base/dtypes.ts";
import type { Graph, Node } from "./graph.ts";
import { type Data, interpret, type Observation } from "./interpret.ts";

/** The first operation, in order of evaluation, that made an infinity or NaN out of better operands. */
export interface NonFinite {
  /** Path of the layer, as in `Node.scope`; empty for an input of the graph. */
  readonly scope: string;
  /** The op, or "input" where an argument itself holds NaN. */
  readonly op: Node["op"] | "input";
  /** Step of the outermost scan around it, if any. */
  readonly step: number | undefined;
  /** Steps of all scans around it, outermost first. */
  readonly path: readonly number[];
  /** The user's name for the value (from `named`, a table or an input), or "". */
  readonly name: string;
  readonly kind: "infinity" | "NaN";
}

const kinds = ["finite", "infinity", "NaN"] as const;

/** Undefined where every number stays finite in float32. Constants and `pad` may hold infinities: masks do. */
export function firstNonFinite(
  graph: Graph,
  args: readonly (HostArray | Float64Array)[],
  dims: DimValues = {},
): NonFinite | undefined {
  const input = graph.inputs.find((_, i) => severity(args[i]) === 2);
  if (input !== undefined) return { scope: "", op: "input", step: undefined, path: [], name: input.name, kind: "NaN" };
  const names = namesOf(graph);
  const known = new WeakMap<Data, number>();
  const of = (data: Data): number => {
    const value = known.get(data) ?? severity(data);
    known.set(data, value);
    return value;
  };
  let found: NonFinite | undefined;
  const observe = ({ node, ins, values, path }: Observation): void => {
    if (found !== undefined || ins.length === 0 || node.op === "pad") return;
    const worst = Math.max(...values.map(of));
    if (worst <= Math.max(...ins.map(of))) return;
    found = {
      scope: node.scope,
      op: node.op,
      step: path[0],
      path,
      name: names.get(node) ?? "",
      kind: kinds[worst] as "infinity" | "NaN",
    };
  };
  interpret(graph, args, dims, { precision: "float32", observe });
  return found;
}

/** 0 all finite, 1 an infinity, 2 a NaN. */
function severity(data: ArrayLike<number>): number {
  let worst = 0;
  for (let i = 0; i < data.length; i++) {
    if (Number.isNaN(data[i])) return 2;
    if (!Number.isFinite(data[i])) worst = 1;
  }
  return worst;
}

/** Names of nodes: what a `named` node directly behind says, in every body. */
function namesOf(graph: Graph, names: Map<Node, string> = new Map()): Map<Node, string> {
  const producers = new Map(graph.nodes.flatMap((node) => node.outs.map((out) => [out, node] as const)));
  for (const node of graph.nodes) {
    if (node.op === "scan") namesOf(node.params.body, names);
    const behind = node.op === "named" ? producers.get(node.ins[0]) : undefined;
    if (node.op === "named" && behind !== undefined) names.set(behind, node.params.name);
  }
  return names;
}
