/** What a body uses: sizes and buffers, for the lists at the head of a program. */
import { type Dim, formatDim } from "../base/dims.ts";
import type { Buffer, Expr, Stmt } from "./ir.ts";
import { readsOf, writesOf } from "./plan.ts";
import { visitExpressions } from "./walk.ts";

/** The sizes that a body asks for, each once, in order of appearance. */
export function sizesOf(body: readonly Stmt[]): Dim[] {
  const found = new Map<string, Dim>();
  const collect = (x: Expr): void => {
    if (x.kind === "size") found.set(formatDim(x.dim), x.dim);
  };
  visitExpressions(body, collect, new Set());
  return [...found.values()];
}

/** Arguments and results, and those of the other buffers that a body touches. */
export function usedBuffers(buffers: readonly Buffer[], body: readonly Stmt[]): Buffer[] {
  const used = new Set<Buffer>();
  for (const s of body) for (const buffer of [...readsOf(s), ...writesOf(s)]) used.add(buffer);
  return buffers.filter((b) => used.has(b) || (b.role.kind !== "temp" && b.role.kind !== "constant"));
}
