/**
 * Where a program's frame holds what, in bytes from its start; see `WasmArtefact`. The emitter reads by it and the
 * runtime writes by it.
 */
import type { Program } from "../../loops/ir.ts";

/** Number of the failed check + 1, or 0; and its offending value. */
export const failedCheckOffset = 0;
export const failedValueOffset = 4;

/** The byte address of buffer number `index`. */
export function bufferOffset(index: number): number {
  return 8 + 4 * index;
}

/** The value of size number `index`. */
export function sizeOffset(program: Program, index: number): number {
  return 8 + 4 * (program.buffers.length + index);
}

export function frameBytes(program: Program): number {
  return sizeOffset(program, program.sizes.length);
}

/**
 * No buffer lies below this address. Pointers that serve several elements may point up to this far below the lowest
 * one, so that the differences are static offsets, which are unsigned.
 */
export const lowestAddress = 65536;
