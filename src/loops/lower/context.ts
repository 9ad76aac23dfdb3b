/** What the lowering of one program shares: its buffers, its checks and the names of its variables. */
import type { Dim } from "../../base/dims.ts";
import type { DType } from "../../base/dtypes.ts";
import { sizeOf } from "../../base/shapes.ts";
import { hoist } from "../hoist.ts";
import {
  type Buffer,
  type Check,
  type LoopType,
  type Role,
  type Scalar,
  type Stmt,
  types,
  type Variable,
} from "../ir.ts";
import { Names } from "../names.ts";

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
  readonly buffers: Buffer[] = [];
  readonly checks: Check[] = [];
  readonly names = new Names();
  /** Buffers that turned out to be needless: what stands in their place. */
  readonly #instead = new Map<Buffer, Buffer>();

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
