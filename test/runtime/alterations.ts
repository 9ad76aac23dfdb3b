/** Every way to change one thing in a graph, to ask whether anyone notices. The graphs that come out need not be sound. */
import { addDims } from "../../src/base/dims.ts";
import type { Graph, Node, Value } from "../../src/graph/graph.ts";

/** What was changed, and the graph with it. */
export type Alteration = readonly [change: string, graph: Graph];

export function alterations(graph: Graph): Alteration[] {
  const { nodes, inputs, outputs } = graph;
  return [
    ["name", { ...graph, name: `${graph.name}'` }],
    ...inputs.map(({ name, value }, i): Alteration => {
      const renamed = { name: `${name}'`, value };
      return [`name of input ${i}`, { ...graph, inputs: inputs.with(i, renamed) }];
    }),
    ...inputs.flatMap(({ value }, i) => typesOf(graph, value, `input ${i}`)),
    ...(inputs.length > 1 ? [["order of inputs", { ...graph, inputs: inputs.toReversed() }] as const] : []),
    ["one output more", { ...graph, outputs: [...outputs, outputs[0]] }],
    ...nodes.flatMap((node, i) => [
      ...nodeAlterations(node).map(([change, altered]): Alteration => {
        return [`node ${i}, ${change}`, { ...graph, nodes: nodes.with(i, altered) }];
      }),
      ...node.outs.flatMap((out, j) => typesOf(graph, out, `node ${i}, result ${j}`)),
    ]),
  ];
}

function nodeAlterations(node: Node): (readonly [string, Node])[] {
  const { ins } = node;
  const same = ins.length < 2 || ins.every((value) => value === ins[0]);
  return [
    ["scope", { ...node, scope: `${node.scope}/x` }],
    ["op", { ...node, op: `${node.op}'` } as unknown as Node],
    ...(same ? [] : [["order of operands", { ...node, ins: rotated(ins) }] as const]),
    ...(ins.length === 0 ? [] : [["one operand fewer", { ...node, ins: ins.slice(1) } as Node] as const]),
    ...Object.entries(node.params).flatMap(([name, value]) =>
      changed(value).map(([where, other]) => {
        const params = { ...node.params, [name]: other };
        return [`${name}${where}`, { ...node, params } as Node] as const;
      }),
    ),
  ];
}

function rotated<T>(list: readonly T[]): T[] {
  return [...list.slice(1), list[0]];
}

/** The graph with another element type, and with each size of a value changed. */
function typesOf(graph: Graph, value: Value, what: string): Alteration[] {
  const others: (readonly [string, Value])[] = [
    ["dtype", { ...value, dtype: value.dtype === "int32" ? "bool" : "int32" }],
    ["rank", { ...value, shape: [...value.shape, 1] }],
    ...value.shape.map((dim, axis) => {
      const shape = value.shape.with(axis, addDims(dim, 1));
      return [`axis ${axis}`, { ...value, shape }] as const;
    }),
  ];
  return others.map(([change, other]) => [`${what}, ${change}`, replaced(graph, value, other)]);
}

function replaced(graph: Graph, value: Value, by: Value): Graph {
  const put = (x: Value): Value => (x === value ? by : x);
  return {
    ...graph,
    inputs: graph.inputs.map((input) => ({ ...input, value: put(input.value) })),
    nodes: graph.nodes.map((node) => ({ ...node, ins: node.ins.map(put), outs: node.outs.map(put) }) as Node),
    outputs: graph.outputs.map(put),
  };
}

function withLastBit(data: Float32Array | Int32Array, at: number): Float32Array | Int32Array {
  const bits = new Int32Array(data.slice().buffer);
  bits[at] ^= 1;
  return data instanceof Float32Array ? new Float32Array(bits.buffer) : bits;
}

/** Every value that differs from this one in one place, and where. */
function changed(value: unknown): (readonly [string, unknown])[] {
  if (typeof value === "number") return [["", Object.is(value, 0) ? -0 : value + 1]];
  if (typeof value === "string") return [["", `${value}'`]];
  if (typeof value === "boolean") return [["", !value]];
  if (value instanceof Float32Array || value instanceof Int32Array) {
    return Array.from(value, (_, i) => [`[${i}]`, withLastBit(value, i)] as const);
  }
  if (Array.isArray(value)) {
    const elements = value.flatMap((item, i) =>
      changed(item).map(([where, other]) => [`[${i}]${where}`, value.with(i, other)] as const),
    );
    return [["'s length", [...value, 0]], ...elements];
  }
  if (typeof value !== "object" || value === null) return [];
  if ("terms" in value) return [["", addDims(value as never, 1)]];
  if ("nodes" in value) return alterations(value as Graph).map(([change, graph]) => [`, ${change}`, graph] as const);
  throw new Error(`alterations: expected a parameter of a kind that is known, got ${String(value)}. Add its kind.`);
}
