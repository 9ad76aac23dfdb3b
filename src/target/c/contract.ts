/**
 * Sums of products, made plain to see: where a product that a `let` holds is added to something, the product itself is
 * put there, so that the emitter can spell both as one fused operation. It is done wherever such a product stands, how
 * often it is used or where it was moved to, because vectors, tails and the shares of threads must round alike.
 */
import { binary, letIn, ref, splat } from "../../loops/build.ts";
import type { Expr, Program, Stmt, Variable } from "../../loops/ir.ts";
import { type Names, namesOf } from "../../loops/names.ts";
import { mapBlocks, mapExpressions, rewriteExpression, visitExpressions, visitStatements } from "../../loops/walk.ts";

type Product = readonly [Expr, Expr];

export function contract(program: Program): Program {
  return { ...program, body: new Contraction(program).block(program.body) };
}

class Contraction {
  readonly #names: Names;
  readonly #mutable = new Set<Variable>();
  /** Variables that are added to something. */
  readonly #added = new Set<Variable>();
  readonly #products = new Map<Variable, Product>();

  constructor(program: Program) {
    this.#names = namesOf(program);
    visitStatements(program.body, (s) => {
      if (s.kind === "var") this.#mutable.add(s.variable);
    });
    visitExpressions(program.body, (x) => {
      if (!isSum(x)) return;
      for (const term of [x.a, x.b]) {
        const inner = term.kind === "splat" ? term.x : term;
        if (inner.kind === "ref") this.#added.add(inner.variable);
      }
    });
  }

  block(body: readonly Stmt[]): readonly Stmt[] {
    return body.flatMap((s) => {
      const done = new Map<Expr, Expr>();
      const rewritten = mapExpressions(s, (x) => rewriteExpression(x, (e) => this.#sum(e), done));
      const before = rewritten.kind === "let" ? this.#factors(rewritten) : [];
      return [...before, mapBlocks(rewritten, (inner) => this.block(inner))];
    });
  }

  #sum(x: Expr): Expr {
    if (!isSum(x)) return x;
    const [a, b] = [this.#asProduct(x.a), this.#asProduct(x.b)];
    return a === x.a && b === x.b ? x : { ...x, a, b };
  }

  /** The term as a `mul`, if it is a product in any guise. */
  #asProduct(term: Expr): Expr {
    if (term.kind === "binary") return term;
    const found = this.#productOf(term);
    return found === undefined ? term : binary("mul", found[0], found[1]);
  }

  #productOf(x: Expr): Product | undefined {
    if (x.kind === "ref") return this.#products.get(x.variable);
    if (x.kind === "binary") return x.fn === "mul" && x.type.scalar === "f32" ? [x.a, x.b] : undefined;
    const inner = x.kind === "splat" ? this.#productOf(x.x) : undefined;
    return inner && [splat(inner[0], x.type.lanes), splat(inner[1], x.type.lanes)];
  }

  /** Keeps the factors of a product that is added somewhere; returns `let`s for those that may change until then. */
  #factors({ variable, value }: Stmt & { kind: "let" }): Stmt[] {
    const product = this.#added.has(variable) ? this.#productOf(value) : undefined;
    if (product === undefined) return [];
    const lets: Stmt[] = [];
    const kept = product.map((x) => {
      if (this.#isConstant(x)) return x;
      const factor = this.#names.variable("factor", x.type);
      lets.push(letIn(factor, x));
      return ref(factor);
    });
    this.#products.set(variable, [kept[0], kept[1]]);
    return lets;
  }

  #isConstant(x: Expr): boolean {
    if (x.kind === "splat") return this.#isConstant(x.x);
    return x.kind === "const" || (x.kind === "ref" && !this.#mutable.has(x.variable));
  }
}

function isSum(x: Expr): x is Expr & { kind: "binary" } {
  return x.kind === "binary" && (x.fn === "add" || x.fn === "sub") && x.type.scalar === "f32";
}
