/** What spelling an expression needs to know of the function around it, and how types are held. Interface only. */
import type { Dim } from "../../base/dims.ts";
import { internal } from "../../base/errors.ts";
import type { Buffer, Expr, LoopType, Variable } from "../../loops/ir.ts";
import type { FunctionBuilder, ValType } from "./assembler.ts";

/** The function being written, and where its names live. */
export interface Scope {
  readonly f: FunctionBuilder;
  /** Whether instructions are wanted; otherwise only what they will need is to be learnt. */
  readonly final: boolean;
  /** Pushes a variable. */
  read(variable: Variable): void;
  size(dim: Dim): void;
  /** Pushes the address of an element, but for the static offset in bytes that it returns. */
  address(buffer: Buffer, index: Expr): number;
  /** Lends a local while `use` runs. */
  borrow(type: ValType, use: (local: number) => void): void;
}

/** A type as one word. */
export type Kind = "f32" | "i32" | "bool" | "f32x4" | "i32x4" | "boolx4";
export function kindOf(type: LoopType): Kind {
  if (type.lanes === 1) return type.scalar;
  return type.lanes === 4 ? `${type.scalar}x4` : internal("a vector that WebAssembly has not", { type });
}

/** How values of a type are held. */
export function valType(type: LoopType): ValType {
  if (type.lanes === 4) return "v128";
  return type.scalar === "f32" ? "f32" : "i32";
}
