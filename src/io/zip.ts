/**
 * Zip archives in memory, in Node and in pages: reads stored and deflated entries, writes stored ones with a fixed date, so
 * that equal contents give equal bytes. Entries above 4 GiB, encrypted ones and archives in parts are refused.
 * Format: APPNOTE.TXT of PKWARE, version 6.3.
 */
import { FormatError, UnsupportedError } from "../base/errors.ts";
import { ByteReader } from "./bytes.ts";
import { crc32 } from "./crc32.ts";
import { shortened } from "./quoted.ts";

/** A member as the directory describes it; its data is checked when it is read. */
export interface ZipEntry {
  readonly name: string;
  /** 0 stored, 8 deflated. */
  readonly method: number;
  /** Bytes of its contents. */
  readonly size: number;
  /** The data as it lies in the archive. */
  readonly packed: Uint8Array;
  readonly crc: number;
}

const localSignature = 0x04034b50;
const centralSignature = 0x02014b50;
const endSignature = 0x06054b50;
const end64Signature = 0x06064b50;
const locator64Signature = 0x07064b50;
/** In place of a number that stands in the zip64 fields. */
const elsewhere = 0xffffffff;
/** No DEFLATE stream expands more than 1032 times. */
const maximumExpansion = 1040;
/** What all entries together may hold: far more than weights, which hardly shrink, and far less than a bomb. */
const largestContents = (archive: number): number => 2 ** 26 + 100 * archive;
/** 1 January 1980, the zero of zip's calendar. */
const fixedDate = 0x21;

/** The directory of an archive, checked: every entry lies within the bytes and apart from all others. */
export function listZip(bytes: Uint8Array, where: string): readonly ZipEntry[] {
  const { count, start, end } = findDirectory(bytes, where);
  const reader = new ByteReader(bytes, where, start, end);
  const entries: (ZipEntry & { readonly begin: number; readonly end: number })[] = [];
  const names = new Set<string>();
  let total = 0;
  for (let i = 0; i < count; i++) {
    const entry = readEntry(bytes, reader, where);
    if (names.has(entry.name)) damaged(where, "names that differ", `${shortened(entry.name)} twice`);
    names.add(entry.name);
    total += entry.size;
    if (total > largestContents(bytes.length)) {
      damaged(where, `at most ${largestContents(bytes.length)} bytes of contents in ${bytes.length}`, "more");
    }
    entries.push(entry);
  }
  const placed = entries.toSorted((a, b) => a.begin - b.begin);
  const overlap = placed.find(({ begin }, i) => i > 0 && begin < placed[i - 1].end);
  if (overlap !== undefined) damaged(where, "entries that lie apart", `${shortened(overlap.name)} inside another`);
  return entries;
}

/**
 * The contents of an archive by name, of all members or of those that are `wanted`, in the order of the directory. Stored
 * ones are views of `bytes`. Each is checked against its length and checksum.
 */
export async function readZip(
  bytes: Uint8Array,
  where: string,
  wanted: (name: string) => boolean = () => true,
): Promise<ReadonlyMap<string, Uint8Array>> {
  const contents = new Map<string, Uint8Array>();
  for (const entry of listZip(bytes, where)) {
    if (!wanted(entry.name)) continue;
    const data = entry.method === 0 ? entry.packed : await inflate(entry, where);
    contents.set(entry.name, checked(entry, data, where));
  }
  return contents;
}

/** The data of an entry, if it has the length and the checksum that the directory says. */
export function checked({ name, size, crc }: ZipEntry, data: Uint8Array, where: string): Uint8Array {
  const own = `${where}: "${shortened(name)}"`;
  if (data.length !== size) damaged(own, `${size} bytes of contents`, String(data.length));
  if (crc32(data) !== crc) damaged(own, "contents that match their checksum", "others");
  return data;
}

/** Bytes of an archive with uncompressed entries; data of each begins at a multiple of `align`. */
export function encodeZip(
  entries: Iterable<readonly [name: string, data: Uint8Array]>,
  { align = 1 }: { readonly align?: number } = {},
): Uint8Array {
  let at = 0;
  const files = [...entries].map(([text, data]) => {
    const name = new TextEncoder().encode(text);
    const start = at;
    // An extra field needs four bytes for itself.
    const gap = (align - ((start + 30 + name.length) % align)) % align;
    const extra = gap === 0 ? 0 : gap < 4 ? gap + Math.ceil(4 / align) * align : gap;
    at += 30 + name.length + extra + data.length;
    return { name, data, start, extra, crc: crc32(data) };
  });
  const directory = files.reduce((sum, { name }) => sum + 46 + name.length, 0);
  if (at + directory + 22 > elsewhere || files.length > 0xffff) {
    throw new UnsupportedError(
      "zip: expected at most 4 GiB and 65535 entries, got more. Split the arrays over several files.",
    );
  }
  const bytes = new Uint8Array(at + directory + 22);
  const view = new DataView(bytes.buffer);
  let central = at;
  for (const { name, data, start, extra, crc } of files) {
    view.setUint32(start, localSignature, true);
    writeFacts(view, start + 4, crc, data.length, name.length);
    bytes.set(name, start + 30);
    if (extra > 0) {
      view.setUint16(start + 28, extra, true);
      view.setUint16(start + 30 + name.length, paddingField, true);
      view.setUint16(start + 32 + name.length, extra - 4, true);
    }
    bytes.set(data, start + 30 + name.length + extra);
    view.setUint32(central, centralSignature, true);
    view.setUint16(central + 4, 20, true);
    writeFacts(view, central + 6, crc, data.length, name.length);
    view.setUint32(central + 42, start, true);
    bytes.set(name, central + 46);
    central += 46 + name.length;
  }
  view.setUint32(central, endSignature, true);
  view.setUint16(central + 8, files.length, true);
  view.setUint16(central + 10, files.length, true);
  view.setUint32(central + 12, directory, true);
  view.setUint32(central + 16, at, true);
  return bytes;
}

/** An extra field that nobody reads: "FB", as PyTorch names the one that it aligns with. */
const paddingField = 0x4246;

/** The fields that local and central headers share, from "version needed" on. Bit 11: names are UTF-8. */
function writeFacts(view: DataView, at: number, crc: number, size: number, nameLength: number): void {
  view.setUint16(at, 20, true);
  view.setUint16(at + 2, 1 << 11, true);
  view.setUint16(at + 8, fixedDate, true);
  view.setUint32(at + 10, crc, true);
  view.setUint32(at + 14, size, true);
  view.setUint32(at + 18, size, true);
  view.setUint16(at + 22, nameLength, true);
}

interface Directory {
  readonly count: number;
  readonly start: number;
  readonly end: number;
}

/** The end record lies in the last 22 bytes, or earlier when a comment follows it; a zip64 one before it. */
function findDirectory(bytes: Uint8Array, where: string): Directory {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const lowest = Math.max(0, bytes.length - 22 - 0xffff);
  for (let at = bytes.length - 22; at >= lowest; at--) {
    if (view.getUint32(at, true) !== endSignature) continue;
    const isLarge = at >= 20 && view.getUint32(at - 20, true) === locator64Signature;
    if (isLarge) return directory64(bytes, new ByteReader(bytes, where, at - 12).size(), where);
    const start = view.getUint32(at + 16, true);
    if (start > at) damaged(where, "a directory before its end", `one at ${start}`);
    return { count: view.getUint16(at + 10, true), start, end: at };
  }
  throw new FormatError(
    `${where}: expected a zip archive with a directory at its end, got ${bytes.length} bytes without one. The file is truncated or not a zip archive; save or download it again.`,
    { length: bytes.length },
  );
}

function directory64(bytes: Uint8Array, at: number, where: string): Directory {
  const reader = new ByteReader(bytes, where).seek(Math.min(at, bytes.length));
  if (reader.u32() !== end64Signature) damaged(where, "the end of a zip64 directory", "something else");
  const count = reader.skip(28).size();
  const start = reader.skip(8).size();
  if (start > at) damaged(where, "a directory before its end", `one at ${start}`);
  return { count, start, end: at };
}

/** Reads one entry of the directory, and where its data lies. */
function readEntry(
  bytes: Uint8Array,
  reader: ByteReader,
  where: string,
): ZipEntry & { readonly begin: number; readonly end: number } {
  if (reader.u32() !== centralSignature) damaged(where, "an entry of the directory", "something else");
  const flags = reader.skip(4).u16();
  const method = reader.u16();
  const crc = reader.skip(4).u32();
  const [packedSize, size] = [reader.u32(), reader.u32()];
  const [nameLength, extraLength, commentLength] = [reader.u16(), reader.u16(), reader.u16()];
  const begin = reader.skip(8).u32();
  const name = new TextDecoder().decode(reader.take(nameLength));
  const extra = reader.part(extraLength);
  reader.skip(commentLength);
  const facts = withZip64({ size, packedSize, begin }, extra);
  const own = `${where}: "${shortened(name)}"`;
  if ((flags & 1) !== 0) unsupported(own, "a plain entry", "an encrypted one", "Save the archive without a password");
  if (method !== 0 && method !== 8) {
    unsupported(
      own,
      "a stored or deflated entry",
      `compression method ${method}`,
      "Save it uncompressed (numpy.savez)",
    );
  }
  if (facts.size > facts.packedSize * maximumExpansion + 1024 || (method === 0 && facts.size !== facts.packedSize)) {
    damaged(
      own,
      `at most ${maximumExpansion} bytes of contents for each in the archive`,
      `${facts.size} for ${facts.packedSize}`,
    );
  }
  const local = new ByteReader(bytes, own).seek(Math.min(facts.begin, bytes.length));
  if (local.u32() !== localSignature) damaged(own, "an entry where the directory points", "something else");
  const localName = local.skip(22).u16();
  const packed = local.skip(local.u16() + localName).take(facts.packedSize);
  return { name, method, size: facts.size, packed, crc, begin: facts.begin, end: local.at };
}

interface Places {
  readonly size: number;
  readonly packedSize: number;
  readonly begin: number;
}

/** Replaces the numbers that stand in the extra field of zip64, which holds only those, in this order. */
function withZip64(places: Places, extra: ByteReader): Places {
  while (extra.left >= 4) {
    const [kind, length] = [extra.u16(), extra.u16()];
    const field = extra.part(Math.min(length, extra.left));
    if (kind !== 1) continue;
    const read = (value: number): number => (value === elsewhere ? field.size() : value);
    const size = read(places.size);
    const packedSize = read(places.packedSize);
    return { size, packedSize, begin: read(places.begin) };
  }
  return places;
}

/** At most `size` bytes are made, and one chunk beyond; whoever asked checks that they are all. */
async function inflate({ name, packed, size }: ZipEntry, where: string): Promise<Uint8Array> {
  const data = new Uint8Array(size);
  let at = 0;
  // A copy, since a stream takes no view of shared memory.
  const stream = new Blob([packed.slice()]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  const reader = stream.getReader();
  try {
    for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) {
      if (at + chunk.value.length > size) break;
      data.set(chunk.value, at);
      at += chunk.value.length;
    }
  } catch {
    damaged(`${where}: "${shortened(name)}"`, "compressed data", "bytes that are none");
  } finally {
    await reader.cancel().catch(() => undefined);
  }
  return at === size ? data : data.subarray(0, at);
}

function damaged(where: string, expected: string, got: string): never {
  throw new FormatError(
    `${where}: expected ${expected}, got ${got}. The file is truncated or damaged; save or download it again.`,
  );
}

function unsupported(where: string, expected: string, got: string, remedy: string): never {
  throw new UnsupportedError(`${where}: expected ${expected}, got ${got}. ${remedy}.`);
}
