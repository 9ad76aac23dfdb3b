/**
 * Index expressions as sums: constant + coefficient * atom + ..., the coefficients being sizes. An atom is a variable
 * or whatever is not a sum. Two equal indices have one form; strides are read off it.
 */
import { addDims, type Dim, isSymbolic, multiplyDims, type SymbolicDim } from "../base/dims.ts";
import { add, i32, isZero, mul, size } from "./build.ts";
import type { Expr, Variable } from "./ir.ts";
import { printExpr } from "./print.ts";
import { operands, visitExpression } from "./walk.ts";

export interface AffineTerm {
  readonly atom: Expr;
  readonly coefficient: Dim;
}

/** Terms by their atom (its text, where that is short), in order of appearance. */
export interface Affine {
  readonly constant: Dim;
  readonly terms: ReadonlyMap<AtomKey, AffineTerm>;
}

type AtomKey = string | Expr;

const none: Affine["terms"] = new Map();

/**
 * The form of an i32 expression of one lane. `known` remembers the forms of sums and products: whoever asks for many
 * expressions that share parts, such as the rounds of a random number, gives one map to all.
 */
export function affine(x: Expr, known?: Map<Expr, Affine>): Affine {
  if (x.kind === "const") return { constant: x.value, terms: none };
  if (x.kind === "size") return { constant: x.dim, terms: none };
  if (x.kind !== "binary") return { constant: 0, terms: new Map([[keyOf(x), { atom: x, coefficient: 1 }]]) };
  const forms = known ?? new Map<Expr, Affine>();
  const before = forms.get(x);
  if (before !== undefined) return before;
  const form = formOf(x, forms);
  forms.set(x, form);
  return form;
}

function formOf(x: Expr & { kind: "binary" }, known: Map<Expr, Affine>): Affine {
  if (x.fn === "add") return sum(affine(x.a, known), affine(x.b, known));
  if (x.fn === "sub") return sum(affine(x.a, known), scale(affine(x.b, known), -1));
  if (x.fn === "mul") {
    const [a, b] = [affine(x.a, known), affine(x.b, known)];
    if (b.terms.size === 0) return scale(a, b.constant);
    if (a.terms.size === 0) return scale(b, a.constant);
  }
  return { constant: 0, terms: new Map([[keyOf(x), { atom: x, coefficient: 1 }]]) };
}

/** Expressions of equal text are equal; one that is too long to print is equal to itself only. */
export function keyOf(x: Expr): AtomKey {
  if (x.kind === "ref") return x.variable.name;
  return isShort(x, { left: 48 }) ? printExpr(x) : x;
}

function isShort(x: Expr, budget: { left: number }): boolean {
  budget.left--;
  return budget.left > 0 && operands(x).every((o) => isShort(o, budget));
}

export function sum(a: Affine, b: Affine): Affine {
  const constant = addDims(a.constant, b.constant);
  if (b.terms.size === 0) return { constant, terms: a.terms };
  if (a.terms.size === 0) return { constant, terms: b.terms };
  const terms = new Map(a.terms);
  for (const [key, term] of b.terms) {
    const before = terms.get(key);
    if (before === undefined) {
      terms.set(key, term);
      continue;
    }
    const total = addDims(before.coefficient, term.coefficient);
    if (total === 0) terms.delete(key);
    else terms.set(key, { atom: term.atom, coefficient: total });
  }
  return { constant, terms };
}

export function scale(a: Affine, by: Dim): Affine {
  if (by === 1) return a;
  if (by === 0) return { constant: 0, terms: none };
  const constant = multiplyDims(a.constant, by);
  if (a.terms.size === 0) return { constant, terms: none };
  const terms = new Map<AtomKey, AffineTerm>();
  for (const [key, { atom, coefficient }] of a.terms)
    terms.set(key, { atom, coefficient: multiplyDims(coefficient, by) });
  return { constant, terms };
}

/** The expression of a form: sizes first, outer terms before inner ones, the known constant last. */
export function rebuild({ constant, terms }: Affine): Expr {
  const known = knownPart(constant);
  let x = constant === known ? i32(0) : size(addDims(constant, -known));
  for (const { atom, coefficient } of terms.values()) {
    const term = coefficient === 1 ? atom : mul(atom, size(coefficient));
    x = isZero(x) ? term : add(x, term);
  }
  return known === 0 ? x : add(x, i32(known));
}

/** What one step of a variable adds; undefined if that is not the same everywhere. */
export function strideOf(form: Affine, variable: Variable): Dim | undefined {
  let stride: Dim = 0;
  for (const { atom, coefficient } of form.terms.values()) {
    if (atom.kind === "ref" && atom.variable === variable) stride = coefficient;
    else if (dependsOn(atom, variable)) return undefined;
  }
  return stride;
}

export function dependsOn(x: Expr, variable: Variable): boolean {
  let found = false;
  visitExpression(x, (e) => {
    if (e.kind === "ref" && e.variable === variable) found = true;
  });
  return found;
}

function knownPart(constant: Dim): number {
  if (!isSymbolic(constant)) return constant;
  return (constant as SymbolicDim).terms.find((t) => t.factors.length === 0)?.coefficient ?? 0;
}

/** Whether a size is a multiple of a number whatever the call. */
export function isMultiple(dim: Dim, of: number): boolean {
  return isSymbolic(dim) ? dim.terms.every((t) => t.coefficient % of === 0) : dim % of === 0;
}
