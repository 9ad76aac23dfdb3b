/**
 * The weights of a TensorFlow.js model: a manifest in JSON and the bytes of its shards. Quantised ones (8 and 16 bits) become
 * floats again. Not here: the layers (`index.ts`).
 */
import { FormatError, UnsupportedError } from "../../base/errors.ts";
import { product } from "../../base/shapes.ts";
import { type ElementType, elementBytes, viewElements } from "../elements.ts";
import type { HostTensor } from "../hostTensor.ts";
import { quoted } from "../quoted.ts";

/** One array as the manifest describes it. */
export interface ManifestEntry {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: ElementType;
  readonly quantization?: Quantization;
}

/** Each stored number q stands for q * scale + min; of float16 for itself. */
interface Quantization {
  readonly dtype: ElementType;
  readonly scale: number;
  readonly min: number;
}

export interface ManifestGroup {
  /** Files that are one stretch of bytes together, in order. */
  readonly paths: readonly string[];
  readonly weights: readonly ManifestEntry[];
}

const plainTypes: Readonly<Record<string, ElementType>> = { float32: "float32", int32: "int32", bool: "bool" };
const storedTypes: Readonly<Record<string, ElementType>> = { uint8: "uint8", uint16: "uint16", float16: "float16" };

/** Reads the manifest, which names files: only such as lie beside it or below. */
export function readManifest(value: unknown, where: string): ManifestGroup[] {
  if (!Array.isArray(value)) throw damaged(where, "a list of groups in weightsManifest", "something else");
  return value.map((group: unknown) => {
    const { paths, weights } = record(group);
    if (!Array.isArray(paths) || !Array.isArray(weights))
      throw damaged(where, "paths and weights of each group", "others");
    return {
      paths: paths.map((path) => checkedPath(path, where)),
      weights: weights.map((entry) => readEntry(record(entry), where)),
    };
  });
}

/** `group1-shard1of2.bin`, `weights/a.bin`; nothing above, nothing absolute, no address of a network. */
function checkedPath(path: unknown, where: string): string {
  const isInside =
    typeof path === "string" &&
    path.length < 1000 &&
    !/^[a-z]+:|^[/\\]|[\\\0]/i.test(path) &&
    path.split("/").every((part) => part !== "" && part !== "." && part !== "..");
  if (isInside) return path;
  throw new UnsupportedError(
    `${where}: expected shards beside the file, got ${quoted(String(path))}. Put the shards into the folder of model.json and name them so.`,
    { path: String(path) },
  );
}

function readEntry(
  { name, shape, dtype, quantization }: Readonly<Record<string, unknown>>,
  where: string,
): ManifestEntry {
  if (typeof name !== "string" || !isShape(shape)) throw damaged(where, "a name and a shape of each weight", "others");
  const type = Object.hasOwn(plainTypes, String(dtype)) ? plainTypes[String(dtype)] : undefined;
  if (type === undefined) {
    throw new UnsupportedError(
      `${where}: weight ${quoted(name)}: expected float32, int32 or bool, got ${quoted(String(dtype))}. Save the model without it.`,
      { name },
    );
  }
  if (quantization === undefined || quantization === null) return { name, shape, dtype: type };
  const { dtype: stored, scale = 1, min = 0 } = record(quantization);
  const storedType = Object.hasOwn(storedTypes, String(stored)) ? storedTypes[String(stored)] : undefined;
  if (storedType === undefined || typeof scale !== "number" || typeof min !== "number") {
    throw damaged(where, `a quantization of uint8, uint16 or float16 for ${quoted(name)}`, quoted(String(stored)));
  }
  return { name, shape, dtype: type, quantization: { dtype: storedType, scale, min } };
}

function isShape(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.length <= 32 && value.every((size) => Number.isSafeInteger(size) && size >= 0);
}

/** The bytes that a weight takes in its shards. */
export function bytesOf({ shape, dtype, quantization }: ManifestEntry): number {
  return product(shape) * elementBytes(quantization?.dtype ?? dtype);
}

/** The arrays of a group by name, out of the bytes of its shards together. */
export function readGroup(
  { weights }: ManifestGroup,
  bytes: Uint8Array,
  where: string,
  into: Map<string, HostTensor>,
): void {
  let at = 0;
  for (const weight of weights) {
    const { name, shape, dtype, quantization } = weight;
    const stored = quantization?.dtype ?? dtype;
    const size = bytesOf(weight);
    const own = `${where}: weight ${quoted(name)}`;
    if (!Number.isSafeInteger(size) || size > bytes.length - at) {
      throw damaged(own, `${size} bytes in its shards`, String(bytes.length - at));
    }
    if (into.has(name)) throw damaged(where, `one weight ${quoted(name)}`, "two");
    const { data } = viewElements(stored, bytes.subarray(at, at + size), own);
    at += size;
    const values =
      quantization === undefined || quantization.dtype === "float16" ? data : restored(data, quantization, dtype);
    into.set(name, {
      dtype: dtype === "float32" ? "float32" : dtype === "bool" ? "bool" : "int32",
      shape,
      data: values,
    });
  }
}

/** As TensorFlow.js does it: in float32, and whole numbers rounded. */
function restored(
  data: ArrayLike<number>,
  { scale, min }: Quantization,
  dtype: ElementType,
): Float32Array | Int32Array {
  const value = (i: number): number => Math.fround(data[i] * scale + min);
  return dtype === "float32"
    ? Float32Array.from({ length: data.length }, (_, i) => value(i))
    : Int32Array.from({ length: data.length }, (_, i) => Math.round(value(i)));
}

/** The fields of an object; of anything else none. */
export function record(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

function damaged(where: string, expected: string, got: string): FormatError {
  return new FormatError(`${where}: expected ${expected}, got ${got}. Save the model again with model.save.`);
}
