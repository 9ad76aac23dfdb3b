/**
 * The one derived walk over statements and expressions. Every pass and analysis of the loop IR stands on these, so
 * that a new statement or expression is added here and nowhere else.
 */
import type { Expr, Stmt, Variable } from "./ir.ts";

/** Calls `use` with each operand of an expression, in order. */
export function eachOperand(x: Expr, use: (operand: Expr) => void): void {
  switch (x.kind) {
    case "const":
    case "ref":
    case "size":
      return;
    case "load":
      use(x.index);
      return;
    case "unary":
    case "cast":
    case "splat":
    case "lane":
      use(x.x);
      return;
    case "binary":
      use(x.a);
      use(x.b);
      return;
    case "select":
      use(x.condition);
      use(x.a);
      use(x.b);
      return;
    case "ramp":
      use(x.base);
      return;
    default:
      x satisfies never;
  }
}

const none: readonly Expr[] = [];

/** The operands of an expression. */
export function operands(x: Expr): readonly Expr[] {
  switch (x.kind) {
    case "const":
    case "ref":
    case "size":
      return none;
    case "load":
      return [x.index];
    case "unary":
    case "cast":
    case "splat":
    case "lane":
      return [x.x];
    case "binary":
      return [x.a, x.b];
    case "select":
      return [x.condition, x.a, x.b];
    case "ramp":
      return [x.base];
    default:
      return x satisfies never;
  }
}

/** The expression with each operand replaced; the same object when none changed. */
export function mapOperands(x: Expr, change: (operand: Expr) => Expr): Expr {
  switch (x.kind) {
    case "const":
    case "ref":
    case "size":
      return x;
    case "load": {
      const index = change(x.index);
      return index === x.index ? x : { kind: "load", type: x.type, buffer: x.buffer, index };
    }
    case "unary":
    case "cast":
    case "splat":
    case "lane": {
      const operand = change(x.x);
      return operand === x.x ? x : { ...x, x: operand };
    }
    case "binary": {
      const [a, b] = [change(x.a), change(x.b)];
      return a === x.a && b === x.b ? x : { kind: "binary", type: x.type, fn: x.fn, a, b };
    }
    case "select": {
      const [condition, a, b] = [change(x.condition), change(x.a), change(x.b)];
      return condition === x.condition && a === x.a && b === x.b ? x : { ...x, condition, a, b };
    }
    case "ramp": {
      const base = change(x.base);
      return base === x.base ? x : { ...x, base };
    }
    default:
      return x satisfies never;
  }
}

/** The expressions that a statement itself holds, in order of evaluation; not those of statements inside it. */
export function expressions(s: Stmt): readonly Expr[] {
  switch (s.kind) {
    case "for":
      return [s.from, s.to];
    case "let":
    case "var":
    case "set":
      return [s.value];
    case "store":
      return [s.index, s.value];
    case "if":
    case "leave":
      return [s.condition];
    case "copy":
      return [s.toIndex, s.fromIndex, s.count];
    case "fill":
      return [s.index, s.count];
    case "kernel":
    case "barrier":
      return [];
    case "require":
      return [s.condition, s.value];
    default:
      return s satisfies never;
  }
}

/** The statement with its own expressions replaced; the same object when none changed. */
export function mapExpressions(s: Stmt, change: (x: Expr) => Expr): Stmt {
  const before = expressions(s);
  const after = before.map(change);
  if (after.every((x, i) => x === before[i])) return s;
  switch (s.kind) {
    case "for":
      return { ...s, from: after[0], to: after[1] };
    case "let":
    case "var":
    case "set":
      return { ...s, value: after[0] };
    case "store":
      return { ...s, index: after[0], value: after[1] };
    case "if":
    case "leave":
      return { ...s, condition: after[0] };
    case "copy":
      return { ...s, toIndex: after[0], fromIndex: after[1], count: after[2] };
    case "fill":
      return { ...s, index: after[0], count: after[1] };
    case "kernel":
    case "barrier":
      return s;
    case "require":
      return { ...s, condition: after[0], value: after[1] };
    default:
      return s satisfies never;
  }
}

/** The lists of statements inside a statement. */
export function blocks(s: Stmt): readonly (readonly Stmt[])[] {
  if (s.kind === "for" || s.kind === "kernel") return [s.body];
  return s.kind === "if" ? [s.then, s.else] : [];
}

/** The statement with each inner list replaced; the same object when none changed. */
export function mapBlocks(s: Stmt, change: (block: readonly Stmt[]) => readonly Stmt[]): Stmt {
  const before = blocks(s);
  const after = before.map(change);
  if (after.every((block, i) => block === before[i])) return s;
  if (s.kind === "for" || s.kind === "kernel") return { ...s, body: after[0] };
  // biome-ignore lint/suspicious/noThenProperty: the branch of an if; no one awaits a statement.
  return s.kind === "if" ? { ...s, then: after[0], else: after[1] } : s;
}

/** Visits every statement before those inside it. */
export function visitStatements(body: readonly Stmt[], visit: (s: Stmt) => void): void {
  for (const s of body) {
    visit(s);
    for (const block of blocks(s)) visitStatements(block, visit);
  }
}

/**
 * Visits every expression of a body, operands first; an object that occurs twice in one expression is visited once.
 * With `seen`, an object is visited once in all: for whoever collects what there is.
 */
export function visitExpressions(body: readonly Stmt[], visit: (x: Expr) => void, seen?: Set<Expr>): void {
  visitStatements(body, (s) => {
    for (const x of expressions(s)) visitExpression(x, visit, seen);
  });
}

/** Visits an expression and what is inside it, operands first, each object once. */
export function visitExpression(x: Expr, visit: (x: Expr) => void, seen: Set<Expr> = new Set()): void {
  const walk = (e: Expr): void => {
    if (seen.has(e)) return;
    seen.add(e);
    eachOperand(e, walk);
    visit(e);
  };
  walk(x);
}

/** Rewrites an expression from its operands up; each object once, so that shared parts stay shared. */
export function rewriteExpression(x: Expr, change: (x: Expr) => Expr, done: Map<Expr, Expr> = new Map()): Expr {
  const rewrite = (e: Expr): Expr => {
    const known = done.get(e);
    if (known !== undefined) return known;
    const result = change(mapOperands(e, rewrite));
    done.set(e, result);
    return result;
  };
  return rewrite(x);
}

/** Puts an expression in the place of a variable. */
export function substitute(x: Expr, variable: Variable, by: Expr): Expr {
  return rewriteExpression(x, (e) => (e.kind === "ref" && e.variable === variable ? by : e));
}
