/** `load` for files on disk: finds what lies beside a file, and what a folder or the beginning of a name stands for. */
import { readFile, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { FileError } from "../../base/errors.ts";
import type { Loaded, LoadOptions } from "../load.ts";
import type { FileReport } from "../report.ts";
import { readBytes } from "./files.ts";

/**
 * Reads a model or arrays of any format, told by the contents. A path may be a folder of TensorFlow.js or TensorFlow 1, or
 * a checkpoint's prefix; bytes may be given the files beside them by `beside`, and a name for sentences by `where`.
 */
export async function load(
  pathOrBytes: string | Uint8Array,
  options: Omit<LoadOptions, "where" | "beside"> | LoadOptions = {},
): Promise<Loaded> {
  // The formats are many files: they are loaded with the first model of another program.
  const { loadBytes } = await import("../load.ts");
  if (typeof pathOrBytes !== "string") return loadBytes(pathOrBytes, options);
  const file = await fileOf(pathOrBytes);
  return loadBytes(await readBytes(file), { where: file, beside: besideOf(file), ...options });
}

/** What a file holds, also where Recurve can not run it. */
export async function inspectFile(path: string): Promise<FileReport> {
  const file = await fileOf(path);
  const { inspectBytes } = await import("../load.ts");
  return inspectBytes(await readBytes(file), { where: file, beside: besideOf(file) });
}

function besideOf(file: string): (name: string) => Promise<Uint8Array> {
  return (name) => readBytes(join(dirname(file), name));
}

/** The file to begin with: `model.json` of a folder, `model.ckpt-100.index` of `model.ckpt-100`. */
async function fileOf(path: string): Promise<string> {
  const facts = await stat(path).catch(() => undefined);
  if (facts?.isFile() === true) return /\.data-\d{5}-of-\d{5}$/.test(path) ? indexOf(path) : path;
  if (facts === undefined) return (await isFile(`${path}.index`)) ? `${path}.index` : path;
  for (const name of ["model.json", "config.json", "saved_model.pb"])
    if (await isFile(join(path, name))) return join(path, name);
  const checkpoint = await readFile(join(path, "checkpoint"), "utf8").catch(() => "");
  const latest = /^model_checkpoint_path:\s*"([^"\n]+)"/m.exec(checkpoint)?.[1];
  if (latest !== undefined) return `${join(path, basename(latest))}.index`;
  throw new FileError(
    `${path}: expected a file, or a folder with model.json or a checkpoint, got a folder of other things. Give the file inside it.`,
    { path },
  );
}

function indexOf(path: string): string {
  return path.replace(/\.data-\d{5}-of-\d{5}$/, ".index");
}

async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isFile() === true;
}
