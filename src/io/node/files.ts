/**
 * Whole files on disk: read with sentences that say what is wrong, written so that a reader sees the old contents or
 * the new ones and never a half.
 */
import { randomBytes } from "node:crypto";
import { access, constants, mkdir, open, readdir, realpath, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { FileError } from "../../base/errors.ts";
import { nearestName } from "../../base/nearest.ts";

/** The bytes of a file; FileError with a sentence where that can not be. */
export async function readBytes(path: string): Promise<Uint8Array> {
  try {
    return await readWhole(path);
  } catch (error) {
    throw await readError(path, codeOf(error), error);
  }
}

/** Into one array from the beginning: `readFile` puts pieces together, and large files would be in memory twice. */
async function readWhole(path: string): Promise<Uint8Array> {
  const file = await open(path, "r");
  try {
    const { size } = await file.stat();
    const bytes = new Uint8Array(size);
    let at = 0;
    while (at < size) {
      const { bytesRead } = await file.read(bytes, at, size - at);
      if (bytesRead === 0) break;
      at += bytesRead;
    }
    // What has no size beforehand, such as a pipe, or has grown meanwhile.
    const rest = await file.readFile();
    if (rest.length === 0) return bytes.subarray(0, at);
    const whole = new Uint8Array(at + rest.length);
    whole.set(bytes.subarray(0, at));
    whole.set(rest, at);
    return whole;
  } finally {
    await file.close();
  }
}

/**
 * Writes to a new file in the same folder, waits until the disk has it, and renames it over `path`. Missing folders
 * are made. A write that fails leaves what was there before. A link is followed, not replaced.
 */
export async function writeBytes(path: string, bytes: Uint8Array): Promise<void> {
  const target = await realpath(path).catch(() => resolve(path));
  const folder = dirname(target);
  const temporary = join(folder, `.${basename(target)}.${randomBytes(6).toString("hex")}.tmp`);
  try {
    await mkdir(folder, { recursive: true });
    const file = await open(temporary, "wx");
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, target);
    await syncFolder(folder);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw writeError(path, codeOf(error), error);
  }
}

/** Raises the FileError that writing to `path` would end in, before the work whose result goes there. Makes its folders. */
export async function expectWritable(path: string): Promise<void> {
  try {
    if ((await stat(path).catch(() => undefined))?.isDirectory()) throw Object.assign(new Error(), { code: "EISDIR" });
    await mkdir(dirname(resolve(path)), { recursive: true });
    await access(dirname(resolve(path)), constants.W_OK);
  } catch (error) {
    throw writeError(path, codeOf(error), error);
  }
}

/** The FileError for a path that can not be read: missing (with the nearest name beside it), a folder, forbidden. */
export async function readError(path: string, code: string, cause: unknown): Promise<FileError> {
  const data = { path, code };
  if (code === "ENOENT" || code === "ENOTDIR") {
    const missing = await firstMissing(path);
    const near = nearestName(basename(missing), await readdir(dirname(missing)).catch(() => []));
    const hint = near === undefined ? "Check the path" : `Did you mean ${join(dirname(missing), near)}?`;
    return new FileError(
      `${path}: expected a file, got none of this name. ${hint}${near === undefined ? "." : ""}`,
      data,
    );
  }
  if (code === "EISDIR") return new FileError(`${path}: expected a file, got a folder. Give the file inside it.`, data);
  if (code === "EACCES" || code === "EPERM") {
    return new FileError(
      `${path}: expected a file that may be read, got "permission denied". Change its permissions.`,
      data,
    );
  }
  return new FileError(`${path}: the file could not be read (${messageOf(cause)}). Check the disk and the path.`, data);
}

/** A rename survives a crash once its folder is on disk. Not every file system can do this; none is harmed by trying. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r").catch(() => undefined);
  await handle?.sync().catch(() => undefined);
  await handle?.close();
}

async function firstMissing(path: string): Promise<string> {
  let missing = resolve(path);
  while (dirname(missing) !== missing) {
    const parentExists = await access(dirname(missing)).then(
      () => true,
      () => false,
    );
    if (parentExists) return missing;
    missing = dirname(missing);
  }
  return missing;
}

function writeError(path: string, code: string, cause: unknown): FileError {
  const data = { path, code };
  if (code === "EISDIR")
    return new FileError(`${path}: expected a file name to write to, got a folder. Add a file name.`, data);
  if (code === "ENOTDIR" || code === "EEXIST") {
    return new FileError(`${path}: expected a folder above this name, got a file. Choose another folder.`, data);
  }
  if (code === "EACCES" || code === "EPERM" || code === "EROFS") {
    return new FileError(
      `${path}: expected a folder that may be written to, got "permission denied". Choose another place.`,
      data,
    );
  }
  if (code === "ENOSPC")
    return new FileError(`${path}: the disk is full; the old file is untouched. Free some space.`, data);
  return new FileError(
    `${path}: the file could not be written (${messageOf(cause)}). The old file is untouched.`,
    data,
  );
}

function codeOf(error: unknown): string {
  return typeof error === "object" && error !== null && "code" in error ? String(error.code) : "";
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
