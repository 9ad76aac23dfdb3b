/**
 * Which programs the workers may know: each has a seat, a word of shared memory with a stamp that no other program has
 * had. Where the stamp is another one the worker forgets the program, so that what is garbage collected here goes there too.
 */
import { control, seatCount } from "./control.ts";
import type { DeviceMemory } from "./memory.ts";

export class Seats {
  readonly #memory: DeviceMemory;
  readonly #control: number;
  readonly #free: number[] = Array.from({ length: seatCount }, (_, i) => seatCount - 1 - i);
  readonly #unreachable: FinalizationRegistry<number>;
  #stamp = 0;

  /** In the control block at that address, which is zeros. */
  constructor(memory: DeviceMemory, address: number) {
    this.#memory = memory;
    this.#control = address;
    this.#unreachable = new FinalizationRegistry((seat) => this.#give(seat));
  }

  /** A seat until `owner` is garbage collected, or undefined if all are taken. */
  take(owner: object): number | undefined {
    const seat = this.#free.pop();
    if (seat === undefined) return undefined;
    this.#stamp = (this.#stamp % 0x7fffffff) + 1;
    Atomics.store(this.#memory.ints, this.#word(control.seats) + seat, this.#stamp);
    this.#unreachable.register(owner, seat);
    return seat;
  }

  /** Tells the workers, asleep or not, that a program is gone. */
  #give(seat: number): void {
    const { ints } = this.#memory;
    Atomics.store(ints, this.#word(control.seats) + seat, 0);
    Atomics.add(ints, this.#word(control.forgotten), 1);
    Atomics.notify(ints, this.#word(control.ticket));
    this.#free.push(seat);
  }

  #word(offset: number): number {
    return (this.#control + offset) / 4;
  }
}
