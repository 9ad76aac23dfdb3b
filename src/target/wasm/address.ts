/**
 * Indices as polynomials: an integer plus a sum of products of atoms (a variable, a size, the base of a buffer, or an
 * expression that is no polynomial). Two indices that differ by a constant have the same `terms`, so they can share a
 * pointer. Pure functions; where atoms live at run time is the business of `pointers.ts`.
 */
import { type Dim, type Factor, floorDivideDim, symbol } from "../../base/dims.ts";
import { type Buffer, type Expr, types, type Variable } from "../../loops/ir.ts";

/** A factor. Keys are unique in a program; expressions that read memory or changing variables are equal only to themselves. */
export type Atom =
  | { readonly kind: "base"; readonly key: string; readonly buffer: Buffer }
  | { readonly kind: "value"; readonly key: string; readonly expr: Expr };

export interface Term {
  readonly key: string;
  readonly coefficient: number;
  /** Sorted by key. */
  readonly atoms: readonly Atom[];
}

export interface Polynomial {
  readonly constant: number;
  /** Sorted by key. */
  readonly terms: readonly Term[];
}

/** What reading an expression as a polynomial needs to know of its surroundings. */
export interface Definitions {
  /** The value of a `let` that may be put in its place. */
  polynomial(variable: Variable): Polynomial | undefined;
  key(expr: Expr): string;
}

export const zero: Polynomial = { constant: 0, terms: [] };

export function constant(value: number): Polynomial {
  return { constant: value, terms: [] };
}

/** The polynomial that is one atom. */
export function single(atom: Atom): Polynomial {
  return { constant: 0, terms: [{ key: atom.key, coefficient: 1, atoms: [atom] }] };
}

/** Reads an i32 expression; what is no sum or product becomes one atom. */
export function polynomialOf(expr: Expr, given: Definitions): Polynomial {
  const read = (e: Expr): Polynomial => polynomialOf(e, given);
  switch (expr.kind) {
    case "const":
      return constant(expr.value);
    case "ref":
      return given.polynomial(expr.variable) ?? single({ kind: "value", key: given.key(expr), expr });
    case "size":
      return polynomialOfSize(expr.dim, given);
    case "unary":
      if (expr.fn === "neg") return scale(read(expr.x), -1);
      break;
    case "binary":
      if (expr.fn === "add") return add(read(expr.a), read(expr.b));
      if (expr.fn === "sub") return add(read(expr.a), scale(read(expr.b), -1));
      if (expr.fn === "mul") return multiply(read(expr.a), read(expr.b));
      if (expr.fn === "shl" && expr.b.kind === "const") return scale(read(expr.a), 2 ** expr.b.value);
      break;
    default:
  }
  return single({ kind: "value", key: given.key(expr), expr });
}

/** A size is a polynomial already: `4*b + 1` shares its atom with `b`. */
function polynomialOfSize(dim: Dim, given: Definitions): Polynomial {
  if (typeof dim === "number") return constant(dim);
  const atomOf = (factor: Factor): Atom => {
    const expr: Expr = {
      kind: "size",
      type: types.i32,
      dim: "symbol" in factor ? symbol(factor.symbol) : floorDivideDim(factor.floor, factor.by),
    };
    return { kind: "value", key: given.key(expr), expr };
  };
  const parts = dim.terms.map(({ coefficient, factors }) =>
    factors.length === 0 ? constant(coefficient) : make(0, [termOf(coefficient, factors.map(atomOf))]),
  );
  return parts.reduce(add);
}

export function add(a: Polynomial, b: Polynomial): Polynomial {
  return make(a.constant + b.constant, [...a.terms, ...b.terms]);
}

export function scale(a: Polynomial, by: number): Polynomial {
  return make(
    a.constant * by,
    a.terms.map((term) => ({ ...term, coefficient: term.coefficient * by })),
  );
}

export function multiply(a: Polynomial, b: Polynomial): Polynomial {
  const products = a.terms.flatMap((x) =>
    b.terms.map((y) => termOf(x.coefficient * y.coefficient, [...x.atoms, ...y.atoms])),
  );
  const left = a.terms.map((term) => ({ ...term, coefficient: term.coefficient * b.constant }));
  const right = b.terms.map((term) => ({ ...term, coefficient: term.coefficient * a.constant }));
  return make(a.constant * b.constant, [...products, ...left, ...right]);
}

/** Names a polynomial but for its constant. */
export function keyOf({ terms }: Polynomial): string {
  return terms.map((term) => `${term.coefficient}*${term.key}`).join("+");
}

/** The terms that hold a given atom, divided by it once, and the others. */
export function factor(a: Polynomial, key: string): { coefficient: Polynomial; rest: Polynomial } {
  const divided: Term[] = [];
  const others: Term[] = [];
  let whole = 0;
  for (const term of a.terms) {
    const at = term.atoms.findIndex((atom) => atom.key === key);
    if (at < 0) others.push(term);
    else if (term.atoms.length === 1) whole += term.coefficient;
    else
      divided.push(
        termOf(
          term.coefficient,
          term.atoms.filter((_, i) => i !== at),
        ),
      );
  }
  return { coefficient: make(whole, divided), rest: make(a.constant, others) };
}

/** A polynomial of some of the terms, with constant 0. */
export function select(a: Polynomial, keep: (term: Term) => boolean): Polynomial {
  return { constant: 0, terms: a.terms.filter(keep) };
}

function termOf(coefficient: number, atoms: readonly Atom[]): Term {
  const sorted = [...atoms].sort((x, y) => (x.key < y.key ? -1 : x.key > y.key ? 1 : 0));
  return { key: sorted.map((atom) => atom.key).join("*"), coefficient, atoms: sorted };
}

function make(constantPart: number, terms: readonly Term[]): Polynomial {
  const merged = new Map<string, Term>();
  for (const term of terms) {
    const known = merged.get(term.key);
    merged.set(term.key, known === undefined ? term : { ...known, coefficient: known.coefficient + term.coefficient });
  }
  const kept = [...merged.values()].filter((term) => term.coefficient !== 0);
  return { constant: constantPart, terms: kept.sort((x, y) => (x.key < y.key ? -1 : 1)) };
}
