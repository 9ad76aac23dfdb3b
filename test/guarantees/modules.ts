/** Watches what is compiled: every WebAssembly module of the process goes through one constructor. */

export interface Watch {
  /** The length in bytes of each module compiled since the watch began. */
  readonly modules: readonly number[];
}

/** Runs a function and tells which modules were compiled meanwhile. */
export function watchModules(run: () => void): Watch {
  const Original = WebAssembly.Module;
  const modules: number[] = [];
  WebAssembly.Module = class extends Original {
    constructor(bytes: BufferSource) {
      super(bytes);
      modules.push(bytes.byteLength);
    }
  } as typeof Original;
  try {
    run();
  } finally {
    WebAssembly.Module = Original;
  }
  return { modules };
}
