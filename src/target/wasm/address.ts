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
    factors.length === 0 ? constant(coefficient) : { constant: 0, terms: [termOf(coefficient, factors.map(atomOf))] },
  );
  return parts.reduce(add);
}

export function add(a: Polynomial, b: Polynomial): Polynomial {
  return { constant: a.constant + b.constant, terms: merge(a.terms, b.terms) };
}

export function scale(a: Polynomial, by: number): Polynomial {
  if (by === 1) return a;
  if (by === 0) return zero;
  return { constant: a.constant * by, terms: a.terms.map((term) => times(term, by)) };
}

export function multiply(a: Polynomial, b: Polynomial): Polynomial {
  if (b.terms.length === 0) return scale(a, b.constant);
  if (a.terms.length === 0) return scale(b, a.constant);
  const products = a.terms.flatMap((x) =>
    b.terms.map((y): Polynomial => {
      const product = termOf(x.coefficient * y.coefficient, [...x.atoms, ...y.atoms]);
      return { constant: 0, terms: [product] };
    }),
  );
  const linear = add(scale({ ...a, constant: 0 }, b.constant), scale(b, a.constant));
  return products.reduce(add, linear);
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
  // Without one of its atoms a term may belong elsewhere in the order.
  const coefficient = divided.reduce<Polynomial>(
    (sum, term) => add(sum, { constant: 0, terms: [term] }),
    constant(whole),
  );
  return { coefficient, rest: { constant: a.constant, terms: others } };
}

function termOf(coefficient: number, atoms: readonly Atom[]): Term {
  const sorted = atoms.length < 2 ? atoms : [...atoms].sort((x, y) => (x.key < y.key ? -1 : x.key > y.key ? 1 : 0));
  return { key: sorted.map((atom) => atom.key).join("*"), coefficient, atoms: sorted };
}

function times({ key, coefficient, atoms }: Term, by: number): Term {
  return { key, coefficient: coefficient * by, atoms };
}

/** The sum of two sorted lists of terms, sorted, without those that cancel. */
function merge(a: readonly Term[], b: readonly Term[]): readonly Term[] {
  if (a.length === 0) return b;
  if (b.length === 0) return a;
  const sum: Term[] = [];
  let j = 0;
  for (const term of a) {
    while (j < b.length && b[j].key < term.key) sum.push(b[j++]);
    if (j === b.length || b[j].key !== term.key) sum.push(term);
    else {
      const coefficient = term.coefficient + b[j++].coefficient;
      if (coefficient !== 0) sum.push({ key: term.key, coefficient, atoms: term.atoms });
    }
  }
  while (j < b.length) sum.push(b[j++]);
  return sum;
}
