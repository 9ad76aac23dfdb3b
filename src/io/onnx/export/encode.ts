/**
 * A model as an ONNX file, for running elsewhere: any model that Recurve runs. Built-in recurrent layers become the
 * operators LSTM, GRU and RNN, every other loop a Scan, and the rest the operators that its ops are spelled by. The
 * definition of the model lies in the metadata, so that `readExportedModel` makes the same model of the file again.
 */
import { internal, OptionError } from "../../../base/errors.ts";
import { checkOptionNames, type Model } from "../../../nn/index.ts";
import type { Binding } from "../../../trace/context.ts";
import { joinMetadata } from "../../metadata.ts";
import { hostTensors } from "../../modelFile.ts";
import { encodeOnnxProto, type OnnxModelProto } from "../messages.ts";
import { inOrder } from "./order.ts";
import { Place } from "./place.ts";
import { missingWeights } from "./readBack.ts";
import { Sizes, sizeSources } from "./sizes.ts";
import { spellNode } from "./spell.ts";
import { type NamedValue, type TracedModel, traceModel } from "./traceModel.ts";
import { valueInfo } from "./types.ts";
import { Writer } from "./writer.ts";

export interface OnnxOptions {
  /**
   * Whether the file has recurrent states as inputs (`encoder.state.h` [batch, units]) and outputs (`encoder.next.h`), so
   * that a sequence can go on in a later call; true if not given. Otherwise rows begin from the model's own initial state.
   * A model whose initial state is not zeros has one input more, `fresh`, bool [batch]: rows that begin from that one.
   */
  readonly state?: boolean;
  /** Whether the file is one time step, [batch, ...] without a time axis, to be called over and over. */
  readonly step?: boolean;
  /** The version of ONNX's operators, 17 to 22; 17 if not given, which every runtime of today reads. */
  readonly opset?: number;
}

/** The version of the file format that goes with each set of operators. */
const formatVersions: Readonly<Record<number, number>> = { 17: 8, 18: 8, 19: 9, 20: 9, 21: 10, 22: 10 };

/**
 * Bytes of an ONNX file that computes what `model.run(x)` does: the inputs by their names, [batch, time, ...] with free
 * sizes, the outputs by theirs. Weights are initialisers by their paths (`dense.kernel`), those of a recurrent operator
 * packed (`encoder.W`). Raises UnsupportedError for a model that draws at random when it runs.
 */
export function encodeOnnx(model: Model, options: OnnxOptions = {}): Uint8Array {
  return encodeOnnxProto(onnxProto(model, options));
}

/** The same before it is bytes. */
export function onnxProto(model: Model, options: OnnxOptions = {}): OnnxModelProto {
  const where = `model "${model.name}", encodeOnnx`;
  checkOptionNames(where, options, ["state", "step", "opset"]);
  const { state = true, step = false, opset = 17 } = options;
  if (!Object.hasOwn(formatVersions, opset)) {
    throw new OptionError(`${where}: expected an opset from 17 to 22, got ${String(opset)}. Leave it out for 17.`, {
      opset,
    });
  }
  const traced = traceModel(model, { state, step });
  const writer = new Writer(opset);
  const { inputs, outputs, sizes } = writeGraph(traced, writer);
  for (const [name, weight] of Object.entries(missingWeights(model, writer.initializers))) writer.shared(name, weight);
  return {
    irVersion: formatVersions[opset],
    producerName: "Recurve",
    producerVersion: "",
    opsets: [{ domain: "", version: opset }],
    functions: [],
    metadata: Object.entries(joinMetadata({ model: model.definition() }, {})),
    graph: {
      name: model.name,
      nodes: writer.nodes,
      initializers: writer.initializers,
      inputs: inputs.map(({ name, value }) => valueInfo(name, value, sizes)),
      outputs: outputs.map(({ name, value }) => valueInfo(name, value, sizes)),
      values: [],
    },
  };
}

function writeGraph(traced: TracedModel, writer: Writer) {
  const { graph, sites } = traced;
  const wanted = traced.outputs.map(({ value }) => value);
  const items = inOrder([...graph.nodes, ...sites], wanted);
  const reads = [...items.flatMap(({ ins }) => ins), ...wanted];
  const isRead = new Set(reads);
  // First of all, since a model is read back by the names of its weights.
  const data = traced.held.filter(({ value }) => isRead.has(value));
  const dataNames = data.map(({ binding }) => held(binding, writer));
  const inputs = traced.inputs.map(({ name, value }) => ({ name: writer.name(name), value }));
  const outputs = traced.outputs.map(({ name, value }) => ({ name: writer.name(name), value }));
  const sizes = new Sizes(writer, sizeSources(inputs.map(({ name, value }) => ({ name, shape: value.shape }))));
  const place = new Place({ nodes: graph.nodes, reads }, { writer, sizes, spell: spellNode });
  for (const { name, value } of inputs) place.define(value, name);
  for (const [i, { value }] of data.entries()) place.define(value, dataNames[i]);
  for (const item of items) {
    if ("op" in item) place.spellAll([item]);
    else for (const [i, name] of item.spell(place).entries()) place.define(item.outs[i], name);
  }
  nameOutputs(outputs, place, writer);
  return { inputs, outputs, sizes };
}

/** Data that the file holds: a weight by its path, or what a layer has brought along. */
function held(binding: Binding, writer: Writer): string {
  if (binding.kind === "variable") {
    const { name, dtype, shape } = binding.variable;
    return writer.shared(name, { dtype, shape, data: binding.variable.read().data() });
  }
  if (binding.kind === "capture") {
    const { x } = hostTensors({ x: binding.tensor });
    return writer.constant(x.dtype, x.shape, x.data);
  }
  return internal("ONNX export: an argument is not among the inputs");
}

/** Gives the results that the file shows the names by which they are known. */
function nameOutputs(outputs: readonly NamedValue[], place: Place, writer: Writer): void {
  const renamed = new Map<string, string>();
  for (const { name, value } of outputs) {
    const made = place.name(value);
    if (!renamed.has(made) && writer.hasMade(made)) renamed.set(made, name);
    else writer.node("Identity", [made], { name: writer.nodeName(name), outputs: [name] });
  }
  writer.rename(renamed);
}
