/**
 * Calls of one WebAssembly program. A call writes to the frame only what changed since the last one and copies only
 * what is not in device memory, because a streaming step must cost less here than its arithmetic. Not here: who runs
 * the program in its frame (`wasm.ts` for one thread, `team.ts` for several).
 */
import { type DimValues, symbolsOf } from "../base/dims.ts";
import { bytesPerElement, type HostArray } from "../base/dtypes.ts";
import { internal, NumericError } from "../base/errors.ts";
import type { Buffer, Program } from "../loops/ir.ts";
import {
  brokenDown,
  bufferOffset,
  failedCheckOffset,
  failedValueOffset,
  frameBytes,
  sizeOffset,
  teamOffset,
} from "../target/wasm/frame.ts";
import { MemoryBuffer } from "./buffer.ts";
import type { Argument, Destination, Executable, Results } from "./executable.ts";
import type { DeviceMemory } from "./memory.ts";
import { type CallPlan, PlanCache, place } from "./plan.ts";
import { copyOut, fewElements } from "./results.ts";

/** A buffer that the host gives or takes: its number, and its positions among arguments and results (-1: none). */
interface Slot {
  readonly index: number;
  readonly buffer: Buffer;
  readonly input: number;
  readonly output: number;
}

/** Runs the code of a program in its frame; raises an error where it stops on its way. */
export interface Code {
  run(frame: number): void;
  /** The same in other threads, where the calling one goes on. */
  runElsewhere?(frame: number): Promise<void>;
  /** Where the threads of its team meet, if it has one. */
  readonly meeting?: number;
}

export class WasmExecutable implements Executable {
  readonly #memory: DeviceMemory;
  readonly #program: Program;
  readonly #code: Code;
  readonly #frame: number;
  readonly #slots: readonly Slot[];
  readonly #plans: PlanCache;
  /** The symbols of the program's sizes, and their values and each slot's place in the last call. */
  readonly #symbols: readonly string[];
  readonly #values: number[];
  readonly #places: number[];
  /** The plan and the arena that the frame was written for, and the address of each buffer in it. */
  #plan: CallPlan | undefined;
  #arena = -1;
  readonly #addresses: number[];
  /** Whether the frame is whole, and the slots that each call copies. */
  #isSet = false;
  #copied: readonly Slot[] = [];
  /** The device memory of each slot in the last call: what it read and what it wrote. */
  readonly #read: (MemoryBuffer | undefined)[];
  readonly #written: (MemoryBuffer | undefined)[];

  constructor(memory: DeviceMemory, program: Program, code: Code) {
    this.#memory = memory;
    this.#program = program;
    this.#code = code;
    this.#slots = slotsOf(program);
    this.#plans = new PlanCache(program);
    this.#symbols = [...new Set([...program.sizes, ...program.buffers.map(({ size }) => size)].flatMap(symbolsOf))];
    this.#values = this.#symbols.map(() => -1);
    this.#places = program.buffers.map(() => -1);
    this.#addresses = program.buffers.map(() => -1);
    this.#read = program.buffers.map(() => undefined);
    this.#written = program.buffers.map(() => undefined);
    this.#frame = this.#reserve(frameBytes(program));
    this.#word(failedCheckOffset, 0);
    if (code.meeting !== undefined) this.#word(teamOffset(program), code.meeting);
    this.#writeConstants();
  }

  run(args: readonly Argument[], destinations: readonly Destination[], dims: DimValues): Results {
    this.#memory.turns.expectFree(this.#program.name);
    return this.call(args, destinations, dims);
  }

  runAsync(args: readonly Argument[], destinations: readonly Destination[], dims: DimValues): Promise<Results> {
    return inTurn(this.#memory, args, destinations, () => this.callAsync(args, destinations, dims));
  }

  /** A call by whoever has the turn. */
  call(args: readonly Argument[], destinations: readonly Destination[], dims: DimValues): Results {
    this.#begin(args, destinations, dims);
    try {
      this.#code.run(this.#frame);
    } catch (error) {
      throw this.#failure(error);
    }
    return this.#end(destinations);
  }

  /** The same where the code can run elsewhere. */
  async callAsync(args: readonly Argument[], destinations: readonly Destination[], dims: DimValues): Promise<Results> {
    if (this.#code.runElsewhere === undefined) return this.call(args, destinations, dims);
    this.#begin(args, destinations, dims);
    try {
      await this.#code.runElsewhere(this.#frame);
    } catch (error) {
      throw this.#failure(error);
    }
    return this.#end(destinations);
  }

  #begin(args: readonly Argument[], destinations: readonly Destination[], dims: DimValues): void {
    const again = this.#meetsTheSame(args, destinations) && this.#isSet;
    const plan = this.#choose(args, destinations, dims, again);
    const arena = this.#memory.arena(plan.bytes);
    const stays = plan === this.#plan && arena === this.#arena;
    // Then the frame still points to the device memory of the last call.
    if (again && stays) {
      for (const slot of this.#copied) this.#bringIn(slot, args, destinations);
      return;
    }
    this.#isSet = false;
    if (!stays) this.#writeFrame(plan, arena);
    for (const slot of this.#slots) this.#bringIn(slot, args, destinations);
    this.#copied = this.#slots.filter(({ index }) => this.#places[index] !== place.direct);
    this.#isSet = true;
  }

  #end(destinations: readonly Destination[]): Results {
    const results = new Array<HostArray | undefined>(destinations.length).fill(undefined);
    for (const slot of this.#slots)
      if (slot.output >= 0) results[slot.output] = this.#bringOut(slot, destinations[slot.output]);
    return results;
  }

  // ---- before a call --------------------------------------------------------------------------------------------

  /** The plan for this way of calling: the last one's if nothing changed; `again` says that all device memory is the same. */
  #choose(args: readonly Argument[], destinations: readonly Destination[], dims: DimValues, again: boolean): CallPlan {
    const sameSizes = this.#hasTheSame(dims);
    const plan = this.#plan;
    if (plan !== undefined && again && sameSizes) return plan;
    // Undefined until the frame is written, so that an error on the way leaves nothing half done.
    this.#plan = undefined;
    const changed = this.#placeSlots(args, destinations) || !sameSizes;
    if (plan !== undefined && !changed) return plan;
    return this.#plans.get(dims, this.#values, this.#places);
  }

  /** Notes the device memory of each slot. Whether all are as in the last call. */
  #meetsTheSame(args: readonly Argument[], destinations: readonly Destination[]): boolean {
    let same = true;
    for (let i = 0; i < this.#slots.length; i++) {
      const { index, input, output } = this.#slots[i];
      const read = input < 0 ? undefined : deviceOf(args[input]);
      const written = output < 0 ? undefined : deviceOf(destinations[output]);
      if (this.#read[index] === read && this.#written[index] === written) continue;
      this.#read[index] = read;
      this.#written[index] = written;
      same = false;
    }
    return same;
  }

  /** Notes the sizes. Whether all are as in the last call. */
  #hasTheSame(dims: DimValues): boolean {
    let same = true;
    for (let i = 0; i < this.#symbols.length; i++) {
      const value = dims[this.#symbols[i]];
      if (this.#values[i] === value) continue;
      this.#values[i] = value;
      same = false;
    }
    return same;
  }

  /** Finds the place of each slot anew. Whether one has changed. */
  #placeSlots(args: readonly Argument[], destinations: readonly Destination[]): boolean {
    const call = ++this.#memory.calls;
    for (const arg of args) if (arg instanceof MemoryBuffer) arg.meet(call);
    let changed = false;
    for (const slot of this.#slots) {
      const where = placeOf(slot, args, destinations, call);
      if (this.#places[slot.index] === where) continue;
      this.#places[slot.index] = where;
      changed = true;
    }
    return changed;
  }

  /** Writes all that the plan says; device addresses follow slot by slot. */
  #writeFrame(plan: CallPlan, arena: number): void {
    this.#plan = plan;
    this.#arena = arena;
    plan.offsets.forEach((offset, i) => {
      if (offset >= 0) this.#point(i, arena + offset);
    });
    for (let i = 0; i < plan.sizes.length; i++) this.#word(sizeOffset(this.#program, i), plan.sizes[i]);
  }

  #bringIn(
    { index, buffer, input, output }: Slot,
    args: readonly Argument[],
    destinations: readonly Destination[],
  ): void {
    if (this.#places[index] === place.direct) {
      const device = (output >= 0 ? destinations[output] : args[input]) as MemoryBuffer;
      this.#expect(buffer, index, device);
      this.#point(index, device.address);
    }
    if (input < 0) return;
    const arg = args[input];
    this.#expect(buffer, index, arg);
    const to = this.#addresses[index] / bytesPerElement;
    const { ints, floats } = this.#memory;
    if (!(arg instanceof MemoryBuffer)) copyIn(buffer.scalar === "f32" ? floats : ints, arg as HostArray, to);
    else if (arg.address !== this.#addresses[index]) {
      const from = arg.address / bytesPerElement;
      ints.copyWithin(to, from, from + arg.length);
    }
  }

  #expect(buffer: Buffer, index: number, got: Argument): void {
    const length = (this.#plan as CallPlan).lengths[index];
    const isFloat = got instanceof Float32Array || (got instanceof MemoryBuffer && got.dtype === "float32");
    if (got.length === length && isFloat === (buffer.scalar === "f32")) return;
    internal("an argument or result has another length or type than the program's buffer", {
      program: this.#program.name,
      buffer: buffer.name,
      expected: [buffer.scalar, length],
      got: [isFloat ? "f32" : "i32", got.length],
    });
  }

  #point(index: number, address: number): void {
    if (this.#addresses[index] === address) return;
    this.#addresses[index] = address;
    this.#word(bufferOffset(index), address);
  }

  #word(offset: number, value: number): void {
    this.#memory.ints[(this.#frame + offset) / bytesPerElement] = value;
  }

  // ---- after a call ---------------------------------------------------------------------------------------------

  #bringOut({ index, buffer }: Slot, destination: Destination): HostArray | undefined {
    const where = this.#places[index];
    if (where === place.direct) return undefined;
    const { floats, ints } = this.#memory;
    const from = this.#addresses[index] / bytesPerElement;
    const to = from + (this.#plan as CallPlan).lengths[index];
    if (destination === "host") return copyOut(buffer.scalar === "f32" ? floats : ints, from, to);
    ints.copyWithin((destination as MemoryBuffer).address / bytesPerElement, from, to);
    return undefined;
  }

  /** What a stopped program means: a failed check, our own bug, or an error that is not of WebAssembly. */
  #failure(error: unknown): unknown {
    const { ints } = this.#memory;
    const failed = ints[(this.#frame + failedCheckOffset) / bytesPerElement];
    const { name, checks } = this.#program;
    this.#word(failedCheckOffset, 0);
    if (failed === 0 || failed === brokenDown) {
      if (error instanceof WebAssembly.RuntimeError)
        internal(`the compiled program "${name}" stopped: ${error.message}`);
      return error;
    }
    const value = ints[(this.#frame + failedValueOffset) / bytesPerElement];
    const message = checks[failed - 1].message.replaceAll("{value}", String(value));
    return new NumericError(message, { program: name, check: failed - 1, value });
  }

  // ---- once -----------------------------------------------------------------------------------------------------

  #writeConstants(): void {
    this.#program.buffers.forEach(({ role }, i) => {
      if (role.kind !== "constant") return;
      const address = this.#reserve(role.data.length * bytesPerElement);
      const { floats, ints } = this.#memory;
      (role.data instanceof Float32Array ? floats : ints).set(role.data, address / bytesPerElement);
      this.#point(i, address);
    });
  }

  #reserve(bytes: number): number {
    const address = this.#memory.reserve(bytes);
    this.#memory.own(this, address);
    return address;
  }
}

function deviceOf(x: Argument | Destination): MemoryBuffer | undefined {
  return x instanceof MemoryBuffer ? x : undefined;
}

function copyIn(memory: Float32Array | Int32Array, data: HostArray, to: number): void {
  if (data.length > fewElements) memory.set(data, to);
  else for (let i = 0; i < data.length; i++) memory[to + i] = data[i];
}

/** Does the work of an asynchronous call in its turn; until it is done nobody else may use its device memory. */
export async function inTurn(
  memory: DeviceMemory,
  args: readonly Argument[],
  destinations: readonly Destination[],
  work: () => Promise<Results>,
): Promise<Results> {
  const hold = (by: 1 | -1): void => {
    for (const arg of args) if (arg instanceof MemoryBuffer) arg.hold("reads", by);
    for (const destination of destinations) if (destination instanceof MemoryBuffer) destination.hold("writes", by);
  };
  hold(1);
  try {
    return await memory.turns.take(work);
  } finally {
    hold(-1);
  }
}

function slotsOf(program: Program): Slot[] {
  return program.buffers.flatMap((buffer, index) => {
    const { role } = buffer;
    if (role.kind === "input") return [{ index, buffer, input: role.position, output: -1 }];
    if (role.kind === "output") return [{ index, buffer, input: -1, output: role.position }];
    return role.kind === "inout" ? [{ index, buffer, input: role.input, output: role.output }] : [];
  });
}

/** Where a slot's buffer is in this call. All device arguments have met the call before. */
function placeOf(
  { input, output }: Slot,
  args: readonly Argument[],
  destinations: readonly Destination[],
  call: number,
): number {
  if (output < 0) return args[input] instanceof MemoryBuffer ? place.direct : place.host;
  const destination = destinations[output];
  if (destination === "host") return place.host;
  if (!(destination instanceof MemoryBuffer)) internal("a result goes to memory of another runtime");
  const times = destination.timesMet(call);
  // Writing early must not disturb what the program still reads.
  if (times === 0) return place.direct;
  return times === 1 && input >= 0 && args[input] === destination ? place.direct : place.staged;
}
