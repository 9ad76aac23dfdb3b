/** What a TensorFlow Lite file holds, for people: its operators in order, and what of them Recurve can not run. */
import { RecurveError } from "../../base/errors.ts";
import { gateOrder, weightLayouts } from "../../nn/index.ts";
import { quoted, shortened } from "../quoted.ts";
import type { FileReport, ReportPart, ReportValue } from "../report.ts";
import { draw, missingOf } from "./decode.ts";
import { readTflite, type TfliteFile, type TfliteGraph, type TfliteOperator, typeNames } from "./schema.ts";

/** The report of a file, also of one that Recurve can not run. Raises FormatError for a damaged one. */
export function inspectTflite(bytes: Uint8Array, where = "tflite file"): FileReport {
  const file = readTflite(bytes, where);
  const [graph] = file.graphs;
  const parameters = graph.tensors.reduce(
    (sum, tensor) => sum + (tensor.data === undefined ? 0 : countOf(tensor.shape)),
    0,
  );
  return {
    format: "TensorFlow Lite model (.tflite)",
    facts: [
      ["version", String(file.version)],
      ...(file.description === "" ? [] : [["written by", shortened(file.description)] as const]),
      ["graphs", String(file.graphs.length)],
      ["operators", String(graph.operators.length)],
      ["constant numbers", String(parameters)],
    ],
    inputs: graph.inputs.map((index) => valueOf(graph, index)),
    outputs: graph.outputs.map((index) => valueOf(graph, index)),
    parts: graph.operators.map((operator) => partOf(graph, operator)),
    missing: allMissing(file, bytes.length, where),
  };
}

function allMissing(file: TfliteFile, length: number, where: string): string[] {
  const missing = missingOf(file, where);
  if (missing.length > 0) return missing;
  try {
    draw(file.graphs[0], length, where);
    return [];
  } catch (error) {
    if (error instanceof RecurveError) return [error.message];
    throw error;
  }
}

function valueOf({ tensors }: TfliteGraph, index: number): ReportValue {
  const tensor = tensors[index];
  const shape = tensor?.signature.map((size) => (size < 0 ? null : size)) ?? [];
  return { name: shortened(tensor?.name ?? ""), dtype: typeNames[tensor?.type ?? -1] ?? "unknown", shape };
}

function partOf({ tensors }: TfliteGraph, { kind, inputs, outputs }: TfliteOperator): ReportPart {
  const output = tensors[outputs[0] ?? -1];
  const constants = [...new Set(inputs)].flatMap((index) =>
    tensors[index]?.data === undefined ? [] : [tensors[index]],
  );
  const weights = constants.filter(({ type }) => type !== 2);
  const notes: string[] = [];
  if (/LSTM/.test(kind)) {
    const layout = weightLayouts.tflite.cells.lstm;
    if (!("refused" in layout)) notes.push(`gates ${gateOrder(layout)}, a tensor each`);
  }
  if (inputs.some((index) => tensors[index]?.isVariable)) notes.push("keeps its state between runs");
  const quantised = weights.find(({ isQuantised }) => isQuantised);
  if (quantised !== undefined) notes.push(`quantised: ${quoted(quantised.name)} is ${typeNames[quantised.type]}`);
  return {
    path: shortened(output?.name ?? ""),
    kind: shortened(kind),
    shape: output?.signature.map((size) => (size < 0 ? null : size)),
    parameters: weights.reduce((sum, { shape }) => sum + countOf(shape), 0),
    notes,
  };
}

function countOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}
