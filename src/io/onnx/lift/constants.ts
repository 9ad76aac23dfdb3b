/** Tensors of a graph that depend on its weights alone, computed when somebody asks for one. */

import { FormatError } from "../../../base/errors.ts";
import type { Tensor } from "../../../trace/index.ts";
import { evaluateNode } from "../evaluate.ts";
import type { OnnxNode } from "../messages.ts";
import type { OnnxModel } from "../onnxModel.ts";
import { isSequence, tensorOf } from "../value.ts";

/** A function from names to tensors with data. Not for use inside of a trace. */
export function constantsOf(onnx: OnnxModel): (name: string) => Tensor {
  const { nodes } = onnx.proto.graph;
  const makers = new Map(nodes.flatMap((node, i) => node.outputs.map((name) => [name, i] as const)));
  return (name) => {
    const needed = neededFor(name, nodes, makers);
    const read = new Set([name, ...needed.flatMap(({ inputs }) => inputs)]);
    const scope = onnx.scopeOf({}, {}, (one) => read.has(one));
    for (const node of needed) evaluateNode(node, scope);
    const value = scope.get(name, onnx.where);
    if (!isSequence(value)) return tensorOf(value, onnx.where);
    throw new FormatError(`${onnx.where}: expected weights, got a list of tensors. Use the OnnxModel itself.`);
  };
}

/** The nodes that a name depends on, in their order. */
function neededFor(name: string, nodes: readonly OnnxNode[], makers: ReadonlyMap<string, number>): readonly OnnxNode[] {
  const needed = new Set<number>();
  const open = [name];
  for (let one = open.pop(); one !== undefined; one = open.pop()) {
    const at = makers.get(one);
    if (at === undefined || needed.has(at)) continue;
    needed.add(at);
    open.push(...nodes[at].inputs);
  }
  return [...needed].sort((a, b) => a - b).map((i) => nodes[i]);
}
