/** What an ONNX file holds, for people: its nodes in order, and what of them Recurve can not run. */
import { RecurveError } from "../../base/errors.ts";
import { gateOrder, weightLayouts } from "../../nn/index.ts";
import { quoted, shortened } from "../quoted.ts";
import type { FileReport, ReportPart } from "../report.ts";
import { missingOf } from "./decode.ts";
import { nodeName } from "./evaluate.ts";
import { dataFiles } from "./external.ts";
import { decodeOnnxProto, type OnnxModelProto, type OnnxNode, type OnnxTensor } from "./messages.ts";
import { reported, versionOf } from "./onnxModel.ts";

/** The report of a file, also of one that Recurve can not run. Raises FormatError for a damaged one. */
export function inspectOnnx(bytes: Uint8Array, where = "ONNX file"): FileReport {
  const proto = decodeOnnxProto(bytes, where);
  const { graph, producerName, producerVersion, metadata } = proto;
  const beside = filesOf(proto, where);
  const tensors = new Map(graph.initializers.map((one) => [one.name, one]));
  return {
    format: "ONNX model (.onnx)",
    facts: [
      ["graph", shortened(graph.name)],
      ...(producerName === "" ? [] : [["written by", shortened(`${producerName} ${producerVersion}`.trim())] as const]),
      ["opset", String(versionOf(proto))],
      ...proto.opsets.flatMap(({ domain, version }) =>
        domain === "" || domain === "ai.onnx" ? [] : [["other operators", `${shortened(domain)} ${version}`] as const],
      ),
      ["nodes", String(graph.nodes.length)],
      ["weights", String(graph.initializers.reduce((sum, { dims }) => sum + countOf(dims), 0))],
      ...(beside.names.length === 0 ? [] : [["weights in", beside.names.map(shortened).join(", ")] as const]),
      ["free sizes", freeSizes(proto).slice(0, 8).map(shortened).join(", ") || "none"],
      ...metadata.slice(0, 8).map(([key, value]) => [shortened(key), shortened(value)] as const),
    ],
    inputs: graph.inputs.filter(({ name }) => !tensors.has(name)).map(named),
    outputs: graph.outputs.map(named),
    parts: graph.nodes.map((node) => partOf(node, tensors)),
    missing: [...missingOf(proto, where), ...beside.missing],
  };
}

/** The files with weights, which need not be there for a report. */
function filesOf(proto: OnnxModelProto, where: string): { names: string[]; missing: string[] } {
  try {
    return { names: dataFiles(proto, where), missing: [] };
  } catch (error) {
    if (error instanceof RecurveError) return { names: [], missing: [error.message] };
    throw error;
  }
}

function named(info: Parameters<typeof reported>[0]) {
  const value = reported(info);
  return { ...value, name: shortened(value.name) };
}

/** The names of sizes that are free, each once. */
function freeSizes({ graph }: OnnxModelProto): string[] {
  const sizes = graph.inputs.flatMap(({ shape }) => shape ?? []);
  return [...new Set(sizes.filter((size) => typeof size === "string"))];
}

const layouts = { LSTM: "lstm", GRU: "gru", RNN: "simpleRNN" } as const;

function partOf(node: OnnxNode, tensors: ReadonlyMap<string, OnnxTensor>): ReportPart {
  const weights = [...new Set(node.inputs)].flatMap((name) => tensors.get(name) ?? []);
  const layout = (Object.keys(layouts) as (keyof typeof layouts)[]).find((kind) => kind === node.opType);
  return {
    path: nodeName(node),
    kind: shortened(node.domain === "" || node.domain === "ai.onnx" ? node.opType : `${node.domain}.${node.opType}`),
    parameters: weights.reduce((sum, { dims }) => sum + countOf(dims), 0),
    notes: layout === undefined ? [] : recurrentNotes(node, layouts[layout]),
  };
}

function recurrentNotes(node: OnnxNode, kind: "lstm" | "gru" | "simpleRNN"): string[] {
  const layout = weightLayouts.onnx.cells[kind];
  const value = (name: string) => node.attributes.find((one) => one.name === name)?.value.value;
  const direction = value("direction");
  return [
    ...(kind === "simpleRNN" || "refused" in layout ? [] : [`gates ${gateOrder(layout)}`]),
    ...(typeof value("hidden_size") === "number" ? [`${value("hidden_size")} units`] : []),
    ...(direction === "reverse" ? ["reads from the end"] : direction === "bidirectional" ? ["both directions"] : []),
    ...(value("layout") === 1 ? ["batch first"] : []),
    ...(kind === "gru"
      ? [value("linear_before_reset") === 1 ? "reset after the product" : "reset before the product"]
      : []),
    ...["activations", "clip", "input_forget"].flatMap((name) =>
      value(name) === undefined ? [] : [shortened(`${name} ${value(name)}`)],
    ),
    ...(node.inputs[4] ? [`lengths ${quoted(node.inputs[4])}`] : []),
  ];
}

function countOf(dims: readonly number[]): number {
  return dims.reduce((product, size) => product * size, 1);
}
