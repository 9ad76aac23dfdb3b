/**
 * From C texts to a loaded library: compiled once, kept in the store under a key of all that it depends on, and
 * loaded through koffi. Not here: what the texts are.
 */
import { UnsupportedError } from "../../base/errors.ts";
import { keyOf, store } from "../store.ts";
import { type Compiler, runCompiler } from "./compiler.ts";
import type { HostModules } from "./modules.ts";

/** A function of a library, by its C declaration. */
export type Declare = (declaration: string) => (...args: readonly unknown[]) => unknown;

interface Koffi {
  load(path: string): { func: Declare };
}

/** C texts by file name; the one that is compiled includes the others. */
export interface Texts {
  readonly files: Readonly<Record<string, string>>;
  readonly main: string;
}

export class Libraries {
  readonly #host: HostModules;
  readonly #compiler: Compiler;
  readonly #koffi: Koffi;

  /** Raises UnsupportedError where koffi is not installed. */
  constructor(host: HostModules, compiler: Compiler) {
    this.#host = host;
    this.#compiler = compiler;
    this.#koffi = loadKoffi(host);
  }

  /** The library of these texts, compiled if it is not kept or can not be loaded. */
  load(texts: Texts): Declare {
    const kept = store();
    if (kept === undefined) return this.#build(texts, (path) => this.#open(path));
    const key = this.#keyOf(texts);
    if (kept.read(key) !== undefined) {
      try {
        return this.#open(kept.path(key));
      } catch {
        // Made for another system, or damaged together with its digest: made anew.
      }
    }
    return this.#build(texts, (path) => {
      const stored = kept.write(key, this.#host.fs.readFileSync(path));
      return this.#open(stored ? kept.path(key) : path);
    });
  }

  #open(path: string): Declare {
    const library = this.#koffi.load(path);
    return (declaration) => library.func(declaration);
  }

  #keyOf({ files, main }: Texts): string {
    const { command, identity, flags } = this.#compiler;
    const parts = [identity, command.join(" "), flags.join(" "), main, ...Object.entries(files).flat()];
    return keyOf(parts, "so");
  }

  /** Compiles in a folder that is gone afterwards: a library that is loaded needs its file no more. */
  #build(texts: Texts, use: (path: string) => Declare): Declare {
    const { fs, os, paths } = this.#host;
    const folder = fs.mkdtempSync(paths.join(os.tmpdir(), "recurve-"));
    try {
      for (const [name, text] of Object.entries(texts.files)) fs.writeFileSync(paths.join(folder, name), text);
      const library = paths.join(folder, "library.so");
      const { command, flags } = this.#compiler;
      runCompiler(command, [...flags, "-o", library, paths.join(folder, texts.main)], this.#host);
      return use(library);
    } finally {
      fs.rmSync(folder, { recursive: true, force: true });
    }
  }
}

function loadKoffi({ modules }: HostModules): Koffi {
  try {
    return modules.createRequire(import.meta.url)("koffi") as Koffi;
  } catch (error) {
    throw new UnsupportedError(
      `native: expected the package "koffi", through which Node calls C, to be installed, got: ${(error as Error).message.split("\n")[0]}. Run "npm install koffi", or use the backend "wasm".`,
      { package: "koffi" },
    );
  }
}
