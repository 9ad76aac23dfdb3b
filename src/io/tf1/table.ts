/**
 * The sorted-string table that TensorFlow writes as `.index` (the format of LevelDB, without filters): keys and values in
 * blocks whose keys share their beginnings. Not here: what the values mean (`bundle.ts`).
 */
import { FormatError, UnsupportedError } from "../../base/errors.ts";
import { ByteReader } from "../bytes.ts";
import { readVarint } from "../protobuf.ts";
import { maskedCrc32c } from "./crc32c.ts";
import { decodeSnappy } from "./snappy.ts";

export interface TableEntry {
  /** One character a byte, since keys need not be text. */
  readonly key: string;
  readonly value: Uint8Array;
}

const footerLength = 48;
const magic = [0x57, 0xfb, 0x80, 0x8b, 0x24, 0x75, 0x47, 0xdb];
/** Names of variables are shorter; sharing their beginnings, few bytes could say endless ones. */
const longestKey = 4096;
const mostKeyBytes = 32_000_000;

interface Walk {
  readonly bytes: Uint8Array;
  readonly where: string;
  /** How many bytes of keys were made so far. */
  keyBytes: number;
}

/** All entries in order. `where` (the file's name) begins the sentences of errors. */
export function readTable(bytes: Uint8Array, where: string): TableEntry[] {
  const end = bytes.length - footerLength;
  if (end < 0 || magic.some((byte, i) => bytes[bytes.length - 8 + i] !== byte)) {
    throw new FormatError(
      `${where}: expected the .index file of a TensorFlow checkpoint, got something else. Give the file that ends in .index, beside the .data-00000-of-00001.`,
    );
  }
  const footer = new ByteReader(bytes, where, end, bytes.length);
  readHandle(footer);
  const index = readHandle(footer);
  const walk: Walk = { bytes, where, keyBytes: 0 };
  const entries: TableEntry[] = [];
  let last = -1;
  for (const { value } of blockEntries(walk, index)) {
    const handle = readHandle(new ByteReader(value, where));
    // Each block once: a table that names one again and again would be endless.
    if (handle.offset <= last) throw damaged(where, "blocks one after the other", "one that comes again");
    last = handle.offset;
    for (const entry of blockEntries(walk, handle)) entries.push(entry);
  }
  return entries;
}

interface Handle {
  readonly offset: number;
  readonly size: number;
}

function readHandle(reader: ByteReader): Handle {
  return { offset: readSize(reader), size: readSize(reader) };
}

function readSize(reader: ByteReader): number {
  const value = readVarint(reader);
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw damaged(reader.where, "a size or position", "a larger number");
  return Number(value);
}

function blockEntries(walk: Walk, handle: Handle): TableEntry[] {
  const { where } = walk;
  const block = readBlock(walk, handle);
  const restarts = new ByteReader(block, where).seek(Math.max(0, block.length - 4)).u32();
  const end = block.length - 4 - 4 * restarts;
  if (end < 0) throw damaged(where, "a block with its list of restarts", "a shorter one");
  const reader = new ByteReader(block, where, 0, end);
  const entries: TableEntry[] = [];
  let previous = "";
  while (reader.left > 0) {
    const [shared, own, length] = [readSize(reader), readSize(reader), readSize(reader)];
    walk.keyBytes += shared + own;
    if (shared > previous.length || shared + own > longestKey || walk.keyBytes > mostKeyBytes) {
      throw damaged(where, `keys of at most ${longestKey} bytes`, "another one");
    }
    const key = previous.slice(0, shared) + String.fromCharCode(...reader.take(own));
    entries.push({ key, value: reader.take(length) });
    previous = key;
  }
  return entries;
}

function readBlock({ bytes, where }: Walk, { offset, size }: Handle): Uint8Array {
  const reader = new ByteReader(bytes, where).seek(Math.min(offset, bytes.length));
  const checked = reader.take(size + 1);
  const stored = reader.u32();
  if (maskedCrc32c(checked) !== stored) throw damaged(where, `the checksum ${stored} of a block`, "another one");
  const contents = checked.subarray(0, size);
  const type = checked[size];
  if (type === 0) return contents;
  if (type === 1) return decodeSnappy(contents, where);
  throw new UnsupportedError(
    `${where}: expected blocks that are not compressed or by Snappy, got type ${type}. Save the checkpoint with TensorFlow's Saver.`,
    { type },
  );
}

export function damaged(where: string, expected: string, got: string): FormatError {
  return new FormatError(
    `${where}: expected ${expected}, got ${got}. The checkpoint is truncated or damaged; save or copy it again.`,
    { expected, got },
  );
}
