/**
 * The runtime of this process: one device memory for all variables and programs, made at first use.
 * It is a cache of a machine resource, not a setting: nothing about it can be changed.
 */
import { createRuntime, type WasmRuntime } from "../runtime/wasm.ts";

let runtime: WasmRuntime | undefined;

/** The runtime that owns variables and programs. */
export function device(): WasmRuntime {
  runtime ??= createRuntime();
  return runtime;
}
