/**
 * Sums over time: what a carry of the form a' = a + f_1 + f_2 + ... amounts to after the loop. A sum of matrix products
 * over the steps is one product over the rows of all steps, a sum of reductions one reduction.
 * Linear ops change places with the sum. Which carries are worth it is for `sink` to say.
 */
import { type Dim, multiplyDims } from "../base/dims.ts";
import type { Builder } from "../graph/build.ts";
import type { Node, Value } from "../graph/graph.ts";
import type { OpName, OpParams } from "../graph/ops.ts";
import { type Lifted, spread, swapLast } from "./lift.ts";
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
export function accumulatorsOf({ carry }: ScanParts, producers: ReadonlyMap<Value, Node>, uses: ReadonlyMap<Value, number>): Accumulator[] {
  return carry.flatMap((one) => {
    if (uses.get(one.input.value) !== 1 || one.next === one.input.value) return [];
    const terms = flatten(one.next, one.input.value, producers, uses);
    return terms === undefined ? [] : [{ carry: one, terms }];
  });
}

/** The summands of `value` beside `start`, or undefined where `start` is not a plain summand of it. */
function flatten(value: Value, start: Value, producers: ReadonlyMap<Value, Node>, uses: ReadonlyMap<Value, number>): AccumulatorTerm[] | undefined {
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
  readonly producers: ReadonlyMap<Value, Node>;
  readonly reach: ReadonlyMap<Value, Reach>;
}

/** From a sum over time and a node that is linear in some operands to the sum of its results, or undefined if it is not. */
type SumRule<K extends OpName> = (sum: Sum, params: OpParams[K], ins: readonly Value[]) => Value | undefined;

/** The sum over the steps of one value of the body. */
export function sumOverTime(sum: Sum, value: Value): Value {
  const { builder, outside, producers } = sum;
  const node = isConstant(sum, value) ? undefined : producers.get(value);
  const rule = node === undefined ? undefined : (sumRules[node.op] as SumRule<OpName> | undefined);
  const { scope } = builder;
  if (node !== undefined) builder.scope = node.scope;
  const total = rule?.(sum, node?.params as OpParams[OpName], node?.ins as readonly Value[]) ?? sumStack(sum, outside.get(value));
  builder.scope = scope;
  return total;
}

/** How a sum over time passes ops that are linear. Those not listed are stacked and reduced. `linearIns` says the same. */
const sumRules: { readonly [K in OpName]?: SumRule<K> } = {
  matmul: sumMatmul,
  scatterAdd: ({ builder, outside, length }, { rows }, [indices, updates]) => {
    const all = [indices, updates].map((x) => spread(builder, outside.get(x), length));
    return builder.add("scatterAdd", { rows }, all);
  },
  reduce: ({ builder, outside }, { kind, axes }, [x]) =>
    kind === "sum" ? builder.sum(outside.get(x).value, [0, ...axes.map((axis) => axis + 1)]) : undefined,
  add: (sum, params, ins) => sum.builder.add("add", params, ins.map((x) => sumOverTime(sum, x))),
  sub: (sum, params, ins) => sum.builder.add("sub", params, ins.map((x) => sumOverTime(sum, x))),
  neg: (sum, params, ins) => sum.builder.add("neg", params, ins.map((x) => sumOverTime(sum, x))),
  mul: (sum, params, [a, b]) => {
    if (isConstant(sum, b)) return sum.builder.add("mul", params, [sumOverTime(sum, a), sum.outside.get(b).value]);
    if (isConstant(sum, a)) return sum.builder.add("mul", params, [sum.outside.get(a).value, sumOverTime(sum, b)]);
    return undefined;
  },
  div: (sum, params, [a, b]) =>
    isConstant(sum, b) ? sum.builder.add("div", params, [sumOverTime(sum, a), sum.outside.get(b).value]) : undefined,
  reshape: (sum, params, [x]) => sum.builder.add("reshape", params, [sumOverTime(sum, x)]),
  transpose: (sum, params, [x]) => sum.builder.add("transpose", params, [sumOverTime(sum, x)]),
  broadcast: (sum, params, [x]) => sum.builder.add("broadcast", params, [sumOverTime(sum, x)]),
  slice: (sum, params, [x]) => sum.builder.add("slice", params, [sumOverTime(sum, x)]),
  pad: (sum, params, [x]) => (params.value === 0 ? sum.builder.add("pad", params, [sumOverTime(sum, x)]) : undefined),
  concat: (sum, params, ins) => sum.builder.add("concat", params, ins.map((x) => sumOverTime(sum, x))),
};

function isConstant({ reach }: Pick<Sum, "reach">, value: Value): boolean {
  return reach.get(value) === "constant";
}

/** The operands through which the sum over time of a node goes on; none where the node itself is summed. */
function linearIns(node: Node, sum: Pick<Sum, "reach">): readonly Value[] {
  const varying = node.ins.filter((value) => !isConstant(sum, value));
  switch (node.op) {
    case "add":
    case "sub":
    case "neg":
    case "reshape":
    case "transpose":
    case "broadcast":
    case "slice":
    case "concat":
      return varying;
    case "pad":
      return node.params.value === 0 ? varying : [];
    case "mul":
    case "matmul":
      return varying.length === 1 ? varying : [];
    case "div":
      return isConstant(sum, node.ins[1]) ? varying : [];
    default:
      return [];
  }
}

/** What the sum over time of a value needs outside of the loop, and whether that contracts: one product or scatter in the place of many. */
export interface SumPlan {
  readonly leaves: readonly Value[];
  readonly contracts: boolean;
}

/** Foretells what `sumOverTime` will ask for. */
export function planSum(value: Value, sum: Pick<Sum, "producers" | "reach">): SumPlan {
  const node = sum.producers.get(value);
  if (isConstant(sum, value)) return { leaves: [], contracts: false };
  if (node === undefined) return { leaves: [value], contracts: false };
  const linear = linearIns(node, sum).map((x) => planSum(x, sum));
  if (linear.length > 0) return { leaves: linear.flatMap(({ leaves }) => leaves), contracts: linear.some(({ contracts }) => contracts) };
  const contracts = node.op === "matmul" || node.op === "scatterAdd";
  const reduces = node.op === "reduce" && node.params.kind === "sum";
  return { leaves: contracts || reduces ? node.ins.filter((x) => !isConstant(sum, x)) : [value], contracts };
}

/** Sums a value that is there for all steps. */
function sumStack({ builder, length }: Sum, { value, stacked }: Lifted): Value {
  if (stacked) return builder.sum(value, [0]);
  const count = builder.cast(builder.add("dimSize", { dim: length, dtype: "int32" }, []), value.dtype);
  return builder.add("mul", {}, [value, builder.broadcastTo(count, value.shape)]);
}

/** sum_t A_t B_t is one product whose inner axis runs over the steps too. */
function sumMatmul(sum: Sum, { transposeA, transposeB }: OpParams["matmul"], [a, b]: readonly Value[]): Value | undefined {
  const { builder, outside } = sum;
  const product = (left: Value, right: Value): Value => builder.add("matmul", { transposeA, transposeB }, [left, right]);
  if (isConstant(sum, a)) return product(outside.get(a).value, sumOverTime(sum, b));
  if (isConstant(sum, b)) return product(sumOverTime(sum, a), outside.get(b).value);
  const rows = innerFirst(builder, outside.get(a).value, transposeA);
  const columns = innerFirst(builder, outside.get(b).value, !transposeB);
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
