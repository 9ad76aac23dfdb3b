/** What the lowering of one program shares: its buffers, its checks and the names of its variables. */
import { addDims, type Dim, floorDivideDim, multiplyDims } from "../../base/dims.ts";
import type { DType } from "../../base/dtypes.ts";
import { sizeOf } from "../../base/shapes.ts";
import type { Value } from "../../graph/graph.ts";
import { i32, mul, ref, size as sizeExpr } from "../build.ts";
import { hoist } from "../hoist.ts";
import {
  type Buffer,
  type Check,
  type Expr,
  type LoopType,
  type Role,
  type Scalar,
  type Stmt,
  type Team,
  types,
  type Variable,
} from "../ir.ts";
import type { Machine } from "../machine.ts";
import { Names } from "../names.ts";
import { type Part, type Range, type Sharing, shareOf, whole, widened } from "./share.ts";
import { type View, wholeView } from "./view.ts";

/** How memory holds a dtype. */
export function memoryScalar(dtype: DType): "f32" | "i32" {
  return dtype === "float32" ? "f32" : "i32";
}

/** How registers hold a dtype. */
export function registerScalar(dtype: DType): Scalar {
  return dtype === "float32" ? "f32" : dtype === "int32" ? "i32" : "bool";
}

/** Collects what a program is made of while its statements are written. */
export class Context {
  readonly machine: Machine;
  /** The threads that will run the program together; undefined: one. */
  readonly team: Team | undefined;
  /** How the kernel that is being written divides its work. */
  sharing: Sharing;
  /** Statements that one thread does alone and that take it long, in nanoseconds. */
  readonly long = new Map<Stmt, number>();
  /** What the divided steps take one thread, roughly, in nanoseconds. */
  divided = 0;
  readonly buffers: Buffer[] = [];
  readonly checks: Check[] = [];
  readonly names = new Names();
  /** Buffers that turned out to be needless: what stands in their place. */
  readonly #instead = new Map<Buffer, Buffer>();

  constructor(machine: Machine) {
    this.machine = machine;
    if (machine.threads > 1) this.team = { index: this.variable("thread"), count: machine.threads };
  }

  /** Of how many nanoseconds of work other threads can do a part. */
  gain(): number {
    const alone = [...this.long.values()];
    return this.divided + alone.reduce((sum, work) => sum + work, 0) - Math.max(0, ...alone);
  }

  /** Writes something with its work divided in a certain way. */
  sharingAs<T>(sharing: Sharing, write: () => T): T {
    const before = this.sharing;
    this.sharing = sharing;
    const written = write();
    this.sharing = before;
    return written;
  }

  /** What this thread does of an axis that the kernel may divide. */
  share(length: Dim, quantum: number): Range {
    return this.sharing === "even" && this.team !== undefined ? shareOf(this.team, length, quantum) : whole(length);
  }

  /** The stretch of a value's rows that this thread does, where a batch is divided by rows. */
  part(value: Value): Part | undefined {
    if (this.sharing === undefined || this.sharing === "even") return undefined;
    const found = this.sharing.axisOf(value);
    return found && { axis: found.axis, range: widened(this.sharing.range, found.block) };
  }

  /** Whether each thread has a value of its own, because rows are divided and it is the same for all of them. */
  isOwn(value: Value): boolean {
    return this.sharing !== undefined && this.sharing !== "even" && this.sharing.axisOf(value) === undefined;
  }

  /** A place for a value: memory of all threads, or of this one alone if rows are divided and it is the same for all. */
  place(name: string, value: Value): View {
    if (!this.isOwn(value)) return wholeView(this.temp(name, value.dtype, value.shape), value.shape);
    const { buffer, base } = this.scratch(name, sizeOf(value.shape), memoryScalar(value.dtype));
    return { ...wholeView(buffer, value.shape), offset: base };
  }

  /** Memory for this thread alone while it writes a kernel: where it lies, and from which element on. */
  scratch(name: string, size: Dim, scalar: "f32" | "i32" = "f32"): { buffer: Buffer; base: Expr } {
    const { team, sharing } = this;
    if (team === undefined || sharing === undefined)
      return { buffer: this.buffer(name, scalar, size, { kind: "temp" }), base: i32(0) };
    // Threads must not write to one line of the cache.
    const each = multiplyDims(16, floorDivideDim(addDims(size, 15), 16));
    const buffer = this.buffer(name, scalar, multiplyDims(each, team.count), { kind: "temp" });
    return { buffer, base: mul(ref(team.index), sizeExpr(each)) };
  }

  buffer(name: string, scalar: "f32" | "i32", size: Dim, role: Role): Buffer {
    const buffer: Buffer = { name: this.names.fresh(name.replace(/[^\w.]+/g, "_")), scalar, size, role };
    this.buffers.push(buffer);
    return buffer;
  }

  temp(name: string, dtype: DType, shape: readonly Dim[]): Buffer {
    return this.buffer(name, memoryScalar(dtype), sizeOf(shape), { kind: "temp" });
  }

  /** From now on every access of `buffer` is one of `by`. */
  replace(buffer: Buffer, by: Buffer): void {
    this.#instead.set(buffer, by);
    this.buffers.splice(this.buffers.indexOf(buffer), 1);
  }

  /** The buffer that is accessed in the place of another. */
  resolve(buffer: Buffer): Buffer {
    const by = this.#instead.get(buffer);
    return by === undefined ? buffer : this.resolve(by);
  }

  variable(name: string, type: LoopType = types.i32): Variable {
    return this.names.variable(name, type);
  }

  /** The number of a check that says `message`. */
  check(message: string): number {
    const known = this.checks.findIndex((check) => check.message === message);
    return known >= 0 ? known : this.checks.push({ message }) - 1;
  }

  /** A named kernel with work shared and moved out of its loops. */
  kernel(name: string, body: readonly Stmt[]): Stmt {
    return { kind: "kernel", name, body: hoist(body, this.names) };
  }
}
