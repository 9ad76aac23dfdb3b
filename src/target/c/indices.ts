/**
 * Which integers of a program are indices: counters, sizes and what is made of them to find an element. They are held
 * in `ptrdiff_t` and never wrap, so that the compiler can see how addresses move. All others are `int32_t` and wrap.
 */
import type { Expr, Program, Stmt, Variable } from "../../loops/ir.ts";
import { expressions, visitExpression, visitStatements } from "../../loops/walk.ts";

export class Indices {
  readonly #variables = new Set<Variable>();
  readonly #lets = new Map<Variable, Expr>();

  constructor(program: Program) {
    if (program.team !== undefined) this.#variables.add(program.team.index);
    visitStatements(program.body, (s) => {
      if (s.kind === "for") this.#variables.add(s.variable);
      if (s.kind === "let" && isInteger(s.value)) this.#lets.set(s.variable, s.value);
    });
    visitStatements(program.body, (s) => {
      for (const x of placesOf(s)) this.#reach(x);
    });
  }

  /** Whether a variable is held as an index. */
  has(variable: Variable): boolean {
    return this.#variables.has(variable);
  }

  /** Whether an integer is made of indices only, so that it can be computed as one. */
  isIndex(x: Expr): boolean {
    if (x.kind === "const" || x.kind === "size") return isInteger(x);
    if (x.kind === "ref") return this.#variables.has(x.variable);
    return isArithmetic(x) && this.isIndex(x.a) && this.isIndex(x.b);
  }

  /** Notes the `let`s that an index is made of, if they are indices themselves. */
  #reach(x: Expr): void {
    visitExpression(x, (e) => {
      const value = e.kind === "ref" ? this.#lets.get(e.variable) : undefined;
      if (e.kind !== "ref" || value === undefined || this.#variables.has(e.variable)) return;
      this.#reach(value);
      if (this.isIndex(value)) this.#variables.add(e.variable);
    });
  }
}

const arithmetic: ReadonlySet<string> = new Set(["add", "sub", "mul", "min", "max", "mod", "and"]);

function isArithmetic(x: Expr): x is Expr & { kind: "binary" } {
  return x.kind === "binary" && isInteger(x) && arithmetic.has(x.fn);
}

function isInteger({ type }: Expr): boolean {
  return type.scalar === "i32" && type.lanes === 1;
}

/** The expressions of a statement that say where or how often, and the indices of all that it loads. */
function placesOf(s: Stmt): Expr[] {
  const found = indicesOf(s);
  for (const x of expressions(s))
    visitExpression(x, (e) => {
      if (e.kind === "load") found.push(e.index);
    });
  return found;
}

function indicesOf(s: Stmt): Expr[] {
  switch (s.kind) {
    case "for":
      return [s.from, s.to];
    case "store":
      return [s.index];
    case "copy":
      return [s.toIndex, s.fromIndex, s.count];
    case "fill":
      return [s.index, s.count];
    case "let":
    case "var":
    case "set":
    case "if":
    case "leave":
    case "require":
    case "kernel":
    case "barrier":
      return [];
    default:
      return s satisfies never;
  }
}
