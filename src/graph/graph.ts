/**
 * Graphs: a list of nodes in order of evaluation over typed values. Plain immutable data; made by `Builder`.
 *
 *   Graph  = inputs: Value*, nodes: Node*, outputs: Value*
 *   Node   = op, params, ins: Value*, outs: Value*, scope
 *   Value  = id, dtype, shape
 *
 * A graph is closed: a node reads only inputs of its own graph and results of earlier nodes of it.
 */
import type { DType } from "../base/dtypes.ts";
import type { Shape } from "../base/shapes.ts";
import type { OpName, OpParams } from "./ops.ts";

/** One tensor of a graph. Identity is the object; `id` is for printing and maps, unique within a process. */
export interface Value {
  readonly id: number;
  readonly dtype: DType;
  readonly shape: Shape;
}

export interface NodeOf<K extends OpName> {
  readonly op: K;
  readonly params: OpParams[K];
  readonly ins: readonly Value[];
  /** One result, except for scan, which has one for each carry and each y. */
  readonly outs: readonly Value[];
  /** Path of the layer or function that built the node, such as `encoder/gru`; empty at the top. */
  readonly scope: string;
}

export type Node = { [K in OpName]: NodeOf<K> }[OpName];

export interface Input {
  readonly name: string;
  readonly value: Value;
}

export interface Graph {
  readonly name: string;
  readonly inputs: readonly Input[];
  readonly nodes: readonly Node[];
  readonly outputs: readonly Value[];
}

export type ScanNode = NodeOf<"scan">;

/** The operands of a scan by group. */
export function scanIns(node: ScanNode): { consts: readonly Value[]; init: readonly Value[]; xs: readonly Value[] } {
  const { consts, carry } = node.params;
  return {
    consts: node.ins.slice(0, consts),
    init: node.ins.slice(consts, consts + carry),
    xs: node.ins.slice(consts + carry),
  };
}

/** The results of a scan by group. */
export function scanOuts(node: ScanNode): { carry: readonly Value[]; ys: readonly Value[] } {
  return { carry: node.outs.slice(0, node.params.carry), ys: node.outs.slice(node.params.carry) };
}

/** The inputs of a scan's body by group. */
export function bodyIns(params: OpParams["scan"]): {
  consts: readonly Value[];
  carry: readonly Value[];
  xs: readonly Value[];
} {
  const values = params.body.inputs.map((input) => input.value);
  const { consts, carry } = params;
  return {
    consts: values.slice(0, consts),
    carry: values.slice(consts, consts + carry),
    xs: values.slice(consts + carry),
  };
}

/** The outputs of a scan's body by group: the next carry, and this step's y. */
export function bodyOuts(params: OpParams["scan"]): { carry: readonly Value[]; ys: readonly Value[] } {
  const { outputs } = params.body;
  return { carry: outputs.slice(0, params.carry), ys: outputs.slice(params.carry) };
}
