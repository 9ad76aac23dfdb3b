/** Crafted zip archives: each must be refused. And good ones to begin from. */
import { deflateRawSync } from "node:zlib";
import { crc32 } from "../../../src/io/crc32.ts";
import { encodeZip } from "../../../src/io/zip.ts";
import type { Seed } from "./mutate.ts";

const text = new TextEncoder().encode("recurrent ".repeat(20));
const plain = encodeZip([
  ["a.npy", text],
  ["b.npy", text],
]);

/** One compressed entry whose directory says what it likes. */
function deflated(contents: Uint8Array, size = contents.length): Uint8Array {
  const packed = new Uint8Array(deflateRawSync(contents, { level: 9 }));
  const bytes = encodeZip([["a.npy", packed]]);
  const view = new DataView(bytes.buffer);
  const central = bytes.length - 22 - 51;
  view.setUint16(central + 10, 8, true);
  view.setUint32(central + 16, crc32(contents), true);
  view.setUint32(central + 24, size, true);
  return bytes;
}

function changed(bytes: Uint8Array, at: number, value: number): Uint8Array {
  const out = bytes.slice();
  new DataView(out.buffer).setUint32(at, value, true);
  return out;
}

const end = plain.length - 22;
const central = end - 2 * 51;

export const seeds: readonly Seed[] = [
  { name: "stored.zip", bytes: plain },
  { name: "deflated.zip", bytes: deflated(text) },
];

export const hostile: readonly Seed[] = [
  { name: "a bomb that says how large it is", bytes: deflated(new Uint8Array(200_000_000)) },
  { name: "a bomb that says it is small", bytes: deflated(new Uint8Array(50_000_000), 100) },
  { name: "a size beyond what deflate can give", bytes: deflated(text, 0xfffffff0) },
  { name: "two entries over the same data", bytes: changed(plain, central + 51 + 42, 0) },
  { name: "two entries of one name", bytes: changed(plain, central + 51 + 46, 0x706e2e61) },
  { name: "a directory that begins behind its end", bytes: changed(plain, end + 16, plain.length) },
  { name: "a directory of 65535 entries", bytes: changed(plain, end + 8, 0xffffffff) },
  { name: "an entry outside of the file", bytes: changed(plain, central + 42, 0x7fffffff) },
  { name: "a stored entry of two sizes", bytes: changed(plain, central + 24, 7) },
  { name: "nothing but a signature", bytes: Uint8Array.of(0x50, 0x4b, 3, 4) },
];
