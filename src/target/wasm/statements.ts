/**
 * Spells statements. Loops test at the bottom; `kernel`s are called, or written in place where they set a variable of
 * the outside; `parallel` loops run serially: a program of several threads divides its work by itself.
 */
import { internal } from "../../base/errors.ts";
import type { Buffer, Expr, Stmt, Variable } from "../../loops/ir.ts";
import { emitCast, emitValue } from "./expressions.ts";
import { failedCheckOffset, failedValueOffset } from "./frame.ts";
import { type ForStmt, type FunctionState, frameLocal, type Level } from "./function.ts";
import type { Bump } from "./pointers.ts";
import { valType } from "./scope.ts";

/** Writes a kernel as a function of the frame and these variables, and returns its index. */
export type Outline = (name: string, body: readonly Stmt[], free: readonly Variable[]) => number;

type Rules = {
  readonly [K in Stmt["kind"]]: (stmt: Stmt & { kind: K }, state: FunctionState, outline: Outline) => void;
};

/** How each kind of statement is written. */
const statementRules: Rules = {
  for: (stmt, state, outline) => state.scoped(() => emitLoop(stmt, state, outline)),
  // The loop is the innermost label, what to leave it by the next.
  leave: ({ condition }, state) => {
    emitValue(condition, state);
    state.f.brIf(1);
  },
  let: ({ variable, value }, state) => emitLet(variable, value, state),
  var: ({ variable, value }, state) => {
    const local = state.take(valType(variable.type));
    state.bind(variable, { local, depth: Infinity });
    emitValue(value, state);
    state.f.set(local);
  },
  set: ({ variable, value }, state) => {
    emitValue(value, state);
    state.f.set(state.localOf(variable));
  },
  store: emitStore,
  if: (stmt, state, outline) => {
    emitValue(stmt.condition, state);
    state.f.if();
    emitBlock(stmt.then, state, outline);
    if (stmt.else.length > 0) state.f.else();
    emitBlock(stmt.else, state, outline);
    state.f.end();
  },
  copy: ({ to, toIndex, from, fromIndex, count }, state) => {
    pushAddress(to, toIndex, state);
    pushAddress(from, fromIndex, state);
    state.pointers.value(state.polynomial(count), 4);
    state.f.memoryCopy();
  },
  fill: ({ buffer, index, count }, state) => {
    pushAddress(buffer, index, state);
    state.f.i32(0);
    state.pointers.value(state.polynomial(count), 4);
    state.f.memoryFill();
  },
  kernel: emitKernel,
  barrier: (_, state) => emitBarrierCall(state),
  require: emitRequire,
};

export function emitBlock(body: readonly Stmt[], state: FunctionState, outline: Outline): void {
  type Rule = (stmt: Stmt, state: FunctionState, outline: Outline) => void;
  state.scoped(() => {
    for (const stmt of body) (statementRules[stmt.kind] as Rule)(stmt, state, outline);
  });
}

function emitLet(variable: Variable, value: Expr, state: FunctionState): void {
  const { f, facts } = state;
  const isIndex = variable.type.scalar === "i32" && variable.type.lanes === 1;
  const polynomial = isIndex ? state.polynomial(value) : undefined;
  const isLazy = polynomial !== undefined && state.isSubstitutable(polynomial);
  if (isLazy && !facts.lets.has(variable)) {
    // Nothing reads it, but addresses that it is part of; or the first writing has yet to find out.
    state.bind(variable, { local: frameLocal, lazy: { polynomial, value } });
    return;
  }
  emitValue(value, state);
  const local = state.take(valType(variable.type));
  f.set(local);
  state.bind(variable, { local, lazy: isLazy ? { polynomial, value } : undefined });
}

function emitStore({ buffer, index, value }: Stmt & { kind: "store" }, state: FunctionState): void {
  const { f } = state;
  const offset = state.address(buffer, index);
  if (value.kind === "lane") {
    emitValue(value.x, state);
    f.storeLane(offset, value.lane);
  } else {
    emitValue(value, state);
    if (value.type.scalar === "bool") emitCast(value.type, { scalar: buffer.scalar, lanes: value.type.lanes }, f);
    f.memory(value.type.lanes === 4 ? "v128.store" : buffer.scalar === "f32" ? "f32.store" : "i32.store", offset);
  }
}

function pushAddress(buffer: Buffer, index: Expr, state: FunctionState): void {
  const offset = state.address(buffer, index);
  if (offset === 0) return;
  state.f.i32(offset);
  state.f.op("i32.add");
}

function emitKernel(stmt: Stmt & { kind: "kernel" }, state: FunctionState, outline: Outline): void {
  const { reads, sets } = state.outside(stmt);
  if (sets) emitBlock(stmt.body, state, outline);
  else {
    state.f.get(frameLocal);
    for (const variable of reads) state.read(variable);
    if (state.final) state.f.call(outline(stmt.name, stmt.body, reads));
  }
}

function emitRequire({ condition, check, value }: Stmt & { kind: "require" }, state: FunctionState): void {
  const { f } = state;
  emitValue(condition, state);
  if (condition.type.lanes === 4) f.op("i32x4.all_true");
  f.op("i32.eqz");
  f.if();
  f.get(frameLocal);
  f.i32(check + 1);
  f.memory("i32.store", failedCheckOffset);
  f.get(frameLocal);
  emitValue(value, state);
  if (value.type.lanes === 4) internal("the value of a require is a vector");
  emitCast(value.type, { scalar: "i32", lanes: 1 }, f);
  f.memory("i32.store", failedValueOffset);
  // A thread of a team does not stop alone.
  if (state.shared.team !== undefined) f.call(state.shared.team.fail.index);
  f.op("unreachable");
  f.end();
}

function emitBarrierCall({ f, shared: { team, program } }: FunctionState): void {
  if (team === undefined) internal("a barrier in a program of one thread", { program: program.name });
  f.call(team.barrier.index);
}

// ---- loops ------------------------------------------------------------------------------------------------------

/** A bound of a loop: a number, or a local that holds it. */
type Bound = number | { readonly local: number };

function emitLoop(stmt: ForStmt, state: FunctionState, outline: Outline): void {
  const { f } = state;
  const level = state.levelOf(stmt);
  if (!state.final) {
    learnLoop(level, state, outline);
    return;
  }
  const from = emitBound(stmt.from, state);
  const to = emitBound(stmt.to, state);
  const known = typeof from === "number" && typeof to === "number";
  if (known && from >= to) return;
  if (!known) {
    pushBound(from, state);
    pushBound(to, state);
    f.op("i32.lt_s");
    f.if();
  }
  const bumps = state.pointers.enter(level);
  const counter = bindCounter(level, from, bumps, state);
  const end = counter === undefined ? endPointer(level, from, to, bumps, state) : undefined;
  const leaves = known && stmt.body.some(({ kind }) => kind === "leave");
  if (leaves) f.block();
  f.loop();
  emitBody(level, state, outline);
  for (const { pointer, by } of bumps) emitBump(pointer, by, state);
  const once = known && from + stmt.step >= to;
  if (!once) {
    if (end !== undefined) emitPointerTest(end, state);
    else if (counter !== undefined) emitCounterTest(counter, stmt.step, to, state);
    f.brIf(0);
  }
  f.end();
  if (leaves || !known) f.end();
}

function emitPointerTest({ pointer, last }: { pointer: number; last: number }, { f }: FunctionState): void {
  f.get(pointer);
  f.get(last);
  f.op("i32.lt_u");
}

function emitCounterTest(counter: number, step: number, to: Bound, state: FunctionState): void {
  const { f } = state;
  f.get(counter);
  f.i32(step);
  f.op("i32.add");
  f.tee(counter);
  pushBound(to, state);
  f.op("i32.lt_s");
}

/** The first writing: the body asks for pointers, then they ask for what they start from. */
function learnLoop(level: Level, state: FunctionState, outline: Outline): void {
  const { stmt } = level;
  state.bind(stmt.variable, { local: frameLocal, loop: stmt, depth: level.depth });
  emitBody(level, state, outline);
  emitValue(stmt.from, state);
  emitValue(stmt.to, state);
  state.pointers.enter(level);
}

function emitBody(level: Level, state: FunctionState, outline: Outline): void {
  state.level = level;
  emitBlock(level.stmt.body, state, outline);
  state.level = level.parent;
}

function emitBound(expr: Expr, state: FunctionState): Bound {
  const { constant, terms } = state.polynomial(expr);
  if (terms.length === 0) return constant;
  emitValue(expr, state);
  const local = state.take("i32");
  state.f.set(local);
  return { local };
}

function pushBound(bound: Bound, state: FunctionState): void {
  if (typeof bound === "number") state.f.i32(bound);
  else state.f.get(bound.local);
}

function emitBump(pointer: number, by: Bump["by"], { f }: FunctionState): void {
  f.get(pointer);
  if (typeof by === "number") f.i32(by);
  else f.get(by.local);
  f.op("i32.add");
  f.set(pointer);
}

/** The local of a loop's counter, or undefined where nothing reads it and a pointer can count instead. */
function bindCounter(level: Level, from: Bound, bumps: readonly Bump[], state: FunctionState): number | undefined {
  const { stmt, depth } = level;
  const needed = state.facts.counters.has(stmt) || counting(bumps) === undefined;
  const local = needed ? state.take("i32") : frameLocal;
  state.bind(stmt.variable, { local, loop: stmt, depth });
  if (!needed) return undefined;
  pushBound(from, state);
  state.f.set(local);
  return local;
}

/** A pointer that moves by a small known distance upwards, so that the end test cannot wrap. */
function counting(bumps: readonly Bump[]): { pointer: number; by: number } | undefined {
  for (const { pointer, by } of bumps) if (typeof by === "number" && by > 0 && by <= 4096) return { pointer, by };
  return undefined;
}

/** Computes where the counting pointer stands when the loop is over. */
function endPointer(
  level: Level,
  from: Bound,
  to: Bound,
  bumps: readonly Bump[],
  state: FunctionState,
): { pointer: number; last: number } | undefined {
  const { f } = state;
  const found = counting(bumps);
  if (found === undefined) return undefined;
  const last = state.take("i32");
  const { step } = level.stmt;
  f.get(found.pointer);
  pushBound(to, state);
  pushBound(from, state);
  f.op("i32.sub");
  // Bytes per unit of the counter; a bump is `step` units.
  f.i32(found.by / step);
  f.op("i32.mul");
  f.op("i32.add");
  f.set(last);
  return { pointer: found.pointer, last };
}
