/** Zip archives read at once, with Node's zlib; `../zip.ts` is the format, and reads them in pages too. */
import { inflateRawSync } from "node:zlib";
import { FormatError } from "../../base/errors.ts";
import { shortened } from "../quoted.ts";
import { checked, listZip, type ZipEntry } from "../zip.ts";

/** The entries of an archive by name, in the order of its directory; each is checked against its CRC. */
export function decodeZip(bytes: Uint8Array, where = "zip"): ReadonlyMap<string, Uint8Array> {
  return new Map(listZip(bytes, where).map((entry) => [entry.name, checked(entry, unpack(entry, where), where)]));
}

/** Exactly `size` bytes; more are refused before they are made. */
function unpack({ name, method, packed, size }: ZipEntry, where: string): Uint8Array {
  if (method === 0) return packed;
  try {
    const data = inflateRawSync(packed, { maxOutputLength: Math.max(1, size) });
    // Not a Buffer, whose slices share memory.
    return new Uint8Array(data.buffer, data.byteOffset, data.length);
  } catch {
    throw new FormatError(
      `${where}: "${shortened(name)}": expected ${size} bytes of compressed data, got something else. The file is truncated or damaged; save or download it again.`,
    );
  }
}
