/**
 * Modules and settings of Node, where the process is one: the core imports nothing of Node, so that it loads in a page
 * too. The interfaces list only what is used.
 */

interface Process {
  readonly env: Readonly<Record<string, string | undefined>>;
  getBuiltinModule?(name: string): unknown;
}

function process(): Process | undefined {
  return (globalThis as { process?: Process }).process;
}

/** A module that comes with Node; undefined in a page. */
export function builtinModule<T>(name: `node:${string}`): T | undefined {
  return process()?.getBuiltinModule?.(name) as T | undefined;
}

/** A variable of the environment; undefined where it is not set, is empty, or in a page. */
export function environment(name: string): string | undefined {
  const value = process()?.env?.[name];
  return value === "" ? undefined : value;
}

export interface FileSystem {
  readFileSync(path: string): Uint8Array;
  writeFileSync(path: string, data: Uint8Array | string, options?: { readonly mode?: number }): void;
  renameSync(from: string, to: string): void;
  mkdirSync(path: string, options: { readonly recursive: true; readonly mode: number }): unknown;
  mkdtempSync(prefix: string): string;
  rmSync(path: string, options: { readonly recursive?: boolean; readonly force: true }): void;
  statSync(path: string): { readonly uid: number; readonly mtimeMs: number; readonly size: number };
  readdirSync(path: string): string[];
  utimesSync(path: string, read: number, written: number): void;
  existsSync(path: string): boolean;
  realpathSync(path: string): string;
}

export interface OperatingSystem {
  homedir(): string;
  tmpdir(): string;
  cpus(): readonly { readonly model: string }[];
}

export interface Paths {
  join(...parts: readonly string[]): string;
  isAbsolute(path: string): boolean;
}

export interface Hashes {
  createHash(algorithm: "sha256"): Hash;
  randomBytes(count: number): { toString(encoding: "hex"): string };
}

export interface Hash {
  update(data: string | Uint8Array): Hash;
  digest(encoding: "hex"): string;
}
