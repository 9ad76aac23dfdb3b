/**
 * Out of the loop, after it: results of the steps that the carry does not need and that hold a matrix product (a dense
 * head, the gradient of x), and sums over time (the gradients of weights). The loop hands out what they are computed
 * from as ys; the rest is done once for all steps.
 */
import type { Dim } from "../base/dims.ts";
import { type Builder, newValue } from "../graph/build.ts";
import type { Graph, Node, ScanNode, Value } from "../graph/graph.ts";
import { type Accumulator, type AccumulatorTerm, type Sum, stackOf, sumOverTime } from "./accumulate.ts";
import { dce } from "./dce.ts";
import { isZeroFrom } from "./done.ts";
import { Outside } from "./outside.ts";
import { type Carry, type Operand, putTogether, type ScanParts, type Stack, takeApart } from "./parts.ts";
import { rewrite } from "./rewrite.ts";
import { planSink, type SinkPlan } from "./sinkplan.ts";

/** Moves work behind loops. */
export function sink(graph: Graph): Graph {
  return rewrite(graph, (builder) => (node) => (node.op === "scan" ? sinkFrom(builder, node) : undefined));
}

function sinkFrom(builder: Builder, scan: ScanNode): readonly Value[] | undefined {
  // What one segment computes has the memory of one; behind the loop it would need that of all.
  if (scan.params.segments === true) return undefined;
  const parts = takeApart(scan);
  const zeroed = zeroedXs(builder, parts);
  const plan = planSink(parts, new Set(zeroed.map(({ input }) => input.value)));
  if (plan === undefined) return undefined;
  const { length } = scan.params;
  const emitted: Stack[] = plan.emitted.map((step) => ({
    step,
    out: newValue({ dtype: step.dtype, shape: [length, ...step.shape] }),
  }));
  const left = leave(parts, plan);
  const running = plan.running.map((value) => runningSum(builder, value));
  const ys = [...parts.ys.filter(({ step }) => !plan.sunk.has(step)), ...emitted];
  const next = putTogether(scan, {
    ...parts,
    carry: [...left.carry, ...running.map(({ carry }) => carry)],
    ys,
    nodes: [...parts.nodes, ...left.nodes, ...running.map(({ node }) => node)],
  });
  const loop = { ...next, params: { ...next.params, body: dce(next.params.body) } };
  builder.push(loop);

  const outside = new Outside(builder, scan, parts, plan.producers);
  for (const { step, out } of ys)
    if (plan.reach.get(step) !== "constant") outside.set(step, { value: out, stacked: true });
  const sum: Sum = {
    ...plan,
    builder,
    outside,
    length,
    count: stepsDone(builder, parts, length),
    zeroed: new Set([...ys.map(({ step }) => step), ...zeroed.map(({ input }) => input.value)]),
    sums: new Map(running.map(({ carry }, i) => [plan.running[i], carry.out])),
  };
  return results(scan, parts, plan, sum, left.outs);
}

/** What stands for the results of the scan now. */
function results(
  scan: ScanNode,
  parts: ScanParts,
  plan: SinkPlan,
  sum: Sum,
  left: ReadonlyMap<Carry, Value>,
): readonly Value[] {
  const instead = new Map<Value, Value>();
  for (const { step, out } of parts.ys) if (plan.sunk.has(step)) instead.set(out, stackOf(sum, step));
  for (const one of plan.accumulators) {
    const start = left.get(one.carry) ?? one.carry.init;
    instead.set(one.carry.out, addTerms(sum, start, one.terms));
  }
  return scan.outs.map((out) => instead.get(out) ?? out);
}

/** The xs that are zero at the steps left out. */
function zeroedXs(builder: Builder, { xs, limit }: ScanParts): Operand[] {
  return limit === undefined ? [] : xs.filter(({ value }) => isZeroFrom(builder, value, limit, 0));
}

/** A carry that sums up a value of the body, and the node that adds to it. */
function runningSum(builder: Builder, value: Value): { carry: Carry; node: Node } {
  const [before, next, out] = [newValue(value), newValue(value), newValue(value)];
  const init = builder.full(value.shape, 0, value.dtype);
  const node: Node = { op: "add", params: {}, ins: [before, value], outs: [next], scope: builder.scope };
  return { carry: { input: { name: "running sum", value: before }, init, next, out }, node };
}

/** How many steps a loop has done, where that may be fewer than its length. */
function stepsDone(builder: Builder, { limit, stop }: ScanParts, length: Dim): Value | undefined {
  if (stop !== undefined || limit === undefined) return stop?.out;
  const most = builder.add("dimSize", { dim: length, dtype: "int32" }, []);
  return builder.add("max", {}, [builder.add("min", {}, [limit, most]), builder.scalar(0, "int32")]);
}

/** The carries that stay in the loop, with the nodes that add what is left of split accumulators. */
function leave(
  parts: ScanParts,
  { accumulators, remaining }: SinkPlan,
): { carry: Carry[]; nodes: Node[]; outs: Map<Carry, Value> } {
  const sinking = new Map<Carry, Accumulator>(accumulators.map((one) => [one.carry, one]));
  const outs = new Map<Carry, Value>();
  const nodes: Node[] = [];
  const carry = parts.carry.flatMap((one) => {
    if (!sinking.has(one)) return [one];
    const terms = remaining.get(one) ?? [];
    if (terms.length === 0) return [];
    let next = one.input.value;
    for (const { value, negative } of terms) {
      const sum = newValue(next);
      nodes.push({ op: negative ? "sub" : "add", params: {}, ins: [next, value], outs: [sum], scope: "" });
      next = sum;
    }
    const out = newValue(one.out);
    outs.set(one, out);
    return [{ ...one, next, out }];
  });
  return { carry, nodes, outs };
}

function addTerms(sum: Sum, start: Value, terms: readonly AccumulatorTerm[]): Value {
  return terms.reduce(
    (total, { value, negative }) => sum.builder.add(negative ? "sub" : "add", {}, [total, sumOverTime(sum, value)]),
    start,
  );
}
