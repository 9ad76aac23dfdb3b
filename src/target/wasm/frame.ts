/**
 * Where a program's frame holds what, in bytes from its start; see `WasmArtefact`. The emitter reads by it and the
 * runtime writes by it.
 */
import type { Program } from "../../loops/ir.ts";

/** Number of the failed check + 1, or 0; and its offending value. */
export const failedCheckOffset = 0;
export const failedValueOffset = 4;

/** In the first word: a thread of a team has broken down without failing a check. */
export const brokenDown = -1;

/** The byte address of buffer number `index`. */
export function bufferOffset(index: number): number {
  return 8 + 4 * index;
}

/** The value of size number `index`. */
export function sizeOffset(program: Program, index: number): number {
  return 8 + 4 * (program.buffers.length + index);
}

export function frameBytes(program: Program): number {
  if (program.team === undefined) return sizeOffset(program, program.sizes.length);
  return teamOffset(program) + 4;
}

/** Of a program with a team: the byte address of the words where its threads meet. */
export function teamOffset(program: Program): number {
  return sizeOffset(program, program.sizes.length);
}

/**
 * Where threads meet: words of a memory, used by all its programs because they run one at a time, and never given
 * back. Two cache lines apart, because different threads write them.
 */
export const meeting = {
  /** How many arrivals there were before the call. Written by the host. */
  base: 0,
  /**
   * How many arrivals there are at the barrier that all threads stop at, because one of them has failed before it. A
   * number and no flag: a thread that is late to leave the barrier before must go on to this one. The host writes one
   * that no barrier of the call has.
   */
  stopAt: 4,
  /** One more for each thread at each barrier, never set back: who is late to leave sees all that it waits for. */
  arrivals: 128,
  /** Threads that wait for `arrivals` to change. */
  sleepers: 256,
  bytes: 384,
} as const;

/**
 * No buffer lies below this address. Pointers that serve several elements may point up to this far below the lowest
 * one, so that the differences are static offsets, which are unsigned.
 */
export const lowestAddress = 65536;
