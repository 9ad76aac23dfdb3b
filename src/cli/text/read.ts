/**
 * Reads training text: files as given, folders recursively. A folder gives its text files by extension; hidden
 * folders, node_modules, dist and other build folders, and files that are not UTF-8 are left out and counted.
 */
import { readdir, readFile, stat } from "node:fs/promises";
import { extname, join } from "node:path";
import { FileError } from "../../base/errors.ts";
import { readError } from "../../io/node/files.ts";

export interface TextFile {
  readonly path: string;
  readonly text: string;
}

export interface TextCollection {
  /** In alphabetical order within each path given. */
  readonly files: readonly TextFile[];
  /** Files of a text extension that were left out because they are empty, larger than the limit or not UTF-8. */
  readonly skipped: readonly string[];
}

/** What counts as text inside a folder. A file that is named on the command line is read whatever its extension. */
export const textExtensions: readonly string[] = [
  ...[".txt", ".text", ".md", ".markdown", ".rst", ".tex", ".csv", ".tsv", ".json", ".xml", ".html", ".css", ".abc"],
  ...[".ts", ".tsx", ".mts", ".js", ".jsx", ".mjs", ".cjs", ".py", ".c", ".h", ".cc", ".cpp", ".hpp", ".rs", ".go"],
  ...[
    ".java",
    ".kt",
    ".swift",
    ".rb",
    ".php",
    ".sh",
    ".sql",
    ".r",
    ".jl",
    ".lua",
    ".hs",
    ".ml",
    ".scala",
    ".yml",
    ".yaml",
    ".toml",
  ],
];

export const skippedFolders: readonly string[] = [
  "node_modules",
  "dist",
  "build",
  "out",
  "target",
  "coverage",
  "vendor",
  "runs",
];

/** A file in a folder that is larger than this is taken for data, not text. */
const largestFileInFolder = 4 * 2 ** 20;

export interface ReadOptions {
  /** Extensions to take inside folders; `textExtensions` when absent. */
  readonly extensions?: readonly string[];
}

/** Reads every path. Raises FileError for a missing one, too where nothing is left to read. */
export async function readTexts(
  paths: readonly string[],
  { extensions = textExtensions }: ReadOptions = {},
): Promise<TextCollection> {
  const files: TextFile[] = [];
  const skipped: string[] = [];
  const seen = new Set<string>();
  for (const path of paths) {
    for (const { file, named } of await listFiles(path, extensions)) {
      if (seen.has(file)) continue;
      seen.add(file);
      const text = await readText(file, named);
      if (text === undefined) skipped.push(file);
      else files.push({ path: file, text });
    }
  }
  if (files.length > 0) return { files, skipped };
  throw new FileError(
    `text: expected files to read, got none in ${paths.join(", ")}${skipped.length > 0 ? ` (${skipped.length} were not text)` : ""}. Name the files themselves, or a folder with ${extensions.slice(0, 4).join(", ")}, ... files.`,
    { paths, skipped },
  );
}

async function listFiles(path: string, extensions: readonly string[]): Promise<{ file: string; named: boolean }[]> {
  const facts = await stat(path).catch(async (error) => {
    throw await readError(path, String(error.code), error);
  });
  if (!facts.isDirectory()) return [{ file: path, named: true }];
  const found: string[] = [];
  await walk(path, extensions, found);
  return found.map((file) => ({ file, named: false }));
}

async function walk(folder: string, extensions: readonly string[], found: string[]): Promise<void> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(async (error) => {
    throw await readError(folder, String(error.code), error);
  });
  entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const entry of entries) {
    const path = join(folder, entry.name);
    const hidden = entry.name.startsWith(".");
    if (entry.isDirectory() && !hidden && !skippedFolders.includes(entry.name)) await walk(path, extensions, found);
    else if (entry.isFile() && !hidden && extensions.includes(extname(entry.name).toLowerCase())) found.push(path);
  }
}

/** The text of a file with lines ending in \n; undefined for one in a folder that is no text after all. */
async function readText(path: string, named: boolean): Promise<string | undefined> {
  const bytes = await readFile(path).catch(async (error) => {
    throw await readError(path, String(error.code), error);
  });
  const text = bytes.length === 0 || (!named && bytes.length > largestFileInFolder) ? undefined : decode(bytes);
  if (text !== undefined || !named) return text;
  const got = bytes.length === 0 ? "an empty file" : "bytes that are not UTF-8 text";
  throw new FileError(`${path}: expected text, got ${got}. Name a text file, or convert it to UTF-8.`, { path });
}

function decode(bytes: Uint8Array): string | undefined {
  if (bytes.includes(0)) return undefined;
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes).replaceAll("\r\n", "\n");
  } catch {
    return undefined;
  }
}
