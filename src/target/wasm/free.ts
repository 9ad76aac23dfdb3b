/** Which variables a piece of a program takes from outside, and whether it changes any of them. */
import type { Stmt, Variable } from "../../loops/ir.ts";
import { visitExpressions, visitStatements } from "../../loops/walk.ts";

/** The variables that a body reads but does not declare, in order of first use. */
export function freeVariables(body: readonly Stmt[]): Variable[] {
  const own = declared(body);
  const found = new Set<Variable>();
  visitExpressions(body, (x) => {
    if (x.kind === "ref" && !own.has(x.variable)) found.add(x.variable);
  });
  return [...found];
}

/** Whether a body sets a variable that it does not declare. */
export function assignsOutside(body: readonly Stmt[]): boolean {
  const own = declared(body);
  let found = false;
  visitStatements(body, (s) => {
    if (s.kind === "set" && !own.has(s.variable)) found = true;
  });
  return found;
}

function declared(body: readonly Stmt[]): Set<Variable> {
  const own = new Set<Variable>();
  visitStatements(body, (s) => {
    if (s.kind === "for" || s.kind === "let" || s.kind === "var") own.add(s.variable);
  });
  return own;
}
