/** Tensors of a graph that depend on its weights alone, computed when somebody asks for one. */

import { FormatError } from "../../../base/errors.ts";
import type { GivenArray } from "../../../nn/index.ts";
import type { Tensor } from "../../../trace/index.ts";
import { evaluateNode } from "../evaluate.ts";
import type { OnnxNode } from "../messages.ts";
import type { OnnxModel } from "../onnxModel.ts";
import { isSequence, tensorOf } from "../value.ts";

export interface Constants {
  /** Such a tensor, by name. Not for use inside of a trace. */
  readonly constant: (name: string) => Tensor;
  /** The same as an array; of an initialiser where its numbers lie in the file. */
  readonly array: (name: string) => GivenArray;
}

export function constantsOf(onnx: OnnxModel): Constants {
  const { nodes } = onnx.proto.graph;
  const makers = new Map(nodes.flatMap((node, i) => node.outputs.map((name) => [name, i] as const)));
  const constant = (name: string): Tensor => {
    const own = onnx.weight(name);
    if (own !== undefined) return own;
    const needed = neededFor(name, nodes, makers);
    const read = new Set([name, ...needed.flatMap(({ inputs }) => inputs)]);
    const weights = [...read].flatMap((one) => {
      const weight = onnx.weight(one);
      return weight === undefined ? [] : [[one, weight] as const];
    });
    const scope = onnx.scopeOf({}, Object.fromEntries(weights), (one) => read.has(one));
    for (const node of needed) evaluateNode(node, scope);
    const value = scope.get(name, onnx.where);
    if (!isSequence(value)) return tensorOf(value, onnx.where);
    throw new FormatError(`${onnx.where}: expected weights, got a list of tensors. Use the OnnxModel itself.`);
  };
  const computed = (name: string): GivenArray => {
    const tensor = constant(name);
    return { shape: tensor.shape as readonly number[], data: tensor.data() };
  };
  return { constant, array: (name) => onnx.array(name) ?? computed(name) };
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
