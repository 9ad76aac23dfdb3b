/**
 * The loop interpreter: runs a program on typed arrays, slow and obvious. It is the definition that targets are
 * tested against. With `precision: "float32"` each f32 operation is rounded, as machines do, so that a program whose
 * functions are spelled in arithmetic (math.ts) gives the same bits as WebAssembly.
 */
import { type DimValues, evaluateDim } from "../base/dims.ts";
import { bytesPerElement } from "../base/dtypes.ts";
import { internal, NumericError } from "../base/errors.ts";
import { binaryFunctions, castValue, unaryFunctions } from "./functions.ts";
import type { Buffer, Expr, Program, Stmt, Variable } from "./ir.ts";
import { layout } from "./plan.ts";
import { visitStatements } from "./walk.ts";

export type Data = Float64Array | Float32Array | Int32Array;

export interface InterpretOptions {
  /** "float64" holds f32 buffers as Float64Array; "float32" rounds each operation. */
  readonly precision?: "float64" | "float32";
  /** Which thread of a team goes first from each barrier to the next: results must not depend on it. */
  readonly order?: "forward" | "backward";
  /** Puts the temporaries where `plan.ts` lays them out, so that those that should not share a place are found. */
  readonly arena?: boolean;
}

type Values = readonly number[];
type Compute = () => Values;
/** Says whether it ends the loop that it is the body of. */
type Run = () => boolean;
/** The same in a program of several threads: stops at every barrier until all are there. */
type Walk = () => Generator<undefined, boolean>;

/** Runs a program on its inputs and returns its outputs, both in order of position. The inputs are not written. */
export function interpret(
  program: Program,
  inputs: readonly ArrayLike<number>[],
  dims: DimValues = {},
  options: InterpretOptions = {},
): Data[] {
  const memory = new Map<Buffer, Data>();
  const thread = (): Machine => new Machine(program, memory, dims, options.precision ?? "float64");
  const first = thread();
  for (const buffer of program.buffers) memory.set(buffer, first.allocate(buffer, inputs));
  if (options.arena === true) placeTemporaries(program, dims, memory);
  const { team } = program;
  if (team === undefined) for (const run of first.block(program.body)) run();
  else {
    const threads = Array.from({ length: team.count }, (_, i) => thread().walk(program.body, team.index, i));
    runTogether(options.order === "backward" ? threads.reverse() : threads, program);
  }
  return outputsOf(memory);
}

function placeTemporaries(program: Program, dims: DimValues, memory: Map<Buffer, Data>): void {
  const { bytes, offsets } = layout(program, dims);
  const arena = new Float64Array(bytes / bytesPerElement).fill(Number.NaN);
  for (const [buffer, offset] of offsets) {
    const start = offset / bytesPerElement;
    memory.set(buffer, arena.subarray(start, start + evaluateDim(buffer.size, dims)));
  }
}

/** Runs each thread up to its next barrier, again and again until all have ended. */
function runTogether(threads: readonly Generator<undefined, boolean>[], program: Program): void {
  for (;;) {
    const ended = threads.map((thread) => thread.next().done === true);
    if (ended.every((end) => end)) return;
    if (ended.some((end) => end)) internal("a thread has not met every barrier", { program: program.name });
  }
}

function outputsOf(memory: ReadonlyMap<Buffer, Data>): Data[] {
  const found: Data[] = [];
  for (const [{ role }, data] of memory) {
    if (role.kind === "output") found[role.position] = data;
    if (role.kind === "inout") found[role.output] = data;
  }
  return found;
}

class Machine {
  readonly #program: Program;
  readonly #dims: DimValues;
  /** Shared by all threads. */
  readonly #memory: Map<Buffer, Data>;
  readonly #variables = new Map<Variable, { value: Values }>();
  readonly #single: boolean;

  constructor(program: Program, memory: Map<Buffer, Data>, dims: DimValues, precision: "float64" | "float32") {
    this.#program = program;
    this.#memory = memory;
    this.#dims = dims;
    this.#single = precision === "float32";
  }

  allocate(buffer: Buffer, inputs: readonly ArrayLike<number>[]): Data {
    const length = evaluateDim(buffer.size, this.#dims);
    const data =
      buffer.scalar === "i32"
        ? new Int32Array(length)
        : this.#single
          ? new Float32Array(length)
          : new Float64Array(length);
    const { role } = buffer;
    // Scratch memory holds what an earlier call left: anything.
    if (role.kind === "temp" || role.kind === "output")
      return data.fill(buffer.scalar === "i32" ? 1234567 : Number.NaN);
    const given = role.kind === "constant" ? role.data : inputs[role.kind === "inout" ? role.input : role.position];
    if (given.length !== length)
      internal("a buffer has another length than its data", { buffer: buffer.name, length, got: given.length });
    data.set(given);
    return data;
  }

  block(body: readonly Stmt[]): Run[] {
    return body.map((s) => this.#statement(s));
  }

  /** One thread of a team, as far as its next barrier at each turn. */
  walk(body: readonly Stmt[], index: Variable, number: number): Generator<undefined, boolean> {
    this.#variables.set(index, { value: [number] });
    return walkAll(this.#walks(body));
  }

  #walks(body: readonly Stmt[]): Walk[] {
    return body.map((s): Walk => {
      if (s.kind === "barrier") return meet;
      if (!meets([s])) return atOnce(this.#statement(s));
      if (s.kind === "kernel") return () => walkAll(this.#walks(s.body));
      if (s.kind === "for") return this.#walkLoop(s);
      return internal("a barrier stands where not all threads need to come by", { program: this.#program.name });
    });
  }

  #walkLoop(s: Stmt & { kind: "for" }): Walk {
    const [from, to] = [this.#compute(s.from), this.#compute(s.to)];
    const cell = { value: [0] };
    this.#variables.set(s.variable, cell);
    const body = this.#walks(s.body);
    return function* () {
      const end = to()[0];
      for (let i = from()[0]; i < end; i += s.step) {
        cell.value = [i];
        if (yield* walkAll(body)) break;
      }
      return false;
    };
  }

  #statement(s: Stmt): Run {
    switch (s.kind) {
      case "for":
        return this.#loop(s);
      case "let":
      case "var":
        this.#variables.set(s.variable, { value: [] });
        return this.#assign(s.variable, s.value);
      case "set":
        return this.#assign(s.variable, s.value);
      case "store":
        return this.#store(s);
      case "if": {
        const condition = this.#compute(s.condition);
        const [then, otherwise] = [this.block(s.then), this.block(s.else)];
        return () => runAll(condition()[0] !== 0 ? then : otherwise);
      }
      case "leave": {
        const condition = this.#compute(s.condition);
        return () => condition()[0] !== 0;
      }
      case "copy":
        return this.#copy(s);
      case "fill":
        return this.#fill(s);
      case "kernel": {
        const body = this.block(s.body);
        return () => runAll(body);
      }
      case "barrier":
        return internal("a barrier in a program of one thread", { program: this.#program.name });
      case "require":
        return this.#require(s);
      default:
        return s satisfies never;
    }
  }

  #loop(s: Stmt & { kind: "for" }): Run {
    const [from, to] = [this.#compute(s.from), this.#compute(s.to)];
    const cell = { value: [0] };
    this.#variables.set(s.variable, cell);
    const body = this.block(s.body);
    return () => {
      const end = to()[0];
      for (let i = from()[0]; i < end; i += s.step) {
        cell.value = [i];
        if (runAll(body)) break;
      }
      return false;
    };
  }

  #assign(variable: Variable, value: Expr): Run {
    const cell =
      this.#variables.get(variable) ?? internal("a variable is set before it is declared", { name: variable.name });
    const compute = this.#compute(value);
    return () => {
      cell.value = compute();
      return false;
    };
  }

  #store(s: Stmt & { kind: "store" }): Run {
    const memory = this.#get(s.buffer);
    const [index, value] = [this.#compute(s.index), this.#compute(s.value)];
    const lanes = s.value.type.lanes;
    return () => {
      const at = index()[0];
      this.#within(s.buffer, at, lanes);
      const from = value();
      for (let i = 0; i < lanes; i++) memory[at + i] = from[i];
      return false;
    };
  }

  #copy(s: Stmt & { kind: "copy" }): Run {
    const [to, from] = [this.#get(s.to), this.#get(s.from)];
    const [toIndex, fromIndex, count] = [s.toIndex, s.fromIndex, s.count].map((x) => this.#compute(x));
    return () => {
      const n = count()[0];
      this.#within(s.to, toIndex()[0], n);
      this.#within(s.from, fromIndex()[0], n);
      to.set(from.slice(fromIndex()[0], fromIndex()[0] + n), toIndex()[0]);
      return false;
    };
  }

  #fill(s: Stmt & { kind: "fill" }): Run {
    const memory = this.#get(s.buffer);
    const [index, count] = [this.#compute(s.index), this.#compute(s.count)];
    return () => {
      this.#within(s.buffer, index()[0], count()[0]);
      memory.fill(0, index()[0], index()[0] + count()[0]);
      return false;
    };
  }

  #require(s: Stmt & { kind: "require" }): Run {
    const [condition, value] = [this.#compute(s.condition), this.#compute(s.value)];
    return () => {
      if (condition()[0] !== 0) return false;
      const got = value()[0];
      throw new NumericError(this.#program.checks[s.check].message.replace("{value}", String(got)), {
        check: s.check,
        value: got,
      });
    };
  }

  #compute(x: Expr): Compute {
    switch (x.kind) {
      case "const": {
        const value = this.#single && x.type.scalar === "f32" ? Math.fround(x.value) : x.value;
        const lanes = new Array<number>(x.type.lanes).fill(value);
        return () => lanes;
      }
      case "ref": {
        const cell =
          this.#variables.get(x.variable) ??
          internal("a variable is used before it is declared", { name: x.variable.name });
        return () => cell.value;
      }
      case "size": {
        const value = [evaluateDim(x.dim, this.#dims)];
        return () => value;
      }
      case "load":
        return this.#load(x);
      case "unary": {
        const [f, a] = [this.#rounded(unaryFunctions[x.fn], x), this.#compute(x.x)];
        return () => a().map((v) => f(v));
      }
      case "binary": {
        const [f, a, b] = [
          this.#rounded(binaryFunctions(x.fn, x.a.type.scalar), x),
          this.#compute(x.a),
          this.#compute(x.b),
        ];
        return () => {
          const right = b();
          return a().map((v, i) => f(v, right[i]));
        };
      }
      case "select": {
        const [condition, a, b] = [x.condition, x.a, x.b].map((e) => this.#compute(e));
        return () => {
          const [left, right] = [a(), b()];
          return condition().map((c, i) => (c !== 0 ? left[i] : right[i]));
        };
      }
      case "cast": {
        const [a, to] = [this.#compute(x.x), x.type.scalar];
        return () => a().map((v) => (this.#single && to === "f32" ? Math.fround(v) : castValue(v, to)));
      }
      case "splat": {
        const [a, lanes] = [this.#compute(x.x), x.type.lanes];
        return () => new Array<number>(lanes).fill(a()[0]);
      }
      case "ramp": {
        const [base, lanes] = [this.#compute(x.base), x.type.lanes];
        return () => Array.from({ length: lanes }, (_, i) => (base()[0] + i) | 0);
      }
      case "lane": {
        const a = this.#compute(x.x);
        return () => [a()[x.lane]];
      }
      default:
        return x satisfies never;
    }
  }

  #load(x: Expr & { kind: "load" }): Compute {
    const memory = this.#get(x.buffer);
    const index = this.#compute(x.index);
    const { lanes } = x.type;
    if (lanes === 1) {
      return () => {
        const at = index()[0];
        this.#within(x.buffer, at, 1);
        return [memory[at]];
      };
    }
    return () => {
      const at = index()[0];
      this.#within(x.buffer, at, lanes);
      return Array.from(memory.subarray(at, at + lanes));
    };
  }

  #rounded(f: (...values: number[]) => number, x: Expr): (...values: number[]) => number {
    return this.#single && x.type.scalar === "f32" ? (...values) => Math.fround(f(...values)) : f;
  }

  #get(buffer: Buffer): Data {
    return this.#memory.get(buffer) ?? internal("a buffer is not of the program", { buffer: buffer.name });
  }

  #within(buffer: Buffer, at: number, count: number): void {
    const { length } = this.#get(buffer);
    if (at >= 0 && at + count <= length) return;
    // A load moved out of a loop that runs no time may touch an empty buffer; its value goes nowhere.
    if (length === 0) return;
    internal("an access outside of its buffer", {
      program: this.#program.name,
      buffer: buffer.name,
      at,
      count,
      length,
    });
  }
}

function* meet(): Generator<undefined, boolean> {
  yield;
  return false;
}

function atOnce(run: Run): Walk {
  // biome-ignore lint/correctness/useYield: what has no barrier does not stop.
  return function* () {
    return run();
  };
}

/** Whether a barrier is among these statements or inside of them. */
function meets(body: readonly Stmt[]): boolean {
  let found = false;
  visitStatements(body, (s) => {
    found ||= s.kind === "barrier";
  });
  return found;
}

function* walkAll(walks: readonly Walk[]): Generator<undefined, boolean> {
  for (const walk of walks) if (yield* walk()) return true;
  return false;
}

/** Runs statements up to one that leaves the loop; says whether there was one. */
function runAll(body: readonly Run[]): boolean {
  return body.some((run) => run());
}
