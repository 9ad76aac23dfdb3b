/**
 * A WebAssembly binary assembler: modules, functions, locals, control flow and the instructions of `opcodes.ts`.
 * It knows nothing of tensors or loops and checks nothing: `WebAssembly.validate` does.
 * Format: https://webassembly.github.io/spec/core/binary/
 */
import { Bytes } from "./bytes.ts";
import { type LaneOp, laneOpcodes, type MemoryOp, memoryOpcodes, type PlainOp, plainOpcodes } from "./opcodes.ts";

export type ValType = "i32" | "f32" | "v128";

const typeCodes = { i32: 0x7f, f32: 0x7d, v128: 0x7b } as const satisfies Record<ValType, number>;
const emptyBlock = 0x40;

/** Writes the body of one function. Locals are numbers; the first ones are the parameters. */
export class FunctionBuilder {
  readonly name: string;
  readonly index: number;
  readonly params: readonly ValType[];
  readonly #locals: ValType[] = [];
  readonly #code = new Bytes();

  constructor(name: string, index: number, params: readonly ValType[]) {
    this.name = name;
    this.index = index;
    this.params = params;
  }

  /** A new local, zero at entry. */
  local(type: ValType): number {
    this.#locals.push(type);
    return this.params.length + this.#locals.length - 1;
  }

  op(name: PlainOp): void {
    this.#opcode(plainOpcodes[name]);
  }

  /** A load or store; `offset` in bytes is added to the address without wrapping. */
  memory(name: MemoryOp, offset: number): void {
    const { code, align } = memoryOpcodes[name];
    this.#opcode(code);
    this.#code.unsigned(align);
    this.#code.unsigned(offset);
  }

  /** (address, expected) -> 0 woken, 1 another value was there; no time limit. Only of a shared memory. */
  atomicWait(offset: number): void {
    this.#code.byte(0x42);
    this.#code.signed(-1);
    this.#opcode([0xfe, 0x01]);
    this.#code.unsigned(2);
    this.#code.unsigned(offset);
  }

  /** Orders all that was written before for other threads. */
  atomicFence(): void {
    this.#opcode([0xfe, 0x03]);
    this.#code.byte(0);
  }

  /** Stores one lane of a vector: (address, vector) -> */
  storeLane(offset: number, lane: number): void {
    this.#opcode([0xfd, 0x5a]);
    this.#code.unsigned(2);
    this.#code.unsigned(offset);
    this.#code.byte(lane);
  }

  lane(name: LaneOp, lane: number): void {
    this.#opcode(laneOpcodes[name]);
    this.#code.byte(lane);
  }

  get(local: number): void {
    this.#code.byte(0x20);
    this.#code.unsigned(local);
  }

  set(local: number): void {
    this.#code.byte(0x21);
    this.#code.unsigned(local);
  }

  tee(local: number): void {
    this.#code.byte(0x22);
    this.#code.unsigned(local);
  }

  getGlobal(global: number): void {
    this.#code.byte(0x23);
    this.#code.unsigned(global);
  }

  setGlobal(global: number): void {
    this.#code.byte(0x24);
    this.#code.unsigned(global);
  }

  i32(value: number): void {
    this.#code.byte(0x41);
    this.#code.signed(value);
  }

  f32(value: number): void {
    this.#code.byte(0x43);
    this.#code.words(Float32Array.of(value));
  }

  /** Four lanes of 32 bits, as numbers of a typed array. */
  v128(lanes: Float32Array | Int32Array): void {
    this.#opcode([0xfd, 0x0c]);
    this.#code.words(lanes);
  }

  /** `select` of vectors, which needs the type spelled out. */
  selectV128(): void {
    this.#code.byte(0x1c);
    this.#code.byte(1);
    this.#code.byte(typeCodes.v128);
  }

  /** A block without results; `br` to it leaves it. */
  block(): void {
    this.#code.byte(0x02);
    this.#code.byte(emptyBlock);
  }

  /** A loop without results; `br` to it starts its next round. */
  loop(): void {
    this.#code.byte(0x03);
    this.#code.byte(emptyBlock);
  }

  if(): void {
    this.#code.byte(0x04);
    this.#code.byte(emptyBlock);
  }

  else(): void {
    this.#code.byte(0x05);
  }

  end(): void {
    this.#code.byte(0x0b);
  }

  /** Branches to the block `depth` levels out. */
  br(depth: number): void {
    this.#code.byte(0x0c);
    this.#code.unsigned(depth);
  }

  brIf(depth: number): void {
    this.#code.byte(0x0d);
    this.#code.unsigned(depth);
  }

  call(callee: number): void {
    this.#code.byte(0x10);
    this.#code.unsigned(callee);
  }

  /** (to, from, bytes) -> */
  memoryCopy(): void {
    this.#opcode([0xfc, 0x0a]);
    this.#code.byte(0);
    this.#code.byte(0);
  }

  /** (to, byte value, bytes) -> */
  memoryFill(): void {
    this.#opcode([0xfc, 0x0b]);
    this.#code.byte(0);
  }

  /** The function's entry of the code section. */
  finish(): Bytes {
    const runs: { type: ValType; count: number }[] = [];
    for (const type of this.#locals) {
      const last = runs.at(-1);
      if (last?.type === type) last.count++;
      else runs.push({ type, count: 1 });
    }
    const body = new Bytes();
    body.unsigned(runs.length);
    for (const { type, count } of runs) {
      body.unsigned(count);
      body.byte(typeCodes[type]);
    }
    body.append(this.#code);
    body.byte(0x0b);
    return body;
  }

  #opcode(code: number | readonly [number, number]): void {
    if (typeof code === "number") this.#code.byte(code);
    else {
      this.#code.byte(code[0]);
      this.#code.unsigned(code[1]);
    }
  }
}

/** The memory that a module imports, as in `env.memory`; a shared one may have any size too. */
export interface MemoryImport {
  readonly module: string;
  readonly name: string;
  readonly shared?: boolean;
}

/** How the limits of a memory are written: without a maximum, with one, or with one for a memory of several threads. */
export const memoryFlags = { open: 0x00, limited: 0x01, shared: 0x03 } as const;

/** A memory of any size in the import section: flags, pages at least and at most (65536). */
const anySize = [memoryFlags.open, 0];
const anySizeShared = [memoryFlags.shared, 0, 0x80, 0x80, 0x04];

/** What an export is. */
const exported = { function: 0x00, global: 0x03 } as const;

/** Collects functions into a module that imports one memory. Functions return at most one value. */
export class ModuleBuilder {
  readonly #types: { params: readonly ValType[]; results: readonly ValType[] }[] = [];
  readonly #functions: { builder: FunctionBuilder; type: number }[] = [];
  readonly #exports: { name: string; kind: keyof typeof exported; index: number }[] = [];
  #globals = 0;

  /** Declares a function; it can be called by its index before its body is written. */
  function(name: string, params: readonly ValType[], results: readonly ValType[] = []): FunctionBuilder {
    const builder = new FunctionBuilder(name, this.#functions.length, params);
    this.#functions.push({ builder, type: this.#type(params, results) });
    return builder;
  }

  /** A variable of the instance: an i32 that begins as 0. */
  global(): number {
    return this.#globals++;
  }

  export(name: string, builder: FunctionBuilder): void {
    this.#exports.push({ name, kind: "function", index: builder.index });
  }

  exportGlobal(name: string, index: number): void {
    this.#exports.push({ name, kind: "global", index });
  }

  /** The bytes of the module. */
  finish(memory: MemoryImport): Uint8Array<ArrayBuffer> {
    const functions = this.#functions;
    const out = new Bytes();
    // Magic number and version.
    out.words(Int32Array.of(0x6d736100, 1));
    section(out, 1, this.#types, (to, { params, results }) => {
      to.byte(0x60);
      for (const types of [params, results]) {
        to.unsigned(types.length);
        for (const type of types) to.byte(typeCodes[type]);
      }
    });
    section(out, 2, [memory], (to, { module, name, shared }) => {
      to.sized(module);
      to.sized(name);
      for (const byte of [0x02, ...(shared === true ? anySizeShared : anySize)]) to.byte(byte);
    });
    section(out, 3, functions, (to, { type }) => to.unsigned(type));
    if (this.#globals > 0) {
      section(out, 6, new Array<number>(this.#globals).fill(0), (to, start) => {
        // i32, changeable, begins as `start`, end of the expression.
        for (const byte of [typeCodes.i32, 0x01, 0x41, start, 0x0b]) to.byte(byte);
      });
    }
    section(out, 7, this.#exports, (to, { name, kind, index }) => {
      to.sized(name);
      to.byte(exported[kind]);
      to.unsigned(index);
    });
    section(out, 10, functions, (to, { builder }) => to.sized(builder.finish()));
    out.byte(0);
    out.sized(this.#names());
    return out.view().slice();
  }

  #type(params: readonly ValType[], results: readonly ValType[]): number {
    const same = (a: readonly ValType[], b: readonly ValType[]): boolean => a.join() === b.join();
    const known = this.#types.findIndex((type) => same(type.params, params) && same(type.results, results));
    return known >= 0 ? known : this.#types.push({ params, results }) - 1;
  }

  /** The custom section "name" with the names of functions, for profilers and stack traces. */
  #names(): Bytes {
    const out = new Bytes();
    out.sized("name");
    section(out, 1, this.#functions, (to, { builder }) => {
      to.unsigned(builder.index);
      to.sized(builder.name);
    });
    return out;
  }
}

/** A section that is a list. */
function section<T>(out: Bytes, id: number, items: readonly T[], write: (to: Bytes, item: T) => void): void {
  const content = new Bytes();
  content.unsigned(items.length);
  for (const item of items) write(content, item);
  out.byte(id);
  out.sized(content);
}
