/** Reports of Keras files: layers as the file has them, and what Recurve can not run. Reads no weights but their shapes. */
import { RecurveError } from "../../base/errors.ts";
import type { Hdf5Dataset, Hdf5Group } from "../hdf5/index.ts";
import { decodeHdf5 } from "../hdf5/index.ts";
import { quoted } from "../quoted.ts";
import type { FileReport, ReportPart } from "../report.ts";
import { openKeras, openKerasH5 } from "./decode.ts";
import { distributedNetwork, isOperation } from "./graph.ts";
import { type Reading, readLayer, uniqueNames } from "./layer.ts";
import { legacyShapes } from "./legacy.ts";
import { readNetwork } from "./network.ts";
import { type Dialect, fieldsOf } from "./values.ts";

/** The report of a `.keras` file. */
export async function inspectKeras(bytes: Uint8Array, where = "keras file"): Promise<FileReport> {
  const { config, weights, version } = await openKeras(bytes, where);
  const root = weights === undefined ? undefined : decodeHdf5(weights, where);
  const counted = (path: readonly string[]): number => (root === undefined ? 0 : countBelow(root, path));
  const facts: ConfigOrigin = { writer: `Keras ${version}`, dialect: "keras3", where };
  return reportConfig("Keras 3 model (.keras)", config, facts, ({ path }) => counted(path));
}

/** The report of a whole model in HDF5. */
export function inspectKerasH5(bytes: Uint8Array, where = "h5 file"): FileReport {
  const { config, root, version, dialect } = openKerasH5(bytes, where);
  const shapes = legacyShapes(root);
  const facts: ConfigOrigin = { writer: `Keras ${version}`, dialect, where };
  return reportConfig("Keras model (.h5)", config, facts, ({ name }) => shapes.get(name) ?? 0);
}

interface Found {
  readonly name: string;
  readonly path: readonly string[];
}

/** Where a configuration is from. */
export interface ConfigOrigin {
  readonly writer: string;
  readonly dialect: Dialect;
  readonly where: string;
}

/** The report of a configuration, whatever file it is in. */
export function reportConfig(
  format: string,
  config: unknown,
  { writer, dialect, where }: ConfigOrigin,
  parametersOf: (layer: Found) => number,
): FileReport {
  const missing: string[] = [];
  const reading: Reading = { where, dialect, own: {}, made: new Map(), notes: new Set() };
  const parts = partsOf(fieldsOf(config), reading, [], missing, parametersOf);
  // What only shows in how layers are connected: masks, operations, calls.
  if (missing.length === 0) collect(missing, () => readNetwork(config, reading));
  const { class_name: className } = fieldsOf(config);
  return {
    format,
    facts: [
      ["written by", writer],
      ["model", String(className)],
    ],
    parts,
    missing,
  };
}

/** Puts the sentence of an error among what is missing. */
function collect(missing: string[], read: () => unknown): void {
  try {
    read();
  } catch (error) {
    if (!(error instanceof RecurveError)) throw error;
    missing.push(error.message);
  }
}

/** The layers of a network, with those of networks inside behind them. */
function partsOf(
  network: Readonly<Record<string, unknown>>,
  reading: Reading,
  above: readonly string[],
  missing: string[],
  parametersOf: (layer: Found) => number,
): ReportPart[] {
  const { config } = network;
  const list: unknown = Array.isArray(config) ? config : fieldsOf(config).layers;
  const layers = (Array.isArray(list) ? list : []).map(fieldsOf);
  const names = uniqueNames(layers.map((layer) => String(layer.class_name)));
  return layers.flatMap((layer, i): ReportPart[] => {
    const own = fieldsOf(layer.config);
    const name = String(layer.name ?? own.name ?? names[i]);
    const path = [...above, "layers", names[i]];
    const kind = String(layer.class_name);
    if (kind === "InputLayer")
      return [{ path: name, kind, ...shapeOf(own.batch_shape ?? own.batch_input_shape), notes: [] }];
    if (Array.isArray(own.layers) && above.length < 32) {
      return [{ path: name, kind, notes: [] }, ...partsOf(layer, reading, path, missing, parametersOf)];
    }
    const distributed = distributedNetwork(layer);
    if (distributed !== undefined && above.length < 32) {
      const inside = [...path, ...Array.from({ length: distributed.times }, () => "layer")];
      return [{ path: name, kind, notes: [] }, ...partsOf(distributed.network, reading, inside, missing, parametersOf)];
    }
    if (!isOperation(layer, reading)) collect(missing, () => readLayer(layer, reading, `layer ${quoted(name)}`));
    return [{ path: name, kind, parameters: parametersOf({ name, path }), notes: notesOf(kind, own) }];
  });
}

function shapeOf(shape: unknown): Pick<ReportPart, "shape"> {
  return Array.isArray(shape) ? { shape: shape.map((size) => (typeof size === "number" ? size : null)) } : {};
}

const gates: Readonly<Record<string, string>> = {
  LSTM: "gates i, f, c, o",
  GRU: "gates z, r, h",
  CuDNNLSTM: "gates i, f, c, o",
  CuDNNGRU: "gates z, r, h",
};

function notesOf(kind: string, config: Readonly<Record<string, unknown>>): string[] {
  const inner = fieldsOf(config.layer);
  const innerKind = String(inner.class_name);
  const own = kind === "Bidirectional" || kind === "TimeDistributed";
  return [
    ...(typeof config.units === "number" ? [`units ${config.units}`] : []),
    ...(Object.hasOwn(gates, kind) ? [gates[kind]] : []),
    ...(own ? [innerKind, ...notesOf(innerKind, fieldsOf(inner.config))] : []),
    ...(config.reset_after === true ? ["reset_after"] : []),
    ...(config.go_backwards === true ? ["reads backwards"] : []),
    ...(config.stateful === true ? ["stateful"] : []),
    ...(config.return_sequences === true ? ["returns sequences"] : []),
    ...(kind === "Bidirectional" ? [`merge_mode ${String(config.merge_mode)}`] : []),
  ];
}

/** Numbers in the arrays below a path. */
function countBelow(root: Hdf5Group, path: readonly string[]): number {
  let at: Hdf5Group | Hdf5Dataset | undefined = root;
  for (const name of path) at = at?.kind === "group" ? at.children.get(name) : undefined;
  return at === undefined ? 0 : count(at);
}

function count(one: Hdf5Group | Hdf5Dataset): number {
  if (one.kind === "dataset") return one.shape.reduce((a, b) => a * b, 1);
  return [...one.children.values()].reduce((sum, child) => sum + count(child), 0);
}
