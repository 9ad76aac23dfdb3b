/**
 * What lowering knows of the machine that a program is for: numbers only, given by its target. Nothing here says how
 * a target spells anything.
 */

export interface Machine {
  /** Numbers in a vector. */
  readonly lanes: 4 | 8 | 16;
  /**
   * The part of a product that stays in registers: rows, and vectors of columns, powers of two; and for how many terms
   * it stays there before others get their turn.
   */
  readonly tile: { readonly rows: number; readonly vectors: number; readonly depth: number };
  /** How many threads run a program together; its results are the same for every number. */
  readonly threads: number;
  /** Nanoseconds of work from which on a step of a program is divided; a whole program is from eight times as much. */
  readonly grain: number;
}

/** A vector of four and sixteen registers, one thread: what every WebAssembly engine with SIMD has. */
export const simd128: Machine = Object.freeze({
  lanes: 4,
  tile: Object.freeze({ rows: 4, vectors: 2, depth: 512 }),
  threads: 1,
  grain: 4000,
});
