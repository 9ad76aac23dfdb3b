/**
 * An artefact as bytes, to be kept: the module, and of its program all that running it needs, which is everything but
 * the statements. Not here: where it is kept, and under which key (`runtime/kept.ts`).
 *
 *   bytes = length of the head as u32, the head as JSON, zeros up to a multiple of 4, the module, the same, constants
 */
import { addDims, type Dim, type Factor, floorDivideDim, isSymbolic, multiplyDims, symbol } from "../../base/dims.ts";
import type { HostArray } from "../../base/dtypes.ts";
import { type Buffer, type Check, type Program, type Role, types } from "../../loops/ir.ts";
import { type Lifetime, lifetimes, recallLifetimes } from "../../loops/plan.ts";
import type { WasmArtefact } from "../target.ts";

type StoredDim = number | readonly (readonly [coefficient: number, ...factors: readonly StoredFactor[]])[];
type StoredFactor = string | readonly [of: StoredDim, by: number];

interface StoredBuffer {
  readonly name: string;
  readonly scalar: "f32" | "i32";
  readonly size: StoredDim;
  /** Without the data, which follows in the order of the buffers. */
  readonly role: Exclude<Role, { kind: "constant" }> | { readonly kind: "constant"; readonly length: number };
  /** Of temporaries. */
  readonly life?: Lifetime;
}

interface Head {
  readonly name: string;
  readonly moduleBytes: number;
  readonly buffers: readonly StoredBuffer[];
  readonly sizes: readonly StoredDim[];
  readonly checks: readonly Check[];
  /** Threads of the team. */
  readonly team?: number;
}

export function encodeArtefact({ bytes, program }: WasmArtefact): Uint8Array {
  const lives = lifetimes(program);
  const head: Head = {
    name: program.name,
    moduleBytes: bytes.length,
    buffers: program.buffers.map((buffer) => storedBuffer(buffer, lives)),
    sizes: program.sizes.map(storedDim),
    checks: program.checks,
    team: program.team?.count,
  };
  const text = new TextEncoder().encode(JSON.stringify(head));
  const constants = program.buffers.flatMap(({ role }) => (role.kind === "constant" ? [role.data] : []));
  return joined([Uint8Array.from(new Uint8Array(Uint32Array.of(text.length).buffer)), text, bytes, ...constants]);
}

/** The artefact of which `encodeArtefact` made these bytes, its program without statements. Raises an error for others. */
export function decodeArtefact(stored: Uint8Array): WasmArtefact {
  // A copy, because constants want to begin at a multiple of four.
  const data = new Uint8Array(stored);
  const textLength = new DataView(data.buffer).getUint32(0, true);
  const head = JSON.parse(new TextDecoder().decode(data.subarray(4, 4 + textLength))) as Head;
  let at = 4 + padded(textLength);
  const bytes = data.slice(at, at + head.moduleBytes);
  at += padded(head.moduleBytes);
  const take = (scalar: "f32" | "i32", length: number): HostArray => {
    const found =
      scalar === "f32" ? new Float32Array(data.buffer, at, length) : new Int32Array(data.buffer, at, length);
    at += 4 * length;
    return found;
  };
  const lives = new Map<Buffer, Lifetime>();
  const buffers = head.buffers.map(({ name, scalar, size, role, life }): Buffer => {
    const whole: Role = role.kind === "constant" ? { kind: "constant", data: take(scalar, role.length) } : role;
    const buffer: Buffer = { name, scalar, size: dimOf(size), role: whole };
    if (life !== undefined) lives.set(buffer, life);
    return buffer;
  });
  const { name, checks, team } = head;
  const index = { name: "thread", type: types.i32 };
  const program: Program = { name, buffers, sizes: head.sizes.map(dimOf), checks, body: [] };
  const manned = team === undefined ? program : { ...program, team: { index, count: team } };
  recallLifetimes(manned, lives);
  return { kind: "wasm", bytes, program: manned };
}

function storedBuffer(buffer: Buffer, lives: ReadonlyMap<Buffer, Lifetime>): StoredBuffer {
  const { name, scalar, size, role } = buffer;
  const stored = role.kind === "constant" ? ({ kind: "constant", length: role.data.length } as const) : role;
  return { name, scalar, size: storedDim(size), role: stored, life: lives.get(buffer) };
}

function storedDim(dim: Dim): StoredDim {
  if (!isSymbolic(dim)) return dim;
  return dim.terms.map(({ coefficient, factors }) => [coefficient, ...factors.map(storedFactor)]);
}

function storedFactor(factor: Factor): StoredFactor {
  return "symbol" in factor ? factor.symbol : [storedDim(factor.floor), factor.by];
}

function dimOf(stored: StoredDim): Dim {
  if (typeof stored === "number") return stored;
  return addDims(...stored.map(([coefficient, ...factors]) => multiplyDims(coefficient, ...factors.map(factorOf))));
}

function factorOf(stored: StoredFactor): Dim {
  return typeof stored === "string" ? symbol(stored) : floorDivideDim(dimOf(stored[0]), stored[1]);
}

/** Each part at a multiple of four. */
function joined(parts: readonly (Uint8Array | HostArray)[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, { byteLength }) => sum + padded(byteLength), 0));
  let at = 0;
  for (const { buffer, byteOffset, byteLength } of parts) {
    out.set(new Uint8Array(buffer, byteOffset, byteLength), at);
    at += padded(byteLength);
  }
  return out;
}

function padded(bytes: number): number {
  return Math.ceil(bytes / 4) * 4;
}
