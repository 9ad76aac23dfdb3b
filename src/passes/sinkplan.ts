/**
 * What `sink` moves behind a loop, and what the loop must hand out for it. Decides only; changes nothing.
 *   core   values that the carry needs (sums over time left aside): they are computed in the loop whatever happens
 *   hot    values outside of the core that depend on a matrix product with a constant: they go behind the loop
 */
import type { Node, Value } from "../graph/graph.ts";
import { binaryOps, type OpName } from "../graph/ops.ts";
import { type Accumulator, type AccumulatorTerm, accumulatorsOf, planSum, type SumPlan } from "./accumulate.ts";
import { canLift } from "./lift.ts";
import { producersOf, type Reach, reachOf, usesIn } from "./outside.ts";
import { type Carry, leavesOut, type ScanParts } from "./parts.ts";

export interface SinkPlan {
  readonly producers: ReadonlyMap<Value, Node>;
  readonly reach: ReadonlyMap<Value, Reach>;
  readonly plans: Map<Value, SumPlan>;
  /** Values of ys that are computed behind the loop. */
  readonly sunk: ReadonlySet<Value>;
  /** Values of the body that become ys. */
  readonly emitted: readonly Value[];
  /** Accumulators with the terms that are summed behind the loop. */
  readonly accumulators: readonly Accumulator[];
  /** Values that the loop sums up in the place of some of these terms, row by row: rows are added behind it. */
  readonly running: readonly Value[];
  /** The terms that stay. */
  readonly remaining: ReadonlyMap<Carry, readonly AccumulatorTerm[]>;
}

interface Body {
  readonly parts: ScanParts;
  readonly producers: ReadonlyMap<Value, Node>;
  readonly reach: ReadonlyMap<Value, Reach>;
  readonly accumulators: readonly Accumulator[];
  readonly plans: Map<Value, SumPlan>;
}

/** Undefined where there is nothing to move. `zeroed` are the xs that are zero at the steps left out. */
export function planSink(parts: ScanParts, zeroed: ReadonlySet<Value>): SinkPlan | undefined {
  const body = describe(parts);
  const { accumulators, plans } = body;
  const { core, hot } = divide(body);
  const planOf = ({ value }: AccumulatorTerm): SumPlan => planSum(value, body);
  const sunk = new Set(parts.ys.map(({ step }) => step).filter((step) => hot.has(step)));
  const moves = (term: AccumulatorTerm): boolean =>
    hot.has(term.value) || (planOf(term).contracts && !core.has(term.value));
  const heavy = new Set(accumulators.flatMap(({ terms }) => terms.filter(moves)));
  const kept = parts.ys.map(({ step }) => step).filter((step) => !sunk.has(step));
  // Another x of a step left out may hold anything.
  const xs = parts.xs.map(({ input }) => input.value).filter((x) => !leavesOut(parts) || zeroed.has(x));
  const there = new Set<Value>([...xs, ...kept]);
  const roots = [...sunk, ...[...heavy].flatMap((term) => planOf(term).leaves)];
  const emitted = choose(body, wanted(body, hot, roots), core, there);
  const light = accumulators.flatMap(({ terms }) =>
    terms.filter((term) => !heavy.has(term) && isThere(body, term, there)),
  );
  const apart = accumulators.flatMap(({ terms }) =>
    terms.filter((term) => !heavy.has(term) && !light.includes(term) && planOf(term).mixes),
  );
  const sinking = new Set([...heavy, ...light, ...apart]);
  if (sunk.size === 0 && sinking.size === 0) return undefined;
  const moved = accumulators.map(({ carry, terms }) => ({ carry, terms: terms.filter((term) => sinking.has(term)) }));
  return {
    producers: body.producers,
    reach: body.reach,
    plans,
    sunk,
    emitted,
    accumulators: moved.filter(({ terms }) => terms.length > 0),
    running: [...new Set(apart.flatMap((term) => planOf(term).running))],
    remaining: new Map(accumulators.map(({ carry, terms }) => [carry, terms.filter((term) => !sinking.has(term))])),
  };
}

function describe(parts: ScanParts): Body {
  const producers = producersOf(parts.nodes);
  const accumulators = accumulatorsOf(parts, producers, usesIn(parts));
  return { parts, producers, reach: reachOf(parts), accumulators, plans: new Map() };
}

/** Core and hot values. A result that cannot leave the loop joins the core with all that it needs. */
function divide({ parts, producers, reach, accumulators }: Body): { core: Set<Value>; hot: Set<Value> } {
  const summed = new Set(accumulators.map(({ carry }) => carry));
  const core = new Set<Value>();
  for (const carry of parts.carry) if (!summed.has(carry)) addWithOperands(core, carry.next, producers);
  if (parts.stop !== undefined) addWithOperands(core, parts.stop.step, producers);
  const roots = [
    ...parts.ys.map(({ step }) => step),
    ...accumulators.flatMap(({ terms }) => terms.map(({ value }) => value)),
  ];
  for (;;) {
    const { hot, stuck } = heat(parts, reach, core);
    const staying = roots.filter((value) => stuck.has(value));
    if (staying.length === 0) return { core, hot };
    for (const value of staying) addWithOperands(core, value, producers);
  }
}

/** Hot values, and those of them that depend on an op which cannot be lifted. */
function heat(
  parts: ScanParts,
  reach: ReadonlyMap<Value, Reach>,
  core: ReadonlySet<Value>,
): { hot: Set<Value>; stuck: Set<Value> } {
  const hot = new Set<Value>();
  const stuck = new Set<Value>();
  for (const node of parts.nodes) {
    if (core.has(node.outs[0]) || reach.get(node.outs[0]) === "constant") continue;
    // How many steps there are is known in front of the loop, or products would be made for many more.
    const worth = node.op === "matmul" && parts.stop === undefined;
    const pays = worth && node.ins.some((value) => reach.get(value) === "constant");
    if (!pays && !node.ins.some((value) => hot.has(value))) continue;
    const isStuck = !canLeave(parts, node) || node.ins.some((value) => stuck.has(value));
    for (const out of node.outs) {
      hot.add(out);
      if (isStuck) stuck.add(out);
    }
  }
  return { hot, stuck };
}

/** Whether an op may be done behind the loop: an index of a step left out could be any. */
function canLeave(parts: ScanParts, { op, params }: Node): boolean {
  const indexes = op === "gather" || op === "scatterAdd" || op === "scan";
  return canLift(op, params) && !(indexes && leavesOut(parts));
}

function addWithOperands(set: Set<Value>, start: Value, producers: ReadonlyMap<Value, Node>): void {
  const waiting = [start];
  for (let value = waiting.pop(); value !== undefined; value = waiting.pop()) {
    if (set.has(value)) continue;
    const node = producers.get(value);
    for (const out of node?.outs ?? [value]) set.add(out);
    waiting.push(...(node?.ins ?? []));
  }
}

/** The values behind which the roots can be computed outside of the loop: not hot, not constant. */
function wanted({ producers, reach }: Body, hot: ReadonlySet<Value>, roots: readonly Value[]): Set<Value> {
  const found = new Set<Value>();
  const seen = new Set<Value>();
  const waiting = [...roots];
  for (let value = waiting.pop(); value !== undefined; value = waiting.pop()) {
    if (seen.has(value) || reach.get(value) === "constant") continue;
    seen.add(value);
    if (hot.has(value)) waiting.push(...(producers.get(value)?.ins ?? []));
    else found.add(value);
  }
  return found;
}

/** Which of the wanted values become ys: those that are not there, and that the loop computes anyway or are not cheap. */
function choose(body: Body, values: ReadonlySet<Value>, core: ReadonlySet<Value>, there: Set<Value>): Value[] {
  const inOrder = [
    ...body.parts.xs.map(({ input }) => input.value),
    ...body.parts.carry.map(({ input }) => input.value),
    ...body.parts.nodes.flatMap(({ outs }) => outs),
  ];
  return inOrder.filter((value) => {
    if (!values.has(value) || cost(body, value, there) <= (core.has(value) ? 0 : cheap)) return false;
    there.add(value);
    return true;
  });
}

/** Whether a term can be summed from what is outside anyway. */
function isThere(body: Body, { value }: AccumulatorTerm, there: ReadonlySet<Value>): boolean {
  return planSum(value, body).leaves.every((leaf) => cost(body, leaf, there) === 0);
}

/** Passes over data that are cheaper than to write and read one more stack. */
const cheap = 2;
const layoutOps: ReadonlySet<OpName> = new Set<OpName>([
  "broadcast",
  "reshape",
  "transpose",
  "slice",
  "pad",
  "concat",
  "reverse",
]);
const arithmeticOps: ReadonlySet<OpName> = new Set<OpName>(
  [...binaryOps, "neg", "abs", "not", "select", "cast"].filter((op) => op !== "pow") as OpName[],
);

/** The number of elementwise operations from what is there to a value; more than `cheap` where that is no way. */
function cost(body: Body, value: Value, there: ReadonlySet<Value>, depth = 4): number {
  if (there.has(value) || body.reach.get(value) === "constant") return 0;
  const node = body.producers.get(value);
  if (node === undefined || depth === 0 || !(layoutOps.has(node.op) || arithmeticOps.has(node.op))) return cheap + 1;
  let total = layoutOps.has(node.op) ? 0 : 1;
  for (const operand of node.ins) {
    total += cost(body, operand, there, depth - 1);
    if (total > cheap) break;
  }
  return total;
}
