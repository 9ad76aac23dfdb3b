/**
 * The WebAssembly runtime: one memory for all variables and programs of a process, and programs that run in it.
 * Nothing here knows Node or a browser.
 */
import type { WasmArtefact } from "../target/target.ts";
import { MemoryBuffer } from "./buffer.ts";
import { WasmExecutable } from "./call.ts";
import type { Executable, Runtime } from "./executable.ts";
import { DeviceMemory } from "./memory.ts";

/** A runtime that loads WebAssembly artefacts. */
export interface WasmRuntime extends Runtime {
  /** Compiles and instantiates at once; the engine optimises hot functions in the background. */
  load(artefact: WasmArtefact): Executable;
  /** For diagnoses: bytes in use, and size of the memory. */
  usage(): { used: number; size: number };
}

/** A runtime with an empty memory, which grows as needed and never shrinks. */
export function createRuntime(): WasmRuntime {
  const memory = new DeviceMemory();
  return {
    allocate: (dtype, length) => new MemoryBuffer(memory, dtype, length),
    load: (artefact) => new WasmExecutable(memory, artefact),
    usage: () => ({ used: memory.used, size: memory.bytes }),
  };
}
