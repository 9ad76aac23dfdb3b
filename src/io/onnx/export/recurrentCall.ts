/**
 * A recurrent layer that is one node of the file, as its network sees it: what goes into the node and what comes of it
 * are tensors of the trace, so that what stands around it (axes exchanged, directions merged) is simplified like the rest.
 */
import type { Tree } from "../../../base/trees.ts";
import type { Value } from "../../../graph/graph.ts";
import type { LayerCall, LayerResult } from "../../../nn/index.ts";
import {
  add,
  concat,
  expandDims,
  greater,
  mul,
  reshape,
  reverse,
  where as select,
  slice,
  squeeze,
  type Tensor,
  type TensorSpec,
  transpose,
} from "../../../trace/index.ts";
import type { Place } from "./place.ts";
import type { RecurrentNode } from "./recurrentNode.ts";

/** What a trace offers to a layer that is left out of it. */
export interface Sites {
  /** Leaves a node out: its results are new inputs of the trace. */
  add(ins: readonly Tensor[], outs: readonly TensorSpec[], spell: SpellSite): readonly Tensor[];
  isZero(x: Tensor): boolean;
}

type SpellSite = (at: Place, ins: readonly Value[], outs: readonly Value[]) => readonly string[];

type Parts = Readonly<Record<string, Tensor>>;

/** What the node gives, and what it began with. */
interface Run {
  readonly node: RecurrentNode;
  /** [t, directions, b, units]. */
  readonly y: Tensor;
  /** For each direction its state by name, [b, units]. */
  readonly last: readonly Parts[];
  readonly first: readonly Parts[];
  /** bool [b, t], and the lengths int32 [b] that it was made of. */
  readonly mask: Tensor | undefined;
}

/** A layer that is a node, where it is used. */
export interface NodeCall {
  /** Of the use, and of the layer whose weights it has. */
  readonly name: string;
  readonly layer: string;
  readonly node: RecurrentNode;
}

/** Whole sequences: x [b, t, in]. `lengths` are those of the mask of x, where it has one. */
export function applyNode(own: NodeCall, call: LayerCall, sites: Sites, lengths: Tensor | undefined): LayerResult {
  const { node } = own;
  const run = runNode(own, { x: swap(call.inputs[0]), call, lengths }, sites);
  const state = stateOf(run);
  if (node.directions.length === 1) {
    const y = outputOf(run, 0);
    if (!node.isReversed || !node.returnSequences) return { y, state };
    // As Recurve and Keras have it: the first output belongs to the last step of the input.
    return { y: reverse(y, 1), state, mask: run.mask && reverse(run.mask, 1) };
  }
  const [forward, backward] = [outputOf(run, 0), outputOf(run, 1)];
  return { y: merged(run, forward, backward), state, parts: { forward, backward } };
}

/** One step: x [b, in], as a sequence of one. */
export function stepNode(own: NodeCall, call: LayerCall, sites: Sites): LayerResult {
  const run = runNode(own, { x: expandDims(call.inputs[0], 0), call, lengths: undefined }, sites);
  return { y: run.last[0].h, state: stateOf(run) };
}

interface Given {
  /** [t, b, in]. */
  readonly x: Tensor;
  readonly call: LayerCall;
  readonly lengths: Tensor | undefined;
}

function runNode(own: NodeCall, { x, call, lengths }: Given, sites: Sites): Run {
  const { directions, units, op } = own.node;
  const [t, b] = x.shape;
  const names = op === "LSTM" ? ["h", "c"] : ["h"];
  const first = directions.map((direction) => {
    const state =
      directions.length === 1 ? call.state : (call.state as Readonly<Record<string, Tree<Tensor>>>)[direction];
    return state as Parts;
  });
  const shapes = [[t, directions.length, b, units], ...names.map(() => [directions.length, b, units])];
  const slots = [
    x,
    lengths,
    ...names.map((part) =>
      initialOf(
        first.map((parts) => parts[part]),
        sites,
      ),
    ),
  ];
  const ins = slots.filter((one) => one !== undefined);
  const [y, ...ends] = sites.add(
    ins,
    shapes.map((shape): TensorSpec => ({ dtype: "float32", shape })),
    (at, values, results) =>
      spellNode(own, { slots: slots.map((one) => one && values[ins.indexOf(one)]), results }, at),
  );
  const last = directions.map((_, d): Parts => {
    const parts = names.map((part, i) => {
      const end = squeeze(slice(ends[i], 0, d, d + 1), 0);
      // ONNX Runtime gives zeros for a row without a step, and not what it began with.
      const isHeld = lengths !== undefined && !sites.isZero(first[d][part]);
      return [part, isHeld ? select(expandDims(greater(lengths, 0), 1), end, first[d][part]) : end] as const;
    });
    return Object.fromEntries(parts);
  });
  return { node: own.node, y, last, first, mask: lengths && call.masks?.[0] };
}

/** What each direction begins with, one above the other; undefined for zeros, which go without saying. */
function initialOf(states: readonly Tensor[], sites: Sites): Tensor | undefined {
  if (states.every((one) => sites.isZero(one))) return undefined;
  const each = states.map((one) => expandDims(one, 0));
  return concat(each, 0);
}

function spellNode(
  { name, layer, node }: NodeCall,
  { slots, results }: { readonly slots: readonly (Value | undefined)[]; readonly results: readonly Value[] },
  at: Place,
): readonly string[] {
  const { writer } = at;
  const [x, lengths, h, c] = slots.map((value) => (value === undefined ? "" : at.name(value)));
  const weight = (array: string): string => {
    const packed = node.weights[array];
    return packed === undefined ? "" : writer.shared(`${layer}.${array}`, packed);
  };
  const inputs = [x, weight("W"), weight("R"), weight("B"), lengths, h];
  if (node.op === "LSTM") inputs.push(c, weight("P"));
  const outputs = ["Y", "Y_h", "Y_c"].slice(0, results.length);
  return writer.node(node.op, inputs, {
    name: writer.nodeName(name),
    attributes: node.attributes,
    outputs: outputs.map((output, i) => (at.isUsed(results[i]) ? writer.name(`${name}.${output}`) : "")),
  });
}

function stateOf({ node: { directions }, last }: Run): Tree<Tensor> {
  return directions.length === 1 ? last[0] : { forward: last[0], backward: last[1] };
}

/** The output of one direction in the order of the inputs; at masked steps what is held, or zero. */
function outputOf({ node, y, last, first, mask }: Run, d: number): Tensor {
  if (!node.returnSequences) return last[d].h;
  const own = swap(squeeze(slice(y, 1, d, d + 1), 1));
  if (mask === undefined) return own;
  const isBackwards = node.isReversed || node.directions[d] === "backward";
  const held = expandDims((isBackwards ? first : last)[d].h, 1);
  return select(expandDims(mask, -1), own, node.zeroOutputForMask ? 0 : held);
}

function merged({ node, y, mask }: Run, forward: Tensor, backward: Tensor): Tensor {
  switch (node.mergeMode) {
    case "sum":
      return add(forward, backward);
    case "mul":
      return mul(forward, backward);
    case "ave":
      return mul(add(forward, backward), 0.5);
    default: {
      if (!node.returnSequences || mask !== undefined) return concat([forward, backward], -1);
      const [t, , b] = y.shape;
      return reshape(transpose(y, [2, 0, 1, 3]), [b, t, 2 * node.units]);
    }
  }
}

/** [b, t, ...] <-> [t, b, ...]. */
function swap(x: Tensor): Tensor {
  return transpose(x, [1, 0, 2]);
}
