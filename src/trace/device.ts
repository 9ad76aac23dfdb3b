/**
 * The runtime of this process: one device memory for all variables and programs, made at first use.
 * It is a cache of a machine resource, not a setting: nothing about it can be changed.
 */
import { createInterpretedRuntime, type InterpretedRuntime } from "../runtime/interpreted.ts";

let runtime: InterpretedRuntime | undefined;

/** The runtime that owns variables and programs. */
export function device(): InterpretedRuntime {
  runtime ??= createInterpretedRuntime();
  return runtime;
}
