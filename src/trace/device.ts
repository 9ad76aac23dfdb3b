/**
 * The runtime of this process: one device memory for all variables and programs, made at first use, and what runs
 * native programs in it. Caches of machine resources, not settings: nothing about them can be changed.
 */
import { createNative, type NativeBackend } from "../runtime/native/native.ts";
import { createRuntime, type WasmRuntime } from "../runtime/wasm.ts";

let runtime: WasmRuntime | undefined;
let natively: NativeBackend | undefined;

/** The runtime that owns variables and programs. */
export function device(): WasmRuntime {
  runtime ??= createRuntime();
  return runtime;
}

/** The native backend. Raises UnsupportedError where there is no compiler, no koffi, or no Node. */
export function native(): NativeBackend {
  natively ??= createNative(device().memory);
  return natively;
}
