/** The backends that tests of every backend run on here: native ones take a C compiler and time, so only where asked for. */
import type { BackendName } from "../src/trace/index.ts";

export const backends: readonly BackendName[] =
  process.env["RECURVE_BACKEND"] === "native" ? ["wasm", "native", "interpreter"] : ["wasm", "interpreter"];

/** The backend that is compared with the interpreter: the one that programs run on here. */
export const compiledBackend: BackendName = process.env["RECURVE_BACKEND"] === "native" ? "native" : "wasm";
