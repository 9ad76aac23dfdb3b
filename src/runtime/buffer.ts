/** Device memory as an object: a range of the runtime's memory that lives until it is freed or unreachable. */
import type { DType, HostArray } from "../base/dtypes.ts";
import { bytesPerElement } from "../base/dtypes.ts";
import { internal, UnsupportedError } from "../base/errors.ts";
import type { DeviceBuffer } from "./executable.ts";
import type { DeviceMemory } from "./memory.ts";

export class MemoryBuffer implements DeviceBuffer {
  readonly dtype: DType;
  readonly length: number;
  /** The last call that has this buffer as an argument, and how often. */
  #call = 0;
  #times = 0;
  /** Asynchronous calls that have it as an argument, and those that write to it, from their beginning to their end. */
  #readers = 0;
  #writers = 0;
  readonly #memory: DeviceMemory;
  #address: number | undefined;

  constructor(memory: DeviceMemory, dtype: DType, length: number) {
    this.dtype = dtype;
    this.length = length;
    this.#memory = memory;
    this.#address = memory.reserve(length * bytesPerElement);
    memory.own(this, this.#address);
    this.#view().fill(0);
  }

  /** Byte address of the first element. */
  get address(): number {
    return (
      this.#address ?? internal("device memory is used after it was freed", { dtype: this.dtype, length: this.length })
    );
  }

  /** Notes that it is an argument of a call. */
  meet(call: number): void {
    this.#times = this.#call === call ? this.#times + 1 : 1;
    this.#call = call;
  }

  /** How often it is an argument of a call. */
  timesMet(call: number): number {
    return this.#call === call ? this.#times : 0;
  }

  /** Counts an asynchronous call that reads or writes it; `by` is 1 when it begins and -1 when it has ended. */
  hold(use: "reads" | "writes", by: 1 | -1): void {
    if (use === "reads") this.#readers += by;
    else this.#writers += by;
  }

  read(): HostArray {
    if (this.#writers > 0) throw inUse("read");
    // Also of a shared memory this makes an array of its own, which nothing shares.
    return this.#view().slice();
  }

  write(data: HostArray): void {
    if (this.#readers + this.#writers > 0) throw inUse("written");
    if (data.length !== this.length) {
      internal("device memory is written with another number of elements", { expected: this.length, got: data.length });
    }
    this.#view().set(data);
  }

  fill(make: (elements: HostArray) => void): void {
    if (this.#readers + this.#writers > 0) throw inUse("written");
    make(this.#view());
  }

  free(): void {
    if (this.#address === undefined) return;
    if (this.#readers + this.#writers > 0) throw inUse("freed");
    this.#memory.disown(this);
    this.#memory.release(this.#address);
    this.#address = undefined;
  }

  [Symbol.dispose](): void {
    this.free();
  }

  #view(): HostArray {
    const first = this.address / bytesPerElement;
    const { floats, ints } = this.#memory;
    return (this.dtype === "float32" ? floats : ints).subarray(first, first + this.length);
  }
}

function inUse(what: string): UnsupportedError {
  return new UnsupportedError(
    `variable: expected it to be ${what} between calls, got an asynchronous call that still uses it. Await that call first.`,
    { what },
  );
}
