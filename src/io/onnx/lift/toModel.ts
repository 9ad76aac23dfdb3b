/**
 * Models of Recurve's own layers, made of ONNX graphs whose parts are layers: they train with fit, stream step by step and
 * convert to other formats. Sequences are batch first in them, and recurrent states are the model's own.
 */

import type { Dim } from "../../../base/dims.ts";
import { equalDims } from "../../../base/dims.ts";
import { FormatError, RecurveError, UnsupportedError } from "../../../base/errors.ts";
import { leavesOf } from "../../../base/trees.ts";
import type { Model, ModelDefinition } from "../../../nn/index.ts";
import { dryRun, type Tensor } from "../../../trace/index.ts";
import { freeName } from "../../chainedLayers.ts";
import { modelOfDefinition } from "../../modelFile.ts";
import { quoted } from "../../quoted.ts";
import { weightsOnDemand } from "../../weightsOnDemand.ts";
import { type Call, callOf, evaluateNode, type Scope } from "../evaluate.ts";
import { hostTensorOf, type OnnxNode } from "../messages.ts";
import { type OnnxModel, sizesOf } from "../onnxModel.ts";
import { dtypeOf } from "../ops/types.ts";
import { isKnown } from "../value.ts";
import { constantsOf } from "./constants.ts";
import type { Drawing } from "./drawing.ts";
import { type LiftRule, layerRules } from "./layers.ts";
import { type Axis, isPlain, type Lifted } from "./lifted.ts";
import { moveRules } from "./moves.ts";
import { recurrentLayer } from "./recurrentLayers.ts";
import { statesOf } from "./states.ts";
import { windowRules } from "./windows.ts";

const rules: ReadonlyMap<string, LiftRule> = new Map<string, LiftRule>([
  ...Object.entries(layerRules),
  ...Object.entries(moveRules),
  ...Object.entries(windowRules),
  ["LSTM", recurrentLayer],
  ["GRU", recurrentLayer],
  ["RNN", recurrentLayer],
]);

/**
 * The model of layers that a graph is. Its weights are copies. Raises UnsupportedError, in the name of the node, for a
 * graph of which a part is no layer: `OnnxModel` itself runs and trains any.
 */
export function toModel(onnx: OnnxModel): Model<Tensor | readonly Tensor[]> {
  if (onnx.inputs.length === 0)
    throw new UnsupportedError(`${onnx.where}: expected a graph with inputs, got none. Use the OnnxModel itself.`);
  // Whether inputs have the batch or time first is seen by what can be drawn: the attempt that came further speaks.
  const batchFirst = attempt(onnx, false);
  if ("model" in batchFirst) return batchFirst.model;
  const timeFirst = attempt(onnx, true);
  if ("model" in timeFirst) return timeFirst.model;
  throw timeFirst.nodes > batchFirst.nodes ? timeFirst.error : batchFirst.error;
}

type Attempt =
  | { readonly model: Model<Tensor | readonly Tensor[]> }
  | { readonly error: RecurveError; readonly nodes: number };

function attempt(onnx: OnnxModel, isTimeMajor: boolean): Attempt {
  const progress = { nodes: 0 };
  try {
    return { model: lift(onnx, isTimeMajor, progress) };
  } catch (error) {
    if (!(error instanceof RecurveError)) throw error;
    return { error, nodes: progress.nodes };
  }
}

function lift(onnx: OnnxModel, isTimeMajor: boolean, progress: { nodes: number }): Model<Tensor | readonly Tensor[]> {
  const { graph } = onnx.proto;
  const drawing: Drawing = {
    where: onnx.where,
    values: new Map(),
    layers: new Map(),
    weights: [],
    taken: new Set(),
    sizes: new Map<string, Dim>(),
    dense: new Map(),
    lastOf: new Map(),
    both: new Map(),
    readers: readersOf(onnx),
    isZero: (name) => isAllZero(onnx, name),
    states: statesOf(graph),
    ...constantsOf(onnx),
  };
  const inputs = onnx.inputs.map((one, i) => drawInput(drawing, one, { at: i, isTimeMajor }));
  const operands = [
    ...onnx.inputs.map((one, i) => ({
      name: one.name,
      dtype: dtypeOf(one.dtype) ?? "float32",
      shape: inputs[i].shape,
    })),
    ...[...onnx.shapes].map(([name, shape]) => ({ name, dtype: "float32", shape }) as const),
  ];
  dryRun((tensors) => {
    const named = operands.map(({ name }, i) => [name, tensors[i]] as const);
    const count = onnx.inputs.length;
    const scope = onnx.scopeOf(Object.fromEntries(named.slice(0, count)), Object.fromEntries(named.slice(count)));
    for (const node of graph.nodes) {
      liftNode(drawing, node, scope);
      progress.nodes++;
    }
    return tensors[0];
  }, operands);
  const made = (apart: boolean) =>
    modelOfDefinition<Tensor | readonly Tensor[]>(
      definitionOf(onnx, drawing, inputs, apart),
      { weights: weightsOnDemand(drawing.weights) },
      onnx.where,
    );
  if (inputs.filter(({ own }) => own.length > 0 && typeof own[0] !== "number").length < 2) return made(false);
  // A free length of one input says nothing of that of another, unless the layers do.
  try {
    return made(true);
  } catch (error) {
    if (!(error instanceof RecurveError)) throw error;
    return made(false);
  }
}

function isAllZero({ proto, where }: OnnxModel, name: string): boolean {
  const tensor = proto.graph.initializers.find((one) => one.name === name);
  return tensor !== undefined && Array.from(hostTensorOf(tensor, where).data).every((element) => element === 0);
}

interface Input {
  readonly name: string;
  readonly file: string;
  readonly dtype: "float32" | "int32" | "bool";
  /** As in the file. */
  readonly shape: readonly Dim[];
  /** Of the model: without the batch, time first. */
  readonly own: readonly Dim[];
}

interface InputPlace {
  readonly at: number;
  readonly isTimeMajor: boolean;
}

/** An input of the model: [b], [b, f], [b, t, f], of indices [b, t]; in graphs with time first these two are exchanged. */
function drawInput(
  drawing: Drawing,
  { name: file, dtype, shape }: OnnxModel["inputs"][number],
  { at, isTimeMajor }: InputPlace,
): Input {
  const own = dtypeOf(dtype) ?? "float32";
  const sizes = sizesOf(shape, at);
  const name = freeName(file, drawing.taken);
  if (drawing.states.has(file)) {
    drawing.values.set(file, { kind: "state" });
    return { name, file, dtype: own, shape: sizes, own: [] };
  }
  const hasTime = sizes.length === 3 || (sizes.length === 2 && own !== "float32");
  const time = hasTime ? timeOf(drawing, sizes[isTimeMajor ? 0 : 1], at) : "";
  const letters = ["b", ...(hasTime ? [time] : []), `f${at}`].slice(0, sizes.length);
  if (sizes.length < 1 || sizes.length > 3)
    throw new UnsupportedError(
      `${drawing.where}: expected inputs [batch, time, features], got input ${quoted(file)} of ${sizes.length} axes. Use the OnnxModel itself.`,
    );
  const isTurned = isTimeMajor && hasTime;
  const order = isTurned ? [1, 0, 2].slice(0, sizes.length) : letters.map((_, i) => i);
  const axes: readonly Axis[] = order.map((i) => [letters[i]]);
  for (const [i, axis] of axes.entries()) {
    const [atom] = axis;
    if (!drawing.sizes.has(atom)) drawing.sizes.set(atom, sizes[i]);
  }
  drawing.values.set(file, { kind: "drawn", name, own: letters.map((letter) => [letter]), axes });
  return { name, file, dtype: own, shape: sizes, own: order.map((i) => sizes[i]).slice(1) };
}

/** The atom of an input's time: that of the inputs before, unless theirs is another size. */
function timeOf({ sizes }: Drawing, size: Dim, at: number): string {
  const known = sizes.get("t");
  return known === undefined || equalDims(known, size) ? "t" : `t${at}`;
}

/** How many nodes read each name; outputs of the graph count too. */
function readersOf({ proto: { graph } }: OnnxModel): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const name of [...graph.nodes.flatMap(({ inputs }) => inputs), ...graph.outputs.map((one) => one.name)])
    counts.set(name, (counts.get(name) ?? 0) + 1);
  return counts;
}

function liftNode(drawing: Drawing, node: OnnxNode, scope: Scope): void {
  evaluateNode(node, scope);
  if (!node.inputs.some((name) => drawing.values.has(name))) return;
  const call: Call = callOf(node, scope);
  const outs = node.outputs.map((name) => (name === "" ? undefined : scope.get(name, call.where)));
  // Sizes of what is computed are known, and no values of the network.
  if (outs.every((one) => one === undefined || isKnown(one))) return;
  const rule = rules.get(node.opType);
  if (rule === undefined)
    throw new UnsupportedError(
      `${call.where}: expected a node that a layer of Recurve is, got another one. Use the OnnxModel itself, which runs and trains without layers.`,
      { node: node.name, op: node.opType },
    );
  const lifted = rule({ drawing, call, outs });
  for (const [i, name] of node.outputs.entries()) {
    const value = lifted[i];
    if (name !== "" && value !== undefined) drawing.values.set(name, value);
  }
}

/** With `apart` each input has a free length of its own. */
function definitionOf(onnx: OnnxModel, drawing: Drawing, inputs: readonly Input[], apart: boolean): ModelDefinition {
  const { values, layers } = drawing;
  const given = onnx.outputs.map(({ name }) => ({ name, value: values.get(name) }));
  // States that the graph gives beside its outputs are the model's own.
  const isOwn = (value: Lifted | undefined): boolean => isStateOutput(value, drawing.states.size > 0);
  const real = given.filter(({ value }) => !isOwn(value));
  const kept = real.length > 0 ? real : given.slice(0, 1);
  const outputs = kept.map(({ name, value }) => outputOf(onnx, drawing, name, value));
  const begun = [...layers.values()].flatMap(({ initialState }) =>
    initialState === undefined ? [] : leavesOf<string>(initialState).map(({ leaf }) => leaf),
  );
  const read = new Set([...[...layers.values()].flatMap(({ from }) => from), ...begun, ...outputs]);
  return {
    version: 1,
    name: freeName(onnx.name, new Set(drawing.taken)),
    inputs: inputs
      .filter(({ name }) => read.has(name))
      .map(({ name, dtype, own }) => ({
        name,
        dtype,
        shape: own.map((size, axis) =>
          typeof size === "number" ? size : apart && axis === 0 && name !== inputs[0].name ? `${name}_t` : null,
        ),
      })),
    layers: [...layers].map(([name, { layer }]) => ({ name, kind: layer.kind, options: layer.options })),
    connections: [...layers].map(([name, { from, initialState }]) => ({
      layer: name,
      from,
      to: name,
      ...(initialState === undefined ? {} : { initialState }),
    })),
    outputs: outputs.length === 1 ? outputs[0] : outputs,
  };
}

/** Whether an output is a recurrent state: of a graph that is given states, or with an axis of layers and directions. */
function isStateOutput(value: Lifted | undefined, hasStates: boolean): boolean {
  if (value?.kind !== "drawn") return value !== undefined;
  return value.name.includes(".state.") && (hasStates || value.axes.length > value.own.length);
}

function outputOf(onnx: OnnxModel, drawing: Drawing, name: string, value: Lifted | undefined): string {
  if (value?.kind === "drawn") {
    const filled = value.axes.filter((axis) => axis.length > 0);
    const isWhole = isPlain(value) || filled.length === value.own.length;
    const isTurned = value.own.flat().some((atom) => atom.startsWith("reversed"));
    if (isWhole && !isTurned) return value.name;
  }
  if (value === undefined)
    throw new FormatError(
      `${drawing.where}: expected outputs that depend on the inputs, got ${quoted(name)}. Use the OnnxModel itself.`,
    );
  throw new UnsupportedError(
    `${onnx.where}: expected outputs that a layer gives, got ${quoted(name)} in another form. Use the OnnxModel itself.`,
    { output: name },
  );
}
