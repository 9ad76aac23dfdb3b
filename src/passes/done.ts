/**
 * Stacks of steps that are zero from some step on: what a loop hands out that was limited to so many, and what was made
 * zero there by comparing positions with that limit. A proof from the graph as it is written; it finds what it knows.
 */
import { equalDims } from "../base/dims.ts";
import type { Builder } from "../graph/build.ts";
import { type NodeOf, scanIns, scanOuts, type Value } from "../graph/graph.ts";
import type { Law, Laws } from "./algebra.ts";
import { producerOf } from "./splat.ts";

/** Whether a value is zero for sure along an axis from position `limit` on, an int32 scalar. */
export function isZeroFrom(builder: Builder, value: Value, limit: Value, axis: number): boolean {
  const node = builder.producer(value);
  switch (node?.op) {
    case "scan":
      return axis === 0 && isLimitedTo(builder, node, value, limit);
    case "select": {
      const [condition, chosen, other] = node.ins;
      if (builder.numberOf(other) !== 0) return false;
      return holdsBelow(builder, condition, limit, axis) || isZeroFrom(builder, chosen, limit, axis);
    }
    case "transpose":
      return isZeroFrom(builder, node.ins[0], limit, node.params.permutation[axis]);
    default:
      return builder.numberOf(value) === 0;
  }
}

function isLimitedTo(builder: Builder, node: NodeOf<"scan">, value: Value, limit: Value): boolean {
  const given = scanIns(node).limit;
  const same = given !== undefined && inBounds(builder, given) === inBounds(builder, limit);
  return scanOuts(node).ys.includes(value) && (same || scanOuts(node).count === limit);
}

/** Whether a condition says no more than that the position along an axis is below the limit. */
function holdsBelow(builder: Builder, condition: Value, limit: Value, axis: number): boolean {
  const wide = producerOf(builder, condition, "broadcast");
  if (wide !== undefined) {
    const inner = wide.params.axes.indexOf(axis);
    const isWhole = inner >= 0 && equalDims(wide.ins[0].shape[inner], condition.shape[axis]);
    return isWhole && holdsBelow(builder, wide.ins[0], limit, inner);
  }
  const less = producerOf(builder, condition, "less");
  if (less === undefined) return false;
  const position = producerOf(builder, less.ins[0], "iota");
  const bound = producerOf(builder, less.ins[1], "broadcast")?.ins[0];
  return position?.params.axis === axis && bound !== undefined && inBounds(builder, bound) === inBounds(builder, limit);
}

/** A number of steps without what keeps it within 0 and their count: beyond either there are none to speak of. */
function inBounds(builder: Builder, limit: Value): Value {
  const [max, min] = [producerOf(builder, limit, "max"), producerOf(builder, limit, "min")];
  if (max !== undefined && builder.numberOf(max.ins[1]) === 0) return inBounds(builder, max.ins[0]);
  return min !== undefined && producerOf(builder, min.ins[1], "dimSize") !== undefined
    ? inBounds(builder, min.ins[0])
    : limit;
}

/** What is zero from a step on need not be made so. */
const zeroAlready: Law<"select"> = (builder, { ins: [condition, value, other] }) => {
  if (builder.numberOf(other) !== 0) return undefined;
  const wide = producerOf(builder, condition, "broadcast");
  const less = producerOf(builder, wide?.ins[0] ?? condition, "less");
  const limit = less && producerOf(builder, less.ins[1], "broadcast")?.ins[0];
  if (limit === undefined) return undefined;
  const axis = condition.shape.findIndex((_, i) => holdsBelow(builder, condition, limit, i));
  return axis >= 0 && isZeroFrom(builder, value, limit, axis) ? value : undefined;
};

export const doneLaws: Laws = { select: [zeroAlready] };
