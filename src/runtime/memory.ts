/**
 * The one growing WebAssembly memory of a runtime: reservations, views that follow its growth, and the scratch arena
 * that all programs share because they run one at a time.
 */
import { UnsupportedError } from "../base/errors.ts";
import { lowestAddress } from "../target/wasm/frame.ts";
import { Allocator } from "./allocator.ts";
import { Turns } from "./turns.ts";

const pageBytes = 65536;
/** One page less than 4 GiB, so that an address just past the end is still a 32-bit number. */
const maximumPages = 65535;

export class DeviceMemory {
  readonly memory: WebAssembly.Memory;
  /** Whether several threads can use it. */
  readonly shared: boolean;
  /** Views of the whole memory. Read them anew after anything that may reserve. */
  floats!: Float32Array;
  ints!: Int32Array;
  /** Who may run a program in it. */
  readonly turns: Turns = new Turns();
  /** Numbers the calls of programs, so that a buffer can tell whether a call has met it. */
  calls = 0;
  readonly #allocator = new Allocator(lowestAddress);
  readonly #unreachable: FinalizationRegistry<number>;
  #arena = { address: 0, bytes: 0 };

  /** `shared`: whether to try for a memory that several threads can use. */
  constructor(shared: boolean) {
    const forAll = shared ? makeShared() : undefined;
    this.shared = forAll !== undefined;
    this.memory = forAll ?? new WebAssembly.Memory({ initial: 16, maximum: maximumPages });
    this.#unreachable = new FinalizationRegistry((address) => this.#allocator.release(address));
    this.#follow();
  }

  /** Bytes that are reserved now. */
  get used(): number {
    return this.#allocator.used;
  }

  /** Size of the memory. */
  get bytes(): number {
    return this.#allocator.end;
  }

  /** Reserves memory; its contents are arbitrary. */
  reserve(bytes: number): number {
    const address = this.#allocator.allocate(bytes);
    if (address !== undefined) return address;
    this.#grow(bytes);
    return this.#allocator.allocate(bytes) as number;
  }

  release(address: number): void {
    this.#allocator.release(address);
  }

  /** Releases the address once `owner` is garbage collected, unless `disown` comes before. */
  own(owner: object, address: number): void {
    this.#unreachable.register(owner, address, owner);
  }

  disown(owner: object): void {
    this.#unreachable.unregister(owner);
  }

  /** The address of at least `bytes` bytes of scratch memory, valid until the next call of this function. */
  arena(bytes: number): number {
    if (bytes <= this.#arena.bytes) return this.#arena.address;
    if (this.#arena.bytes > 0) this.release(this.#arena.address);
    this.#arena = { address: 0, bytes: 0 };
    this.#arena = { address: this.reserve(bytes), bytes };
    return this.#arena.address;
  }

  #grow(bytes: number): void {
    const have = this.memory.buffer.byteLength;
    const needed = Math.ceil(this.#allocator.missing(bytes) / pageBytes);
    // A quarter more each time, so that growing costs little in sum.
    const wanted = Math.min(Math.max(needed, Math.ceil(have / pageBytes / 4)), maximumPages - have / pageBytes);
    if (!this.#tryGrow(Math.max(wanted, needed)) && !this.#tryGrow(needed)) {
      throw new UnsupportedError(
        `memory: expected ${megabytes(bytes)} more beside the ${megabytes(this.used)} in use, but the WebAssembly memory of ${megabytes(have)} cannot grow by that much. Use smaller batches, shorter sequences, or free variables that are not needed.`,
        { requested: bytes, used: this.used, size: have },
      );
    }
    this.#follow();
  }

  #tryGrow(pages: number): boolean {
    if (this.memory.buffer.byteLength / pageBytes + pages > maximumPages) return false;
    try {
      this.memory.grow(pages);
      return true;
    } catch {
      // The engine has no more memory to give.
      return false;
    }
  }

  #follow(): void {
    const { buffer } = this.memory;
    this.floats = new Float32Array(buffer);
    this.ints = new Int32Array(buffer);
    this.#allocator.extend(buffer.byteLength);
  }
}

/** A memory for several threads, or undefined where there is none or no room for its whole range of addresses. */
function makeShared(): WebAssembly.Memory | undefined {
  try {
    const memory = new WebAssembly.Memory({ initial: 16, maximum: maximumPages, shared: true });
    // An engine that does not know the word makes an ordinary memory.
    return memory.buffer instanceof ArrayBuffer ? undefined : memory;
  } catch {
    return undefined;
  }
}

function megabytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}
