/** What a checkpoint of TensorFlow holds, for people, from its index alone: no shard is read. */
import { FormatError, RecurveError } from "../../base/errors.ts";
import { product } from "../../base/shapes.ts";
import { gateOrder, weightLayouts } from "../../nn/index.ts";
import type { HostTensor } from "../hostTensor.ts";
import { shortened, someOf } from "../quoted.ts";
import type { FileReport, ReportPart } from "../report.ts";
import { type Bundle, type BundleEntry, readBundle, typeOfEntry } from "./bundle.ts";
import { orderVariables } from "./infer.ts";
import { isOfTraining, sortVariables, type Tf1Run } from "./variables.ts";

const format = "TensorFlow checkpoint (.index)";

/** The report of an `.index` file. A checkpoint of version 1 gets one too; a damaged one an error. */
export function inspectTf1(index: Uint8Array, where = "checkpoint"): FileReport {
  const bundle = readable(index, where);
  if (typeof bundle === "string") return { format, facts: [], parts: [], missing: [bundle] };
  const { entries, shards } = bundle;
  const count = entries.reduce((sum, { shape }) => sum + product(shape), 0);
  const numeric = entries.filter((entry) => !/^(string|type )/.test(typeOfEntry(entry)));
  const variables = Object.fromEntries(numeric.map((entry) => [entry.name, shapeOnly(entry)]));
  const { networks } = sortVariables(variables);
  const runs = new Map([...networks.values()].flat().flatMap((run) => run.names.map((name) => [name, run] as const)));
  const training = entries.filter(({ name, shape }) => isOfTraining(name, shape)).map(({ name }) => name);
  return {
    format,
    facts: [
      ["variables", String(entries.length)],
      ["numbers", String(count)],
      ["shards", String(shards)],
      ...(training.length > 0 ? [["of the training", someOf(training)] as const] : []),
    ],
    parts: entries.map((entry) => partOf(entry, runs.get(entry.name))),
    missing: missingOf(entries, where),
  };
}

function readable(index: Uint8Array, where: string): Bundle | string {
  try {
    return readBundle(index, where);
  } catch (error) {
    if (error instanceof RecurveError && !(error instanceof FormatError)) return error.message;
    throw error;
  }
}

/** A variable without its numbers, for what looks at names and shapes only. */
function shapeOnly({ shape }: BundleEntry): HostTensor {
  return { dtype: "float32", shape, data: new Float32Array(0) };
}

function partOf(entry: BundleEntry, run: Tf1Run | undefined): ReportPart {
  const notes: string[] = [];
  if (isOfTraining(entry.name, entry.shape)) notes.push("of the training");
  if (entry.slices.length > 0) notes.push(`in ${entry.slices.length} parts`);
  if (run !== undefined) {
    const layout = weightLayouts.tensorflow1.cells[run.cell];
    const order = "refused" in layout ? "" : gateOrder(layout);
    notes.push(run.cell);
    if (order !== "") notes.push(`gates ${order}`);
    if (run.cell === "lstm") notes.push("forget bias is added at run time");
    if (run.direction !== undefined) notes.push(run.direction);
  }
  return {
    path: shortened(entry.name),
    kind: typeOfEntry(entry),
    shape: entry.shape,
    parameters: product(entry.shape),
    notes,
  };
}

/** Why no model can be made of it; empty if one can. */
function missingOf(entries: readonly BundleEntry[], where: string): string[] {
  const numeric = entries.filter((entry) => !/^(string|type )/.test(typeOfEntry(entry)));
  try {
    orderVariables(Object.fromEntries(numeric.map((entry) => [entry.name, shapeOnly(entry)])), { where });
    return [];
  } catch (error) {
    if (error instanceof RecurveError) return [error.message];
    throw error;
  }
}
