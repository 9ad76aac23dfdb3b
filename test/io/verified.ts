/**
 * Files that Recurve writes and another program has opened: what that program found is recorded with the digest of the bytes,
 * so that a file that would be written otherwise today is noticed. `RECURVE_WRITTEN=<folder> npx vitest run test/io/written`
 * writes all files; the `verify.py` of a format opens them there, and with `--record` keeps what it found.
 */
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

/** A file, and the arrays that the other program must agree with: `in.<name>` and `out.<name>`. */
export interface WrittenFile {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly npz: Uint8Array;
}

/** What a `verify.py` has recorded. */
interface Verified {
  readonly peer: string;
  readonly files: Readonly<Record<string, { readonly sha256: string; readonly difference: number }>>;
}

/** Tests of one format: every file is the one that was verified, and was within the tolerance. */
export function testVerified(format: string, written: () => Promise<readonly WrittenFile[]>): void {
  test(`${format}: every file that is written has been opened by its program, with equal numbers`, async () => {
    const files = await written();
    const folder = process.env.RECURVE_WRITTEN;
    if (folder !== undefined) write(join(folder, format), files);
    const url = new URL(`fixtures/${format}/verified.json`, import.meta.url);
    const { files: known } = JSON.parse(readFileSync(url, "utf8")) as Verified;
    expect(files.map(({ name }) => name).sort()).toEqual(Object.keys(known).sort());
    const changed = files.filter(({ name, bytes }) => digest(bytes) !== known[name]?.sha256).map(({ name }) => name);
    expect(changed, `verify these again: ${folder ?? "RECURVE_WRITTEN=<folder>"}`).toEqual([]);
    for (const { name } of files) expect(known[name].difference, name).toBeLessThan(1e-5);
  });
}

function digest(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

function write(folder: string, files: readonly WrittenFile[]): void {
  mkdirSync(folder, { recursive: true });
  for (const { name, bytes, npz } of files) {
    writeFileSync(join(folder, name), bytes);
    writeFileSync(join(folder, `${name}.npz`), npz);
  }
}
