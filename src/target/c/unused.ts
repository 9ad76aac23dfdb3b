/** Leaves out what a program computes and never reads: variables of no use, and branches that are never taken. */
import type { Expr, Program, Stmt, Variable } from "../../loops/ir.ts";
import { expressions, mapBlocks, visitExpression, visitExpressions } from "../../loops/walk.ts";

export function withoutUnused(program: Program): Program {
  const read = new Set<Variable>();
  visitExpressions(program.body, (x) => {
    if (x.kind === "ref") read.add(x.variable);
  });
  return { ...program, body: usedOf(program.body, read, new Set()) };
}

/** From the last statement to the first: `needed` are the variables that are read behind this place. */
function usedOf(body: readonly Stmt[], read: ReadonlySet<Variable>, needed: Set<Variable>): readonly Stmt[] {
  const kept: Stmt[] = [];
  for (const s of body.toReversed()) {
    if (s.kind === "let" && !needed.has(s.variable)) continue;
    if ((s.kind === "var" || s.kind === "set") && !read.has(s.variable)) continue;
    const known = s.kind === "if" ? truth(s.condition) : undefined;
    if (s.kind === "if" && known !== undefined) {
      kept.push(...usedOf(known ? s.then : s.else, read, needed).toReversed());
      continue;
    }
    const inner = mapBlocks(s, (block) => usedOf(block, read, needed));
    for (const x of expressions(s)) note(x, needed);
    const empty = (inner.kind === "for" || inner.kind === "kernel") && inner.body.length === 0;
    if (!empty) kept.push(inner);
  }
  return kept.reverse();
}

function note(x: Expr, needed: Set<Variable>): void {
  visitExpression(x, (e) => {
    if (e.kind === "ref") needed.add(e.variable);
  });
}

/** What a comparison of two numbers is; undefined for all others. */
function truth(x: Expr): boolean | undefined {
  if (x.kind !== "binary" || x.a.kind !== "const" || x.b.kind !== "const") return undefined;
  if (x.fn === "less") return x.a.value < x.b.value;
  if (x.fn === "lessEqual") return x.a.value <= x.b.value;
  return x.fn === "equal" ? x.a.value === x.b.value : undefined;
}
