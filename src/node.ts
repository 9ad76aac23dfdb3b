/**
 * The public entry for Node, `recurve/node`: whole files. Everything else is in `recurve`, which runs in pages too.
 * Every write is atomic: it leaves the new file or the old one, never a half.
 */
import {
  type Checkpoint,
  decodeCheckpoint,
  decodeModel,
  decodeSafetensors,
  encodeCheckpoint,
  encodeModel,
  encodeSafetensors,
  type HostTensors,
  hostTensors,
  type ModelFile,
  type OwnKinds,
  type SafetensorsFile,
  tensorsOf,
} from "./io/index.ts";
import { readBytes, writeBytes } from "./io/node/files.ts";
import { decodeNpz, encodeNpz } from "./io/node/npz.ts";
import type { Model, Outputs } from "./nn/index.ts";
import type { Tensor } from "./trace/index.ts";
import type { Trainer } from "./train/index.ts";

export { FileError } from "./base/errors.ts";
export type { Checkpoint, HostTensors, ModelFile, OwnKinds, SafetensorsFile };

/** Writes a model as one safetensors file. `metadata` is free text under names of your own. */
export async function saveModel(
  model: Model,
  path: string,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  await writeBytes(path, encodeModel(model, metadata));
}

/**
 * Reads a model. Cells and layers of your own are made by `own`: `{ cells: { mgu } }`. `loadModel<Tensor>(...)` says to
 * the type checker that the model has one output.
 */
export async function loadModel<O extends Outputs = Outputs>(path: string, own: OwnKinds = {}): Promise<Model<O>> {
  return (await loadModelFile<O>(path, own)).model;
}

/** Reads a model with the metadata that was saved with it. */
export async function loadModelFile<O extends Outputs = Outputs>(
  path: string,
  own: OwnKinds = {},
): Promise<ModelFile<O>> {
  return decodeModel<O>(await readBytes(path), own, path);
}

/** Writes everything that a training needs to go on bit for bit. */
export async function saveCheckpoint(
  trainer: Trainer,
  path: string,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  await writeBytes(
    path,
    encodeCheckpoint({ definition: trainer.model.definition(), state: trainer.snapshot(), metadata }),
  );
}

/** Reads a checkpoint; `trainer.restore(checkpoint.state)` goes on from it, `checkpoint.definition` makes the model. */
export async function loadCheckpoint(path: string): Promise<Checkpoint> {
  return decodeCheckpoint(await readBytes(path), path);
}

/** Reads the arrays of a NumPy `.npz` file as tensors; float64 becomes float32, int64 int32. */
export async function readNpz(path: string): Promise<Record<string, Tensor>> {
  return tensorsOf(decodeNpz(await readBytes(path), path));
}

/** Writes tensors as a NumPy `.npz` file. */
export async function writeNpz(path: string, tensors: Readonly<Record<string, Tensor>>): Promise<void> {
  await writeBytes(path, encodeNpz(hostTensors(tensors)));
}

/** Reads the tensors and metadata of any safetensors file. */
export async function readSafetensors(
  path: string,
): Promise<{ tensors: Record<string, Tensor>; metadata: Readonly<Record<string, string>> }> {
  const { tensors, metadata } = decodeSafetensors(await readBytes(path), path);
  return { tensors: tensorsOf(tensors), metadata };
}

/** Writes tensors and metadata as a safetensors file. */
export async function writeSafetensors(
  path: string,
  tensors: Readonly<Record<string, Tensor>>,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  await writeBytes(path, encodeSafetensors(hostTensors(tensors), metadata));
}
