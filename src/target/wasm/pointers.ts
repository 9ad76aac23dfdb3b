/**
 * Addresses of elements inside loops. Each index is a polynomial; indices that differ by a constant share a pointer,
 * a local that is set at the entry of the loop whose counter moves it and bumped at the end of each round, and the
 * constant becomes the static offset of the load or store. Nested loops start their pointers from those outside.
 */
import type { Buffer, Expr, Stmt, Variable } from "../../loops/ir.ts";
import { add, constant, factor, keyOf, multiply, type Polynomial, scale, single, type Term } from "./address.ts";
import { emitValue } from "./expressions.ts";
import { lowestAddress } from "./frame.ts";
import type { Outside } from "./free.ts";
import type { ForStmt, FunctionState, Level } from "./function.ts";

/** What the first writing of a function learns. */
export interface Facts {
  readonly buffers: Set<Buffer>;
  readonly sizes: Set<string>;
  /** Loops whose counter is read as a value. */
  readonly counters: Set<ForStmt>;
  /** Lazy `let`s that are read as a value. */
  readonly lets: Set<Variable>;
  /** Indices that have been read as polynomials. */
  readonly polynomials: Map<Expr, Polynomial>;
  /** What each kernel takes from outside. */
  readonly outsides: Map<Stmt, Outside>;
  /** The pointers that each loop keeps, by the key of their polynomial. */
  readonly groups: Map<ForStmt, Map<string, Group>>;
}

export function noFacts(): Facts {
  return {
    buffers: new Set(),
    sizes: new Set(),
    counters: new Set(),
    lets: new Set(),
    polynomials: new Map(),
    outsides: new Map(),
    groups: new Map(),
  };
}

/** Elements of one buffer whose indices differ by constants. */
interface Group {
  /** In elements after the base, without the constant. */
  readonly polynomial: Polynomial;
  /** Constants of loads and stores, which need a pointer at or closely below. */
  readonly exact: Set<number>;
  /** Constants that inner loops start from: any pointer of the group will do. */
  readonly loose: Set<number>;
}

/** A pointer that serves the constants from `min` to `min + reach`. */
interface Pointer {
  readonly local: number;
  readonly min: number;
}

/** How much the pointers of a loop move each round: bytes, or a local that holds them. */
export interface Bump {
  readonly pointer: number;
  readonly by: number | { readonly local: number };
}

/** Constants this far apart (in elements) may share a pointer; see `lowestAddress`. */
const reach = lowestAddress / 4;

export class Pointers {
  readonly #state: FunctionState;
  readonly #pointers = new Map<Group, Pointer[]>();
  readonly #bases = new Map<Buffer, Polynomial>();

  constructor(state: FunctionState) {
    this.#state = state;
  }

  /** Pushes the address of an element, but for the static offset in bytes that it returns. */
  address(buffer: Buffer, index: Polynomial): number {
    let base = this.#bases.get(buffer);
    if (base === undefined) {
      base = single({ kind: "base", key: `b${this.#state.id(buffer)}`, buffer });
      this.#bases.set(buffer, base);
    }
    return this.#push(add(base, index), this.#state.level, "exact");
  }

  /** Pushes `scale` times a polynomial. */
  value({ terms, constant: last }: Polynomial, by: number): void {
    const { f } = this.#state;
    terms.forEach((term, i) => {
      this.#term(term, by);
      if (i > 0) f.op("i32.add");
    });
    if (last === 0 && terms.length > 0) return;
    f.i32(Math.imul(last, by));
    if (terms.length > 0) f.op("i32.add");
  }

  /** Sets the pointers of a loop for its first round, while `level` is still outside, and says how they move. */
  enter(level: Level): Bump[] {
    const state = this.#state;
    const from = state.polynomial(level.stmt.from);
    const strides = new Map<string, Bump["by"]>();
    const bumps: Bump[] = [];
    for (const group of state.facts.groups.get(level.stmt)?.values() ?? []) {
      const { coefficient, rest } = factor(group.polynomial, level.counter);
      const start = add(rest, multiply(coefficient, from));
      const pointers = minima(group).map((min) => this.#start(add(start, constant(min)), min, level.parent));
      this.#pointers.set(group, pointers);
      if (coefficient.constant === 0 && coefficient.terms.length === 0) continue;
      const by = this.#stride(scale(coefficient, level.stmt.step), strides);
      for (const { local } of pointers) bumps.push({ pointer: local, by });
    }
    return bumps;
  }

  #start(polynomial: Polynomial, min: number, parent: Level | undefined): Pointer {
    const { f } = this.#state;
    const local = this.#state.take("i32");
    const offset = this.#push(polynomial, parent, "loose");
    if (offset !== 0) {
      f.i32(offset);
      f.op("i32.add");
    }
    f.set(local);
    return { local, min };
  }

  #stride(coefficient: Polynomial, known: Map<string, Bump["by"]>): Bump["by"] {
    if (coefficient.terms.length === 0) return coefficient.constant * 4;
    const key = `${keyOf(coefficient)}+${coefficient.constant}`;
    const found = known.get(key);
    if (found !== undefined) return found;
    const local = this.#state.take("i32");
    this.value(coefficient, 4);
    this.#state.f.set(local);
    known.set(key, { local });
    return { local };
  }

  #push(polynomial: Polynomial, level: Level | undefined, need: "exact" | "loose"): number {
    const { f } = this.#state;
    const carried: Term[] = [];
    const here: Term[] = [];
    for (const term of polynomial.terms) (this.#isCarried(term, level) ? carried : here).push(term);
    const offset = this.#pointer({ constant: 0, terms: carried }, polynomial.constant, level, need);
    for (const term of here) {
      this.#term(term, 4);
      f.op("i32.add");
    }
    return offset;
  }

  /** Pushes a pointer that a loop keeps, or the base of a buffer. */
  #pointer(carried: Polynomial, last: number, level: Level | undefined, need: "exact" | "loose"): number {
    const { f, facts, final } = this.#state;
    const owner = this.#owner(carried, level);
    if (owner === undefined) return this.#base(carried.terms[0], last);
    const groups = facts.groups.get(owner.stmt) ?? new Map<string, Group>();
    facts.groups.set(owner.stmt, groups);
    const key = keyOf(carried);
    const group: Group = groups.get(key) ?? { polynomial: carried, exact: new Set(), loose: new Set() };
    groups.set(key, group);
    group[need].add(last);
    const pointers = this.#pointers.get(group) ?? [];
    const pointer = pointers.findLast(({ min }) => min <= last) ?? pointers[0];
    if (pointer === undefined || !final) {
      f.get(0);
      return 0;
    }
    f.get(pointer.local);
    return 4 * (last - pointer.min);
  }

  #base(term: Term, last: number): number {
    const { f } = this.#state;
    this.#term(term, 1);
    if (last >= 0 && last <= reach) return 4 * last;
    f.i32(4 * last);
    f.op("i32.add");
    return 0;
  }

  /** The loop that keeps a pointer: the one whose counter moves it, or the outermost at whose entry it is known. */
  #owner(carried: Polynomial, level: Level | undefined): Level | undefined {
    if (level === undefined) return undefined;
    if (carried.terms.some((term) => term.atoms.some((atom) => atom.key === level.counter))) return level;
    const known = carried.terms.every((term) => this.#isCarried(term, level.parent));
    return known ? this.#owner(carried, level.parent) : level;
  }

  /** Whether a pointer of this loop can follow a term: it is linear in the counter, with a factor fixed outside. */
  #isCarried({ atoms }: Term, level: Level | undefined): boolean {
    if (atoms[0].kind === "base") return true;
    if (level === undefined) return false;
    let times = 0;
    for (const atom of atoms) {
      if (atom.key === level.counter) times++;
      else if (this.#state.depthOf(atom) >= level.depth) return false;
    }
    return times <= 1;
  }

  #term({ coefficient, atoms }: Term, by: number): void {
    const { f } = this.#state;
    atoms.forEach((atom, i) => {
      if (atom.kind === "base") this.#state.base(atom.buffer);
      else emitValue(atom.expr, this.#state);
      if (i > 0) f.op("i32.mul");
    });
    if (coefficient * by === 1) return;
    f.i32(Math.imul(coefficient, by));
    f.op("i32.mul");
  }
}

/** The least constant of each pointer that a group needs. */
function minima({ exact, loose }: Group): number[] {
  if (exact.size === 0) return [Math.min(...loose)];
  const found: number[] = [];
  for (const value of [...exact].sort((a, b) => a - b)) {
    const last = found.at(-1);
    if (last === undefined || value - last > reach) found.push(value);
  }
  return found;
}
