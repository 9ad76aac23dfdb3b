/**
 * Zip archives in memory: reads stored and deflated entries, writes stored ones with a fixed date, so that equal
 * contents give equal bytes. No encryption, no archives above 4 GiB, no folders on disk.
 */
import { crc32, inflateRawSync } from "node:zlib";
import { FormatError, UnsupportedError } from "../../base/errors.ts";

const localSignature = 0x04034b50;
const centralSignature = 0x02014b50;
const endSignature = 0x06054b50;
/** No DEFLATE stream expands more than 1032 times. */
const maximumExpansion = 1040;
/** 1 January 1980, the zero of zip's calendar. */
const fixedDate = 0x21;

/** Bytes of an archive with uncompressed entries. */
export function encodeZip(entries: Readonly<Record<string, Uint8Array>>): Uint8Array {
  const files = Object.entries(entries).map(([name, data]) => ({
    name: new TextEncoder().encode(name),
    data,
    crc: crc32(data),
  }));
  const localLength = files.reduce((sum, { name, data }) => sum + 30 + name.length + data.length, 0);
  const centralLength = files.reduce((sum, { name }) => sum + 46 + name.length, 0);
  if (localLength + centralLength + 22 > 0xffffffff || files.length > 0xffff) {
    throw new UnsupportedError(
      "zip: expected at most 4 GiB and 65535 entries, got more. Split the arrays over several files.",
      {},
    );
  }
  const bytes = new Uint8Array(localLength + centralLength + 22);
  const view = new DataView(bytes.buffer);
  let local = 0;
  let central = localLength;
  for (const { name, data, crc } of files) {
    view.setUint32(local, localSignature, true);
    writeFacts(view, local + 4, crc, data.length, name.length);
    bytes.set(name, local + 30);
    bytes.set(data, local + 30 + name.length);
    view.setUint32(central, centralSignature, true);
    view.setUint16(central + 4, 20, true);
    writeFacts(view, central + 6, crc, data.length, name.length);
    view.setUint32(central + 42, local, true);
    bytes.set(name, central + 46);
    local += 30 + name.length + data.length;
    central += 46 + name.length;
  }
  view.setUint32(central, endSignature, true);
  view.setUint16(central + 8, files.length, true);
  view.setUint16(central + 10, files.length, true);
  view.setUint32(central + 12, centralLength, true);
  view.setUint32(central + 16, localLength, true);
  return bytes;
}

/** The entries of an archive by name, in the order of its directory; each is checked against its CRC. */
export function decodeZip(bytes: Uint8Array, where = "zip"): Record<string, Uint8Array> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const end = findEnd(view, where);
  const count = view.getUint16(end + 10, true);
  let at = view.getUint32(end + 16, true);
  const entries: [string, Uint8Array][] = [];
  for (let i = 0; i < count; i++) {
    if (at + 46 > end || view.getUint32(at, true) !== centralSignature)
      damaged(where, `a directory of ${count} entries`);
    const nameLength = view.getUint16(at + 28, true);
    const next = at + 46 + nameLength + view.getUint16(at + 30, true) + view.getUint16(at + 32, true);
    if (next > end) damaged(where, `a directory of ${count} entries`);
    const name = new TextDecoder().decode(bytes.subarray(at + 46, at + 46 + nameLength));
    entries.push([name, readEntry(bytes, view, at, `${where}: "${name}"`)]);
    at = next;
  }
  return Object.fromEntries(entries);
}

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

/** The end record lies in the last 22 bytes, or earlier when a comment follows it. */
function findEnd(view: DataView, where: string): number {
  const lowest = Math.max(0, view.byteLength - 22 - 0xffff);
  for (let at = view.byteLength - 22; at >= lowest; at--) if (view.getUint32(at, true) === endSignature) return at;
  throw new FormatError(
    `${where}: expected a zip archive with a directory at its end, got ${view.byteLength} bytes without one. The file is truncated or not a zip archive; save or download it again.`,
    {
      length: view.byteLength,
    },
  );
}

function readEntry(bytes: Uint8Array, view: DataView, central: number, where: string): Uint8Array {
  const method = view.getUint16(central + 10, true);
  const crc = view.getUint32(central + 16, true);
  const packed = view.getUint32(central + 20, true);
  const size = view.getUint32(central + 24, true);
  const local = view.getUint32(central + 42, true);
  if (view.getUint16(central + 8, true) & 1) {
    throw new UnsupportedError(
      `${where}: expected a plain entry, got an encrypted one. Save the archive without a password.`,
      {},
    );
  }
  if (packed === 0xffffffff || size === 0xffffffff || local === 0xffffffff) {
    throw new UnsupportedError(
      `${where}: expected an entry below 4 GiB, got a larger one. Split the arrays over several files.`,
      {},
    );
  }
  if (local + 30 > bytes.length || view.getUint32(local, true) !== localSignature)
    damaged(where, "an entry where the directory points");
  const start = local + 30 + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
  if (start + packed > bytes.length) damaged(where, `${packed} bytes of data`);
  const data = unpack(bytes.subarray(start, start + packed), method, size, where);
  if (crc32(data) !== crc) damaged(where, "contents that match their checksum");
  return data;
}

function unpack(source: Uint8Array, method: number, size: number, where: string): Uint8Array {
  if (method === 0 && size === source.length) return source;
  if (method === 0) damaged(where, `${size} stored bytes`);
  if (method !== 8) {
    throw new UnsupportedError(
      `${where}: expected a stored or deflated entry, got compression method ${method}. Save it with numpy.savez or numpy.savez_compressed.`,
      {
        method,
      },
    );
  }
  if (size > source.length * maximumExpansion)
    damaged(where, `at most ${source.length * maximumExpansion} bytes from ${source.length} compressed ones`);
  return inflate(source, size, where);
}

/** Exactly `size` bytes; more are refused before they are made. */
function inflate(source: Uint8Array, size: number, where: string): Uint8Array {
  let data: Uint8Array | undefined;
  try {
    data = inflateRawSync(source, { maxOutputLength: Math.max(1, size) });
  } catch {
    damaged(where, `${size} bytes of compressed data`);
  }
  if (data?.length !== size) damaged(where, `${size} bytes of compressed data`);
  // Not a Buffer, whose slices share memory.
  return new Uint8Array(data.buffer, data.byteOffset, data.length);
}

function damaged(where: string, expected: string): never {
  throw new FormatError(
    `${where}: expected ${expected}, got something else. The file is truncated or damaged; save it again.`,
    {},
  );
}
