/**
 * Random loop nests from a seed: sums over products of elements whose indices are random polynomials in counters,
 * sizes and `let`s. Every index is inside its buffer for the sizes of `dims`.
 */
import { type DimValues, symbol } from "../../src/base/dims.ts";
import { add, binary, i32, kernel, letIn, load, loop, mul, ref, size, store } from "../../src/loops/build.ts";
import { type Buffer, type Expr, type Program, type Stmt, types, type Variable } from "../../src/loops/ir.ts";
import { input, output, program, variable } from "./programs.ts";

export interface Nest {
  readonly program: Program;
  readonly inputs: readonly Float32Array[];
  readonly dims: DimValues;
}

/** What is in scope: a variable and the values that it takes, given those before it. */
interface Known {
  readonly variable: Variable;
  readonly valuesOf: (outer: ReadonlyMap<Variable, number>) => readonly number[];
}

type Index = { readonly expr: Expr; readonly of: (values: ReadonlyMap<Variable, number>) => number };

export function randomNest(seed: number): Nest {
  let state = seed * 7919 + 1;
  const below = (count: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * count);
  };
  const dims = { m: 1 + below(4), n: below(4) };
  const inputs: Float32Array[] = [];
  const buffers: Buffer[] = [];

  const scopes = (known: readonly Known[]): Map<Variable, number>[] =>
    known.reduce<Map<Variable, number>[]>(
      (all, { variable: v, valuesOf }) =>
        all.flatMap((values) => valuesOf(values).map((x) => new Map([...values, [v, x]]))),
      [new Map()],
    );

  const randomSize = (): Index => {
    const which = below(4);
    if (which === 0) return { expr: size(symbol("m")), of: () => dims.m };
    if (which === 1) return { expr: size(symbol("n")), of: () => dims.n };
    const value = below(6) - 1;
    return { expr: i32(value), of: () => value };
  };

  /** A polynomial in what is known; sometimes with a part that is none. */
  const randomIndex = (known: readonly Known[]): Index => {
    const first = below(30);
    const parts: Index[] = [{ expr: i32(first), of: () => first }];
    for (const { variable: v } of known) {
      const by = randomSize();
      if (below(4) > 0)
        parts.push({ expr: mul(ref(v), by.expr), of: (values) => (values.get(v) as number) * by.of(values) });
    }
    const last = known.at(-1);
    if (last !== undefined && below(4) === 0) {
      parts.push({
        expr: binary("mod", ref(last.variable), i32(3)),
        of: (values) => (((values.get(last.variable) as number) % 3) + 3) % 3,
      });
    }
    return parts.reduce((a, b) => ({ expr: add(a.expr, b.expr), of: (values) => a.of(values) + b.of(values) }));
  };

  /** An element of a buffer that is made to hold all these indices, and some neighbours of it. */
  const element = (known: readonly Known[]): { buffer: Buffer; index: Expr } => {
    const index = randomIndex(known);
    const values = scopes(known).map(index.of);
    const [least, most] = [Math.min(0, ...values), Math.max(0, ...values)];
    const length = most - least + 8;
    const buffer = input(buffers.length, length);
    inputs.push(Float32Array.from({ length }, (_, i) => ((i * 7 + buffers.length) % 13) - 6));
    buffers.push(buffer);
    return { buffer, index: add(index.expr, i32(-least)) };
  };

  const total = output(0, 8);
  const accumulate = (known: readonly Known[]): Stmt[] => {
    const [a, b] = [element(known), element(known)];
    const shifts = [0, 1 + below(4), 5].map((shift) => load(a.buffer, add(a.index, i32(shift))));
    const value = mul(shifts.reduce(add), load(b.buffer, b.index));
    const slot = i32(below(8));
    return [store(total, slot, add(load(total, slot), value))];
  };

  const nest = (depth: number, known: readonly Known[]): Stmt[] => {
    const inner: Stmt[] = [];
    let inside = known;
    if (below(2) === 0 && known.length > 0) {
      const value = randomIndex(known);
      const v = variable(types.i32, "let");
      inner.push(letIn(v, value.expr));
      inside = [...known, { variable: v, valuesOf: (values) => [value.of(values)] }];
    }
    if (below(2) === 0 || depth === 0) inner.push(...accumulate(inside));
    if (depth === 0) return inner;
    for (let i = 0; i <= below(2); i++) {
      const [from, to, step] = [Math.max(0, below(5) - 2), randomSize(), 1 + below(2)];
      const v = variable(types.i32, "i");
      const valuesOf = (values: ReadonlyMap<Variable, number>): number[] => {
        const found: number[] = [];
        for (let x = from; x < to.of(values); x += step) found.push(x);
        return found;
      };
      const body = nest(depth - 1, [...inside, { variable: v, valuesOf }]);
      inner.push(loop(v, i32(from), to.expr, step, below(4) === 0 ? [kernel("inner", body)] : body));
    }
    return inner;
  };

  const body: Stmt[] = [{ kind: "fill", buffer: total, index: i32(0), count: i32(8) }, ...nest(3, [])];
  return { program: program("nest", [...buffers, total], body, [symbol("m"), symbol("n")]), inputs, dims };
}
