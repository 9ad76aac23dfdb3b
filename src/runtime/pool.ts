/**
 * The workers of one memory: starts them when a program first needs several threads, gives them programs to run, and
 * knows when they have done. A command is a few words of shared memory (`control.ts`); messages are only for a calling
 * thread that may not wait. Where something goes wrong the pool is out of use for good, and says why.
 */
import { internal } from "../base/errors.ts";
import { failedCheckOffset, meeting } from "../target/wasm/frame.ts";
import { commandWords, control, ticketShift } from "./control.ts";
import type { Host } from "./host.ts";
import type { DeviceMemory } from "./memory.ts";
import { Seats } from "./seats.ts";
import type { WorkerReport } from "./worker.ts";

/** Milliseconds that a caller waits for workers to start, once; until they are there programs run on one thread. */
const bootPatience = 2000;

/** Milliseconds after which a page gives up on workers that have not started. */
const pageBootPatience = 20_000;

/** Milliseconds after which workers that do not come back from a failed program are given up. */
const returnPatience = 10_000;

/** A program that the workers can run. */
export interface Seat {
  readonly number: number;
  readonly bytes: Uint8Array;
  readonly count: number;
  /** Whether every worker of its team has loaded it. */
  loaded: boolean;
}

/** The exports of a program's instance in the calling thread. */
export interface OwnPart {
  run(frame: number, index: number): void;
  stop(frame: number): void;
  readonly stopped: { readonly value: number };
}

export class Pool {
  /** The most threads of a program. */
  readonly count: number;
  readonly mayWait: boolean;
  readonly #memory: DeviceMemory;
  readonly #host: Host;
  #control = 0;
  #seats: Seats | undefined;
  #ends: (() => void)[] = [];
  #ticket = 0;
  /** What `returned` is when all workers are idle. */
  #goal = 0;
  #failure: string | undefined;
  #deadline = 0;
  /** For callers that may not wait. */
  #booting: Promise<boolean> | undefined;
  #resolveBoot: (ready: boolean) => void = () => {};
  #done: (() => void) | undefined;
  #reports = 0;

  constructor(memory: DeviceMemory, host: Host, count: number) {
    this.#memory = memory;
    this.#host = host;
    this.count = count;
    this.mayWait = host.mayWait;
  }

  /** Why it is out of use, if it is. */
  get failure(): string | undefined {
    return this.#failure;
  }

  /** Programs that the workers know, summed over them: for tests and diagnoses. */
  get known(): number {
    let sum = 0;
    for (let i = 0; i < this.count; i++) if (this.#seats !== undefined) sum += this.#read(control.known + 4 * i);
    return sum;
  }

  /** Where the threads of programs meet. */
  get meeting(): number {
    this.start();
    return this.#control + control.meeting;
  }

  // ---- starting and ending --------------------------------------------------------------------------------------

  /** Starts the workers if they have not been started, and does not wait for them. */
  start(): void {
    if (this.#seats !== undefined) return;
    const memory = this.#memory;
    this.#control = memory.reserve(control.bytes);
    memory.ints.fill(0, this.#control / 4, (this.#control + control.bytes) / 4);
    this.#seats = new Seats(memory, this.#control);
    this.#deadline = performance.now() + bootPatience;
    this.#booting = new Promise((resolve) => {
      this.#resolveBoot = resolve;
    });
    const events = {
      report: (report: WorkerReport) => this.#hear(report),
      failed: (reason: string) => this.#fail(`its workers do not run: ${reason}`),
    };
    try {
      for (let index = this.#firstWorker; index < this.count; index++)
        this.#ends.push(this.#host.start({ memory: memory.memory, control: this.#control, index }, events));
    } catch (error) {
      this.#fail(`workers can not be started: ${error instanceof Error ? error.message : String(error)}`);
    }
    if (this.mayWait) return;
    const timer = setTimeout(() => this.#fail("its workers did not start"), pageBootPatience);
    void this.#booting.then(() => clearTimeout(timer));
  }

  /** Whether all workers are there; waits for them once, not for ever. For a caller that may wait. */
  ready(): boolean {
    this.start();
    if (this.#failure !== undefined) return false;
    for (;;) {
      const booted = this.#read(control.booted);
      if (booted === this.#workers) return true;
      const left = this.#deadline - performance.now();
      if (left <= 0) return false;
      Atomics.wait(this.#memory.ints, this.#index(control.booted), booted, left);
    }
  }

  /** The same for a caller that may not wait. */
  whenReady(): Promise<boolean> {
    this.start();
    if (this.#failure !== undefined) return Promise.resolve(false);
    return this.#booting ?? Promise.resolve(false);
  }

  #hear(report: WorkerReport): void {
    if (report.kind === "booted" && ++this.#reports === this.#workers) this.#resolveBoot(true);
    if (report.kind === "done") this.#done?.();
    // The frame says so too; this is for whoever looks for the cause.
    if (report.kind === "broken") console.error(`recurve: a thread has stopped: ${report.reason}`);
  }

  #fail(reason: string): void {
    if (this.#failure !== undefined) return;
    this.#failure = reason;
    for (const end of this.#ends) end();
    this.#ends = [];
    this.#resolveBoot(false);
    this.#done?.();
  }

  // ---- programs -------------------------------------------------------------------------------------------------

  /** A seat for a program until `owner` is garbage collected; undefined where there is none left. */
  seat(owner: object, bytes: Uint8Array, count: number): Seat | undefined {
    this.start();
    if (count > this.count) internal("a program has more threads than the runtime", { count, most: this.count });
    const number = this.#seats?.take(owner);
    return number === undefined ? undefined : { number, bytes, count, loaded: false };
  }

  /** Runs a program with the calling thread as number 0. Raises what stopped it, when all threads are idle again. */
  run(seat: Seat, own: OwnPart, frame: number): void {
    const bytes = this.#command(seat, frame, false);
    try {
      own.run(frame, 0);
    } catch (error) {
      this.#settle(own, frame);
      throw error;
    } finally {
      if (bytes !== undefined) this.#memory.release(bytes);
    }
    seat.loaded = true;
  }

  /** Runs a program in workers alone. */
  async runElsewhere(seat: Seat, frame: number): Promise<void> {
    const done = new Promise<void>((resolve) => {
      this.#done = resolve;
    });
    const bytes = this.#command(seat, frame, true);
    await done;
    this.#done = undefined;
    // Who is out of use may still have workers that read it.
    if (this.#failure !== undefined) internal(`the threads have ended: ${this.#failure}`);
    if (bytes !== undefined) this.#memory.release(bytes);
    seat.loaded = true;
    // A number of a check + 1, or that of a breakdown.
    if (this.#memory.ints[(frame + failedCheckOffset) / 4] !== 0)
      throw new WebAssembly.RuntimeError("a thread has stopped");
  }

  /** Writes a command and calls the workers. Returns where the bytes of the module lie if some have yet to read it. */
  #command(seat: Seat, frame: number, reports: boolean): number | undefined {
    const bytes = seat.loaded ? undefined : this.#lay(seat.bytes);
    const { ints } = this.#memory;
    this.#goal = (this.#goal + seat.count - this.#firstWorker) | 0;
    const meets = this.#index(control.meeting);
    const base = Atomics.load(ints, meets + meeting.arrivals / 4);
    ints[meets + meeting.base / 4] = base;
    ints[meets + meeting.stopAt / 4] = base - 1;
    const command: Readonly<Record<(typeof commandWords)[number], number>> = {
      seat: seat.number,
      frame,
      bytes: bytes ?? 0,
      length: seat.bytes.length,
      size: this.#memory.bytes,
      goal: this.#goal,
      reports: reports ? 1 : 0,
    };
    const at = this.#index(control.command);
    for (let i = 0; i < commandWords.length; i++) ints[at + i] = command[commandWords[i]];
    this.#ticket = (this.#ticket + 1) & ((1 << (31 - ticketShift)) - 1);
    Atomics.store(ints, this.#index(control.ticket), (this.#ticket << ticketShift) | seat.count);
    if (Atomics.load(ints, this.#index(control.sleepers)) !== 0) Atomics.notify(ints, this.#index(control.ticket));
    return bytes;
  }

  #lay(bytes: Uint8Array): number {
    const address = this.#memory.reserve(bytes.length);
    new Uint8Array(this.#memory.memory.buffer, address, bytes.length).set(bytes);
    return address;
  }

  /** Sees to it that all threads are idle after the calling one has stopped on its way. */
  #settle(own: OwnPart, frame: number): void {
    if (own.stopped.value === 0) {
      try {
        own.stop(frame);
      } catch {
        // It traps when all have come.
      }
    }
    const deadline = performance.now() + returnPatience;
    const at = this.#index(control.returned);
    while (performance.now() < deadline) {
      const returned = Atomics.load(this.#memory.ints, at);
      if (returned === this.#goal) return;
      Atomics.wait(this.#memory.ints, at, returned, 1);
    }
    this.#fail("its workers did not come back from a program that failed");
  }

  // ---- words ----------------------------------------------------------------------------------------------------

  /** The number of the first worker: before it comes the calling thread, if that may wait. */
  get #firstWorker(): number {
    return this.mayWait ? 1 : 0;
  }

  get #workers(): number {
    return this.count - this.#firstWorker;
  }

  #index(offset: number): number {
    return (this.#control + offset) / 4;
  }

  #read(offset: number): number {
    return Atomics.load(this.#memory.ints, this.#index(offset));
  }
}
