/**
 * Scans: one rolled loop over time. The carry lives in the buffers of the final carry; xs[t] and ys[t] are views at t;
 * what does not change in the loop is read where it is.
 *
 *   carry = init; preheader; for t { body: carry' -> carry or a twin, y -> ys[t]; carry = twin }
 */
import { subtractDims } from "../../base/dims.ts";
import { bodyIns, type NodeOf, scanIns, scanOuts, type Value } from "../../graph/graph.ts";
import { i32, loop, ref, size, sub } from "../build.ts";
import type { Expr, Stmt } from "../ir.ts";
import type { GraphLowering } from "./graph.ts";
import type { Destination } from "./schedule.ts";
import type { Source, Values } from "./values.ts";
import { row, wholeView } from "./view.ts";

export function emitScan(lowering: GraphLowering, node: NodeOf<"scan">): Stmt[] {
  const { context, values } = lowering;
  const { params } = node;
  const ins = scanIns(node);
  const outs = scanOuts(node);
  const body = bodyIns(params);
  const step = context.variable("t");
  const t = params.reverse ? sub(size(subtractDims(params.length, 1)), ref(step)) : ref(step);

  const sources: Source[] = [
    ...ins.consts.map((x) => sourceOf(values, x)),
    ...outs.carry.map((x): Source => ({ view: values.target(x) })),
    ...ins.xs.map((x) => sourceAt(values, x, t)),
  ];
  const destinations: Destination[] = [
    ...body.carry.map((carry) => {
      const twin = context.temp("next", carry.dtype, carry.shape);
      return { view: wholeView(twin, carry.shape), overwrites: carry };
    }),
    ...outs.ys.map((y) => ({ view: row(values.target(y), t) })),
  ];
  const constants = new Map(body.consts.map((inner, i) => [inner, ins.consts[i]]));
  const inner = lowering.inside(params.body, sources, destinations, constants);
  const statements = inner.run();
  return [...inner.preheader, loop(step, i32(0), size(params.length), 1, statements)];
}

function sourceOf(values: Values, x: Value): Source {
  return values.place(x) === undefined ? { read: (index) => values.reader(x)(index) } : { view: values.view(x) };
}

function sourceAt(values: Values, x: Value, t: Expr): Source {
  if (values.place(x) === undefined) return { read: (index) => values.reader(x)([t, ...index]) };
  return { view: row(values.view(x), t) };
}
