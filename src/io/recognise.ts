/**
 * Which format a file has, from its bytes alone: names lie. Knows some formats that Recurve does not read, so that their
 * users hear what to do. Not here: reading (`load.ts` has the table).
 */
import { FormatError, UnsupportedError } from "../base/errors.ts";
import { decodeHdf5, type Hdf5Group } from "./hdf5/index.ts";
import { readFields } from "./protobuf.ts";
import { listZip } from "./zip.ts";

/** Every format that `load` reads. `keras` is a zip archive; `kerasH5` a whole model and `kerasWeights` weights alone in HDF5. */
export type FileFormat =
  | "safetensors"
  | "keras"
  | "kerasH5"
  | "kerasWeights"
  | "torch"
  | "onnx"
  | "tensorflow1"
  | "tfjs"
  | "tflite"
  | "npy"
  | "npz";

const magic = {
  zip: [0x50, 0x4b],
  hdf5: [0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a],
  npy: [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59],
  gzip: [0x1f, 0x8b],
  /** A pickle of protocol 2 that begins with the magic number of PyTorch before 1.6. */
  oldTorch: [0x80, 0x02, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19],
  /** The last bytes of a sorted-string table, as TensorFlow and LevelDB write it. */
  table: [0x57, 0xfb, 0x80, 0x8b, 0x24, 0x75, 0x47, 0xdb],
  tflite: [0x54, 0x46, 0x4c, 0x33],
} as const;

/** The format of a file. Raises UnsupportedError for a known one that Recurve does not read, FormatError for anything else. */
export function recognise(bytes: Uint8Array, where: string): FileFormat {
  if (bytes.length === 0) throw unknown(where, "an empty file", "Save or download it again");
  if (begins(bytes, magic.zip)) return zipFormat(bytes, where);
  if (begins(bytes, magic.hdf5)) return hdf5Format(decodeHdf5(bytes, where), where);
  if (begins(bytes, magic.npy)) return "npy";
  if (begins(bytes, magic.oldTorch)) return "torch";
  if (begins(bytes.subarray(4), magic.tflite)) return "tflite";
  if (begins(bytes.subarray(Math.max(0, bytes.length - 8)), magic.table)) return "tensorflow1";
  if (isSafetensors(bytes)) return "safetensors";
  if (bytes[0] === 0x7b) return jsonFormat(bytes, where);
  if (begins(bytes, magic.gzip)) throw unread(where, "a gzip archive", "Unpack it first (gunzip)");
  if (bytes[0] === 0x80 && bytes[1] <= 5) {
    throw unread(
      where,
      "a plain pickle, which only running its instructions would read",
      "Save a state_dict with torch.save, or arrays with numpy.savez",
    );
  }
  return protobufFormat(bytes, where);
}

function zipFormat(bytes: Uint8Array, where: string): FileFormat {
  const names = listZip(bytes, where).map(({ name }) => name);
  if (names.includes("config.json")) return "keras";
  if (names.some((name) => name.endsWith("data.pkl"))) return "torch";
  if (names.length > 0 && names.every((name) => name.endsWith(".npy"))) return "npz";
  throw unread(
    where,
    `a zip archive of other things (${names.length} members)`,
    "Give a .keras, .pt or .npz file, or unpack it and give the model inside",
  );
}

function hdf5Format({ attributes, children }: Hdf5Group, where: string): FileFormat {
  if (attributes.has("model_config")) return "kerasH5";
  if (
    attributes.has("layer_names") ||
    attributes.has("layer_names0") ||
    children.has("layers") ||
    children.has("_layer_checkpoint_dependencies")
  )
    return "kerasWeights";
  throw unread(where, "an HDF5 file that Keras did not write", "Give a .keras, .weights.h5 or .h5 file of Keras");
}

function jsonFormat(bytes: Uint8Array, where: string): FileFormat {
  const json = parsed(bytes);
  if (json === undefined) throw unknown(where, "text that begins like JSON and is none", "Save or download it again");
  if ("weightsManifest" in json) return "tfjs";
  if ("modelTopology" in json) return "tfjs";
  if ("class_name" in json)
    throw unread(
      where,
      "the configuration of a Keras model without its weights",
      'Save the whole model: model.save("model.keras")',
    );
  throw unread(where, "JSON of another kind", "Give the model.json of a TensorFlow.js layers model");
}

/** An ONNX model has a graph (field 7); a SavedModel has meta graphs (field 2) and no more. */
function protobufFormat(bytes: Uint8Array, where: string): FileFormat {
  const fields = topFields(bytes);
  if (fields?.has(7) === true && fields.get(1) !== 2) return "onnx";
  if (fields?.size === 2 && fields.get(1) === 0 && fields.get(2) === 2) {
    throw unread(where, "a TensorFlow SavedModel", 'Load it in Keras and save it again: model.save("model.keras")');
  }
  throw unknown(
    where,
    "bytes of another kind",
    "Give a file of Recurve, Keras (.keras, .h5), PyTorch (.pt, .safetensors), ONNX, TensorFlow 1 (.index), TensorFlow.js (model.json), TFLite or NumPy",
  );
}

/** The numbers and wire types of the first fields; undefined for what is no message. */
function topFields(bytes: Uint8Array): Map<number, number> | undefined {
  const found = new Map<number, number>();
  try {
    let count = 0;
    for (const { number, wire } of readFields(bytes, "")) {
      found.set(number, wire);
      if (++count > 1000) break;
    }
  } catch (error) {
    // A truncated model is still one: its reader says where it ends.
    if (!(error instanceof FormatError) || !found.has(1)) return undefined;
  }
  return found;
}

/** The length of a JSON header in 8 bytes, then the header. */
function isSafetensors(bytes: Uint8Array): boolean {
  if (bytes.length < 9) return false;
  const high = bytes.subarray(5, 8).every((byte) => byte === 0);
  return high && bytes[8] === 0x7b;
}

function parsed(bytes: Uint8Array): object | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

function begins(bytes: Uint8Array, with_: readonly number[]): boolean {
  return bytes.length >= with_.length && with_.every((byte, i) => bytes[i] === byte);
}

function unread(where: string, got: string, remedy: string): UnsupportedError {
  return new UnsupportedError(`${where}: expected a model or arrays, got ${got}. ${remedy}.`, { got });
}

function unknown(where: string, got: string, remedy: string): FormatError {
  return new FormatError(`${where}: expected a model or arrays, got ${got}. ${remedy}.`, { got });
}
