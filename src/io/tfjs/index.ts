/**
 * Layers models of TensorFlow.js: `model.json` with the configuration of Keras 2 and a manifest of weights, and the shards beside
 * it. Read only. Graph models of the converter have no layers and are refused.
 */
import { FormatError, UnsupportedError } from "../../base/errors.ts";
import type { HostTensor } from "../hostTensor.ts";
import { type KerasModel, type KerasOwn, modelFromKerasConfig } from "../keras/index.ts";
import { reportConfig } from "../keras/inspect.ts";
import { listSource } from "../keras/weights.ts";
import { quoted } from "../quoted.ts";
import type { FileReport } from "../report.ts";
import { bytesOf, type ManifestGroup, readGroup, readManifest, record } from "./weights.ts";

/** The names of the shards that belong to a `model.json`, each once, in order. */
export function tfjsShards(json: Uint8Array, where = "model.json"): string[] {
  return [...new Set(open(json, where).groups.flatMap(({ paths }) => paths))];
}

/**
 * The bytes of all shards, read one by one. Those of a group come to lie in one stretch of memory, so that a large model is
 * not in memory twice when it is read.
 */
export async function readShards(
  json: Uint8Array,
  where: string,
  read: (name: string) => Promise<Uint8Array>,
): Promise<ReadonlyMap<string, Uint8Array>> {
  const shards = new Map<string, Uint8Array>();
  for (const { paths, weights } of open(json, where).groups) {
    const total = weights.reduce((sum, weight) => sum + bytesOf(weight), 0);
    let whole: Uint8Array | undefined;
    let at = 0;
    for (const path of paths) {
      const own = await read(path);
      // All shards but the last have one length. What the manifest says beyond that is not believed.
      if (at === 0 && paths.length > 1 && total <= own.length * paths.length) whole = new Uint8Array(total);
      const place = whole?.subarray(at, at + own.length);
      if (place?.length === own.length) place.set(own);
      shards.set(path, place?.length === own.length ? place : own);
      at += own.length;
    }
  }
  return shards;
}

/** Reads a model. `shards` has the bytes of each name that `tfjsShards` gives. */
export function decodeTfjs(
  json: Uint8Array,
  shards: ReadonlyMap<string, Uint8Array>,
  where = "model.json",
  own: KerasOwn = {},
): KerasModel {
  const { topology, groups, version } = open(json, where);
  const arrays = new Map<string, HostTensor>();
  for (const group of groups) readGroup(group, joined(group, shards, where), where, arrays);
  const listOf = byLayer(arrays);
  return modelFromKerasConfig(
    topology,
    (placed) => listSource(placed, listOf, where),
    where,
    { version, dialect: "tfjs" },
    own,
  );
}

/** The report of a `model.json`; its shards are not needed. */
export function inspectTfjs(json: Uint8Array, where = "model.json"): FileReport {
  const { topology, groups, version } = open(json, where);
  const counts = new Map<string, number>();
  for (const { name, shape } of groups.flatMap(({ weights }) => weights)) {
    const layer = name.split("/")[0];
    counts.set(layer, (counts.get(layer) ?? 0) + shape.reduce((a, b) => a * b, 1));
  }
  const parametersOf = ({ name }: { readonly name: string }): number => counts.get(name) ?? 0;
  const writer = `TensorFlow.js (Keras ${version})`;
  return reportConfig(
    "TensorFlow.js layers model (model.json)",
    topology,
    { writer, dialect: "tfjs", where },
    parametersOf,
  );
}

interface Open {
  readonly topology: unknown;
  readonly groups: readonly ManifestGroup[];
  readonly version: string;
}

function open(json: Uint8Array, where: string): Open {
  const fields = record(parsed(json, where));
  const topology = record(fields.modelTopology);
  if (fields.format === "graph-model" || "node" in topology) {
    throw new UnsupportedError(
      `${where}: expected a layers model, got a graph model, which has no layers. Convert from the Keras file, or with --output_format=tfjs_layers_model.`,
    );
  }
  // The converter keeps the configuration one level below.
  const config = topology.model_config ?? topology;
  const version = topology.keras_version;
  const groups = readManifest(fields.weightsManifest, where);
  return { topology: config, groups, version: typeof version === "string" ? version : "unknown" };
}

function parsed(json: Uint8Array, where: string): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(json)) as unknown;
  } catch {
    throw new FormatError(`${where}: expected JSON, got something else. The file is damaged; save the model again.`);
  }
}

/** The bytes of a group's shards together. */
function joined({ paths }: ManifestGroup, shards: ReadonlyMap<string, Uint8Array>, where: string): Uint8Array {
  const parts = paths.map((path) => {
    const found = shards.get(path);
    if (found !== undefined) return found;
    throw new FormatError(`${where}: expected the shard ${quoted(path)}, got none. Put it beside model.json.`, {
      path,
    });
  });
  const size = parts.reduce((sum, { length }) => sum + length, 0);
  if (parts.length > 0 && parts.every((part, i) => i === 0 || follows(part, parts[i - 1])))
    return new Uint8Array(parts[0].buffer, parts[0].byteOffset, size);
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** Whether a part lies right behind another in memory. */
function follows(part: Uint8Array, before: Uint8Array): boolean {
  return part.buffer === before.buffer && part.byteOffset === before.byteOffset + before.length;
}

/** A weight's name begins with that of its layer: `lstm_LSTM1/kernel`. */
function byLayer(arrays: ReadonlyMap<string, HostTensor>): (layer: string) => readonly (() => HostTensor)[] {
  const lists = new Map<string, (() => HostTensor)[]>();
  for (const [name, tensor] of arrays) {
    const layer = name.split("/")[0];
    const list = lists.get(layer) ?? [];
    list.push(() => tensor);
    lists.set(layer, list);
  }
  return (layer) => lists.get(layer) ?? [];
}
