/**
 * The element types that files hold, and how each becomes one of Recurve's three: one table for all formats.
 * Exact where possible; float64 is rounded to float32; 64-bit and unsigned integers must fit into int32.
 */
import type { DType, HostArray } from "../base/dtypes.ts";
import { FormatError } from "../base/errors.ts";
import { RawFloats } from "../nn/index.ts";

export type ElementType =
  | "float16"
  | "bfloat16"
  | "float32"
  | "float64"
  | "int8"
  | "int16"
  | "int32"
  | "int64"
  | "uint8"
  | "uint16"
  | "uint32"
  | "uint64"
  | "bool";

interface ElementRule {
  readonly bytes: number;
  /** What the elements become in memory. */
  readonly dtype: DType;
  /** Reads aligned bytes of the machine's own byte order. `where` begins the sentence of an error. */
  read(buffer: ArrayBuffer, where: string): HostArray;
}

const isLittleEndian = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

const elementRules: { readonly [K in ElementType]: ElementRule } = {
  float16: { bytes: 2, dtype: "float32", read: (b) => Float32Array.from(new Uint16Array(b), float16Value) },
  bfloat16: { bytes: 2, dtype: "float32", read: readBfloat16 },
  float32: { bytes: 4, dtype: "float32", read: (b) => new Float32Array(b) },
  float64: { bytes: 8, dtype: "float32", read: readFloat64 },
  int8: { bytes: 1, dtype: "int32", read: (b) => Int32Array.from(new Int8Array(b)) },
  int16: { bytes: 2, dtype: "int32", read: (b) => Int32Array.from(new Int16Array(b)) },
  int32: { bytes: 4, dtype: "int32", read: (b) => new Int32Array(b) },
  int64: { bytes: 8, dtype: "int32", read: (b, where) => readWide(new BigInt64Array(b), where) },
  uint8: { bytes: 1, dtype: "int32", read: (b) => Int32Array.from(new Uint8Array(b)) },
  uint16: { bytes: 2, dtype: "int32", read: (b) => Int32Array.from(new Uint16Array(b)) },
  uint32: { bytes: 4, dtype: "int32", read: (b, where) => readWide(new Uint32Array(b), where) },
  uint64: { bytes: 8, dtype: "int32", read: (b, where) => readWide(new BigUint64Array(b), where) },
  bool: { bytes: 1, dtype: "bool", read: (b) => Int32Array.from(new Uint8Array(b), (x) => (x === 0 ? 0 : 1)) },
};

/** Whether a name is that of an element type. */
export function isElementType(name: string): name is ElementType {
  return Object.hasOwn(elementRules, name);
}

/** Bytes of one element in a file. */
export function elementBytes(type: ElementType): number {
  return elementRules[type].bytes;
}

/** Reads all of `bytes` as elements of one type into fresh memory. */
export function decodeElements(
  type: ElementType,
  bytes: Uint8Array,
  where: string,
  bigEndian = false,
): { dtype: DType; data: HostArray } {
  const rule = elementRules[type];
  // Not `slice`: on a Buffer of Node that is a view into shared memory.
  const copy = new Uint8Array(bytes);
  if (bigEndian === isLittleEndian) reverseEach(copy, rule.bytes);
  return { dtype: rule.dtype, data: rule.read(copy.buffer, where) };
}

/**
 * The same without a copy where the bytes are in memory as they should be: aligned float32 or int32 of this machine's
 * own byte order. The data is then a view of them, into which nobody may write.
 */
export function viewElements(
  type: ElementType,
  bytes: Uint8Array,
  where: string,
  bigEndian = false,
): { dtype: DType; data: HostArray } {
  const { buffer, byteOffset, length } = bytes;
  const isOwn = bigEndian !== isLittleEndian && byteOffset % 4 === 0 && length % 4 === 0;
  if (isOwn && type === "float32") return { dtype: "float32", data: new Float32Array(buffer, byteOffset, length / 4) };
  if (isOwn && type === "int32") return { dtype: "int32", data: new Int32Array(buffer, byteOffset, length / 4) };
  return decodeElements(type, bytes, where, bigEndian);
}

/**
 * float32 numbers of a file where they lie, at whatever byte they begin. Undefined on machines that have another order of
 * bytes than files.
 */
export function floatsAt(bytes: Uint8Array): Float32Array | RawFloats | undefined {
  const { buffer, byteOffset, length } = bytes;
  if (!isLittleEndian || length % 4 !== 0) return undefined;
  return byteOffset % 4 === 0 ? new Float32Array(buffer, byteOffset, length / 4) : new RawFloats(bytes);
}

/** Little-endian bytes of host data: float32 and int32 as they are, bool as one byte 0 or 1. */
export function encodeElements(dtype: DType, data: HostArray): Uint8Array {
  if (dtype === "bool") return Uint8Array.from(data, (x) => (x === 0 ? 0 : 1));
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice();
  if (!isLittleEndian) reverseEach(bytes, 4);
  return bytes;
}

function reverseEach(bytes: Uint8Array, width: number): void {
  for (let at = 0; width > 1 && at < bytes.length; at += width) bytes.subarray(at, at + width).reverse();
}

/** IEEE binary16: 1 sign, 5 exponent and 10 fraction bits. */
function float16Value(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1024 + fraction) * 2 ** (exponent - 25);
}

/** bfloat16 is the upper half of a float32. */
function readBfloat16(buffer: ArrayBuffer): HostArray {
  return new Float32Array(Uint32Array.from(new Uint16Array(buffer), (bits) => bits << 16).buffer);
}

function readFloat64(buffer: ArrayBuffer, where: string): HostArray {
  const source = new Float64Array(buffer);
  const data = Float32Array.from(source);
  const at = data.findIndex((x, i) => !Number.isFinite(x) && Number.isFinite(source[i]));
  if (at < 0) return data;
  throw new FormatError(
    `${where}: element ${at} is ${source[at]}, which is too large for float32. Scale the values before saving them.`,
    { index: at, value: source[at] },
  );
}

function readWide(source: BigInt64Array | BigUint64Array | Uint32Array, where: string): HostArray {
  const data = new Int32Array(source.length);
  for (let i = 0; i < source.length; i++) {
    const value = Number(source[i]);
    data[i] = value;
    if (data[i] === value) continue;
    throw new FormatError(
      `${where}: element ${i} is ${source[i]}, which is outside of int32. Save values between -2147483648 and 2147483647.`,
      { index: i, value: String(source[i]) },
    );
  }
  return data;
}
