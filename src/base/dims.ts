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

/** A size that is known only when a program is called. `terms` are sorted by key, the constant last, and never all constant. */
export interface SymbolicDim {
  readonly key: string;
  readonly terms: readonly Term[];
}

export type Dim = number | SymbolicDim;

/** The values of the symbols in one call. */
export type DimValues = Readonly<Record<string, number>>;

/** A size with a name, free until a program is called: `symbol("b")`. */
export function symbol(name: string): SymbolicDim {
  return new FreeSize([termOf(1, [{ symbol: name }])]);
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
  let sum: Dim = 0;
  for (const dim of dims) sum = addTwo(sum, dim);
  return sum;
}

export function subtractDims(a: Dim, b: Dim): Dim {
  return addTwo(a, multiplyTwo(-1, b));
}

export function multiplyDims(...dims: readonly Dim[]): Dim {
  let product: Dim = 1;
  for (const dim of dims) product = multiplyTwo(product, dim);
  return product;
}

function addTwo(a: Dim, b: Dim): Dim {
  if (typeof a === "number") return typeof b === "number" ? a + b : a === 0 ? b : merge(b.terms, termsOf(a));
  return b === 0 ? a : merge(a.terms, termsOf(b));
}

function multiplyTwo(a: Dim, b: Dim): Dim {
  if (typeof a === "number") return typeof b === "number" ? a * b + 0 : scaled(b, a);
  if (typeof b === "number") return scaled(a, b);
  const [first, ...rest] = a.terms.map((term) => multiplyTerm(term, b));
  return rest.reduce(addTwo, first);
}

/** A number of times a size: the order of the terms stays. */
function scaled(dim: SymbolicDim, by: number): Dim {
  if (by === 0 || by === 1) return by === 0 ? 0 : dim;
  return new FreeSize(dim.terms.map(({ coefficient, factors }) => ({ coefficient: coefficient * by, factors })));
}

function multiplyTerm({ coefficient, factors }: Term, { terms }: SymbolicDim): Dim {
  const products = terms.map((term) => termOf(coefficient * term.coefficient, [...factors, ...term.factors]));
  return products.length === 1 ? new FreeSize(products) : make(products);
}

/** `floor(a / by)` for a positive whole `by`; exact quotients stay polynomials. */
export function floorDivideDim(a: Dim, by: number): Dim {
  if (typeof a === "number") return Math.floor(a / by);
  if (by === 1) return a;
  if (a.terms.every((term) => term.coefficient % by === 0)) {
    return new FreeSize(a.terms.map(({ coefficient, factors }) => ({ coefficient: coefficient / by, factors })));
  }
  return new FreeSize([termOf(1, [{ floor: a, by }])]);
}

/** What is left of `a` after as many times a positive whole `by` as fit. */
export function remainderDim(a: Dim, by: number): Dim {
  return subtractDims(a, multiplyDims(by, floorDivideDim(a, by)));
}

/** The largest number that a size can be, where its form says so: a number, or a remainder so and so many times. */
export function largestDim(dim: Dim): number | undefined {
  if (typeof dim === "number") return dim;
  for (const { coefficient, factors } of dim.terms) {
    const [factor] = factors;
    if (factors.length !== 1 || !("floor" in factor) || coefficient > 0 || coefficient % factor.by !== 0) continue;
    const times = -coefficient / factor.by;
    const rest = subtractDims(dim, multiplyDims(times, remainderDim(factor.floor, factor.by)));
    if (typeof rest === "number") return times * (factor.by - 1) + rest;
  }
  return undefined;
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
    quotient.push(termOf(term.coefficient / by.coefficient, factors));
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

function termOf(coefficient: number, factors: readonly Factor[]): Term {
  return { coefficient, factors: factors.length > 1 ? [...factors].sort(byFactorKey) : factors };
}

/** The factors as text; empty for the constant term. */
function termKey({ factors }: Term): string {
  return factors.length === 1 ? factorKey(factors[0]) : factors.map(factorKey).join("*");
}

function factorKey(factor: Factor): string {
  return "symbol" in factor ? factor.symbol : `floor((${factor.floor.key})/${factor.by})`;
}

function byFactorKey(a: Factor, b: Factor): number {
  const [x, y] = [factorKey(a), factorKey(b)];
  return x < y ? -1 : x > y ? 1 : 0;
}

/** A free size. Counting with one as if it were a number is an error, never a silent NaN. */
class FreeSize implements SymbolicDim {
  readonly key: string;
  readonly terms: readonly Term[];

  constructor(terms: readonly Term[]) {
    let key = "";
    for (const term of terms) key += printTerm(termKey(term), term.coefficient, key === "");
    this.key = key;
    this.terms = terms;
  }

  [Symbol.toPrimitive](hint: string): string {
    if (hint === "string") return this.key;
    throw new ShapeError(
      `size "${this.key}": expected a number, got a size that is free until the call. Use size(x, axis) for it as a tensor, or compile for one size.`,
      { size: this.key },
    );
  }
}

/** Products by their text, the constant last: "b*t + 1". */
function byTermKey(a: string, b: string): number {
  return a === b ? 0 : a === "" ? 1 : b === "" ? -1 : a < b ? -1 : 1;
}

/** Terms in any order, with terms of the same factors. */
function make(terms: readonly Term[]): Dim {
  let sum: readonly Term[] = [];
  for (const term of terms) sum = mergeTerms(sum, [term]);
  return sizeOfTerms(sum);
}

function merge(a: readonly Term[], b: readonly Term[]): Dim {
  return sizeOfTerms(mergeTerms(a, b));
}

/** The sum of two sorted lists, sorted. */
function mergeTerms(a: readonly Term[], b: readonly Term[]): readonly Term[] {
  const sum: Term[] = [];
  let j = 0;
  for (const term of a) {
    const key = termKey(term);
    let order = -1;
    for (; j < b.length; j++) {
      order = byTermKey(key, termKey(b[j]));
      if (order <= 0) break;
      sum.push(b[j]);
    }
    const coefficient = term.coefficient + (j < b.length && order === 0 ? b[j++].coefficient : 0);
    if (coefficient !== 0) sum.push({ coefficient, factors: term.factors });
  }
  while (j < b.length) sum.push(b[j++]);
  return sum;
}

function sizeOfTerms(sorted: readonly Term[]): Dim {
  if (sorted.length === 0) return 0;
  return sorted.length === 1 && sorted[0].factors.length === 0 ? sorted[0].coefficient : new FreeSize(sorted);
}

function printTerm(key: string, coefficient: number, isFirst: boolean): string {
  const size = Math.abs(coefficient);
  const text = key === "" ? String(size) : size === 1 ? key : `${size}*${key}`;
  if (isFirst) return coefficient < 0 ? `-${text}` : text;
  return coefficient < 0 ? ` - ${text}` : ` + ${text}`;
}
