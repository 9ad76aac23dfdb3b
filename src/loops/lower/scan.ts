/**
 * Scans: one rolled loop over time. The carry lives in the buffers of the final carry; xs[t] and ys[t] are views at t;
 * what does not change in the loop is read where it is. Steps left out cost nothing but the zeros of their ys.
 *
 *   carry = init; preheader; for t { body: carry' -> carry or a twin, y -> ys[t]; carry = twin }
 *
 * With a limit the loop runs to that number; with a stop it counts its steps, and leaves when the body says so.
 */

import { divideDims } from "../../base/dims.ts";
import { sizeOf } from "../../base/shapes.ts";
import {
  bodyIns,
  bodyOuts,
  isPartial,
  type NodeOf,
  type ScanNode,
  scanIns,
  scanOuts,
  type Value,
} from "../../graph/graph.ts";
import {
  add,
  binary,
  cast,
  constant,
  fill,
  i32,
  kernel,
  leave,
  letIn,
  load,
  loop,
  mul,
  ref,
  set,
  size,
  store,
  sub,
  varOf,
} from "../build.ts";
import { type Expr, type Stmt, types } from "../ir.ts";
import { memoryScalar } from "./context.ts";
import { divisionOf } from "./division.ts";
import { type GraphLowering, nameOf } from "./graph.ts";
import { type Body, elementwiseNest, moveAll } from "./nest.ts";
import type { Destination } from "./schedule.ts";
import type { Source, Values } from "./values.ts";
import { indexOf, isContiguous, row, type View, wholeView } from "./view.ts";

export function emitScan(lowering: GraphLowering, node: NodeOf<"scan">): Stmt[] {
  const { context } = lowering;
  const written = (divides: boolean): Stmt[] => {
    const { before, preheader, rounds } = scanStatements(lowering, node, { divides });
    return [...before, ...preheader, ...rounds];
  };
  if (!lowering.divides) return written(false);
  const { manner, rows, work } = divisionOf(context, node);
  if (manner === "rows") context.divided += work;
  if (manner === "steps") return written(true);
  const { before, preheader, rounds, after } = context.sharingAs(rows, () =>
    scanStatements(lowering, node, { divides: false, byRows: rows !== undefined }),
  );
  // One piece of work to those who put the barriers in: none is needed inside.
  const piece = kernel(nameOf(node, rows === undefined ? "scan" : "rows"), rounds);
  if (manner === "alone") context.long.set(piece, work);
  return [...before, ...preheader, piece, ...after];
}

/** A scan in the order of its statements: numbers, what stays the same in the loop, and the loop with what follows. */
interface ScanStatements {
  readonly before: readonly Stmt[];
  readonly preheader: readonly Stmt[];
  readonly rounds: readonly Stmt[];
  /** What one thread does when all have done their rows. */
  readonly after: readonly Stmt[];
}

/** How a scan itself is divided, if it is: each step of its body, or its rows for all of the sequence. */
interface Manner {
  readonly divides: boolean;
  readonly byRows?: boolean;
}

function scanStatements(
  lowering: GraphLowering,
  node: NodeOf<"scan">,
  { divides, byRows = false }: Manner,
): ScanStatements {
  const { context, values } = lowering;
  const { params } = node;
  const ins = scanIns(node);
  const outs = scanOuts(node);
  const body = bodyIns(params);
  const step = context.variable("t");
  const { before, limit } = limitOf(lowering, node);
  const t = params.reverse ? sub(sub(limit, i32(1)), ref(step)) : ref(step);

  // A carry that is the same for all rows is one of each thread, while rows are divided.
  const homes = outs.carry.map((x) => values.target(x));
  const own = body.carry.map((inner) => byRows && context.isOwn(inner));
  const carries = body.carry.map((inner, i) => (own[i] ? context.place("own", inner) : homes[i]));
  const sources: Source[] = [
    ...ins.consts.map((x) => sourceOf(values, x)),
    ...carries.map((view): Source => ({ view })),
    ...ins.xs.map((x) => sourceAt(values, x, t)),
  ];
  const ending = outs.count === undefined ? undefined : endingOf(lowering, step, outs.count);
  const destinations: Destination[] = [
    ...body.carry.map((carry) => ({ view: context.place("next", carry), overwrites: carry })),
    ...outs.ys.map((y) => ({ view: row(values.target(y), t) })),
    ...(ending?.destinations ?? []),
  ];
  const constants = new Map(body.consts.map((inner, i) => [inner, ins.consts[i]]));
  const round = { variable: step, length: params.length, count: limit };
  const inner = lowering.inside(params.body, sources, destinations, constants, round, divides);
  const statements = [...inner.run(), ...(ending?.inside ?? [])];
  const rounds = loop(step, i32(0), limit, 1, statements);
  const zeros = zeroRows(lowering, node, ending?.count ?? limit);
  const moved = (to: readonly View[], from: readonly View[]): Stmt[] =>
    body.carry.flatMap((x, i) => (own[i] ? moveAll(context, x, to[i], from[i]) : []));
  return {
    before,
    preheader: inner.preheader,
    rounds: [...moved(carries, homes), ...(ending?.before ?? []), rounds, ...(ending?.after ?? []), ...zeros],
    after: context.sharingAs(undefined, () => moved(homes, carries.map(ofFirst))),
  };
}

/** The same place of the first thread. */
function ofFirst(view: View): View {
  return { ...view, offset: i32(0) };
}

/** The number of steps at most, and the statements that work it out. */
function limitOf({ context, values }: GraphLowering, node: ScanNode): { before: Stmt[]; limit: Expr } {
  const length = size(node.params.length);
  const { limit } = scanIns(node);
  if (limit === undefined) return { before: [], limit: length };
  const steps = context.variable("steps");
  const given = values.reader(limit)([]);
  return { before: [letIn(steps, binary("max", binary("min", given, length), i32(0)))], limit: ref(steps) };
}

/** What a loop takes that ends by itself. */
interface Ending {
  readonly before: readonly Stmt[];
  /** Where the body puts its condition. */
  readonly destinations: readonly Destination[];
  /** At the end of each step. */
  readonly inside: readonly Stmt[];
  readonly after: readonly Stmt[];
  readonly count: Expr;
}

function endingOf({ context, values }: GraphLowering, step: Parameters<typeof ref>[0], out: Value): Ending {
  const stop = context.temp("stop", "bool", []);
  const done = context.variable("done", types.i32);
  const target = values.target(out);
  const counted = load(target.buffer, indexOf(target, []));
  return {
    before: [varOf(done, i32(0))],
    destinations: [{ view: wholeView(stop, []) }],
    inside: [set(done, add(ref(step), i32(1))), leave(cast(load(stop, i32(0)), "bool"))],
    after: [store(target.buffer, indexOf(target, []), ref(done))],
    // Other threads of a team read it where the one that counts has put it.
    count: context.team === undefined ? ref(done) : counted,
  };
}

/** The ys of the steps that were not run: those from `done` on. */
function zeroRows(lowering: GraphLowering, node: ScanNode, done: Expr): Stmt[] {
  const { context, values } = lowering;
  const { length } = node.params;
  const { ys } = scanOuts(node);
  if (ys.length === 0 || !isPartial(node.params)) return [];
  for (const y of ys) lowering.done.set(y, { count: done, length });
  const statements = ys.flatMap((y, i): Stmt[] => {
    const view = values.target(y);
    const part = context.part(bodyOuts(node.params).ys[i]);
    if (part === undefined && isContiguous(view, y.shape)) {
      const width = size(sizeOf(y.shape.slice(1)));
      return [fill(view.buffer, add(view.offset, mul(done, width)), mul(sub(size(length), done), width))];
    }
    const at = context.variable("t");
    const zero = constant(memoryScalar(y.dtype), 0);
    const one = row(view, ref(at));
    const store: Body = (index) => [{ buffer: one.buffer, index: indexOf(one, index), value: zero }];
    const nest = elementwiseNest(context, y.shape.slice(1), store, part);
    return [loop(at, done, size(length), 1, nest)];
  });
  return [context.kernel(nameOf(node, "zeros"), statements)];
}

/**
 * A product of two stacks that sums over time, such as the gradient of a weight, ends with the steps done: the rows of
 * the others are zero. Undefined for every other product.
 */
export function termsOf({ done, values }: GraphLowering, { params, ins: [a, b] }: NodeOf<"matmul">): Expr | undefined {
  for (const [x, first] of [
    [a, params.transposeA],
    [b, !params.transposeB],
  ] as const) {
    const node = values.producer(x);
    const stack = node?.op === "reshape" ? done.get(node.ins[0]) : undefined;
    // [t, ...rest, n] -> [t * rest, n]
    const rows = stack && first && x.shape.length === 2 ? divideDims(x.shape[0], stack.length) : undefined;
    if (stack !== undefined && rows !== undefined) return mul(stack.count, size(rows));
  }
  return undefined;
}

function sourceOf(values: Values, x: Value): Source {
  return values.place(x) === undefined ? { read: (index) => values.reader(x)(index) } : { view: values.view(x) };
}

function sourceAt(values: Values, x: Value, t: Expr): Source {
  if (values.place(x) === undefined) return { read: (index) => values.reader(x)([t, ...index]) };
  return { view: row(values.view(x), t) };
}
