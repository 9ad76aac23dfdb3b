/** Files of any format for the commands: a model of Recurve may remember the module of its own cell. */
import type { Loaded, LoadOptions } from "../io/formats.ts";
import { decodeSafetensors, fileKind } from "../io/index.ts";
import { readBytes } from "../io/node/files.ts";
import { load } from "../io/node/load.ts";
import type { Model } from "../nn/index.ts";
import { openModel, ownKinds } from "./openModel.ts";

export interface OpenOptions {
  /** The module of the model's own cell. */
  readonly cell?: string | undefined;
  /** The model whose weights a file of weights holds. */
  readonly like?: Model | undefined;
  /** What the names of weights do not tell. */
  readonly assume?: LoadOptions["assume"] | undefined;
}

/** Reads a file. */
export async function openAny(path: string, { cell, like, assume }: OpenOptions = {}): Promise<Loaded> {
  if (path.endsWith(".safetensors")) {
    const bytes = await readBytes(path);
    if (fileKind(decodeSafetensors(bytes, path).metadata) === "model") {
      const { model, metadata } = await openModel(path, cell);
      const nothing = { graph: undefined, modules: undefined, tensors: undefined, notes: [] };
      return { format: "safetensors", title: "Recurve model (.safetensors)", model, metadata, ...nothing };
    }
  }
  return load(path, { ...(await ownKinds(cell)), ...(like && { like }), ...(assume && { assume }) });
}
