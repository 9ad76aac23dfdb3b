/**
 * Hands out ranges of one address space that grows at its end: best fit, neighbours merged on release. Only numbers;
 * the memory itself is in `memory.ts`.
 */
import { internal } from "../base/errors.ts";

/** Ranges begin at multiples of this and are multiples of it long: a cache line. */
export const alignment = 64;

interface Range {
  address: number;
  bytes: number;
}

export class Allocator {
  /** Free ranges by address; no two touch. */
  readonly #free: Range[] = [];
  readonly #used = new Map<number, number>();
  #end: number;

  /** `start` must be aligned; nothing is free until `extend`. */
  constructor(start: number) {
    this.#end = start;
  }

  /** Bytes in use. */
  get used(): number {
    let sum = 0;
    for (const bytes of this.#used.values()) sum += bytes;
    return sum;
  }

  /** One past the last address. */
  get end(): number {
    return this.#end;
  }

  /** Adds the addresses from the old end to `end`. */
  extend(end: number): void {
    if (end <= this.#end) return;
    const address = this.#end;
    this.#end = end;
    this.#insert({ address, bytes: end - address });
  }

  /** An address for `bytes` bytes (at least one), or undefined where no free range is long enough. */
  allocate(bytes: number): number | undefined {
    const size = Math.max(1, Math.ceil(bytes / alignment)) * alignment;
    let best = -1;
    for (let i = 0; i < this.#free.length; i++) {
      const candidate = this.#free[i].bytes;
      if (candidate >= size && (best < 0 || candidate < this.#free[best].bytes)) best = i;
    }
    if (best < 0) return undefined;
    const range = this.#free[best];
    const { address } = range;
    if (range.bytes === size) this.#free.splice(best, 1);
    else {
      range.address += size;
      range.bytes -= size;
    }
    this.#used.set(address, size);
    return address;
  }

  /** How many bytes the space must grow for `allocate(bytes)` to succeed. */
  missing(bytes: number): number {
    const last = this.#free.at(-1);
    const atEnd = last !== undefined && last.address + last.bytes === this.#end ? last.bytes : 0;
    return Math.max(1, Math.ceil(bytes / alignment)) * alignment - atEnd;
  }

  release(address: number): void {
    const bytes = this.#used.get(address);
    if (bytes === undefined) internal("memory is released that is not in use", { address });
    this.#used.delete(address);
    this.#insert({ address, bytes });
  }

  #insert(range: Range): void {
    const free = this.#free;
    let low = 0;
    let high = free.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (free[middle].address < range.address) low = middle + 1;
      else high = middle;
    }
    const before = free[low - 1];
    const after = free[low];
    const joinsAfter = after !== undefined && range.address + range.bytes === after.address;
    if (joinsAfter) {
      after.address = range.address;
      after.bytes += range.bytes;
    } else free.splice(low, 0, range);
    if (before === undefined || before.address + before.bytes !== range.address) return;
    before.bytes += free[low].bytes;
    free.splice(low, 1);
  }
}
