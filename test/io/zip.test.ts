/** Zip archives: both readers on the same bytes, what is written, and what is refused. */
import { crc32 as crcOfNode, deflateRawSync } from "node:zlib";
import { expect, test } from "vitest";
import { FormatError, UnsupportedError } from "../../src/base/errors.ts";
import { plainCrc32 } from "../../src/io/crc32.ts";
import { decodeZip } from "../../src/io/node/zip.ts";
import { encodeZip, listZip, readZip } from "../../src/io/zip.ts";

const text = new TextEncoder().encode("recurrent ".repeat(50));

test("the checksum is that of zlib, at every length of a group of eight", () => {
  const bytes = Uint8Array.from({ length: 1031 }, (_, i) => (i * i * 31) & 255);
  for (let length = 0; length < 20; length++)
    expect(plainCrc32(bytes.subarray(length))).toBe(crcOfNode(bytes.subarray(length)));
});

test("stored entries are views of the archive, which begin where they are asked to", async () => {
  const entries = [
    ["a", Uint8Array.of(1, 2, 3)],
    ["folder/b.txt", text],
    ["c", new Uint8Array()],
  ] as const;
  for (const align of [1, 4, 64]) {
    const archive = encodeZip(entries, { align });
    const read = await readZip(archive, "x.zip");
    expect([...read]).toEqual(entries);
    expect(decodeZip(archive)).toEqual(read);
    for (const [, data] of read) {
      expect(data.buffer).toBe(archive.buffer);
      expect(data.byteOffset % align).toBe(0);
    }
  }
});

test("an archive with compressed entries is read, and a changed byte is found by the checksum", async () => {
  const archive = deflatedArchive("a.txt", text);
  expect(decodeZip(archive).get("a.txt")).toEqual(text);
  expect((await readZip(archive, "x.zip")).get("a.txt")).toEqual(text);
  const changed = archive.slice();
  changed[14 + archive.length - 22 - 46 - 5 + 2] ^= 1; // one bit of the CRC in the directory
  expect(() => decodeZip(changed)).toThrow(FormatError);
  await expect(readZip(changed, "x.zip")).rejects.toThrow(/checksum/);
});

test("only what is wanted is inflated", async () => {
  const archive = encodeZip([
    ["good", text],
    ["bad", text],
  ]);
  archive[archive.length - 22 - 49 + 16] ^= 255; // the CRC of "bad" in the directory
  expect([...(await readZip(archive, "x.zip", (name) => name === "good")).keys()]).toEqual(["good"]);
  await expect(readZip(archive, "x.zip")).rejects.toThrow(/"bad".*checksum/);
});

test("an archive that announces more than DEFLATE can give is refused before memory is taken", async () => {
  const archive = deflatedArchive("a.txt", new Uint8Array(10));
  const central = archive.length - 22 - 46 - 5;
  new DataView(archive.buffer).setUint32(central + 24, 0xfffffff0, true);
  expect(() => decodeZip(archive)).toThrow(/expected at most \d+ bytes of contents for each/);
  await expect(readZip(archive, "x.zip")).rejects.toThrow(FormatError);
});

test("an entry that gives more than it announces is stopped there", async () => {
  const archive = deflatedArchive("a.txt", new Uint8Array(1e6));
  const central = archive.length - 22 - 46 - 5;
  new DataView(archive.buffer).setUint32(central + 24, 1000, true);
  expect(() => decodeZip(archive)).toThrow(FormatError);
  await expect(readZip(archive, "x.zip")).rejects.toThrow(FormatError);
});

test("entries that overlap, or have one name, are refused", () => {
  const archive = encodeZip([
    ["a", text],
    ["b", text],
  ]);
  const second = archive.length - 22 - 47;
  const overlapping = archive.slice();
  new DataView(overlapping.buffer).setUint32(second + 42, 0, true);
  expect(() => listZip(overlapping, "x.zip")).toThrow(/lie apart/);
  const doubled = archive.slice();
  doubled[second + 46] = "a".charCodeAt(0);
  expect(() => listZip(doubled, "x.zip")).toThrow(/names that differ/);
});

test("a password-protected or foreign-method entry is Unsupported, with what to do", () => {
  const archive = encodeZip([["a", Uint8Array.of(1)]]);
  const central = archive.length - 22 - 46 - 1;
  const locked = archive.slice();
  locked[central + 8] |= 1;
  expect(() => decodeZip(locked)).toThrow(UnsupportedError);
  const exotic = archive.slice();
  exotic[central + 10] = 93;
  expect(() => decodeZip(exotic)).toThrow(/compression method 93.*numpy\.savez/);
});

/** One deflated entry, with the sizes only in the directory, as streaming writers do. */
function deflatedArchive(name: string, contents: Uint8Array): Uint8Array {
  const packed = new Uint8Array(deflateRawSync(contents));
  const stored = encodeZip([[name, packed]]);
  const central = stored.length - 22 - 46 - name.length;
  const view = new DataView(stored.buffer);
  view.setUint16(central + 10, 8, true);
  view.setUint32(central + 16, plainCrc32(contents), true);
  view.setUint32(central + 24, contents.length, true);
  return stored;
}
