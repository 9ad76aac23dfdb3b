/**
 * How the threads of a team divide a scan: by rows of the batch, for the whole of the sequence, where no row needs
 * another; else step by step, where one step is worth it; else one thread does all.
 */
import type { Dim } from "../../base/dims.ts";
import { bodyIns, bodyOuts, type NodeOf, type Value } from "../../graph/graph.ts";
import type { OpName } from "../../graph/ops.ts";
import { type RowAxis, rowAxesOf } from "../../passes/rows.ts";
import type { Context } from "./context.ts";
import { type Rows, rowQuantum, shareOf } from "./share.ts";
import { workOfGraph, workOfScan } from "./work.ts";

export interface Division {
  readonly manner: "rows" | "steps" | "alone";
  readonly rows?: Rows;
  /** What all of it takes one thread, in nanoseconds. */
  readonly work: number;
}

export function divisionOf({ team, machine }: Context, node: NodeOf<"scan">): Division {
  const work = workOfScan(node);
  const alone: Division = { manner: "alone", work };
  if (team === undefined || work < machine.grain) return alone;
  const { params } = node;
  const axes = mayStop(params) ? undefined : rowAxesOf(params.body, params);
  const length = axes && lengthOf(params, axes);
  if (axes !== undefined && length !== undefined && (typeof length !== "number" || length >= 2 * rowQuantum)) {
    const range = shareOf(team, length, rowQuantum);
    return { manner: "rows", rows: { range, axisOf: (value) => axes.get(value) }, work };
  }
  return !mayStop(params) && workOfGraph(params.body) >= 2 * machine.grain ? { manner: "steps", work } : alone;
}

/** How many rows there are; undefined where a y has none, for then all threads would write the same to one place. */
function lengthOf(params: NodeOf<"scan">["params"], axes: ReadonlyMap<Value, RowAxis>): Dim | undefined {
  if (!bodyOuts(params).ys.every((y) => axes.has(y))) return undefined;
  for (const value of bodyIns(params).carry) {
    const found = axes.get(value);
    if (found?.block === 1) return value.shape[found.axis];
  }
  return undefined;
}

/** Whether a loop may end by itself or stop the program, in it or inside of it: then rows wait for each other. */
function mayStop({ until, body }: NodeOf<"scan">["params"]): boolean {
  return (
    until === true || body.nodes.some((node) => checks.has(node.op) || (node.op === "scan" && mayStop(node.params)))
  );
}

const checks: ReadonlySet<OpName> = new Set(["gather", "scatterAdd"]);
