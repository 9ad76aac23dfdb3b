/**
 * Rows of the xs of a loop that stand for several steps each, as upsampling makes them: the steps can be spread from
 * them in parts, so that neither all steps nor a gradient for each of them need to be in memory at a time.
 */
import { equalDims, multiplyDims } from "../base/dims.ts";
import type { Shape } from "../base/shapes.ts";
import type { Builder } from "../graph/build.ts";
import type { NodeOf, Value } from "../graph/graph.ts";

export interface Rows {
  /** The rows, time first. */
  readonly stack: Value;
  /** How many steps a row stands for. */
  readonly each: number;
  /** The steps that some of the rows stand for. */
  spread(b: Builder, rows: Value): Value;
}

/** The rows that x [t, ...] is spread from; x itself where each step has a row of its own. */
export function rowsOf(b: Builder, x: Value): Rows {
  const turns: NodeOf<"transpose">[] = [];
  let steps = x;
  let axis = 0;
  for (let node = b.producer(x); node?.op === "transpose"; node = b.producer(steps)) {
    turns.unshift(node);
    axis = node.params.permutation[axis];
    [steps] = node.ins;
  }
  const found = repetitionOf(b, steps, axis);
  if (found === undefined) return plainRows(x);
  const { source, at, each, axes } = found;
  const timeFirst = [at, ...source.shape.flatMap((_, i) => (i === at ? [] : [i]))];
  return {
    stack: b.transpose(source, timeFirst),
    each,
    spread(to, rows) {
      const [count] = rows.shape;
      const inPlace = to.transpose(
        rows,
        timeFirst.map((_, i) => timeFirst.indexOf(i)),
      );
      const outer = steps.shape.slice(0, axis);
      const inner = steps.shape.slice(axis + 1);
      const repeated = to.add("broadcast", { shape: [...outer, count, each, ...inner], axes }, [inPlace]);
      const joined = to.reshape(repeated, [...outer, multiplyDims(count, each), ...inner]);
      return turns.reduce((value, { params }) => to.transpose(value, params.permutation), joined);
    },
  };
}

/** x [t, ...] as rows of its own. */
export function plainRows(x: Value): Rows {
  return { stack: x, each: 1, spread: (_, rows) => rows };
}

interface Repetition {
  /** What is repeated; `at` is its axis of rows. */
  readonly source: Value;
  readonly at: number;
  readonly each: number;
  /** As of the broadcast that repeats. */
  readonly axes: readonly number[];
}

/** [..., n * each, ...] as a reshape of [..., n, each, ...], whose second axis is a broadcast. */
function repetitionOf(b: Builder, steps: Value, axis: number): Repetition | undefined {
  const joined = b.producer(steps);
  if (joined?.op !== "reshape") return undefined;
  const [wide] = joined.ins;
  const each = wide.shape[axis + 1];
  if (typeof each !== "number" || each < 2 || !joinsAxis(wide.shape, steps.shape, axis)) return undefined;
  const repeated = b.producer(wide);
  if (repeated?.op !== "broadcast") return undefined;
  const [source] = repeated.ins;
  const { axes } = repeated.params;
  const [at, other] = [axes.indexOf(axis), axes.indexOf(axis + 1)];
  const repeats = at >= 0 && equalDims(source.shape[at], wide.shape[axis]) && (other < 0 || source.shape[other] === 1);
  return repeats ? { source, at, each, axes } : undefined;
}

/** Whether `to` is `from` with `axis` and the next one joined. */
function joinsAxis(from: Shape, to: Shape, axis: number): boolean {
  if (from.length !== to.length + 1) return false;
  return to.every((dim, i) =>
    i === axis ? equalDims(dim, multiplyDims(from[axis], from[axis + 1])) : equalDims(dim, from[i < axis ? i : i + 1]),
  );
}
