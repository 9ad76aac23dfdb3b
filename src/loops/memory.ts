/**
 * What a call of a program needs of memory, by the plan: nothing is run for it. The plan itself is `plan.ts`; variables
 * that the process keeps between calls count with the programs that use them.
 */
import { type DimValues, evaluateDim } from "../base/dims.ts";
import { bytesPerElement } from "../base/dtypes.ts";
import type { Buffer, Program, Stmt } from "./ir.ts";
import { type Lifetime, layout, lifetimes, writesOf } from "./plan.ts";

/** Bytes that one call needs. */
export interface Memory {
  /** All of the following together. */
  readonly peak: number;
  /** Arguments, and variables that are only read. */
  readonly inputs: number;
  readonly outputs: number;
  /** Variables that are updated in place. */
  readonly updated: number;
  readonly constants: number;
  /** What lies in between: one arena, in which values that do not live at the same time share their place. */
  readonly temporaries: number;
  /** Temporaries that are alive at the moment when the most are, the largest first. */
  readonly largest: readonly LargeBuffer[];
}

export interface LargeBuffer {
  /** As in the printed loops. */
  readonly name: string;
  /** Path of the layer or function that fills it, as in `Node.scope`; empty at the top. */
  readonly scope: string;
  readonly bytes: number;
}

/** What a call with these sizes needs. */
export function memoryOf(program: Program, dims: DimValues): Memory {
  const bytesOf = ({ size }: Buffer): number => evaluateDim(size, dims) * bytesPerElement;
  const kinds = { input: 0, output: 0, inout: 0, constant: 0, temp: 0 };
  for (const buffer of program.buffers) kinds[buffer.role.kind] += bytesOf(buffer);
  const temporaries = layout(program, dims).bytes;
  const scopes = scopesOf(program);
  const largest = aliveAtWorst([...lifetimes(program)], bytesOf).map((buffer) => ({
    name: buffer.name,
    scope: scopes.get(buffer) ?? "",
    bytes: bytesOf(buffer),
  }));
  return {
    peak: kinds.input + kinds.output + kinds.inout + kinds.constant + temporaries,
    inputs: kinds.input,
    outputs: kinds.output,
    updated: kinds.inout,
    constants: kinds.constant,
    temporaries,
    largest: largest.sort((a, b) => b.bytes - a.bytes),
  };
}

function aliveAtWorst(lives: readonly [Buffer, Lifetime][], bytesOf: (buffer: Buffer) => number): Buffer[] {
  let worst: Buffer[] = [];
  let most = 0;
  for (const [, { first: now }] of lives) {
    const alive = lives.filter(([, { first, last }]) => first <= now && now <= last).map(([buffer]) => buffer);
    const total = alive.reduce((sum, buffer) => sum + bytesOf(buffer), 0);
    if (total > most) [most, worst] = [total, alive];
  }
  return worst;
}

/** The scope of the kernel that first writes each buffer: what its name says before the colon. */
function scopesOf({ body }: Program): Map<Buffer, string> {
  const scopes = new Map<Buffer, string>();
  const visit = (statements: readonly Stmt[]): void => {
    for (const s of statements) {
      if (s.kind === "for") visit(s.body);
      if (s.kind !== "kernel") continue;
      const colon = s.name.lastIndexOf(": ");
      for (const buffer of writesOf(s))
        if (!scopes.has(buffer)) scopes.set(buffer, s.name.slice(0, Math.max(0, colon)));
    }
  };
  visit(body);
  return scopes;
}

/** Bytes as people read them: `12.4 MB`. */
export function formatBytes(bytes: number): string {
  if (bytes < 1e3) return `${bytes} bytes`;
  const [unit, name] = bytes < 1e6 ? [1e3, "kB"] : bytes < 1e9 ? [1e6, "MB"] : [1e9, "GB"];
  return `${(bytes / unit).toFixed(1)} ${name}`;
}
