/**
 * Sizes of axes: a number, or a polynomial over named symbols such as `b` and `t` that get their value when a
 * program is called. Canonical: two equal sizes have the same `key`. Not a general algebra system: products, sums,
 * differences, exact quotients and floor division are all that shapes need.
 */
import { internal, ShapeError } from "./errors.ts";

/** A named size, or `floor(of / by)`, inside a product. */
export type Factor = { readonly symbol: string } | { readonly floor: SymbolicDim; readonly by: number };

export interface Term {
  readonly coefficient: number;
  /** Sorted by key; empty for the constant term. */
  readonly factors: readonly Factor[];
}

/** A size that is known only when a program is called. `terms` are sorted by key and never all constant. */
export interface SymbolicDim {
  readonly key: string;
  readonly terms: readonly Term[];
}

export type Dim = number | SymbolicDim;

/** The values of the symbols in one call. */
export type DimValues = Readonly<Record<string, number>>;

/** A size with a name, free until a program is called: `symbol("b")`. */
export function symbol(name: string): SymbolicDim {
  return make([{ coefficient: 1, factors: [{ symbol: name }] }]) as SymbolicDim;
}

export function isSymbolic(dim: Dim): dim is SymbolicDim {
  return typeof dim !== "number";
}

export function formatDim(dim: Dim): string {
  return typeof dim === "number" ? String(dim) : dim.key;
}

export function equalDims(a: Dim, b: Dim): boolean {
  return a === b || (isSymbolic(a) && isSymbolic(b) && a.key === b.key);
}

export function addDims(...dims: readonly Dim[]): Dim {
  return make(dims.flatMap(termsOf));
}

export function subtractDims(a: Dim, b: Dim): Dim {
  return addDims(a, multiplyDims(-1, b));
}

export function multiplyDims(...dims: readonly Dim[]): Dim {
  let product: readonly Term[] = [{ coefficient: 1, factors: [] }];
  for (const dim of dims) {
    const right = termsOf(dim);
    product = product.flatMap((l) =>
      right.map((r) => ({
        coefficient: l.coefficient * r.coefficient,
        factors: [...l.factors, ...r.factors].sort(byFactorKey),
      })),
    );
    product = termsOf(make(product));
  }
  return make(product);
}

/** `floor(a / by)` for a positive whole `by`; exact quotients stay polynomials. */
export function floorDivideDim(a: Dim, by: number): Dim {
  if (typeof a === "number") return Math.floor(a / by);
  if (by === 1) return a;
  if (a.terms.every((term) => term.coefficient % by === 0)) {
    return make(a.terms.map((term) => ({ ...term, coefficient: term.coefficient / by })));
  }
  return make([{ coefficient: 1, factors: [{ floor: a, by }] }]);
}

/** `a / b` where `b` divides `a` exactly as a polynomial (b a number or a single product), else undefined. */
export function divideDims(a: Dim, b: Dim): Dim | undefined {
  if (equalDims(a, b)) return 1;
  if (typeof a === "number" && typeof b === "number") return b !== 0 && a % b === 0 ? a / b : undefined;
  const divisor = termsOf(b);
  if (divisor.length !== 1) return undefined;
  const [by] = divisor;
  const quotient: Term[] = [];
  for (const term of termsOf(a)) {
    const factors = [...term.factors];
    for (const factor of by.factors) {
      const at = factors.findIndex((f) => factorKey(f) === factorKey(factor));
      if (at < 0) return undefined;
      factors.splice(at, 1);
    }
    if (term.coefficient % by.coefficient !== 0) return undefined;
    quotient.push({ coefficient: term.coefficient / by.coefficient, factors });
  }
  return make(quotient);
}

/** The number that a size has in one call. */
export function evaluateDim(dim: Dim, values: DimValues): number {
  if (typeof dim === "number") return dim;
  let sum = 0;
  for (const term of dim.terms) {
    let product = term.coefficient;
    for (const factor of term.factors) product *= evaluateFactor(factor, values);
    sum += product;
  }
  return sum;
}

/** The symbols that a size depends on, each once. */
export function symbolsOf(dim: Dim): string[] {
  const found = new Set<string>();
  const visit = (d: Dim): void => {
    for (const term of termsOf(d))
      for (const factor of term.factors) "symbol" in factor ? found.add(factor.symbol) : visit(factor.floor);
  };
  visit(dim);
  return [...found];
}

function evaluateFactor(factor: Factor, values: DimValues): number {
  if ("floor" in factor) return Math.floor(evaluateDim(factor.floor, values) / factor.by);
  const value = values[factor.symbol];
  if (value === undefined) internal(`the size "${factor.symbol}" has no value`, { known: Object.keys(values) });
  return value;
}

function termsOf(dim: Dim): readonly Term[] {
  if (typeof dim !== "number") return dim.terms;
  return dim === 0 ? [] : [{ coefficient: dim, factors: [] }];
}

function factorKey(factor: Factor): string {
  return "symbol" in factor ? factor.symbol : `floor((${factor.floor.key})/${factor.by})`;
}

function byFactorKey(a: Factor, b: Factor): number {
  const [x, y] = [factorKey(a), factorKey(b)];
  return x < y ? -1 : x > y ? 1 : 0;
}

/** The prototype of free sizes: counting with one as if it were a number is an error, never a silent NaN. */
const free = {
  [Symbol.toPrimitive](this: SymbolicDim, hint: string): string {
    if (hint === "string") return this.key;
    throw new ShapeError(
      `size "${this.key}": expected a number, got a size that is free until the call. Use size(x, axis) for it as a tensor, or compile for one size.`,
      { size: this.key },
    );
  },
};

function make(terms: readonly Term[]): Dim {
  const merged = new Map<string, Term>();
  for (const term of terms) {
    const key = term.factors.map(factorKey).join("*");
    const coefficient = (merged.get(key)?.coefficient ?? 0) + term.coefficient;
    if (coefficient === 0) merged.delete(key);
    else merged.set(key, { coefficient, factors: term.factors });
  }
  // Products first, the constant last: "b*t + 1".
  const sorted = [...merged].sort(([a], [b]) => (a === "" ? 1 : b === "" ? -1 : a < b ? -1 : 1));
  if (sorted.length === 0) return 0;
  if (sorted.length === 1 && sorted[0][0] === "") return sorted[0][1].coefficient;
  return Object.assign(Object.create(free) as object, {
    key: sorted.map(([key, term], i) => printTerm(key, term.coefficient, i)).join(""),
    terms: sorted.map(([, t]) => t),
  });
}

function printTerm(key: string, coefficient: number, position: number): string {
  const size = Math.abs(coefficient);
  const text = key === "" ? String(size) : size === 1 ? key : `${size}*${key}`;
  if (position === 0) return coefficient < 0 ? `-${text}` : text;
  return coefficient < 0 ? ` - ${text}` : ` + ${text}`;
}
