/**
 * A model as one safetensors file: its weights by their paths (`gru.kernel`), which any reader sees, and its
 * definition in the metadata, from which Recurve makes the model again. No state: that is the caller's value.
 */
import { type ErrorData, FormatError, RecurveError } from "../base/errors.ts";
import { type Model, type ModelDefinition, modelFromDefinition, type Outputs } from "../nn/index.ts";
import { concrete, type Tensor } from "../trace/index.ts";
import type { HostTensor, HostTensors } from "./hostTensor.ts";
import { expectKind, extraMetadata, joinMetadata, type Metadata, readJson } from "./metadata.ts";
import { decodeSafetensors, encodeSafetensors } from "./safetensors.ts";

/** How cells and layers of the user's own are found when a model is read. */
export type OwnKinds = Pick<NonNullable<Parameters<typeof modelFromDefinition>[1]>, "cells" | "layers">;

export interface ModelFile<O extends Outputs = Outputs> {
  readonly model: Model<O>;
  /** What was given as `metadata` when the file was written. */
  readonly metadata: Metadata;
}

/** Bytes of a model file. `metadata` is free text under names of your own. */
export function encodeModel(model: Model, metadata: Metadata = {}): Uint8Array {
  return encodeSafetensors(hostTensors(model.weights()), joinMetadata({ model: model.definition() }, metadata));
}

/**
 * The model in a file. `where` (the file's name) begins the sentences of errors. The type of its outputs is known only
 * when it is read: give it if you know, `decodeModel<Tensor>(...)`.
 */
export function decodeModel<O extends Outputs = Outputs>(
  bytes: Uint8Array,
  own: OwnKinds = {},
  where = "model file",
): ModelFile<O> {
  const { tensors, metadata } = decodeSafetensors(bytes, where);
  expectKind(metadata, "model", where);
  const model = modelOfDefinition<O>(readDefinition(metadata, where), { ...own, weights: tensorsOf(tensors) }, where);
  return { model, metadata: extraMetadata(metadata) };
}

/** The definition in a file's metadata, not yet checked by nn. */
export function readDefinition(metadata: Metadata, where: string): ModelDefinition {
  return readJson(metadata, "model", where) as unknown as ModelDefinition;
}

/** A model from what a file holds of it. What nn can not make a model of is a damaged file. */
export function modelOfDefinition<O extends Outputs = Outputs>(
  definition: ModelDefinition,
  parts: OwnKinds & { readonly weights: Readonly<Record<string, Tensor>> },
  where: string,
): Model<O> {
  return inNameOfFile(where, () => modelFromDefinition<O>(definition, parts));
}

/** Makes something of a definition out of a file: errors name the file, and what fails without a sentence is a damaged file. */
export function inNameOfFile<R>(where: string, make: () => R): R {
  try {
    return make();
  } catch (error) {
    if (error instanceof RecurveError && error.message.startsWith(`${where}: `)) throw error;
    if (error instanceof RecurveError) {
      const Kind = error.constructor as new (message: string, data: ErrorData) => RecurveError;
      throw new Kind(`${where}: ${error.message}`, error.data);
    }
    throw new FormatError(
      `${where}: expected the definition of a model, got one that can not be read. The file is damaged; save it again.`,
      { cause: String(error) },
    );
  }
}

/** Tensors of a program as tensors of a file; nothing is copied. */
export function hostTensors(tensors: Readonly<Record<string, Tensor>>): HostTensors {
  const entries = Object.entries(tensors).map(([name, x]): [string, HostTensor] => [
    name,
    { dtype: x.dtype, shape: x.shape as readonly number[], data: x.data() },
  ]);
  return Object.fromEntries(entries);
}

/** Tensors of a file as tensors of a program; nothing is copied. */
export function tensorsOf(tensors: HostTensors): Record<string, Tensor> {
  return Object.fromEntries(
    Object.entries(tensors).map(([name, { dtype, shape, data }]) => [name, concrete({ dtype, shape }, data)]),
  );
}
