/** Small loop programs, written by hand, that together use every statement and most expressions. */
import { type Dim, symbol } from "../../src/base/dims.ts";
import {
  add,
  barrier,
  binary,
  cast,
  constant,
  f32,
  i32,
  kernel,
  lane,
  leave,
  letIn,
  load,
  loop,
  mul,
  ramp,
  ref,
  select,
  set,
  size,
  splat,
  store,
  sub,
  unary,
  varOf,
  when,
} from "../../src/loops/build.ts";
import {
  type Buffer,
  type Expr,
  type Lanes,
  type LoopType,
  type Program,
  type Role,
  type Stmt,
  types,
  type Variable,
} from "../../src/loops/ir.ts";
import { mapBlocks, mapExpressions, rewriteExpression } from "../../src/loops/walk.ts";

let names = 0;
export const variable = (type: LoopType, name = "v"): Variable => ({ name: `${name}${names++}`, type });
export const counter = (name = "i"): Variable => variable(types.i32, name);

export function buffer(name: string, size: Dim, role: Role, scalar: "f32" | "i32" = "f32"): Buffer {
  return { name, scalar, size, role };
}
export const input = (position: number, size: Dim, scalar: "f32" | "i32" = "f32"): Buffer =>
  buffer(`in${position}`, size, { kind: "input", position }, scalar);
export const output = (position: number, size: Dim, scalar: "f32" | "i32" = "f32"): Buffer =>
  buffer(`out${position}`, size, { kind: "output", position }, scalar);
export const temp = (name: string, size: Dim): Buffer => buffer(name, size, { kind: "temp" });

export function program(
  name: string,
  buffers: readonly Buffer[],
  body: readonly Stmt[],
  sizes: readonly Dim[] = [],
  checks: readonly string[] = [],
): Program {
  return { name, buffers, sizes, checks: checks.map((message) => ({ message })), body };
}

const n = symbol("n");
const k = symbol("k");

/** out = f(a, b) in vectors, of four if not said, with a scalar tail. */
export function elementwise(
  f: (a: Expr, b: Expr, index: Expr) => Expr,
  scalar: "f32" | "i32" = "f32",
  out: "f32" | "i32" = scalar,
  lanes: Lanes = 4,
): Program {
  const [a, b, c] = [input(0, n, scalar), input(1, n, scalar), output(0, n, out)];
  const [i, j] = [counter(), counter("j")];
  const whole = binary("sub", size(n), binary("and", size(n), i32(lanes - 1)));
  const vector = ramp(ref(i), lanes);
  return program(
    "elementwise",
    [a, b, c],
    [
      kernel("map", [
        loop(i, i32(0), whole, lanes, [store(c, ref(i), f(load(a, ref(i), lanes), load(b, ref(i), lanes), vector))]),
        loop(j, whole, size(n), 1, [store(c, ref(j), f(load(a, ref(j)), load(b, ref(j)), ref(j)))]),
      ]),
    ],
    [n],
  );
}

/** 2^x for |x| < 100, to about 3e-6: a Taylor polynomial, and the exponent put together from bits. */
export function powersOfTwo(): Program {
  const [x, y] = [input(0, n), output(0, n)];
  const [i, whole, part] = [counter(), variable(types.f32x4, "whole"), variable(types.f32x4, "part")];
  const four = (value: number): Expr => splat(f32(value), 4);
  const terms = [1.3333558e-3, 9.6181291e-3, 5.5504109e-2, 0.24022651, Math.LN2, 1];
  const polynomial = terms.slice(1).reduce((sum, c) => add(mul(sum, ref(part)), four(c)), four(terms[0]));
  // Adding 1.5 * 2^23 rounds to a whole number, which then lies in the low bits.
  const bits = binary("shl", unary("floatToBits", ref(whole)), splat(i32(23), 4));
  return program(
    "powersOfTwo",
    [x, y],
    [
      kernel("exp2", [
        loop(i, i32(0), size(n), 4, [
          letIn(whole, add(load(x, ref(i), 4), four(12582912))),
          letIn(part, sub(load(x, ref(i), 4), sub(ref(whole), four(12582912)))),
          store(y, ref(i), unary("bitsToFloat", add(unary("floatToBits", polynomial), bits))),
        ]),
      ]),
    ],
    [n],
  );
}

/** Row sums of a [n, k] matrix with both sizes free: one pointer moves by a stride that is known only at run time. */
export function rowSums(): Program {
  const [x, y] = [
    input(0, { key: "k*n", terms: [{ coefficient: 1, factors: [{ symbol: "k" }, { symbol: "n" }] }] }),
    output(0, n),
  ];
  const [i, j, sum] = [counter(), counter("j"), variable(types.f32, "sum")];
  return program(
    "rowSums",
    [x, y],
    [
      kernel("sum", [
        loop(i, i32(0), size(n), 1, [
          varOf(sum, f32(0)),
          loop(j, i32(0), size(k), 1, [set(sum, add(ref(sum), load(x, add(mul(ref(i), size(k)), ref(j)))))]),
          store(y, ref(i), ref(sum)),
        ]),
      ]),
    ],
    [n, k],
  );
}

/**
 * The micro-kernel of the matrix product: c[4, 8] of a [m, k] times panels of b, [panels, k, 8].
 * m is a multiple of 4 and there are `panels` panels.
 */
export function matrixTiles(m: number, depth: number, panels: number): Program {
  const width = panels * 8;
  const [a, b, c] = [input(0, m * depth), input(1, depth * width), output(0, m * width)];
  const [i, j, p] = [counter("i"), counter("j"), counter("p")];
  const sums = Array.from({ length: 8 }, () => variable(types.f32x4, "sum"));
  const left = (row: number): Expr => splat(load(a, add(mul(add(ref(i), i32(row)), i32(depth)), ref(p))), 4);
  const right = (half: number): Expr =>
    load(b, add(add(mul(ref(j), i32(depth)), mul(ref(p), i32(8))), i32(half * 4)), 4);
  const rows = [0, 1, 2, 3];
  const lets = rows.map(() => variable(types.f32x4, "a"));
  const halves = [0, 1].map(() => variable(types.f32x4, "b"));
  const inner: Stmt[] = [
    ...halves.map((v, half) => letIn(v, right(half))),
    ...rows.flatMap((row) => [
      letIn(lets[row], left(row)),
      ...[0, 1].map((half) =>
        set(sums[2 * row + half], add(ref(sums[2 * row + half]), mul(ref(lets[row]), ref(halves[half])))),
      ),
    ]),
  ];
  const stores = rows.flatMap((row) =>
    [0, 1].map((half) =>
      store(c, add(add(mul(add(ref(i), i32(row)), i32(width)), ref(j)), i32(half * 4)), ref(sums[2 * row + half])),
    ),
  );
  return program(
    "matrixTiles",
    [a, b, c],
    [
      kernel("matmul", [
        loop(i, i32(0), i32(m), 4, [
          loop(j, i32(0), i32(width), 8, [
            ...sums.map((sum) => varOf(sum, splat(f32(0), 4))),
            loop(p, i32(0), i32(depth), 1, inner),
            ...stores,
          ]),
        ]),
      ]),
    ],
  );
}

/** y[n] = x[k] times w[k, n], `vectors` vectors of columns at a time; n is a multiple of 4 * vectors. */
export function rowTimesMatrix(depth: number, width: number, vectors: number): Program {
  const [x, w, y] = [input(0, depth), input(1, depth * width), output(0, width)];
  const [j, q, left] = [counter("j"), counter("p"), variable(types.f32x4, "x")];
  const sums = Array.from({ length: vectors }, () => variable(types.f32x4, "sum"));
  const right = (at: number): Expr => load(w, add(add(mul(ref(q), i32(width)), ref(j)), i32(at * 4)), 4);
  return program(
    "rowTimesMatrix",
    [x, w, y],
    [
      kernel("row", [
        loop(j, i32(0), i32(width), 4 * vectors, [
          ...sums.map((sum) => varOf(sum, splat(f32(0), 4))),
          loop(q, i32(0), i32(depth), 1, [
            letIn(left, splat(load(x, ref(q)), 4)),
            ...sums.map((sum, at) => set(sum, add(ref(sum), mul(ref(left), right(at))))),
          ]),
          ...sums.map((sum, at) => store(y, add(ref(j), i32(at * 4)), ref(sum))),
        ]),
      ]),
    ],
  );
}

/** h = 0.5 h + x[t]; ys[t] = h: a time loop that calls two kernels a step. */
export function leakyScan(width: number): Program {
  const t = symbol("t");
  const total: Dim = { key: `${width}*t`, terms: [{ coefficient: width, factors: [{ symbol: "t" }] }] };
  const [x, init, ys, last, h] = [
    input(0, total),
    input(1, width),
    output(0, total),
    output(1, width),
    temp("h", width),
  ];
  const [step, i, j] = [counter("t"), counter(), counter("j")];
  const row = mul(ref(step), i32(width));
  return program(
    "leakyScan",
    [x, init, ys, last, h],
    [
      { kind: "copy", to: h, toIndex: i32(0), from: init, fromIndex: i32(0), count: i32(width) },
      loop(step, i32(0), size(t), 1, [
        kernel("decay", [
          loop(i, i32(0), i32(width), 1, [
            store(h, ref(i), add(mul(load(h, ref(i)), f32(0.5)), load(x, add(row, ref(i))))),
          ]),
        ]),
        kernel("emit", [loop(j, i32(0), i32(width), 1, [store(ys, add(row, ref(j)), load(h, ref(j)))])]),
      ]),
      { kind: "copy", to: last, toIndex: i32(0), from: h, fromIndex: i32(0), count: i32(width) },
    ],
    [t],
  );
}

/** Rows of a table by index; an index outside 0..rows-1 fails check 0. */
export function gatherRows(rows: number, width: number): Program {
  const total: Dim = { key: `${width}*n`, terms: [{ coefficient: width, factors: [{ symbol: "n" }] }] };
  const [table, indices, out] = [input(0, rows * width), input(1, n, "i32"), output(0, total)];
  const [i, j, row] = [counter(), counter("j"), variable(types.i32, "row")];
  const inside = binary("and", binary("lessEqual", i32(0), ref(row)), binary("less", ref(row), i32(rows)));
  return program(
    "gatherRows",
    [table, indices, out],
    [
      kernel("gather", [
        loop(i, i32(0), size(n), 1, [
          letIn(row, load(indices, ref(i))),
          { kind: "require", condition: inside, check: 0, value: ref(row) },
          loop(j, i32(0), i32(width), 1, [
            store(out, add(mul(ref(i), i32(width)), ref(j)), load(table, add(mul(ref(row), i32(width)), ref(j)))),
          ]),
        ]),
      ]),
    ],
    [n],
    [`gather: expected an index in 0..${rows - 1}, got {value}.`],
  );
}

/** Differences of neighbours, where the index of the left one is negative before the guard, and a fill beside it. */
export function differences(): Program {
  const [x, y, z] = [input(0, n), output(0, n), output(1, n)];
  const [i, previous] = [counter(), variable(types.f32, "previous")];
  return program(
    "differences",
    [x, y, z],
    [
      { kind: "fill", buffer: z, index: i32(0), count: size(n) },
      kernel("difference", [
        loop(i, i32(0), size(n), 1, [
          varOf(previous, f32(0)),
          when(
            binary("less", i32(0), ref(i)),
            [set(previous, load(x, sub(ref(i), i32(1))))],
            [set(previous, f32(100))],
          ),
          store(y, ref(i), sub(load(x, ref(i)), ref(previous))),
        ]),
      ]),
    ],
    [n],
  );
}

/** Index arithmetic that is not linear: out[i] = x[(i * 7 + 3) mod n] + x[n - 1 - i], with a step of -1 in the second pointer. */
export function scrambled(): Program {
  const [x, y] = [input(0, n), output(0, n)];
  const i = counter();
  const index = binary("mod", add(mul(ref(i), i32(7)), i32(3)), size(n));
  return program(
    "scrambled",
    [x, y],
    [
      kernel("scramble", [
        loop(i, i32(0), size(n), 1, [
          store(y, ref(i), add(load(x, index), load(x, sub(sub(size(n), i32(1)), ref(i))))),
        ]),
      ]),
    ],
    [n],
  );
}

/** The four lanes of a running maximum, taken apart: exercises vector variables, `lane`, masks and kernels that set outside variables. */
export function maximum(): Program {
  const four: Dim = { key: "4*n", terms: [{ coefficient: 4, factors: [{ symbol: "n" }] }] };
  const [x, y] = [input(0, four), output(0, 5)];
  const [i, best, count] = [counter(), variable(types.f32x4, "best"), variable(types.i32x4, "count")];
  const positive = binary("less", splat(f32(0), 4), load(x, mul(ref(i), i32(4)), 4));
  const total = ([1, 2, 3] as const).reduce((sum: Expr, at) => add(sum, lane(ref(count), at)), lane(ref(count), 0));
  return program(
    "maximum",
    [x, y],
    [
      varOf(best, splat(f32(-1e30), 4)),
      varOf(count, splat(i32(0), 4)),
      loop(i, i32(0), size(n), 1, [
        kernel("update", [
          set(best, binary("max", ref(best), load(x, mul(ref(i), i32(4)), 4))),
          set(count, add(ref(count), cast(positive, "i32"))),
        ]),
      ]),
      ...([0, 1, 2, 3] as const).map((at) => store(y, i32(at), lane(ref(best), at))),
      store(y, i32(4), cast(total, "f32")),
    ],
    [n],
  );
}

/** The statements with other buffers. */
export function withBuffers(body: readonly Stmt[], change: (buffer: Buffer) => Buffer): Stmt[] {
  const inLoads = (x: Expr): Expr => (x.kind === "load" ? { ...x, buffer: change(x.buffer) } : x);
  return body.map((s) => {
    const loaded = mapExpressions(s, (x) => rewriteExpression(x, inLoads));
    const moved =
      loaded.kind === "store" || loaded.kind === "fill"
        ? { ...loaded, buffer: change(loaded.buffer) }
        : loaded.kind === "copy"
          ? { ...loaded, to: change(loaded.to), from: change(loaded.from) }
          : loaded;
    return mapBlocks(moved, (inner) => withBuffers(inner, change));
  });
}

/** out = a * b + b, where the product is a variable: of vectors in the loop, of single numbers in the tail. */
export function productsInLets(): Program {
  const [a, b, c] = [input(0, n), input(1, n), output(0, n)];
  const part = (lanes: Lanes, from: Expr, to: Expr): Stmt => {
    const [i, product] = [counter(), variable(lanes === 1 ? types.f32 : types.f32x4, "product")];
    const [x, y] = [load(a, ref(i), lanes), load(b, ref(i), lanes)];
    return loop(i, from, to, lanes, [letIn(product, mul(x, y)), store(c, ref(i), add(ref(product), y))]);
  };
  const whole = binary("and", size(n), i32(-4));
  return program("productsInLets", [a, b, c], [part(4, i32(0), whole), part(1, whole, size(n))], [n]);
}

/** The sum of what comes before the first negative number: a loop that ends by itself. */
export function firstNegative(): Program {
  const [x, y] = [input(0, n), output(0, 1)];
  const [i, sum] = [counter(), variable(types.f32, "sum")];
  return program(
    "firstNegative",
    [x, y],
    [
      varOf(sum, f32(0)),
      loop(i, i32(0), size(n), 1, [
        leave(binary("less", load(x, ref(i)), f32(0))),
        set(sum, add(ref(sum), load(x, ref(i)))),
      ]),
      store(y, i32(0), ref(sum)),
    ],
    [n],
  );
}

function ofTeam(count: number, make: (thread: Variable) => Program): Program {
  const index = variable(types.i32, "thread");
  return { ...make(index), team: { index, count } };
}

/** In each of t rounds every thread takes twice what its neighbour had, and adds its own number. */
export function passedAround(count: number): Program {
  return ofTeam(count, (thread) => {
    const t = symbol("t");
    const [x, y, now] = [input(0, count), output(0, count), temp("now", 2 * count)];
    const round = counter("round");
    const side = (of: Expr): Expr => mul(binary("and", of, i32(1)), i32(count));
    const neighbour = binary("mod", add(ref(thread), i32(1)), i32(count));
    const taken = load(now, add(side(ref(round)), neighbour));
    const next = add(mul(taken, f32(2)), cast(ref(thread), "f32"));
    return program(
      "passedAround",
      [x, y, now],
      [
        store(now, ref(thread), load(x, ref(thread))),
        barrier,
        loop(round, i32(0), size(t), 1, [
          kernel("pass", [store(now, add(side(add(ref(round), i32(1))), ref(thread)), next)]),
          barrier,
        ]),
        store(y, ref(thread), load(now, add(side(size(t)), neighbour))),
      ],
      [t],
    );
  });
}

/** The first thread looks at two numbers: one before the threads meet, one when they meet no more. */
export function teamWithCheck(count: number): Program {
  return ofTeam(count, (thread) => {
    const [x, y] = [input(0, 2, "i32"), output(0, count)];
    const positive = (at: number): Stmt => {
      const value = load(x, i32(at));
      return { kind: "require", condition: binary("less", i32(0), value), check: 0, value };
    };
    const alone = (at: number): Stmt => when(binary("equal", ref(thread), i32(0)), [positive(at)]);
    const body = [alone(0), barrier, store(y, ref(thread), f32(1)), barrier, kernel("last", [alone(1)])];
    return program("teamWithCheck", [x, y], body, [], ["expected a positive number, got {value}."]);
  });
}

export { add, binary, cast, constant, f32, i32, lane, mul, ref, select, splat, sub, unary };
