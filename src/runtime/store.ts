/**
 * Files that outlive the process, by key: what was compiled once need not be compiled again. A key says all that its
 * contents depend on, so that an entry is right for ever; what is lost or damaged is made anew. Not here: what is kept.
 */
import { FileError } from "../base/errors.ts";
import { builtinModule, environment, type FileSystem, type Hashes, type OperatingSystem, type Paths } from "./node.ts";

export interface Store {
  /** The contents under a key; undefined where there are none, or not those that were written. */
  read(key: string): Uint8Array | undefined;
  /** Puts contents under a key; false where they could not be written. Processes may write one key at once. */
  write(key: string, bytes: Uint8Array): boolean;
  /** The file that holds the contents of a key once they are written. */
  path(key: string): string;
}

/** A folder holds this many bytes at most; beyond that the files go that were used longest ago. */
const maximumBytes = 256 * 2 ** 20;

/** A file that is read again after so long is marked as used: often enough to know the old from the new. */
const usedAgain = 24 * 60 * 60 * 1000;

/** Files of ours begin so; a folder that was named by a user may hold others, which are none of our business. */
const ownFile = /^[0-9a-f]{40}\./;

interface Node {
  readonly fs: FileSystem;
  readonly os: OperatingSystem;
  readonly paths: Paths;
  readonly hashes: Hashes;
}

let opened: { readonly store: Store | undefined } | undefined;

/**
 * The store of this process: in the folder RECURVE_CACHE, else XDG_CACHE_HOME/recurve, ~/.cache/recurve or, where none
 * of these can be written, the folder for temporary files. Undefined in a page, and where RECURVE_CACHE is "off".
 */
export function store(): Store | undefined {
  opened ??= { store: openStore() };
  return opened.store;
}

/** A store in a folder of its own, of a certain size; undefined where that folder can not be used. */
export function storeIn(folder: string, maximum: number = maximumBytes): Store | undefined {
  const node = nodeModules();
  return node !== undefined && isUsable(folder, node) ? new Folder(folder, node, maximum) : undefined;
}

/** A key for all that these parts say; `extension` is how its file ends. */
export function keyOf(parts: readonly (string | Uint8Array)[], extension: string): string {
  const hash = (builtinModule<Hashes>("node:crypto") as Hashes).createHash("sha256");
  // The length first, so that no two lists of parts read alike.
  for (const part of parts) hash.update(`${part.length}:`).update(part);
  return `${hash.digest("hex").slice(0, 40)}.${extension}`;
}

function openStore(): Store | undefined {
  const wanted = environment("RECURVE_CACHE");
  if (wanted === "off") return undefined;
  const node = nodeModules();
  if (node === undefined) return undefined;
  if (wanted !== undefined) {
    const found = storeIn(wanted);
    if (found !== undefined) return found;
    throw new FileError(
      `cache: expected RECURVE_CACHE to be a folder of yours that can be written, got "${wanted}". Name another one, or "off" to keep nothing.`,
      { path: wanted },
    );
  }
  const folder = usualFolders(node).find((path) => isUsable(path, node));
  return folder === undefined ? undefined : new Folder(folder, node, maximumBytes);
}

function nodeModules(): Node | undefined {
  const fs = builtinModule<FileSystem>("node:fs");
  const os = builtinModule<OperatingSystem>("node:os");
  const paths = builtinModule<Paths>("node:path");
  const hashes = builtinModule<Hashes>("node:crypto");
  return fs && os && paths && hashes && { fs, os, paths, hashes };
}

function usualFolders({ os, paths }: Node): string[] {
  const shared = environment("XDG_CACHE_HOME");
  const home = os.homedir();
  return [
    // The specification of that variable says that a relative path is to be ignored.
    ...(shared !== undefined && paths.isAbsolute(shared) ? [paths.join(shared, "recurve")] : []),
    ...(home === "" ? [] : [paths.join(home, ".cache", "recurve")]),
    paths.join(os.tmpdir(), `recurve-cache-${userOf()}`),
  ];
}

/** Whether a folder is there, or can be made, and belongs to this user: what lies in it will be run. */
function isUsable(path: string, { fs, paths, hashes }: Node): boolean {
  try {
    fs.mkdirSync(path, { recursive: true, mode: 0o700 });
    const user = userOf();
    if (user !== undefined && fs.statSync(path).uid !== user) return false;
    const probe = paths.join(path, `.${hashes.randomBytes(6).toString("hex")}`);
    fs.writeFileSync(probe, "");
    fs.rmSync(probe, { force: true });
    return true;
  } catch {
    return false;
  }
}

/** The number of this user, where users have numbers. */
function userOf(): number | undefined {
  return (globalThis as { process?: { getuid?(): number } }).process?.getuid?.();
}

/** One folder: beside each file lies its digest, so that damage shows. */
class Folder implements Store {
  readonly #folder: string;
  readonly #node: Node;
  readonly #maximum: number;

  constructor(folder: string, node: Node, maximum: number) {
    this.#folder = folder;
    this.#node = node;
    this.#maximum = maximum;
  }

  path(key: string): string {
    return this.#node.paths.join(this.#folder, key);
  }

  read(key: string): Uint8Array | undefined {
    const { fs } = this.#node;
    try {
      const bytes = fs.readFileSync(this.path(key));
      const digest = fs.readFileSync(this.#digestPath(key)).toString();
      if (digest !== this.#digestOf(bytes)) return undefined;
      this.#markAsUsed(key);
      return bytes;
    } catch {
      return undefined;
    }
  }

  write(key: string, bytes: Uint8Array): boolean {
    try {
      this.#put(this.path(key), bytes);
      this.#put(this.#digestPath(key), this.#digestOf(bytes));
    } catch {
      return false;
    }
    this.#makeRoom();
    return true;
  }

  #markAsUsed(key: string): void {
    const { fs } = this.#node;
    const now = Date.now();
    try {
      for (const path of [this.path(key), this.#digestPath(key)])
        if (now - fs.statSync(path).mtimeMs > usedAgain) fs.utimesSync(path, now / 1000, now / 1000);
    } catch {
      // Then it may be removed early.
    }
  }

  /** Removes files that were used longest ago, of whatever kind, until the rest is small enough. */
  #makeRoom(): void {
    const { fs } = this.#node;
    try {
      const files = fs
        .readdirSync(this.#folder)
        .filter((name) => ownFile.test(name))
        .map((name) => ({ path: this.path(name), stats: fs.statSync(this.path(name)) }));
      let bytes = files.reduce((sum, { stats }) => sum + stats.size, 0);
      for (const { path, stats } of files.sort((a, b) => a.stats.mtimeMs - b.stats.mtimeMs)) {
        if (bytes <= this.#maximum) return;
        fs.rmSync(path, { force: true });
        bytes -= stats.size;
      }
    } catch {
      // Another process was making room too.
    }
  }

  /** Another process sees the old file or the new one, never a part of it. */
  #put(path: string, data: Uint8Array | string): void {
    const { fs, hashes } = this.#node;
    const temporary = `${path}.${hashes.randomBytes(6).toString("hex")}`;
    try {
      fs.writeFileSync(temporary, data, { mode: 0o600 });
      fs.renameSync(temporary, path);
    } finally {
      fs.rmSync(temporary, { force: true });
    }
  }

  #digestPath(key: string): string {
    return `${this.path(key)}.sum`;
  }

  #digestOf(bytes: Uint8Array): string {
    return this.#node.hashes.createHash("sha256").update(bytes).digest("hex");
  }
}
