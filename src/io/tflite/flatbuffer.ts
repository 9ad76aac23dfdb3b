/**
 * Reading FlatBuffers (https://flatbuffers.dev/internals/) that nobody vouches for: tables by the slots of their fields,
 * each position checked, and a bound on how much is read in all, since parts may be pointed at again and again.
 */
import { FormatError } from "../../base/errors.ts";

/** Bytes with a budget. */
export interface FlatFile {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly where: string;
  /** How many more elements of vectors and characters may be read. */
  left: number;
}

/** A table within the bytes. */
export interface FlatTable {
  readonly file: FlatFile;
  readonly at: number;
  /** Where the offsets of its fields stand, and how many fields it knows of. */
  readonly fields: number;
  readonly count: number;
}

/** A small file can point at the same vector often; honest ones read each about once. */
const budgetOf = (length: number): number => 4 * length + 100_000;

/** Tensors, operators or buffers of one file. */
const mostTables = 200_000;

/** The root table of a file with this identifier at bytes 4 to 7. */
export function rootTable(bytes: Uint8Array, identifier: string, where: string): FlatTable {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const file: FlatFile = { bytes, view, where, left: budgetOf(bytes.length) };
  const found = bytes.length < 8 ? "" : String.fromCharCode(...bytes.subarray(4, 8));
  if (found !== identifier) throw damaged(file, `a file with the letters ${identifier} at byte 4`, "something else");
  return tableAt(file, 0);
}

/** The table that the offset at this position points to. */
function tableAt(file: FlatFile, position: number): FlatTable {
  spend(file, 4);
  const at = position + file.view.getUint32(within(file, position, 4), true);
  const fields = within(file, at, 4) - file.view.getInt32(at, true);
  const size = file.view.getUint16(within(file, fields, 4), true);
  within(file, fields, size);
  return { file, at, fields: fields + 4, count: Math.max(0, Math.floor((size - 4) / 2)) };
}

/** Where a field's value begins; undefined for one that is not there and has its default. */
function positionOf({ file, at, fields, count }: FlatTable, slot: number): number | undefined {
  if (slot >= count) return undefined;
  const offset = file.view.getUint16(fields + 2 * slot, true);
  return offset === 0 ? undefined : at + offset;
}

export type ScalarType = "i8" | "u8" | "bool" | "i32" | "u32" | "f32" | "u64";

/** A number of a table; `fallback` if it is not there. */
export function scalarOf(table: FlatTable, slot: number, type: ScalarType, fallback = 0): number {
  const { file } = table;
  const at = positionOf(table, slot);
  if (at === undefined) return fallback;
  switch (type) {
    case "i8":
      return file.view.getInt8(within(file, at, 1));
    case "u8":
    case "bool":
      return file.view.getUint8(within(file, at, 1));
    case "i32":
      return file.view.getInt32(within(file, at, 4), true);
    case "u32":
      return file.view.getUint32(within(file, at, 4), true);
    case "f32":
      return file.view.getFloat32(within(file, at, 4), true);
    case "u64": {
      const value = Number(file.view.getBigUint64(within(file, at, 8), true));
      if (!Number.isSafeInteger(value)) throw damaged(file, "a size or position", "a larger number");
      return value;
    }
    default:
      return type satisfies never;
  }
}

/** The table in a field. */
export function innerTable(table: FlatTable, slot: number): FlatTable | undefined {
  const at = positionOf(table, slot);
  return at === undefined ? undefined : tableAt(table.file, at);
}

/** Where the elements of a vector begin, and how many there are. */
function vectorOf(table: FlatTable, slot: number, width: number): { start: number; length: number } | undefined {
  const { file } = table;
  const at = positionOf(table, slot);
  if (at === undefined) return undefined;
  const start = at + file.view.getUint32(within(file, at, 4), true);
  const length = file.view.getUint32(within(file, start, 4), true);
  within(file, start + 4, length * width);
  return { start: start + 4, length };
}

/** A vector of tables. */
export function tablesOf(table: FlatTable, slot: number): FlatTable[] {
  const vector = vectorOf(table, slot, 4);
  if (vector === undefined) return [];
  if (vector.length > mostTables)
    throw damaged(table.file, `at most ${mostTables} parts in a list`, `${vector.length}`);
  spend(table.file, vector.length);
  return Array.from({ length: vector.length }, (_, i) => tableAt(table.file, vector.start + 4 * i));
}

/** A vector of whole numbers; undefined if there is none. */
export function wholesOf(table: FlatTable, slot: number): number[] | undefined {
  const vector = vectorOf(table, slot, 4);
  if (vector === undefined) return undefined;
  spend(table.file, vector.length);
  return Array.from({ length: vector.length }, (_, i) => table.file.view.getInt32(vector.start + 4 * i, true));
}

/** A vector of bytes, not copied; undefined if there is none. */
export function bytesOf(table: FlatTable, slot: number): Uint8Array | undefined {
  const vector = vectorOf(table, slot, 1);
  return vector && table.file.bytes.subarray(vector.start, vector.start + vector.length);
}

/** The length of a vector of any kind, 0 if there is none. */
export function lengthOf(table: FlatTable, slot: number): number {
  return vectorOf(table, slot, 1)?.length ?? 0;
}

/** Text, at most its first 200 bytes: names in sentences. */
export function textOf(table: FlatTable, slot: number): string {
  const bytes = bytesOf(table, slot)?.subarray(0, 200) ?? new Uint8Array(0);
  spend(table.file, bytes.length);
  return new TextDecoder().decode(bytes);
}

function within(file: FlatFile, at: number, size: number): number {
  if (Number.isSafeInteger(at) && at >= 0 && at + size <= file.bytes.length) return at;
  throw damaged(file, `positions below ${file.bytes.length}`, `${at} to ${at + size}`);
}

function spend(file: FlatFile, count: number): void {
  file.left -= count;
  if (file.left < 0) throw damaged(file, "parts that are pointed at about once", "the same ones again and again");
}

export function damaged({ where }: Pick<FlatFile, "where">, expected: string, got: string): FormatError {
  return new FormatError(
    `${where}: expected ${expected}, got ${got}. The file is truncated or damaged; convert or download it again.`,
    { expected, got },
  );
}
