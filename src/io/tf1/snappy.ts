/** The raw Snappy format (https://github.com/google/snappy/blob/main/format_description.txt): decompression only. */
import { FormatError } from "../../base/errors.ts";
import { ByteReader } from "../bytes.ts";

/** No element of three bytes makes more than 64: what says that it is longer is no Snappy. */
const mostGrowth = 64;

/** The bytes that were compressed. Memory is taken only once the stated length is known to be possible. */
export function decodeSnappy(bytes: Uint8Array, where: string): Uint8Array {
  const reader = new ByteReader(bytes, where);
  const length = readLength(reader);
  if (length > mostGrowth * bytes.length) throw damaged(where);
  const out = new Uint8Array(length);
  let end = 0;
  while (reader.left > 0) {
    const tag = reader.u8();
    if ((tag & 3) === 0) {
      const literal = reader.take(literalLength(reader, tag >> 2));
      if (end + literal.length > length) throw damaged(where);
      out.set(literal, end);
      end += literal.length;
    } else {
      const { size, offset } = readCopy(reader, tag);
      if (offset === 0 || offset > end || end + size > length) throw damaged(where);
      // One by one: what is copied may be what was just written.
      for (let i = 0; i < size; i++, end++) out[end] = out[end - offset];
    }
  }
  if (end !== length) throw damaged(where);
  return out;
}

function readLength(reader: ByteReader): number {
  let value = 0;
  for (let shift = 0; shift < 35; shift += 7) {
    const byte = reader.u8();
    value += (byte & 127) * 2 ** shift;
    if (byte < 128) return value;
  }
  throw damaged(reader.where);
}

/** Six bits hold lengths to 60; above that they say how many bytes follow with the length. */
function literalLength(reader: ByteReader, bits: number): number {
  return bits < 60 ? bits + 1 : reader.size(bits - 59) + 1;
}

function readCopy(reader: ByteReader, tag: number): { size: number; offset: number } {
  if ((tag & 3) === 1) return { size: ((tag >> 2) & 7) + 4, offset: ((tag >> 5) << 8) | reader.u8() };
  return { size: (tag >> 2) + 1, offset: (tag & 3) === 2 ? reader.u16() : reader.u32() };
}

function damaged(where: string): FormatError {
  return new FormatError(
    `${where}: expected Snappy data of its stated length, got something else. The file is damaged; save or copy it again.`,
  );
}
