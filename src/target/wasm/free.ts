/** Which variables a piece of a program takes from outside, and whether it changes any of them. */
import type { Expr, Stmt, Variable } from "../../loops/ir.ts";
import { visitExpressions, visitStatements } from "../../loops/walk.ts";

/** What a body takes from outside. */
export interface Outside {
  /** The variables that it reads but does not declare, in order of first use. */
  readonly reads: readonly Variable[];
  /** Whether it sets a variable that it does not declare. */
  readonly sets: boolean;
}

export function outsideOf(body: readonly Stmt[]): Outside {
  const own = new Set<Variable>();
  const set = new Set<Variable>();
  visitStatements(body, (s) => {
    if (s.kind === "for" || s.kind === "let" || s.kind === "var") own.add(s.variable);
    if (s.kind === "set") set.add(s.variable);
  });
  const reads = new Set<Variable>();
  const collect = (x: Expr): void => {
    if (x.kind === "ref" && !own.has(x.variable)) reads.add(x.variable);
  };
  visitExpressions(body, collect, new Set());
  return { reads: [...reads], sets: [...set].some((variable) => !own.has(variable)) };
}
