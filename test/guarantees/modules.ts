/** Watches what is compiled: every WebAssembly module of the process goes through one constructor. */
import { compiledBackend } from "../backends.ts";

export interface Watch {
  /** The length in bytes of each module compiled since the watch began. */
  readonly modules: readonly number[];
}

/** How many modules one program is: native ones are libraries, which are not watched. */
export const oneProgram = compiledBackend === "wasm" ? 1 : 0;

/** Runs a function and tells which modules were compiled meanwhile. */
export function watchModules(run: () => void): Watch {
  const Original = WebAssembly.Module;
  const global = WebAssembly as { Module: typeof Original };
  const modules: number[] = [];
  global.Module = class extends Original {
    constructor(bytes: ConstructorParameters<typeof Original>[0]) {
      super(bytes);
      modules.push(bytes.byteLength);
    }
  } as typeof Original;
  try {
    run();
  } finally {
    global.Module = Original;
  }
  return { modules };
}
