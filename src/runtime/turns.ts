/**
 * Programs run one at a time, because they share one scratch arena. In a page a program may run while the caller goes
 * on: then the next one waits for its turn, and what can not wait is an error.
 */
import { UnsupportedError } from "../base/errors.ts";

export class Turns {
  /** Pieces of work that have begun or wait. */
  #taken = 0;
  #last: Promise<unknown> = Promise.resolve();

  /** Stops a synchronous call while an asynchronous one runs or waits. */
  expectFree(program: string): void {
    if (this.#taken === 0) return;
    throw new UnsupportedError(
      `program "${program}": expected no other program to run, got a synchronous call while an asynchronous one runs. Await that one first, or call this one with .async(...) too.`,
      { program, running: this.#taken },
    );
  }

  /** Runs the work when all that came before is done: at once if nothing is running. */
  take<T>(work: () => Promise<T>): Promise<T> {
    const isFirst = this.#taken++ === 0;
    const done = (isFirst ? work() : this.#last.then(work)).finally(() => {
      this.#taken--;
    });
    this.#last = done.catch(() => {});
    return done;
  }
}
