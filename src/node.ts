/**
 * The public entry for Node, `recurve/node`: whole files. Everything else is in `recurve`, which runs in pages too.
 * Every write is atomic: it leaves the new file or the old one, never a half.
 */
import { OptionError } from "./base/errors.ts";
import type { EncodeOptions, Loaded, LoadOptions } from "./io/formats.ts";
import {
  type Checkpoint,
  decodeCheckpoint,
  decodeModel,
  decodeSafetensors,
  encodeCheckpoint,
  encodeModel,
  encodeSafetensors,
  formatOfName,
  type HostTensors,
  hostTensors,
  type ModelFile,
  type OwnKinds,
  type SafetensorsFile,
  tensorsOf,
  type WrittenFormat,
  writtenFormats,
} from "./io/index.ts";
import { readBytes, writeBytes } from "./io/node/files.ts";
import { load } from "./io/node/load.ts";
import { decodeNpz, encodeNpz } from "./io/node/npz.ts";
import type { Model, Outputs } from "./nn/index.ts";
import type { Tensor } from "./trace/index.ts";
import type { Trainer } from "./train/index.ts";

export { FileError } from "./base/errors.ts";
export { inspectFile, load } from "./io/node/load.ts";
export type {
  Checkpoint,
  EncodeOptions,
  HostTensors,
  Loaded,
  LoadOptions,
  ModelFile,
  OwnKinds,
  SafetensorsFile,
  WrittenFormat,
};

/** Cells and layers of your own, and the model that weights without layers are for. */
export type LoadModelOptions = Omit<LoadOptions, "where" | "beside">;

/** Writes a model as one safetensors file. `metadata` is free text under names of your own. */
export async function saveModel(
  model: Model,
  path: string,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  await writeBytes(path, encodeModel(model, metadata));
}

/**
 * Reads a model of any format: Recurve, Keras, PyTorch, ONNX, TensorFlow 1, TensorFlow.js, TensorFlow Lite. Cells and layers of
 * your own are made by `own`: `{ cells: { mgu } }`. `loadModel<Tensor>(...)` says to the type checker that the model has one
 * output. Raises OptionError for a file of arrays alone, and for a graph that is not made of layers: `load` gives those.
 */
export async function loadModel<O extends Outputs = Outputs>(
  path: string,
  own: LoadModelOptions = {},
): Promise<Model<O>> {
  const { model, notes, title } = await load(path, own);
  if (model !== undefined) return model as unknown as Model<O>;
  throw new OptionError(
    `${path}: expected a model of layers, got ${title} without one${notes.length === 0 ? "" : ` (${notes.join(" ")})`}. Use load(path), which gives what is there.`,
    { path },
  );
}

/** Reads a model of Recurve with the metadata that was saved with it. */
export async function loadModelFile<O extends Outputs = Outputs>(
  path: string,
  own: OwnKinds = {},
): Promise<ModelFile<O>> {
  return decodeModel<O>(await readBytes(path), own, path);
}

/**
 * Writes a model in the format that the file's name says: `.safetensors` (Recurve), `.keras`, `.h5`, `.weights.h5` (Keras), `.pt`
 * (PyTorch), `.onnx` (whose options these are), `.npz`. Nothing is written where the format can not hold the model.
 */
export async function saveModelAs(
  model: Model,
  path: string,
  options: EncodeOptions & { readonly format?: WrittenFormat } = {},
): Promise<void> {
  const { format = formatOfName(path), ...rest } = options;
  if (format === undefined) {
    throw new OptionError(
      `saveModelAs: expected a name that says a format (${Object.values(writtenFormats)
        .flatMap(({ endings }) => endings)
        .join(", ")}), got "${path}". Give { format: "keras" }.`,
      { path },
    );
  }
  const { encodeAs } = await import("./io/formats.ts");
  await writeBytes(path, encodeAs(model, format, rest));
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
