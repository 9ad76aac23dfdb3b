/**
 * What a program of several threads has beside its own functions: the barrier, and the exports `run` and `stop`.
 * Every thread has an instance of its own, so what a thread knows alone is a global. Not here: who the threads are
 * (`runtime/pool.ts`).
 */
import type { Program, Team } from "../../loops/ir.ts";
import type { FunctionBuilder, ModuleBuilder } from "./assembler.ts";
import { brokenDown, failedCheckOffset, meeting, teamOffset } from "./frame.ts";

/** A program that a team runs. */
export type TeamProgram = Program & { readonly team: Team };

/** The parts of a module that its team needs. */
export interface TeamParts {
  /** A function without parameters: all meet, and trap where one has failed. */
  readonly barrier: FunctionBuilder;
  /** The same of a thread that has failed: it never returns. */
  readonly fail: FunctionBuilder;
  /** The address of the words where the threads meet. */
  readonly words: number;
  /** How many arrivals there are when all have met at the last barrier that this thread came to. */
  readonly target: number;
  /** 1 where this thread has stopped because of a failure that all know of. */
  readonly stopped: number;
}

/**
 * Rounds that a thread looks for the others before it sleeps: some 0.8 ms. To be woken costs a tenth of that where cores
 * are virtual, and threads that sleep soon meet late again and again: a training step then took 1.1 to 1.6 times as long. A
 * round is slow (a fence), so that a waiting thread leaves memory and a shared core to those that work.
 */
const patience = 40_000;

/** The parts, to be called before their bodies are written: a frame is complete when all functions are. */
export function declareTeam(module: ModuleBuilder): TeamParts {
  const [barrier, fail] = [module.function("barrier", []), module.function("fail", [])];
  return { barrier, fail, words: module.global(), target: module.global(), stopped: module.global() };
}

/** Writes the barrier and the exports; `body` is the function of the program, of the frame and the thread's number. */
export function emitTeam(module: ModuleBuilder, program: TeamProgram, parts: TeamParts, body: FunctionBuilder): void {
  emitBarrier(parts, program.team.count);
  emitFail(parts, program.team.count);
  emitRun(module, program, parts, body);
  emitStop(module, parts);
}

/** `run(frame, index)`: the end of a program is a barrier. */
function emitRun(module: ModuleBuilder, program: TeamProgram, parts: TeamParts, body: FunctionBuilder): void {
  const f = module.function("run", ["i32", "i32"]);
  module.export("run", f);
  f.get(0);
  f.memory("i32.load", teamOffset(program));
  f.setGlobal(parts.words);
  f.getGlobal(parts.words);
  f.memory("i32.load", meeting.base);
  f.setGlobal(parts.target);
  f.i32(0);
  f.setGlobal(parts.stopped);
  f.get(0);
  f.get(1);
  f.call(body.index);
  f.call(parts.barrier.index);
}

/** `stop(frame)`: a thread that has broken down on its way comes to the barrier where the others wait, and all stop. */
function emitStop(module: ModuleBuilder, { fail, stopped }: TeamParts): void {
  const f = module.function("stop", ["i32"]);
  module.export("stop", f);
  module.exportGlobal("stopped", stopped);
  f.get(0);
  f.memory("i32.load", failedCheckOffset);
  f.op("i32.eqz");
  f.if();
  f.get(0);
  f.i32(brokenDown);
  f.memory("i32.store", failedCheckOffset);
  f.end();
  f.call(fail.index);
}

/** The next barrier is where all stop. */
function emitFail({ fail: f, barrier, words, target }: TeamParts, count: number): void {
  f.getGlobal(words);
  f.getGlobal(target);
  f.i32(count);
  f.op("i32.add");
  f.memory("i32.store", meeting.stopAt);
  f.call(barrier.index);
  f.op("unreachable");
}

function emitBarrier({ barrier: f, words, target, stopped }: TeamParts, count: number): void {
  const [at, goal] = [f.local("i32"), f.local("i32")];
  f.getGlobal(words);
  f.set(at);
  f.getGlobal(target);
  f.i32(count);
  f.op("i32.add");
  f.tee(goal);
  f.setGlobal(target);
  f.get(at);
  f.i32(1);
  f.memory("i32.atomic.rmw.add", meeting.arrivals);
  f.i32(1);
  f.op("i32.add");
  f.get(goal);
  f.op("i32.eq");
  f.if();
  emitWake(f, at);
  f.else();
  emitWait(f, at, goal);
  f.end();
  f.get(at);
  f.memory("i32.load", meeting.stopAt);
  f.get(goal);
  f.op("i32.eq");
  f.if();
  f.i32(1);
  f.setGlobal(stopped);
  f.op("unreachable");
  f.end();
}

/** The last to arrive wakes those who sleep. Who is about to sleep sees the new number of arrivals instead. */
function emitWake(f: FunctionBuilder, at: number): void {
  f.get(at);
  f.memory("i32.atomic.load", meeting.sleepers);
  f.if();
  f.get(at);
  f.i32(-1);
  f.memory("memory.atomic.notify", meeting.arrivals);
  f.op("drop");
  f.end();
}

function emitWait(f: FunctionBuilder, at: number, goal: number): void {
  const [now, rounds] = [f.local("i32"), f.local("i32")];
  // Ends the block around it if all have arrived; differences are right although the number of arrivals wraps.
  const leaveIfMet = (): void => {
    f.get(at);
    f.memory("i32.atomic.load", meeting.arrivals);
    f.tee(now);
    f.get(goal);
    f.op("i32.sub");
    f.i32(0);
    f.op("i32.ge_s");
    f.brIf(1);
  };
  const countSleeper = (by: number): void => {
    f.get(at);
    f.i32(by);
    f.memory("i32.atomic.rmw.add", meeting.sleepers);
    f.op("drop");
  };
  f.block();
  f.i32(patience);
  f.set(rounds);
  f.loop();
  leaveIfMet();
  f.atomicFence();
  f.get(rounds);
  f.i32(1);
  f.op("i32.sub");
  f.tee(rounds);
  f.brIf(0);
  f.end();
  countSleeper(1);
  f.block();
  f.loop();
  leaveIfMet();
  f.get(at);
  f.get(now);
  f.atomicWait(meeting.arrivals);
  f.op("drop");
  f.br(0);
  f.end();
  f.end();
  countSleeper(-1);
  f.end();
}
