/**
 * Checkpoints of TensorFlow, version 2 (`model.ckpt.index` and `model.ckpt.data-00000-of-00001`): which variables there
 * are and where their bytes lie, and the variables themselves. Not here: what their names mean (`runs.ts`, `infer.ts`).
 */
import { FormatError, UnsupportedError } from "../../base/errors.ts";
import { formatShape } from "../../base/shapes.ts";
import { ByteReader } from "../bytes.ts";
import { type ElementType, elementBytes, viewElements } from "../elements.ts";
import type { HostTensor, HostTensors } from "../hostTensor.ts";
import { readFields, signed, type WireField } from "../protobuf.ts";
import { quoted } from "../quoted.ts";
import { maskedCrc32c } from "./crc32c.ts";
import { keyOfSlice, type Slice } from "./slices.ts";
import { damaged, readTable } from "./table.ts";

/** One variable as the index describes it. */
export interface BundleEntry {
  readonly name: string;
  /** TensorFlow's number of its element type. */
  readonly dtype: number;
  readonly shape: readonly number[];
  readonly shard: number;
  readonly offset: number;
  readonly size: number;
  readonly crc: number;
  /** The parts of a partitioned variable; its own bytes are then nowhere. */
  readonly slices: readonly Slice[];
}

export interface Bundle {
  readonly shards: number;
  readonly bigEndian: boolean;
  /** The variables, in the order of their names. */
  readonly entries: readonly BundleEntry[];
  /** Parts of partitioned variables by their keys. */
  readonly parts: ReadonlyMap<string, BundleEntry>;
}

/** The bytes of a shard: the file `.data-00000-of-00002` for `(0, 2)`. */
export type ShardReader = (shard: number, of: number) => Uint8Array;

/** The element types that have a place here, by the numbers of TensorFlow's types.proto. */
const elementTypes: ReadonlyMap<number, ElementType> = new Map<number, ElementType>([
  [1, "float32"],
  [2, "float64"],
  [3, "int32"],
  [4, "uint8"],
  [5, "int16"],
  [6, "int8"],
  [9, "int64"],
  [10, "bool"],
  [14, "bfloat16"],
  [17, "uint16"],
  [19, "float16"],
  [22, "uint32"],
  [23, "uint64"],
]);

/** The element type of a variable as people call it; `string` and others are no numbers. */
export function typeOfEntry({ dtype }: BundleEntry): string {
  return elementTypes.get(dtype) ?? (dtype === 7 ? "string" : `type ${dtype}`);
}

/** What an `.index` file says. `where` (its name) begins the sentences of errors. */
export function readBundle(index: Uint8Array, where: string): Bundle {
  const [header, ...rest] = readTable(index, where);
  if (header === undefined || header.key !== "") throw damaged(where, "a header as its first entry", "none");
  const { shards, bigEndian } = readHeader(header.value, where);
  const entries: BundleEntry[] = [];
  const parts = new Map<string, BundleEntry>();
  for (const { key, value } of rest) {
    // Keys of parts begin with a byte 0, which no name does.
    const isPart = key.startsWith("\0");
    const entry = readEntry(isPart ? "" : nameOf(key, where), value, where);
    if (entry.shard >= shards)
      throw damaged(where, `a shard below ${shards} for ${quoted(entry.name)}`, `${entry.shard}`);
    if (isPart) parts.set(key, entry);
    else entries.push(entry);
  }
  return { shards, bigEndian, entries, parts };
}

function nameOf(key: string, where: string): string {
  const bytes = Uint8Array.from(key, (letter) => letter.charCodeAt(0));
  return new ByteReader(bytes, where).text(bytes.length);
}

function readHeader(bytes: Uint8Array, where: string): { shards: number; bigEndian: boolean } {
  let [shards, bigEndian] = [1, false];
  for (const field of readFields(bytes, where)) {
    if (field.number === 1 && field.wire === 2) {
      throw new UnsupportedError(
        `${where}: expected a checkpoint of version 2, got one of version 1, a single file. Restore it in TensorFlow and save it again: tf.compat.v1.train.Saver(write_version=tf.compat.v1.train.SaverDef.V2).save(session, path).`,
      );
    }
    if (field.number === 1) shards = wholeOf(field, where);
    if (field.number === 2) bigEndian = wholeOf(field, where) === 1;
  }
  if (shards < 1 || shards > 100_000) throw damaged(where, "1 to 100000 shards", `${shards}`);
  return { shards, bigEndian };
}

function readEntry(name: string, bytes: Uint8Array, where: string): BundleEntry {
  let shape: readonly number[] = [];
  const slices: Slice[] = [];
  const numbers = new Map<number, number>();
  for (const field of readFields(bytes, where)) {
    if (field.number === 2) shape = readShape(messageOf(field, where), where);
    else if (field.number === 7) slices.push(readSlice(messageOf(field, where), where));
    else if (field.number < 7) numbers.set(field.number, wholeOf(field, where));
  }
  const [dtype, shard, offset, size, crc] = [1, 3, 4, 5, 6].map((number) => numbers.get(number) ?? 0);
  return { name, dtype, shape, shard, offset, size, crc, slices };
}

/** Axes with their sizes (field 2 of the shape, then field 1 of the axis). */
function readShape(bytes: Uint8Array, where: string): number[] {
  const sizes: number[] = [];
  for (const field of readFields(bytes, where)) {
    if (field.number !== 2) continue;
    let size = 0;
    for (const inner of readFields(messageOf(field, where), where))
      if (inner.number === 1) size = wholeOf(inner, where);
    sizes.push(size);
  }
  if (sizes.length > 64) throw damaged(where, "shapes of at most 64 axes", `${sizes.length}`);
  return sizes;
}

/** Where a part begins and how long it is along each axis; an axis without a length is whole. */
function readSlice(bytes: Uint8Array, where: string): Slice {
  const axes: { start: number; length: number | undefined }[] = [];
  for (const field of readFields(bytes, where)) {
    if (field.number !== 1) continue;
    let [start, length]: [number, number | undefined] = [0, undefined];
    for (const inner of readFields(messageOf(field, where), where)) {
      if (inner.number === 1) start = wholeOf(inner, where);
      if (inner.number === 2) length = wholeOf(inner, where);
    }
    axes.push({ start, length });
  }
  return axes;
}

/** A number that is no less than 0. */
function wholeOf(field: WireField, where: string): number {
  const value =
    field.wire === 0
      ? Number(signed(field.value))
      : field.wire === 5
        ? new ByteReader(field.bytes, where).u32()
        : Number.NaN;
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw damaged(where, "a whole number of 0 or more in an entry", `${value}`);
}

function messageOf(field: WireField, where: string): Uint8Array {
  if (field.wire === 2) return field.bytes;
  throw damaged(where, "a message in an entry", "a number");
}

/**
 * The variables of a checkpoint by name, those of optimisers too, and parts of partitioned variables joined. `data` gives
 * the bytes of each shard. Float32 variables are views of them. Texts are left out. `where` (the index's name) begins
 * the sentences of errors.
 */
export function decodeTf1(index: Uint8Array, data: ShardReader, where = "checkpoint"): HostTensors {
  const bundle = readBundle(index, where);
  const shards = new Map<number, Shard>();
  const numeric = bundle.entries.filter(({ dtype }) => elementTypes.has(dtype));
  const tensors = numeric.map((entry): [string, HostTensor] => {
    const tensor =
      entry.slices.length === 0
        ? readEntryData({ bundle, data, shards, where: `${where}: variable ${quoted(entry.name)}` }, entry)
        : joinParts({ bundle, data, shards, where: `${where}: variable ${quoted(entry.name)}` }, entry);
    return [entry.name, tensor];
  });
  return Object.fromEntries(tensors);
}

/** The bytes of one shard, and how many of them no variable has claimed yet. */
interface Shard {
  readonly bytes: Uint8Array;
  left: number;
}

interface Reading {
  readonly bundle: Bundle;
  readonly data: ShardReader;
  readonly shards: Map<number, Shard>;
  readonly where: string;
}

function readEntryData({ bundle, data, shards, where }: Reading, entry: BundleEntry): HostTensor {
  const { shape, offset, size, crc, shard: number } = entry;
  const type = elementTypes.get(entry.dtype) ?? "float32";
  const needed = shape.reduce((product, one) => product * one, elementBytes(type));
  if (needed !== size) {
    throw damaged(where, `${needed} bytes for ${type} of shape ${formatShape([...shape])}`, `${size} in the index`);
  }
  const bytes = shards.get(number)?.bytes ?? data(number, bundle.shards);
  const shard = shards.get(number) ?? { bytes, left: bytes.length };
  shards.set(number, shard);
  // Every byte belongs to one variable at most: so that a small file can not ask for endless copies.
  shard.left -= size;
  if (offset + size > bytes.length || shard.left < 0) {
    const file = `.data-${String(number).padStart(5, "0")}-of-${String(bundle.shards).padStart(5, "0")}`;
    throw new FormatError(
      `${where}: expected bytes ${offset} to ${offset + size} in the file ${file}, got ${bytes.length} bytes. The files are truncated or not of one checkpoint; copy both again.`,
      { shard: number, offset, size, got: bytes.length },
    );
  }
  const own = bytes.subarray(offset, offset + size);
  if (maskedCrc32c(own) !== crc) throw damaged(where, `data with the checksum ${crc}`, "another one");
  return { shape, ...viewElements(type, own, where, bundle.bigEndian) };
}

/** A partitioned variable from its parts, which must fill it. */
function joinParts(reading: Reading, entry: BundleEntry): HostTensor {
  const { where, bundle } = reading;
  const { shape } = entry;
  const parts = entry.slices.map((slice) => {
    const part = bundle.parts.get(keyOfSlice(entry.name, slice));
    const starts = slice.map(({ start }) => start);
    const sizes = slice.map(({ length }, axis) => length ?? shape[axis]);
    const isInside = slice.length === shape.length && sizes.every((size, axis) => starts[axis] + size <= shape[axis]);
    if (part === undefined || !isInside || String(part.shape) !== String(sizes) || part.dtype !== entry.dtype) {
      throw damaged(where, "each part of a partitioned variable at its place", "another one");
    }
    return { starts, tensor: readEntryData(reading, part) };
  });
  const count = shape.reduce((product, size) => product * size, 1);
  const given = parts.reduce((sum, { tensor }) => sum + tensor.data.length, 0);
  if (given !== count) throw damaged(where, `${count} numbers in all parts together`, `${given}`);
  const isFloat = parts[0].tensor.data instanceof Float32Array;
  const data = isFloat ? new Float32Array(count) : new Int32Array(count);
  for (const { starts, tensor } of parts) putPart(data, shape, starts, tensor);
  return { dtype: parts[0].tensor.dtype, shape, data };
}

function putPart(
  out: Float32Array | Int32Array,
  shape: readonly number[],
  starts: readonly number[],
  part: HostTensor,
): void {
  const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((a, b) => a * b, 1));
  const copy = (axis: number, from: number, to: number): number => {
    if (axis === shape.length) {
      out[to] = part.data[from];
      return from + 1;
    }
    let at = from;
    for (let i = 0; i < part.shape[axis]; i++) at = copy(axis + 1, at, to + (starts[axis] + i) * strides[axis]);
    return at;
  };
  copy(0, 0, 0);
}
