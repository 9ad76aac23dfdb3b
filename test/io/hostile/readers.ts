/** Every reader with its crafted and its good files. A new format is a row here. */
import { hdf5Tensors } from "../../../src/io/hdf5/index.ts";
import { decodeKeras, decodeKerasH5, inspectKeras, inspectKerasH5 } from "../../../src/io/keras/index.ts";
import { inspectBytes, loadBytes } from "../../../src/io/load.ts";
import { decodeNpz, encodeNpz } from "../../../src/io/node/npz.ts";
import { decodeNpy, encodeNpy } from "../../../src/io/npy.ts";
import { decodeSafetensors, encodeSafetensors } from "../../../src/io/safetensors.ts";
import { readZip } from "../../../src/io/zip.ts";
import { brokenNpy, brokenSafetensors } from "../broken.ts";
import * as hdf5 from "./hdf5.ts";
import * as keras from "./keras.ts";
import type { Seed } from "./mutate.ts";
import * as onnx from "./onnx.ts";
import * as tf1 from "./tf1.ts";
import * as tfjs from "./tfjs.ts";
import * as tflite from "./tflite.ts";
import * as torch from "./torch.ts";
import * as zip from "./zip.ts";

export interface Reader {
  readonly hostile: readonly Seed[];
  readonly seeds: readonly Seed[];
  readonly read: (bytes: Uint8Array) => unknown;
}

const tensors = {
  w: { dtype: "float32", shape: [3, 5], data: Float32Array.from({ length: 15 }, (_, i) => i / 7) },
  n: { dtype: "int32", shape: [2], data: Int32Array.of(1, 2) },
} as const;

const named = (table: Readonly<Record<string, readonly [Uint8Array, unknown]>>): Seed[] =>
  Object.entries(table).map(([name, [bytes]]) => ({ name, bytes }));

const formats: Readonly<Record<string, Reader>> = {
  zip: { ...zip, read: (bytes) => readZip(bytes, "x.zip") },
  hdf5: { ...hdf5, read: (bytes) => hdf5Tensors(bytes, "x.h5") },
  keras: { hostile: keras.hostile, seeds: keras.seeds, read: (bytes) => decodeKeras(bytes, "x.keras") },
  kerasH5: { hostile: keras.legacyHostile, seeds: keras.legacySeeds, read: (bytes) => decodeKerasH5(bytes, "x.h5") },
  "keras, reports": { hostile: [], seeds: keras.seeds, read: (bytes) => inspectKeras(bytes, "x.keras") },
  "keras H5, reports": { hostile: [], seeds: keras.legacySeeds, read: (bytes) => inspectKerasH5(bytes, "x.h5") },
  tfjs,
  onnx,
  torch,
  tf1,
  tflite,
  npy: {
    hostile: named(brokenNpy),
    seeds: [{ name: "w.npy", bytes: encodeNpy(tensors.w) }],
    read: (bytes) => decodeNpy(bytes, "x.npy"),
  },
  npz: {
    hostile: zip.hostile,
    seeds: [{ name: "x.npz", bytes: encodeNpz(tensors) }],
    read: (bytes) => decodeNpz(bytes, "x.npz"),
  },
  safetensors: {
    hostile: named(brokenSafetensors),
    seeds: [{ name: "x.safetensors", bytes: encodeSafetensors(tensors, { a: "b" }) }],
    read: (bytes) => decodeSafetensors(bytes, "x.safetensors"),
  },
};

/** The one entry, which must tell the formats apart before it reads; and what `recurve inspect` says of any file. */
const any: Readonly<Record<string, Reader>> = {
  load: { hostile: [], seeds: whole(), read: (bytes) => loadBytes(bytes, { where: "x", beside: nothing }) },
  inspect: { hostile: [], seeds: whole(), read: (bytes) => inspectBytes(bytes, { where: "x", beside: nothing }) },
};

/** A good file of each format that is whole by itself. */
function whole(): Seed[] {
  const names = ["keras", "kerasH5", "torch", "onnx", "tflite", "npy", "npz", "safetensors"];
  return names.map((name) => formats[name].seeds[0]);
}

/** Shards of 4096 zeros, whatever their names. */
async function nothing(): Promise<Uint8Array> {
  return new Uint8Array(4096);
}

export const readers: Readonly<Record<string, Reader>> = { ...formats, ...any };
