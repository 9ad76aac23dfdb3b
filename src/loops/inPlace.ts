/**
 * Whether a kernel may write one temporary in the place of another that it reads for the last time: it does so where it
 * writes each element only after it has read the other's element at the same index. Where both lie is `plan.ts`.
 */
import { equalDims } from "../base/dims.ts";
import { keyOf } from "./affine.ts";
import type { Buffer, Expr, Stmt, Variable } from "./ir.ts";
import { expressions, visitExpression, visitStatements } from "./walk.ts";

type Load = Expr & { readonly kind: "load" };
type Store = Stmt & { readonly kind: "store" };

/**
 * Whether the kernel of this body may write `to` in the place of `from`. `thread` is the number of a thread of a team:
 * then the kernel must divide its elements by it, for otherwise every thread does all of them, each at its own time.
 */
export function writesInPlace(body: readonly Stmt[], from: Buffer, to: Buffer, thread?: Variable): boolean {
  if (from === to || !equalDims(from.size, to.size)) return false;
  return isSafe(body, { from, to, thread, lets: letsOf(body) }, []);
}

interface Pair {
  readonly from: Buffer;
  readonly to: Buffer;
  readonly thread: Variable | undefined;
  /** What the variables of the kernel stand for. */
  readonly lets: ReadonlyMap<Variable, Expr>;
}

type Loop = Stmt & { readonly kind: "for" };

/** `around` are the loops of the kernel around the statements. */
function isSafe(statements: readonly Stmt[], pair: Pair, around: readonly Loop[]): boolean {
  const touching = statements.filter((s) => touches(s, pair));
  const loops = touching.filter((s) => s.kind === "for");
  if (loops.length === 0) return isOneElement(touching, pair, around) && isDivided(pair, around);
  // Several loops, such as one by vectors and one for what is left, must go over parts of one range.
  const apart = loops.every((loop, i) => i === 0 || isSame(loops[i - 1].to, loop.from));
  if (!apart || loops.length < touching.length) return false;
  return loops.every((loop) => isSafe(loop.body, pair, [...around, loop]));
}

function isDivided({ thread, lets }: Pair, around: readonly Loop[]): boolean {
  return thread === undefined || around.some(({ from }) => variablesOf(from, lets).has(thread));
}

/** Statements of one iteration: they read at the index of their one write, before it, and another iteration has another index. */
function isOneElement(statements: readonly Stmt[], { from, to, lets }: Pair, around: readonly Loop[]): boolean {
  const store = statements.at(-1);
  if (store?.kind !== "store" || store.buffer !== to) return false;
  const ofIndex = variablesOf(store.index, lets);
  if (!around.every(({ variable }) => ofIndex.has(variable))) return false;
  const before = statements.slice(0, -1).every(({ kind }) => kind === "let");
  const reads = statements.flatMap(loadsOf).filter(({ buffer }) => buffer === from || buffer === to);
  return before && reads.every((load) => load.buffer === from && isSameElement(load, store));
}

function isSameElement(load: Load, { index, value }: Store): boolean {
  return load.type.lanes === value.type.lanes && isSame(load.index, index);
}

function isSame(a: Expr, b: Expr): boolean {
  return a === b || keyOf(a) === keyOf(b);
}

function touches(statement: Stmt, { from, to }: Pair): boolean {
  let found = false;
  const look = (buffer: Buffer): void => {
    found ||= buffer === from || buffer === to;
  };
  visitStatements([statement], (s) => {
    if (s.kind === "store" || s.kind === "fill") look(s.buffer);
    if (s.kind === "copy") for (const buffer of [s.from, s.to]) look(buffer);
    for (const { buffer } of loadsOf(s)) look(buffer);
  });
  return found;
}

function loadsOf(s: Stmt): Load[] {
  const found: Load[] = [];
  for (const x of expressions(s)) visitExpression(x, (e) => (e.kind === "load" ? found.push(e) : undefined));
  return found;
}

function letsOf(body: readonly Stmt[]): Map<Variable, Expr> {
  const lets = new Map<Variable, Expr>();
  visitStatements(body, (s) => (s.kind === "let" ? lets.set(s.variable, s.value) : undefined));
  return lets;
}

/** The variables that an expression depends on, through what others stand for. */
function variablesOf(start: Expr, lets: ReadonlyMap<Variable, Expr>): Set<Variable> {
  const found = new Set<Variable>();
  const waiting = [start];
  for (let x = waiting.pop(); x !== undefined; x = waiting.pop()) {
    visitExpression(x, (e) => {
      if (e.kind !== "ref" || found.has(e.variable)) return;
      found.add(e.variable);
      const meaning = lets.get(e.variable);
      if (meaning !== undefined) waiting.push(meaning);
    });
  }
  return found;
}
