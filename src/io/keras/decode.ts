/**
 * Keras files as models: the zip archive of Keras 3 (`.keras`), whole models in HDF5 (`.h5`, of Keras 2 and 3), and weights alone
 * (`.weights.h5`) for a model that is there. Nothing in a file is executed: a Lambda layer is refused by its name.
 */
import { FormatError, ShapeError, UnsupportedError } from "../../base/errors.ts";
import { type Cell, type Layer, type Model, weightShapes } from "../../nn/index.ts";
import type { Tensor } from "../../trace/index.ts";
import { decodeHdf5, type Hdf5Group } from "../hdf5/index.ts";
import type { HostTensor } from "../hostTensor.ts";
import { inNameOfFile, modelOfDefinition } from "../modelFile.ts";
import { weightsOnDemand } from "../weightsOnDemand.ts";
import { readZip } from "../zip.ts";
import type { KerasOwn, Reading } from "./layer.ts";
import { hasTexts, legacyLists } from "./legacy.ts";
import { readNetwork } from "./network.ts";
import { placeLayers } from "./place.ts";
import { type Dialect, fieldsOf } from "./values.ts";
import {
  listSource,
  type PlacedWeight,
  placedWeights,
  type Source,
  shapesOf,
  tensorOf,
  treeSource,
} from "./weights.ts";

export interface KerasModel {
  readonly model: Model;
  /** The version of Keras that wrote the file, "3.15.1"; "unknown" where the file does not say. */
  readonly version: string;
  /** Sentences: what is other in Recurve than it was in Keras. */
  readonly notes: readonly string[];
}

/** Finds the arrays of all weights of a model. */
export type SourceOf = (weights: readonly PlacedWeight[]) => Source;

export interface ConfigFacts {
  readonly version: string;
  readonly dialect: Dialect;
}

/** The model of a configuration, with the weights that a file has for it. */
export function modelFromKerasConfig(
  config: unknown,
  sourceOf: SourceOf,
  where: string,
  { version, dialect }: ConfigFacts,
  own: KerasOwn = {},
): KerasModel {
  const reading: Reading = { where, dialect, own, made: new Map(), notes: new Set() };
  const { definition, layers, kinds, shapes } = readDrawable(config, reading);
  const weights = weightsOf(placedWeights(layers, shapes), sourceOf, where);
  const model = modelOfDefinition(definition, { ...kinds, weights }, where);
  for (const { name, trainable } of layers) if (!trainable && Object.hasOwn(model.variables, name)) model.freeze(name);
  return { model, version, notes: [...reading.notes] };
}

/** With a length of its own for each input, or with one for all where layers need them to be equal. */
function readDrawable(config: unknown, reading: Reading) {
  const attempt = (apart: boolean) => {
    const { definition, layers } = readNetwork(config, reading, apart);
    const kinds = makersOf(reading);
    return { definition, layers, kinds, shapes: weightShapes(definition, kinds) };
  };
  return inNameOfFile(reading.where, () => {
    try {
      return attempt(true);
    } catch (error) {
      if (error instanceof ShapeError) return attempt(false);
      throw error;
    }
  });
}

function weightsOf(
  placed: readonly PlacedWeight[],
  sourceOf: SourceOf,
  where: string,
): Readonly<Record<string, Tensor>> {
  const source = sourceOf(placed);
  return weightsOnDemand(
    placed
      .filter(({ isCounter }) => !isCounter)
      .map((weight) => ({ path: weight.path, make: () => tensorOf(weight, source(weight), where) })),
  );
}

/** The user's cells and layers, found again by what they are. */
function makersOf({ made }: Reading): { cells: Record<string, never>; layers: Record<string, never> } {
  const makers = { cells: {} as Record<string, unknown>, layers: {} as Record<string, unknown> };
  for (const one of made.values()) {
    const make = (options: object): Cell | Layer => {
      const found = made.get(JSON.stringify([one.kind, options])) ?? one;
      return found;
    };
    ("step" in one ? makers.cells : makers.layers)[one.kind] = make;
  }
  return makers as { cells: Record<string, never>; layers: Record<string, never> };
}

/** Reads a `.keras` file. `where` (its name) begins the sentences of errors. */
export async function decodeKeras(bytes: Uint8Array, where = "keras file", own: KerasOwn = {}): Promise<KerasModel> {
  const { config, weights, version } = await openKeras(bytes, where);
  if (weights === undefined) {
    throw new UnsupportedError(
      `${where}: expected weights in "model.weights.h5", got none. Save the model in one file: model.save("model.keras").`,
    );
  }
  const root = decodeHdf5(weights, `${where}: "model.weights.h5"`);
  return modelFromKerasConfig(config, () => treeSource(root, where), where, { version, dialect: "keras3" }, own);
}

export interface OpenKeras {
  readonly config: unknown;
  readonly weights: Uint8Array | undefined;
  readonly version: string;
}

/** The parts of a `.keras` file. */
export async function openKeras(bytes: Uint8Array, where: string): Promise<OpenKeras> {
  const wanted = ["metadata.json", "config.json", "model.weights.h5"];
  const members = await readZip(bytes, where, (name) => wanted.includes(name));
  const config = parseJson(members.get("config.json"), `${where}: "config.json"`);
  const metadata = members.has("metadata.json")
    ? parseJson(members.get("metadata.json"), `${where}: "metadata.json"`)
    : {};
  const { keras_version: version } = fieldsOf(metadata);
  return {
    config,
    weights: members.get("model.weights.h5"),
    version: typeof version === "string" ? version : "unknown",
  };
}

/** Reads a whole model in HDF5. */
export function decodeKerasH5(bytes: Uint8Array, where = "h5 file", own: KerasOwn = {}): KerasModel {
  const { config, root, version, dialect } = openKerasH5(bytes, where);
  const weights = root.children.get("model_weights");
  if (weights?.kind !== "group")
    throw new FormatError(
      `${where}: expected the group "model_weights", got none. Save the whole model: model.save("model.h5").`,
    );
  const listOf = legacyLists(weights, where);
  return modelFromKerasConfig(config, (placed) => listSource(placed, listOf, where), where, { version, dialect }, own);
}

export interface OpenKerasH5 {
  readonly config: unknown;
  readonly root: Hdf5Group;
  readonly version: string;
  readonly dialect: Dialect;
}

export function openKerasH5(bytes: Uint8Array, where: string): OpenKerasH5 {
  const root = decodeHdf5(bytes, where);
  const text = root.attributes.get("model_config");
  if (typeof text !== "string") {
    throw new FormatError(
      `${where}: expected a whole model with the attribute "model_config", got weights alone. Save the model: model.save("model.h5"), or give the model that they are for.`,
    );
  }
  const version = root.attributes.get("keras_version") ?? fieldsOf(root).keras_version;
  const name = typeof version === "string" ? version : "unknown";
  const config = parseJson(new TextEncoder().encode(text), `${where}: "model_config"`);
  return { config, root, version: name, dialect: /^[3-9]/.test(name) ? "keras3" : "keras2" };
}

/**
 * Gives a model the weights of a `.weights.h5` of Keras 3, or of a legacy file of weights: layer by layer in the order of both.
 * Nothing is written if one does not fit.
 */
export function readKerasWeights(bytes: Uint8Array, model: Model, where = "weights file"): void {
  const root = decodeHdf5(bytes, where);
  const placed = placedWeights(placeLayers(model), shapesOf(model));
  const inside = root.children.get("model_weights");
  const legacy = inside?.kind === "group" ? inside : hasTexts(root, "layer_names") ? root : undefined;
  const source = legacy === undefined ? treeSource(root, where) : orderedSource(placed, legacy, where);
  const own = placed.filter(({ isCounter }) => !isCounter);
  model.setWeights(Object.fromEntries(own.map((weight) => [weight.path, tensorOf(weight, source(weight), where)])));
}

/** Layers with weights in the order of the file are those of the model in its own. */
function orderedSource(placed: readonly PlacedWeight[], group: Hdf5Group, where: string): Source {
  const listOf = legacyLists(group, where);
  const names = [...new Set(placed.map(({ layer }) => layer.outer))];
  const theirs = listOf.names.filter((name) => (listOf(name) ?? []).length > 0);
  const byName = names.every((name) => listOf(name) !== undefined);
  const find = (outer: string): readonly (() => HostTensor)[] | undefined =>
    listOf(byName ? outer : (theirs[names.indexOf(outer)] ?? ""));
  return listSource(placed, find, where);
}

function parseJson(bytes: Uint8Array | undefined, where: string): unknown {
  if (bytes === undefined)
    throw new FormatError(`${where}: expected it in the archive, got none. Save the model again with Keras.`);
  try {
    return JSON.parse(new TextDecoder().decode(bytes)) as unknown;
  } catch {
    throw new FormatError(`${where}: expected JSON, got something else. The file is damaged; save it again.`);
  }
}
