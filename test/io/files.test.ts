/** Whole files: what is written is read, a failed write leaves the old contents, and errors are sentences. */
import { chmod, lstat, mkdtemp, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { FileError } from "../../src/base/errors.ts";
import { readBytes, writeBytes } from "../../src/io/node/files.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "recurve-files-"));
});
afterAll(() => rm(folder, { recursive: true }));

test("bytes that were written are read back, missing folders are made, and no temporary file stays", async () => {
  const path = join(folder, "new", "deep", "a.bin");
  await writeBytes(path, Uint8Array.of(1, 2, 3));
  await writeBytes(path, Uint8Array.of(4));
  expect(await readBytes(path)).toEqual(Uint8Array.of(4));
  expect(await readdir(join(folder, "new", "deep"))).toEqual(["a.bin"]);
});

test("a write that fails leaves the old file and no temporary file", async () => {
  const path = join(folder, "kept.bin");
  await writeBytes(path, Uint8Array.of(1));
  const broken = {
    get length(): number {
      throw new Error("no more bytes");
    },
  } as unknown as Uint8Array;
  await expect(writeBytes(path, broken)).rejects.toThrow(FileError);
  expect(await readBytes(path)).toEqual(Uint8Array.of(1));
  expect((await readdir(folder)).filter((name) => name.endsWith(".tmp"))).toEqual([]);
});

test("a link keeps pointing at its file, which gets the new contents", async () => {
  const path = join(folder, "target.bin");
  const link = join(folder, "link.bin");
  await writeBytes(path, Uint8Array.of(1));
  await symlink(path, link);
  await writeBytes(link, Uint8Array.of(2));
  expect((await lstat(link)).isSymbolicLink()).toBe(true);
  expect(await readBytes(path)).toEqual(Uint8Array.of(2));
});

test("a missing file, a folder and a file in place of a folder are sentences with what to do", async () => {
  await writeFile(join(folder, "model.safetensors"), "x");
  await expect(readBytes(join(folder, "modle.safetensors"))).rejects.toThrow(
    /expected a file, got none of this name\. Did you mean .*model\.safetensors\?$/,
  );
  await expect(readBytes(join(folder, "zzz", "model.safetensors"))).rejects.toThrow(
    /none of this name\. Check the path\.$/,
  );
  await expect(readBytes(folder)).rejects.toThrow(/expected a file, got a folder/);
  await expect(writeBytes(folder, Uint8Array.of(1))).rejects.toThrow(/expected a file name to write to, got a folder/);
  await expect(writeBytes(join(folder, "model.safetensors", "x"), Uint8Array.of(1))).rejects.toThrow(
    /expected a folder above this name, got a file/,
  );
});

test("a folder without permission is a sentence", async ({ skip }) => {
  skip(process.getuid?.() === 0, "root may write everywhere");
  const locked = join(folder, "locked");
  await writeBytes(join(locked, "a"), Uint8Array.of(1));
  await chmod(locked, 0o500);
  await expect(writeBytes(join(locked, "b"), Uint8Array.of(1))).rejects.toThrow(/permission denied/);
  await chmod(locked, 0o700);
});
