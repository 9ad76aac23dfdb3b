/**
 * Models of TensorFlow Lite (`.tflite`) as models of Recurve: the main graph, operator by operator. Float models; weights
 * may be float16. Not here: the file's structure (`schema.ts`), what operators mean (`operators.ts`).
 */
import { UnsupportedError } from "../../base/errors.ts";
import type { Model, ModelDefinition } from "../../nn/index.ts";
import type { Tensor } from "../../trace/index.ts";
import { freeName } from "../chainedLayers.ts";
import { inNameOfFile, modelOfDefinition } from "../modelFile.ts";
import { quoted } from "../quoted.ts";
import { weightsOnDemand } from "../weightsOnDemand.ts";
import { type Drawing, setOutput, type Value } from "./drawing.ts";
import { damaged } from "./flatbuffer.ts";
import { operatorRules } from "./operators.ts";
import {
  readTflite,
  type TfliteFile,
  type TfliteGraph,
  type TfliteOperator,
  type TfliteTensor,
  typeNames,
} from "./schema.ts";

export interface TfliteModel {
  /** One output, or a list if the file has several. */
  readonly model: Model<Tensor | readonly Tensor[]>;
  /** Sentences: what is other than in TensorFlow Lite. */
  readonly notes: readonly string[];
}

/** The model in a file. Raises UnsupportedError, with all reasons, for one that Recurve can not run. */
export function decodeTflite(bytes: Uint8Array, where = "tflite file"): TfliteModel {
  const file = readTflite(bytes, where);
  const missing = missingOf(file, where);
  if (missing.length > 0) throw new UnsupportedError(missing.slice(0, 2).join(" "), { missing });
  const drawing = inNameOfFile(where, () => draw(file.graphs[0], bytes.length, where));
  const weights = weightsOnDemand(drawing.weights);
  const model = modelOfDefinition<Tensor | readonly Tensor[]>(definitionOf(drawing), { weights }, where);
  return { model, notes: [...drawing.notes] };
}

/** More operators than this are no network that people drew. */
const mostOperators = 2000;

/** Sentences: quantised tensors, and operators that no rule knows. */
export function missingOf({ graphs: [graph] }: TfliteFile, where: string): string[] {
  const quantised = graph.tensors.find(({ type, isQuantised }) => isQuantised && [3, 7, 9].includes(type));
  if (quantised !== undefined) {
    return [
      `${where}: expected a float model, got one quantised to ${typeNames[quantised.type]} (tensor ${quoted(quantised.name)}). Convert it without optimizations, or give the Keras model; Recurve quantises by itself when it writes C.`,
    ];
  }
  if (graph.operators.length > mostOperators) {
    return [
      `${where}: expected at most ${mostOperators} operators, got ${graph.operators.length}: loops of a recurrent layer were unrolled. Give the model from before its conversion (.keras, .h5 or .onnx).`,
    ];
  }
  const unknown = [...new Set(graph.operators.map(({ kind }) => kind))].filter((kind) => !operatorRules.has(kind));
  return unknown.map((kind) => {
    const places = graph.operators.filter((one) => one.kind === kind);
    const name = graph.tensors[places[0].outputs[0] ?? -1]?.name ?? "";
    const advice =
      kind === "WHILE"
        ? "It is a recurrent layer that was not fused (a GRU, an RNN of cells, or an LSTM of Keras 3): give the Keras model (.keras or .h5)"
        : "Give the model from before its conversion (.keras, .h5 or .onnx)";
    return `${where}: expected operators that have a layer, got ${places.length} of ${quoted(kind)}, the first of them ${quoted(name)}. ${advice}.`;
  });
}

/** Draws the graph. Raises UnsupportedError for operators that are used in a way that no layer has. */
export function draw(graph: TfliteGraph, length: number, where: string): Drawing {
  const first = graph.tensors[graph.inputs[0] ?? -1];
  if (first === undefined) throw damaged({ where }, "a graph with an input", "none");
  const ends = graph.inputs.length + graph.outputs.length;
  if (ends > mostOperators) throw damaged({ where }, `at most ${mostOperators} inputs and outputs`, `${ends}`);
  const drawing: Drawing = {
    where,
    graph,
    readers: readersOf(graph),
    batch: first.shape[0] ?? 1,
    values: new Map(),
    sameAs: new Map(),
    layers: new Map(),
    weights: [],
    notes: new Set(),
    taken: new Set(),
    indices: new Set(),
    fixedSteps: false,
    left: 4 * length + 1_000_000,
  };
  for (const [i, index] of graph.inputs.entries()) drawing.values.set(index, inputValue(drawing, index, i));
  for (const operator of graph.operators) {
    const value = operatorRules.get(operator.kind)?.(drawing, operator);
    if (value !== undefined) setOutput(drawing, operator, value);
  }
  return drawing;
}

function readersOf({ operators }: TfliteGraph): Map<number, TfliteOperator[]> {
  const readers = new Map<number, TfliteOperator[]>();
  for (const operator of operators) {
    for (const index of operator.inputs) {
      const list = readers.get(index) ?? [];
      list.push(operator);
      readers.set(index, list);
    }
  }
  return readers;
}

function inputValue({ graph, where, batch, taken }: Drawing, index: number, place: number): Value {
  const tensor = graph.tensors[index];
  const isKnown = tensor !== undefined && [0, 2].includes(tensor.type) && tensor.shape.length > 0;
  if (!isKnown || tensor.shape[0] !== batch || tensor.shape.some((size) => size < 1)) {
    throw new UnsupportedError(
      `${where}: expected inputs of float32 or int32 with the batch as their first axis, got ${quoted(tensor?.name ?? "")} of ${typeNames[tensor?.type ?? -1] ?? "no type"} [${tensor?.shape.join(", ") ?? ""}]. Convert a model whose inputs are [batch, ...].`,
    );
  }
  const name = freeName(shortName(tensor, `input_${place}`), taken);
  return { name, form: "same", sizes: tensor.shape.slice(1), isTurned: false };
}

/** `serving_default_x:0` is x. */
function shortName({ name }: TfliteTensor, fallback: string): string {
  const own = name.replace(/^serving_default_/, "").replace(/:\d+$/, "");
  return /^\w{1,60}$/.test(own) ? own : fallback;
}

function doesNotTurn(where: string, { name }: Value): UnsupportedError {
  return new UnsupportedError(
    `${where}: expected outputs with their steps in order, got that of ${quoted(name)} turned round. Give the model from before its conversion (.keras, .h5 or .onnx).`,
  );
}

function definitionOf(drawing: Drawing): ModelDefinition {
  const { graph, values, layers, indices, fixedSteps, where } = drawing;
  const outputs = graph.outputs.map((index) => {
    const value = values.get(index);
    if (value === undefined)
      throw damaged({ where }, "outputs that the graph computes", quoted(graph.tensors[index]?.name ?? ""));
    if (value.isTurned) throw doesNotTurn(where, value);
    if (value.form !== "same") drawing.notes.add(`Output "${value.name}" is [batch, time, ...] here.`);
    return value.name;
  });
  const inputs = graph.inputs.map((index) => {
    // Every input was given a value by draw.
    const { name, sizes } = values.get(index) as Value;
    const tensor = graph.tensors[index];
    const isInt = tensor.type === 2 || indices.has(name);
    const hasSteps = sizes.length > 1 || isInt;
    const shape = hasSteps && !fixedSteps ? [null, ...sizes.slice(1)] : sizes;
    return { name, shape, dtype: isInt ? ("int32" as const) : ("float32" as const) };
  });
  return {
    version: 1,
    name: "model",
    inputs,
    layers: [...layers].map(([name, { layer }]) => ({ name, kind: layer.kind, options: layer.options })),
    connections: [...layers].map(([name, { from }]) => ({ layer: name, from, to: name })),
    outputs: outputs.length === 1 ? outputs[0] : outputs,
  };
}
