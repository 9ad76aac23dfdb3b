/** Where a formula is written: its number of lanes, constants in that many lanes, and names for shared parts. */
import { add, f32, i32, mul, splat } from "../build.ts";
import type { Expr, Lanes } from "../ir.ts";

export class Site {
  readonly #lanes: Lanes;
  readonly #declare: (name: string, value: Expr) => Expr;

  constructor(lanes: Lanes, declare: (name: string, value: Expr) => Expr) {
    this.#lanes = lanes;
    this.#declare = declare;
  }

  float(value: number): Expr {
    return this.#lanes > 1 ? splat(f32(value), this.#lanes) : f32(value);
  }

  integer(value: number): Expr {
    return this.#lanes > 1 ? splat(i32(value), this.#lanes) : i32(value);
  }

  /** A value that is used more than once, as a reference to a `let`. */
  share(name: string, value: Expr): Expr {
    return value.kind === "ref" || value.kind === "const" ? value : this.#declare(name, value);
  }

  /** c[0] + u (c[1] + u (c[2] + ...)) */
  polynomial(c: readonly number[], u: Expr): Expr {
    return c.slice(0, -1).reduceRight((sum, x) => add(mul(sum, u), this.float(x)), this.float(c[c.length - 1]));
  }
}
