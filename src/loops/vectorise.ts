/** Rewrites a one-lane expression to the lanes at variable, variable + 1, + 2, ...; or says that it cannot. */
import { affine, strideOf } from "./affine.ts";
import { binary, cast, load, ramp, select, splat, unary } from "./build.ts";
import type { Expr, Lanes, Variable } from "./ir.ts";
import { operands } from "./walk.ts";

/** Undefined where a load does not step by 0 or 1, or an operation has no vector form. */
export function vectorise(x: Expr, variable: Variable, lanes: Lanes): Expr | undefined {
  return new Vectoriser(variable, lanes).of(x);
}

class Vectoriser {
  readonly #variable: Variable;
  readonly #lanes: Lanes;
  readonly #done = new Map<Expr, Expr | undefined>();
  readonly #depends = new Map<Expr, boolean>();

  constructor(variable: Variable, lanes: Lanes) {
    this.#variable = variable;
    this.#lanes = lanes;
  }

  of(x: Expr): Expr | undefined {
    if (this.#done.has(x)) return this.#done.get(x);
    const result = this.#rewrite(x);
    this.#done.set(x, result);
    return result;
  }

  #rewrite(x: Expr): Expr | undefined {
    // A bool has no memory and no splat: what it is made of is splatted instead.
    if (x.type.scalar !== "bool" && !this.#varies(x)) return splat(x, this.#lanes);
    switch (x.kind) {
      case "const":
        return splat(x, this.#lanes);
      case "ref":
        return x.variable === this.#variable ? ramp(x, this.#lanes) : undefined;
      case "load": {
        const stride = strideOf(affine(x.index), this.#variable);
        if (stride === 0) return splat(x, this.#lanes);
        return stride === 1 ? load(x.buffer, x.index, this.#lanes) : undefined;
      }
      case "unary":
        return this.#all([x.x], ([a]) => unary(x.fn, a));
      case "binary":
        // No machine has a vector remainder of integers.
        if (x.fn === "mod" && x.type.scalar === "i32") return undefined;
        return this.#all([x.a, x.b], ([a, b]) => binary(x.fn, a, b));
      case "select":
        return this.#all([x.condition, x.a, x.b], ([c, a, b]) => select(c, a, b));
      case "cast":
        return this.#all([x.x], ([a]) => cast(a, x.type.scalar));
      case "size":
      case "splat":
      case "ramp":
      case "lane":
        return undefined;
      default:
        return x satisfies never;
    }
  }

  #all(xs: readonly Expr[], make: (vectors: readonly Expr[]) => Expr): Expr | undefined {
    const vectors = xs.map((x) => this.of(x));
    return vectors.some((v) => v === undefined) ? undefined : make(vectors as Expr[]);
  }

  #varies(x: Expr): boolean {
    const known = this.#depends.get(x);
    if (known !== undefined) return known;
    const varies = x.kind === "ref" ? x.variable === this.#variable : operands(x).some((o) => this.#varies(o));
    this.#depends.set(x, varies);
    return varies;
  }
}
