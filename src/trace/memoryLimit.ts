/** The option `memoryLimit`: a call that would need more is refused before it runs, with what it needs the memory for. */
import type { DimValues } from "../base/dims.ts";
import { OptionError, UnsupportedError } from "../base/errors.ts";
import { formatBytes, type Memory, memoryOf } from "../loops/memory.ts";
import type { Pipeline } from "./pipeline.ts";

/** How many of the largest temporaries an error names. */
const named = 3;

/** The limit of one function. */
export class MemoryLimit {
  readonly #where: string;
  readonly #bytes: number;
  /** Calls that are known to fit, by program and sizes; forgotten when they are many. */
  readonly #fitting = new Map<Pipeline, Set<string>>();

  /** Raises OptionError for a limit that is no positive number. */
  constructor(where: string, bytes: number) {
    if (!(Number.isFinite(bytes) && bytes > 0))
      throw new OptionError(
        `${where}: expected "memoryLimit" to be a positive number of bytes, got ${String(bytes)}. Leave it out for no limit.`,
        { memoryLimit: bytes },
      );
    this.#where = where;
    this.#bytes = bytes;
  }

  /** Raises UnsupportedError where a call needs more. */
  check(pipeline: Pipeline, dims: DimValues): void {
    const key = Object.values(dims).join();
    const known = this.#fitting.get(pipeline) ?? new Set();
    if (known.has(key)) return;
    const memory = pipelineMemory(this.#where, pipeline, dims);
    if (memory.peak > this.#bytes) throw this.#tooMuch(memory);
    if (known.size >= 256) known.clear();
    this.#fitting.set(pipeline, known.add(key));
  }

  #tooMuch({ peak, largest }: Memory): UnsupportedError {
    const most = largest
      .slice(0, named)
      .map(({ name, scope, bytes }) => `${name}${scope === "" ? "" : ` of "${scope}"`} (${formatBytes(bytes)})`);
    return new UnsupportedError(
      `${this.#where}: expected a call that needs at most ${formatBytes(this.#bytes)} ("memoryLimit"), got one that needs ${formatBytes(peak)}, most of it for ${most.join(", ")}. Give recurrent layers checkpoint: "auto", smaller batches or shorter sequences, or raise the limit.`,
      { limit: this.#bytes, needed: peak, largest: largest.slice(0, named) },
    );
  }
}

/** What a call needs. Raises UnsupportedError where programs are not planned ahead. */
export function pipelineMemory(where: string, pipeline: Pipeline, dims: DimValues): Memory {
  if (pipeline.loops !== undefined) return memoryOf(pipeline.loops, dims);
  throw new UnsupportedError(
    `${where}: expected a program whose memory is planned, got one for the interpreter, which allocates as it goes. Compile it for another backend.`,
  );
}
