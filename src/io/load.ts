/**
 * One entry for files of any format: what a file is, is read from its bytes, and a table says how each is read. Not here:
 * files on disk (`node/load.ts`), writing (`encodeAs.ts`), what the formats mean (their folders).
 */
import { OptionError, RecurveError } from "../base/errors.ts";
import { checkOptionNames, type Model } from "../nn/index.ts";
import { decodeCheckpoint, modelOfCheckpoint } from "./checkpoint.ts";
import { hdf5Tensors } from "./hdf5/index.ts";
import type { HostTensors } from "./hostTensor.ts";
import { inspectArrays } from "./inspectArrays.ts";
import {
  decodeKeras,
  decodeKerasH5,
  inspectKeras,
  inspectKerasH5,
  type KerasOwn,
  readKerasWeights,
} from "./keras/index.ts";
import { fileKind } from "./metadata.ts";
import { decodeModel, type OwnKinds, tensorsOf } from "./modelFile.ts";
import { decodeNpy } from "./npy.ts";
import { decodeNpzArchive } from "./npz.ts";
import {
  dataFiles,
  decodeOnnxProto,
  inspectOnnx,
  modelOfOnnx,
  type OnnxModel,
  onnxModelOf,
  toModel,
  withData,
} from "./onnx/index.ts";
import { quoted } from "./quoted.ts";
import { type FileFormat, recognise } from "./recognise.ts";
import type { FileReport } from "./report.ts";
import { decodeSafetensors } from "./safetensors.ts";
import { readBundle } from "./tf1/bundle.ts";
import { decodeTf1, inspectTf1, modelFromTf1, type Tf1ModelOptions } from "./tf1/index.ts";
import { decodeTfjs, inspectTfjs, readShards } from "./tfjs/index.ts";
import { decodeTflite, inspectTflite } from "./tflite/index.ts";
import {
  decodeTorch,
  importStateDict,
  inspectStateDict,
  inspectTorch,
  modelFromStateDict,
  type StateDictModel,
  type StateDictModelOptions,
  stateDictOf,
} from "./torch/index.ts";

export interface LoadOptions extends OwnKinds {
  /** The user's own cells and layers of Keras files, by their registered or class names. */
  readonly keras?: KerasOwn;
  /** The model that weights without layers are for: a state_dict, a .weights.h5, an archive of arrays. It is given them. */
  readonly like?: Model;
  /**
   * What the names of weights do not tell, for a state_dict or a TensorFlow checkpoint: the options of `modelFromStateDict`
   * or `modelFromTf1`, such as `{ output: "last", activations: { head: "softmax" } }`.
   */
  readonly assume?: Omit<StateDictModelOptions, "where"> | Omit<Tf1ModelOptions, "where">;
  /** The file's name: begins the sentences of errors. */
  readonly where?: string;
  /** The bytes of a file that lies beside this one, for formats of several files. */
  readonly beside?: (name: string) => Promise<Uint8Array>;
}

/** What a file holds. */
export interface Loaded {
  readonly format: FileFormat;
  /** As people call it: `Keras 3 model (.keras)`. */
  readonly title: string;
  /** Undefined for arrays alone, and for graphs that are not made of layers. */
  readonly model: Model | undefined;
  /** Of an ONNX file: the graph itself, by its own names. */
  readonly graph: OnnxModel | undefined;
  /** Of a state_dict: which module each layer of the model is, as `exportStateDict` and `saveModelAs` take it to write the names again. */
  readonly modules: Pick<StateDictModel, "layers" | "cells"> | undefined;
  /** The arrays of a file of arrays; undefined for one that is a model. */
  readonly tensors: HostTensors | undefined;
  /** Sentences: what was assumed or left out, and why there is no model. */
  readonly notes: readonly string[];
  /** Free texts that Recurve's own files carry. */
  readonly metadata: Readonly<Record<string, string>>;
}

type Content = Partial<Omit<Loaded, "format" | "title">>;

interface Asked extends LoadOptions {
  readonly where: string;
  readonly beside: (name: string) => Promise<Uint8Array>;
}

interface FormatRow {
  readonly title: string;
  readonly read: (bytes: Uint8Array, asked: Asked) => Content | Promise<Content>;
  readonly inspect: (bytes: Uint8Array, asked: Asked) => FileReport | Promise<FileReport>;
}

const rows: { readonly [F in FileFormat]: FormatRow } = {
  safetensors: {
    title: "safetensors",
    read: readSafetensors,
    inspect: (bytes, { where }) => inspectStateDict(decodeSafetensors(bytes, where).tensors, "safetensors", where),
  },
  keras: {
    title: "Keras 3 model (.keras)",
    read: async (bytes, { where, keras }) => decodeKeras(bytes, where, keras),
    inspect: (bytes, { where }) => inspectKeras(bytes, where),
  },
  kerasH5: {
    title: "Keras model (.h5)",
    read: (bytes, { where, keras }) => decodeKerasH5(bytes, where, keras),
    inspect: (bytes, { where }) => inspectKerasH5(bytes, where),
  },
  kerasWeights: {
    title: "Keras weights (.weights.h5)",
    read: (bytes, { where, like }) => {
      if (like === undefined) return { tensors: hdf5Tensors(bytes, where), notes: [unlike] };
      readKerasWeights(bytes, like, where);
      return { model: like };
    },
    inspect: (bytes, { where }) => inspectArrays(hdf5Tensors(bytes, where), "Keras weights (.weights.h5)"),
  },
  torch: {
    title: "PyTorch state_dict",
    read: async (bytes, asked) => stateDict(stateDictOf(await decodeTorch(bytes, asked.where)), asked),
    inspect: (bytes, { where }) => inspectTorch(bytes, where),
  },
  onnx: { title: "ONNX model", read: readOnnx, inspect: (bytes, { where }) => inspectOnnx(bytes, where) },
  tensorflow1: {
    title: "TensorFlow checkpoint",
    read: readTf1,
    inspect: (bytes, { where }) => inspectTf1(bytes, where),
  },
  tfjs: {
    title: "TensorFlow.js layers model",
    read: async (bytes, { where, beside, keras }) => {
      const shards = await readShards(bytes, where, beside);
      return decodeTfjs(bytes, shards, where, keras);
    },
    inspect: (bytes, { where }) => inspectTfjs(bytes, where),
  },
  tflite: {
    title: "TensorFlow Lite model",
    read: (bytes, { where }) => decodeTflite(bytes, where),
    inspect: (bytes, { where }) => inspectTflite(bytes, where),
  },
  npy: {
    title: "NumPy array (.npy)",
    read: (bytes, { where }) => ({ tensors: { array: decodeNpy(bytes, where) } }),
    inspect: (bytes, { where }) => inspectArrays({ array: decodeNpy(bytes, where) }, "NumPy array (.npy)"),
  },
  npz: {
    title: "NumPy arrays (.npz)",
    read: async (bytes, asked) => weightsByPath(await decodeNpzArchive(bytes, asked.where), asked),
    inspect: async (bytes, { where }) => inspectArrays(await decodeNpzArchive(bytes, where), "NumPy arrays (.npz)"),
  },
};

/** Formats of weights whose layers are guessed. */
const guessable: ReadonlySet<FileFormat> = new Set<FileFormat>(["safetensors", "torch", "tensorflow1"]);

const optionNames = ["cells", "layers", "keras", "like", "assume", "where", "beside"];

/**
 * The model or the arrays in the bytes of a file of any format: Recurve, Keras, PyTorch, ONNX, TensorFlow 1, TensorFlow.js,
 * TensorFlow Lite, NumPy. Nothing in a file is executed. Raises FormatError for damaged files and UnsupportedError for
 * what Recurve can not run; `inspectBytes` then says more.
 */
export async function loadBytes(bytes: Uint8Array, options: LoadOptions = {}): Promise<Loaded> {
  const asked = askedOf("load", options);
  const format = recognise(bytes, asked.where);
  const { title, read } = rows[format];
  if (asked.assume !== undefined && (asked.like !== undefined || !guessable.has(format))) {
    throw new OptionError(
      `${asked.where}: expected no option "assume" ${asked.like === undefined ? `for a ${title}, which says itself what its layers are` : 'beside "like", which says what the layers are'}, got it. Leave it out.`,
      { format },
    );
  }
  const { model, graph, modules, tensors, notes = [], metadata = {} } = await read(bytes, asked);
  return { format, title, model, graph, modules, tensors, notes, metadata };
}

/** What a file holds, also where Recurve can not run it. */
export async function inspectBytes(
  bytes: Uint8Array,
  options: Pick<LoadOptions, "where" | "beside"> = {},
): Promise<FileReport> {
  const asked = askedOf("inspect", options);
  return rows[recognise(bytes, asked.where)].inspect(bytes, asked);
}

function askedOf(action: string, options: LoadOptions): Asked {
  checkOptionNames(action, options, optionNames);
  const { where = "file" } = options;
  return { beside: alone(where), ...options, where };
}

/** For bytes that came without a place to look beside them. */
function alone(where: string): (name: string) => Promise<Uint8Array> {
  return async (name) => {
    throw new OptionError(
      `${where}: expected the bytes of ${quoted(name)}, a part of it, got none. Give { beside: async (name) => bytes }, or load the file by its path.`,
      { name },
    );
  };
}

const unlike = "The file has weights and no layers: say which model they are for with the option like.";

function readSafetensors(bytes: Uint8Array, asked: Asked): Content {
  const { where, cells, layers } = asked;
  const own = { ...(cells === undefined ? {} : { cells }), ...(layers === undefined ? {} : { layers }) };
  const { tensors, metadata } = decodeSafetensors(bytes, where);
  switch (fileKind(metadata)) {
    case "model":
      return decodeModel(bytes, own, where);
    case "checkpoint":
      return { model: modelOfCheckpoint(decodeCheckpoint(bytes, where), own, where) };
    case "tensors":
      return stateDict(tensors, asked);
  }
}

/** The arrays of a state_dict in the given model, or in one made after their names. */
function stateDict(tensors: HostTensors, { like, assume, where }: Asked): Content {
  if (like !== undefined) {
    importStateDict(like, tensors, { where });
    return { model: like };
  }
  return guessed(tensors, () => {
    const { model, notes, layers, cells } = modelFromStateDict(tensors, { ...assume, where });
    return { model, notes, modules: { layers, cells } };
  });
}

async function readTf1(bytes: Uint8Array, { where, beside, assume }: Asked): Promise<Content> {
  const { shards: count } = readBundle(bytes, where);
  const prefix = (where.split(/[\\/]/).at(-1) ?? where).replace(/\.index$/, "");
  const five = (i: number): string => String(i).padStart(5, "0");
  const names = Array.from({ length: count }, (_, i) => `${prefix}.data-${five(i)}-of-${five(count)}`);
  const shards = [...(await allBeside(names, beside)).values()];
  const tensors = decodeTf1(bytes, (i) => shards[i], where);
  return guessed(tensors, () => {
    const { model, notes } = modelFromTf1(tensors, { ...assume, where });
    return { model, notes };
  });
}

/** A model made after the names of arrays; where they are no chain of layers the arrays stay, and a note says why. */
function guessed(tensors: HostTensors, make: () => Content): Content {
  try {
    return { ...make(), tensors };
  } catch (error) {
    if (error instanceof RecurveError) return { tensors, notes: [error.message] };
    throw error;
  }
}

function weightsByPath(tensors: HostTensors, { like }: Asked): Content {
  if (like === undefined) return { tensors };
  like.setWeights(tensorsOf(tensors));
  return { model: like };
}

/** A file that Recurve wrote is that model again; another one is its graph, and a model where the graph is made of layers. */
async function readOnnx(bytes: Uint8Array, { where, beside, cells, layers }: Asked): Promise<Content> {
  const written = decodeOnnxProto(bytes, where);
  const proto = withData(written, await allBeside(dataFiles(written, where), beside), where);
  const own = modelOfOnnx(proto, where, { ...(cells && { cells }), ...(layers && { layers }) });
  if (own !== undefined) return { model: own };
  const graph = onnxModelOf(proto, where);
  try {
    return { model: toModel(graph), graph };
  } catch (error) {
    if (error instanceof RecurveError) return { graph, notes: [error.message] };
    throw error;
  }
}

async function allBeside(
  names: readonly string[],
  beside: (name: string) => Promise<Uint8Array>,
): Promise<ReadonlyMap<string, Uint8Array>> {
  const found = new Map<string, Uint8Array>();
  for (const name of names) found.set(name, await beside(name));
  return found;
}
