/**
 * Sums over time: what a carry of the form a' = a + f_1 + f_2 + ... amounts to after the loop. A sum of matrix products
 * over the steps is one product over the rows of all steps, a sum of reductions one reduction.
 * Linear ops change places with the sum. Which carries are worth it is for `sink` to say.
 */
import { type Dim, multiplyDims } from "../base/dims.ts";
import type { Builder } from "../graph/build.ts";
import type { Node, Value } from "../graph/graph.ts";
import type { OpName, OpParams } from "../graph/ops.ts";
import { spread, swapLast } from "./lift.ts";
import type { Outside, Reach } from "./outside.ts";
import type { Carry, ScanParts } from "./parts.ts";

/** One summand of an accumulator; `negative` if it is subtracted. */
export interface AccumulatorTerm {
  readonly value: Value;
  readonly negative: boolean;
}

/** A carry that is only ever added to, and that nothing else reads. */
export interface Accumulator {
  readonly carry: Carry;
  readonly terms: readonly AccumulatorTerm[];
}

/** Finds the accumulators of a body. */
export function accumulatorsOf(
  { carry }: ScanParts,
  producers: ReadonlyMap<Value, Node>,
  uses: ReadonlyMap<Value, number>,
): Accumulator[] {
  return carry.flatMap((one) => {
    if (uses.get(one.input.value) !== 1 || one.next === one.input.value) return [];
    const terms = flatten(one.next, one.input.value, producers, uses);
    return terms === undefined ? [] : [{ carry: one, terms }];
  });
}

/** The summands of `value` beside `start`, or undefined where `start` is not a plain summand of it. */
function flatten(
  value: Value,
  start: Value,
  producers: ReadonlyMap<Value, Node>,
  uses: ReadonlyMap<Value, number>,
): AccumulatorTerm[] | undefined {
  const terms: AccumulatorTerm[] = [];
  let found = false;
  const visit = (part: Value, negative: boolean): void => {
    const node = producers.get(part);
    if (part === start && !negative) found = true;
    else if (uses.get(part) === 1 && (node?.op === "add" || node?.op === "sub")) {
      visit(node.ins[0], negative);
      visit(node.ins[1], negative !== (node.op === "sub"));
    } else terms.push({ value: part, negative });
  };
  visit(value, false);
  return found ? terms : undefined;
}

/** What to sum over time with: the loop, seen from outside. */
export interface Sum {
  readonly builder: Builder;
  readonly outside: Outside;
  readonly length: Dim;
  /** The number of steps done, int32, where steps are left out. */
  readonly count: Value | undefined;
  /** Values of the body whose stacks are zero at the steps left out. */
  readonly zeroed: ReadonlySet<Value>;
  readonly producers: ReadonlyMap<Value, Node>;
  readonly reach: ReadonlyMap<Value, Reach>;
  /** The plans of values, as far as they are known. */
  readonly plans: Map<Value, SumPlan>;
  /** The sums over time that the loop makes itself, or that are made already. */
  readonly sums: Map<Value, Value>;
}

/** What is read of the loop to plan a sum. */
export type SumSource = Pick<Sum, "producers" | "reach" | "plans">;

/** Through which operands the sum over time of an op goes on, the op being linear in them together. */
type Linearity =
  | "in all"
  | "in one, the others constant"
  | "in the first, the others constant"
  | "in all but the first, which is constant";

const linearity: { readonly [K in OpName]?: Linearity } = {
  add: "in all",
  sub: "in all",
  neg: "in all",
  reshape: "in all",
  transpose: "in all",
  broadcast: "in all",
  slice: "in all",
  concat: "in all",
  reverse: "in all",
  // A sum, and where one product of all steps comes of it.
  reduce: "in all",
  // With zeros only.
  pad: "in all",
  mul: "in one, the others constant",
  matmul: "in one, the others constant",
  div: "in the first, the others constant",
  select: "in all but the first, which is constant",
};

/** The operands to sum in the place of the result; none where the result itself must be summed. */
function summedIns(node: Node, source: SumSource): readonly Value[] {
  const { reach } = source;
  const varying = node.ins.filter((value) => reach.get(value) !== "constant");
  const kind = isLinear(node, source) ? linearity[node.op] : undefined;
  if (kind === "in all") return node.ins;
  if (kind === "in all but the first, which is constant") return varying.includes(node.ins[0]) ? [] : node.ins.slice(1);
  const single = kind !== undefined && varying.length === 1;
  return single && (kind === "in one, the others constant" || varying[0] === node.ins[0]) ? varying : [];
}

/** Whether the parameters of a node leave it as linear as its op is. */
function isLinear(node: Node, source: SumSource): boolean {
  if (node.op === "pad") return node.params.value === 0;
  return node.op !== "reduce" || (node.params.kind === "sum" && planSum(node.ins[0], source).contracts);
}

/** What the sum over time of a value needs outside of the loop, and whether that contracts: one product or scatter in the place of many. */
export interface SumPlan {
  readonly leaves: readonly Value[];
  readonly contracts: boolean;
  /** Values whose sums over time, made in the loop, do as well; whether these are other than the value itself, with rows that a reduction would mix. */
  readonly running: readonly Value[];
  readonly mixes: boolean;
}

/** Foretells what `sumOverTime` will ask for. */
export function planSum(value: Value, source: SumSource): SumPlan {
  const known = source.plans.get(value);
  if (known !== undefined) return known;
  const plan = newPlan(value, source);
  source.plans.set(value, plan);
  return plan;
}

function newPlan(value: Value, source: SumSource): SumPlan {
  const node = source.producers.get(value);
  if (source.reach.get(value) === "constant") return { leaves: [], contracts: false, running: [], mixes: false };
  if (node === undefined) return { leaves: [value], contracts: false, running: [value], mixes: false };
  const plans = summedIns(node, source).map((x) => planSum(x, source));
  if (plans.length > 0) {
    return {
      leaves: [...new Set(plans.flatMap(({ leaves }) => leaves))],
      contracts: plans.some(({ contracts }) => contracts),
      running: [...new Set(plans.flatMap(({ running }) => running))],
      mixes: plans.some(({ mixes }) => mixes),
    };
  }
  const contracts = node.op === "matmul" || node.op === "scatterAdd";
  const reduces = node.op === "reduce" && node.params.kind === "sum";
  const mixes = reduces && node.params.axes.includes(0);
  return { leaves: contracts || reduces ? node.ins : [value], contracts, running: mixes ? node.ins : [value], mixes };
}

/** The sum over the steps of one value of the body. */
export function sumOverTime(sum: Sum, value: Value): Value {
  const known = sum.sums.get(value);
  if (known !== undefined) return known;
  const total = newSum(sum, value);
  sum.sums.set(value, total);
  return total;
}

function newSum(sum: Sum, value: Value): Value {
  const { builder, outside, reach, producers } = sum;
  const node = reach.get(value) === "constant" ? undefined : producers.get(value);
  if (node === undefined) return sumStack(sum, value);
  const { scope } = builder;
  builder.scope = node.scope;
  const linear = summedIns(node, sum);
  const total =
    linear.length === 0
      ? sumNode(sum, node, value)
      : builder.add(
          node.op,
          node.params as OpParams[OpName],
          node.ins.map((x) => (linear.includes(x) ? sumOverTime(sum, x) : outside.get(x).value)),
        );
  builder.scope = scope;
  return total;
}

/** The sum over time of a result of a node that is not linear in one operand. */
function sumNode(sum: Sum, node: Node, value: Value): Value {
  const { builder } = sum;
  const stacks = (): Value[] => node.ins.map((x) => stackOf(sum, x));
  if (node.op === "scatterAdd") return builder.add("scatterAdd", node.params, stacks());
  if (node.op === "matmul") return sumMatmul(builder, node.params, stacks());
  if (node.op === "reduce" && node.params.kind === "sum") {
    const running = sum.sums.get(node.ins[0]);
    if (running !== undefined) return builder.sum(running, node.params.axes);
    return builder.sum(stacks()[0], [0, ...node.params.axes.map((axis) => axis + 1)]);
  }
  return sumStack(sum, value);
}

/** Sums a value that is there for all steps. */
function sumStack(sum: Sum, x: Value): Value {
  const { builder, length, outside } = sum;
  const { value, stacked } = outside.get(x);
  if (stacked) return builder.sum(stackOf(sum, x), [0]);
  const steps = sum.count ?? builder.add("dimSize", { dim: length, dtype: "int32" }, []);
  return builder.add("mul", {}, [value, builder.broadcastTo(builder.cast(steps, value.dtype), value.shape)]);
}

/** The values of all steps, with zeros at the steps left out, whatever was computed for these. */
export function stackOf(sum: Sum, value: Value): Value {
  const { builder, count, outside, length } = sum;
  const stack = spread(builder, outside.get(value), length);
  if (count === undefined || isZeroed(sum, value)) return stack;
  const { shape, dtype } = stack;
  const step = builder.add("iota", { shape, axis: 0, dtype: "int32" }, []);
  const done = builder.add("less", {}, [step, builder.broadcastTo(count, shape)]);
  return builder.add("select", {}, [done, stack, builder.full(shape, 0, dtype)]);
}

/** Whether the stack of a value is zero at the steps left out, because what it is made of is. */
function isZeroed(sum: Sum, value: Value): boolean {
  if (sum.zeroed.has(value)) return true;
  const node = sum.producers.get(value);
  if (node === undefined || sum.reach.get(value) === "constant") return false;
  const kind = isLinear(node, sum) ? linearity[node.op] : undefined;
  if (kind === "in one, the others constant") {
    // Zero times what was never computed need not be zero.
    const others = node.ins.filter((x) => !isZeroed(sum, x));
    return others.length < node.ins.length && others.every((x) => sum.reach.get(x) === "constant");
  }
  return kind === "in all" && node.ins.every((x) => isZeroed(sum, x));
}

/** sum_t A_t B_t is one product whose inner axis runs over the steps too. */
function sumMatmul(builder: Builder, { transposeA, transposeB }: OpParams["matmul"], [a, b]: readonly Value[]): Value {
  const rows = innerFirst(builder, a, transposeA);
  const columns = innerFirst(builder, b, !transposeB);
  return builder.add("matmul", { transposeA: true, transposeB: false }, [rows, columns]);
}

/** [t, ...batch, k, n] (or n, k) -> [...batch, t*k, n] */
function innerFirst(builder: Builder, stack: Value, isFirst: boolean): Value {
  const x = isFirst ? stack : swapLast(builder, stack);
  const rank = x.shape.length;
  const batch = x.shape.slice(1, -2);
  const timeInside = builder.transpose(x, [...batch.map((_, axis) => axis + 1), 0, rank - 2, rank - 1]);
  return builder.reshape(timeInside, [...batch, multiplyDims(x.shape[0], x.shape[rank - 2]), x.shape[rank - 1]]);
}
