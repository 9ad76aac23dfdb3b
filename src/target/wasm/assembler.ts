/**
 * A WebAssembly binary assembler: modules, functions, locals, control flow and the instructions of `opcodes.ts`.
 * It knows nothing of tensors or loops and checks nothing: `WebAssembly.validate` does.
 * Format: https://webassembly.github.io/spec/core/binary/
 */
import { type LaneOp, laneOpcodes, type MemoryOp, memoryOpcodes, type PlainOp, plainOpcodes } from "./opcodes.ts";

export type ValType = "i32" | "f32" | "v128";

const typeCodes = { i32: 0x7f, f32: 0x7d, v128: 0x7b } as const satisfies Record<ValType, number>;
const emptyBlock = 0x40;

/** Unsigned LEB128. */
export function unsigned(out: number[], value: number): void {
  let rest = value >>> 0;
  while (rest >= 0x80) {
    out.push((rest & 0x7f) | 0x80);
    rest >>>= 7;
  }
  out.push(rest);
}

/** Signed LEB128 of a 32-bit number. */
export function signed(out: number[], value: number): void {
  let rest = value | 0;
  for (;;) {
    const byte = rest & 0x7f;
    rest >>= 7;
    if ((rest === 0 && (byte & 0x40) === 0) || (rest === -1 && (byte & 0x40) !== 0)) {
      out.push(byte);
      return;
    }
    out.push(byte | 0x80);
  }
}

/** Writes the body of one function. Locals are numbers; the first ones are the parameters. */
export class FunctionBuilder {
  readonly name: string;
  readonly index: number;
  readonly params: readonly ValType[];
  readonly #locals: ValType[] = [];
  readonly #code: number[] = [];

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
    unsigned(this.#code, align);
    unsigned(this.#code, offset);
  }

  /** Stores one lane of a vector: (address, vector) -> */
  storeLane(offset: number, lane: number): void {
    this.#opcode([0xfd, 0x5a]);
    unsigned(this.#code, 2);
    unsigned(this.#code, offset);
    this.#code.push(lane);
  }

  lane(name: LaneOp, lane: number): void {
    this.#opcode(laneOpcodes[name]);
    this.#code.push(lane);
  }

  get(local: number): void {
    this.#code.push(0x20);
    unsigned(this.#code, local);
  }

  set(local: number): void {
    this.#code.push(0x21);
    unsigned(this.#code, local);
  }

  tee(local: number): void {
    this.#code.push(0x22);
    unsigned(this.#code, local);
  }

  i32(value: number): void {
    this.#code.push(0x41);
    signed(this.#code, value);
  }

  f32(value: number): void {
    this.#code.push(0x43, ...bytesOf(Float32Array.of(value)));
  }

  /** Four lanes of 32 bits, as numbers of a typed array. */
  v128(lanes: Float32Array | Int32Array): void {
    this.#opcode([0xfd, 0x0c]);
    this.#code.push(...bytesOf(lanes));
  }

  /** `select` of vectors, which needs the type spelled out. */
  selectV128(): void {
    this.#code.push(0x1c, 1, typeCodes.v128);
  }

  /** A block without results; `br` to it leaves it. */
  block(): void {
    this.#code.push(0x02, emptyBlock);
  }

  /** A loop without results; `br` to it starts its next round. */
  loop(): void {
    this.#code.push(0x03, emptyBlock);
  }

  if(): void {
    this.#code.push(0x04, emptyBlock);
  }

  else(): void {
    this.#code.push(0x05);
  }

  end(): void {
    this.#code.push(0x0b);
  }

  /** Branches to the block `depth` levels out. */
  br(depth: number): void {
    this.#code.push(0x0c);
    unsigned(this.#code, depth);
  }

  brIf(depth: number): void {
    this.#code.push(0x0d);
    unsigned(this.#code, depth);
  }

  call(callee: number): void {
    this.#code.push(0x10);
    unsigned(this.#code, callee);
  }

  /** (to, from, bytes) -> */
  memoryCopy(): void {
    this.#opcode([0xfc, 0x0a]);
    this.#code.push(0, 0);
  }

  /** (to, byte value, bytes) -> */
  memoryFill(): void {
    this.#opcode([0xfc, 0x0b]);
    this.#code.push(0);
  }

  /** The function's entry of the code section. */
  finish(): number[] {
    const runs: { type: ValType; count: number }[] = [];
    for (const type of this.#locals) {
      const last = runs.at(-1);
      if (last?.type === type) last.count++;
      else runs.push({ type, count: 1 });
    }
    const body: number[] = [];
    unsigned(body, runs.length);
    for (const { type, count } of runs) {
      unsigned(body, count);
      body.push(typeCodes[type]);
    }
    append(body, this.#code);
    body.push(0x0b);
    return sized(body);
  }

  #opcode(code: number | readonly [number, number]): void {
    if (typeof code === "number") this.#code.push(code);
    else {
      this.#code.push(code[0]);
      unsigned(this.#code, code[1]);
    }
  }
}

/** Collects functions into a module that imports one memory. Functions return at most one value. */
export class ModuleBuilder {
  readonly #types: { key: string; bytes: number[] }[] = [];
  readonly #functions: { builder: FunctionBuilder; type: number }[] = [];
  readonly #exports: { name: string; index: number }[] = [];

  /** Declares a function; it can be called by its index before its body is written. */
  function(name: string, params: readonly ValType[], results: readonly ValType[] = []): FunctionBuilder {
    const builder = new FunctionBuilder(name, this.#functions.length, params);
    this.#functions.push({ builder, type: this.#type(params, results) });
    return builder;
  }

  export(name: string, builder: FunctionBuilder): void {
    this.#exports.push({ name, index: builder.index });
  }

  /** The bytes of the module; `memory` names the import, as in `env.memory`. */
  finish(memory: { module: string; name: string }): Uint8Array<ArrayBuffer> {
    const memoryImport = [...text(memory.module), ...text(memory.name), 0x02, 0x00, 0];
    const functions = this.#functions;
    const out = [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
    append(out, section(1, vector(this.#types.map(({ bytes }) => bytes))));
    append(out, section(2, vector([memoryImport])));
    append(out, section(3, vector(functions.map(({ type }) => number(type)))));
    append(out, section(7, vector(this.#exports.map(({ name, index }) => [...text(name), 0x00, ...number(index)]))));
    append(out, section(10, vector(functions.map(({ builder }) => builder.finish()))));
    append(out, section(0, this.#names()));
    return Uint8Array.from(out);
  }

  #type(params: readonly ValType[], results: readonly ValType[]): number {
    const key = `${params.join()}>${results.join()}`;
    const known = this.#types.findIndex((type) => type.key === key);
    if (known >= 0) return known;
    const codes = (types: readonly ValType[]): number[] => vector(types.map((type) => [typeCodes[type]]));
    return this.#types.push({ key, bytes: [0x60, ...codes(params), ...codes(results)] }) - 1;
  }

  /** The custom section "name" with the names of functions, for profilers and stack traces. */
  #names(): number[] {
    const names = vector(this.#functions.map(({ builder }) => [...number(builder.index), ...text(builder.name)]));
    return [...text("name"), 1, ...sized(names)];
  }
}

function bytesOf(data: Float32Array | Int32Array): Uint8Array {
  // WebAssembly is little-endian; so is every engine that runs it.
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

function number(value: number): number[] {
  const out: number[] = [];
  unsigned(out, value);
  return out;
}

function sized(content: readonly number[]): number[] {
  const out = number(content.length);
  append(out, content);
  return out;
}

function vector(items: readonly (readonly number[])[]): number[] {
  const out = number(items.length);
  for (const item of items) append(out, item);
  return out;
}

function section(id: number, content: readonly number[]): number[] {
  const out = [id];
  append(out, sized(content));
  return out;
}

function text(value: string): number[] {
  return sized([...new TextEncoder().encode(value)]);
}

/** Like `push(...items)`, which overflows the stack on long lists. */
function append(out: number[], items: readonly number[]): void {
  for (const item of items) out.push(item);
}
