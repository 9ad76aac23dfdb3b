/**
 * How each op that takes loops of its own enters the schedule: which operands must be in memory, where its results go.
 * Ops without an entry are computed where they are read.
 */
import { addDims, type Dim } from "../../base/dims.ts";
import { type NodeOf, scanIns, scanOuts, type Value } from "../../graph/graph.ts";
import type { OpName } from "../../graph/ops.ts";
import { memoryScalar } from "./context.ts";
import { matmulOperands } from "./matmul.ts";
import type { Schedule } from "./schedule.ts";
import type { Part } from "./steps.ts";
import { addendsOf, type ProductSum, productsOf } from "./sums.ts";
import { partView, type View, wholeView } from "./view.ts";

type PlanRule<K extends OpName> = (schedule: Schedule, node: NodeOf<K>) => void;

export const planRules: { readonly [K in OpName]?: PlanRule<K> } = {
  constant: (schedule, { params, outs: [out] }) => {
    if (params.shape.length === 0) return;
    const size = params.data.length;
    const buffer = schedule.values.context.buffer("data", memoryScalar(params.dtype), size, {
      kind: "constant",
      data: params.data,
    });
    schedule.values.setHome(out, wholeView(buffer, params.shape));
  },
  gather: (schedule, node) => {
    const [table, indices] = node.ins;
    schedule.ensureView(table);
    schedule.wait(node.outs[0], checkIndices(schedule, node, indices, table.shape[0], node.params.name));
  },
  scatterAdd: (schedule, node) => {
    const [indices, updates] = node.ins;
    schedule.prepare(updates, false);
    checkIndices(schedule, node, indices, node.params.rows, "");
    addNode(schedule, node);
  },
  reduce: (schedule, node) => {
    schedule.prepare(node.ins[0], false);
    addNode(schedule, node);
  },
  argmax: (schedule, node) => {
    schedule.prepare(node.ins[0], false);
    addNode(schedule, node);
  },
  matmul: (schedule, node) => {
    matmulOperands(schedule, node);
    addNode(schedule, node);
  },
  pad: (schedule, node) => {
    const [operand] = node.ins;
    const [out] = node.outs;
    const home = schedule.freshHome(out);
    const part = partView(home, node.params.low);
    const fill = { kind: "fill", node, value: node.params.value, target: out } as const;
    const edges = edgesOf(node);
    if (edges === undefined) {
      const filled = schedule.addStep({ ...fill, parts: [{ start: out.shape.map(() => 0), shape: out.shape }] }, [out]);
      schedule.complete(out, schedule.addReshaped(operand, part, filled));
      return;
    }
    // What is padded comes first: it may take the place of what it is computed from.
    schedule.complete(out, schedule.addReshaped(operand, part));
    schedule.addStep({ ...fill, parts: edges }, [out]);
  },
  concat: (schedule, node) => {
    const [out] = node.outs;
    // The home is there already: `claimRules` has offered its parts.
    const home = schedule.values.home(out) ?? schedule.freshHome(out);
    for (const { operand, part } of partsOf(node, home)) {
      const { root, view } = schedule.rootOf(operand, part);
      const moved = schedule.isClaimed(root, view);
      schedule.complete(out, moved ? schedule.values.readyAt(root) : schedule.addReshaped(operand, part));
    }
  },
  scan: (schedule, node) => planScan(schedule, node),
};

/** More than a sum of two of it is computed apart. */
const costlyAddend = 3;

/** A sum of products takes what it is added to from where that is; one product with what is costly stays by itself. */
export function planSum(schedule: Schedule, sum: ProductSum): void {
  const [products, addends] = [productsOf(sum), addendsOf(sum)];
  const costly = addends.filter((x) => schedule.cost(x) >= costlyAddend);
  if (products.length === 1 && costly.length > 0) {
    planRules.matmul?.(schedule, products[0]);
    // A place that was claimed for the sum, as for all that has loops, is to be written.
    if (schedule.hasClaim(sum.out)) schedule.materialise(sum.out);
    return;
  }
  for (const node of products) matmulOperands(schedule, node);
  for (const x of addends) {
    if (costly.includes(x)) schedule.ensureView(x);
    else schedule.prepare(x, false);
  }
  schedule.freshHome(sum.out);
  schedule.addStep({ kind: "sum", ...sum }, [sum.out]);
}

/** Products with one B are computed where the first of them stands. */
export function planSiblings(schedule: Schedule, products: readonly NodeOf<"matmul">[]): void {
  for (const node of products) {
    matmulOperands(schedule, node);
    schedule.freshHome(node.outs[0]);
  }
  schedule.addStep(
    { kind: "siblings", products },
    products.map(({ outs: [out] }) => out),
  );
}

/** What a pad fills, where that is before and behind the operand along one axis. */
function edgesOf({ params: { low, high }, ins: [operand], outs: [out] }: NodeOf<"pad">): Part[] | undefined {
  const padded = out.shape.flatMap((_, axis) => (low[axis] === 0 && high[axis] === 0 ? [] : [axis]));
  if (padded.length !== 1) return undefined;
  const [axis] = padded;
  const edge = (start: Dim, size: Dim): Part[] =>
    size === 0 ? [] : [{ start: out.shape.map((_, i) => (i === axis ? start : 0)), shape: out.shape.with(axis, size) }];
  return [...edge(0, low[axis]), ...edge(addDims(low[axis], operand.shape[axis]), high[axis])];
}

function addNode(schedule: Schedule, node: NodeOf<OpName>): number {
  for (const out of node.outs) schedule.freshHome(out);
  return schedule.addStep({ kind: "node", node: node as never, reads: node.ins }, node.outs);
}

/** Ops that offer a part of their result as the home of an operand, before anything is scheduled; last nodes first. */
export const claimRules: { readonly [K in OpName]?: PlanRule<K> } = {
  concat: (schedule, node) => {
    const home = schedule.freshHome(node.outs[0]);
    for (const { operand, part } of partsOf(node, home)) {
      const { root, view } = schedule.rootOf(operand, part);
      // A part of the first axis lies in one piece: whoever else reads it can do so there.
      const readable = node.params.axis === 0 || [operand, root].every((x) => schedule.usesOf(x).length === 1);
      const alone = readable && node.ins.indexOf(operand) === node.ins.lastIndexOf(operand);
      if (!alone || schedule.isOutput(operand) || schedule.isOutput(root)) continue;
      if (schedule.hasLoops(root)) schedule.claim(root, view);
    }
  },
};

/** Where each operand of a concatenation goes. */
function partsOf(
  { params: { axis }, ins, outs: [out] }: NodeOf<"concat">,
  home: View,
): { operand: Value; part: View }[] {
  let start: Dim = 0;
  return ins.map((operand) => {
    const part = partView(
      home,
      out.shape.map((_, i) => (i === axis ? start : 0)),
    );
    start = addDims(start, operand.shape[axis]);
    return { operand, part };
  });
}

function checkIndices(schedule: Schedule, node: NodeOf<OpName>, indices: Value, rows: Dim, name: string): number {
  schedule.prepare(indices, false);
  const known = schedule.steps.findIndex((s) => s.kind === "check" && s.indices === indices && s.rows === rows);
  if (known >= 0) return known;
  return schedule.addStep({ kind: "check", node: node as never, indices, rows, name });
}

/** Cheap operands are computed where the body reads them; the others are put into memory. */
function planScan(schedule: Schedule, node: NodeOf<"scan">): void {
  const { consts, init, xs, limit } = scanIns(node as never);
  const outs = scanOuts(node as never);
  for (const x of consts) settle(schedule, x, 0);
  for (const x of xs) settle(schedule, x, 4);
  init.forEach((x, i) => {
    const carry = outs.carry[i];
    schedule.complete(carry, schedule.addItem(x, schedule.freshHome(carry), false));
  });
  const limits = limit === undefined ? [] : [limit];
  for (const x of limits) settle(schedule, x, 4);
  for (const y of outs.ys) schedule.freshHome(y);
  if (outs.count !== undefined) schedule.freshHome(outs.count);
  schedule.addStep({ kind: "node", node: node as never, reads: [...consts, ...xs, ...limits] }, node.outs);
}

function settle(schedule: Schedule, x: Value, allowed: number): void {
  if (schedule.values.place(x) !== undefined) return;
  if (schedule.cost(x) > allowed) schedule.ensureView(x);
  else schedule.prepare(x, false);
}
