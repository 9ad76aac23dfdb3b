/** Adds rows to rows: the gradient of a gather. Rows are added in order, so that sums do not depend on anything else. */
import type { Shape } from "../../base/shapes.ts";
import type { Value } from "../../graph/graph.ts";
import { add, constant, i32, letIn, load, loop, ref, size } from "../build.ts";
import { type Stmt, types } from "../ir.ts";
import { type Context, memoryScalar } from "./context.ts";
import type { Read } from "./elements.ts";
import { type Body, elementwiseNest } from "./nest.ts";
import type { Part } from "./share.ts";
import { indexOf, type View } from "./view.ts";

/** out [rows, ...rest] = 0; out[index(i)] += update(i) for each i */
export function scatterNest(
  context: Context,
  indexShape: Shape,
  updates: Value,
  result: Value,
  reads: { readonly index: Read; readonly update: Read },
  out: View,
): Stmt[] {
  const zero = constant(memoryScalar(result.dtype), 0);
  const rest = updates.shape.slice(indexShape.length);
  // Threads divide the elements of a row, for any of them may meet any row.
  const divides = context.sharing === "even" && rest.length > 0;
  const share = divides ? context.share(rest[0], rest.length === 1 ? 16 : 1) : undefined;
  const divided = (axis: number): Part | undefined => share && { axis, range: share };
  const cleared = elementwiseNest(
    context,
    result.shape,
    (index) => [{ buffer: out.buffer, index: indexOf(out, index), value: zero }],
    divided(1),
  );
  const counters = indexShape.map(() => context.variable("i"));
  const at = counters.map(ref);
  const row = context.variable("row", types.i32);
  const sum: Body = (inner) => {
    const place = indexOf(out, [ref(row), ...inner]);
    return [{ buffer: out.buffer, index: place, value: add(load(out.buffer, place), reads.update([...at, ...inner])) }];
  };
  const added = elementwiseNest(context, rest, sum, divided(0));
  const body: Stmt[] = [letIn(row, reads.index(at)), ...added];
  const loops = counters.reduceRight<Stmt[]>(
    (inner, counter, i) => [loop(counter, i32(0), size(indexShape[i]), 1, inner)],
    body,
  );
  return [...cleared, ...loops];
}
