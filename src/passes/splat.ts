/** What is known of a value without running: that it is one number everywhere, and the making of such values. */
import { isSymbolic } from "../base/dims.ts";
import type { Shape } from "../base/shapes.ts";
import type { Builder } from "../graph/build.ts";
import type { NodeOf, Value } from "../graph/graph.ts";
import type { OpName } from "../graph/ops.ts";

/** The producer of a value if it is a node of this op. */
export function producerOf<K extends OpName>(builder: Builder, value: Value, op: K): NodeOf<K> | undefined {
  const node = builder.producer(value);
  return node?.op === op ? (node as NodeOf<K>) : undefined;
}

/** The number that a value holds at every element, if that is known. */
export function splatOf(builder: Builder, value: Value): number | undefined {
  const node = builder.producer(value);
  if (node?.op === "broadcast") return splatOf(builder, node.ins[0]);
  if (node?.op !== "constant" || node.params.data.length !== 1) return undefined;
  return node.params.data[0];
}

/** A value that holds one number at every element, like `like`. */
export function splatLike(builder: Builder, number: number, like: Value): Value {
  return builder.full(like.shape, number, like.dtype);
}

/** Whether no axis is free. */
export function isStatic(shape: Shape): shape is readonly number[] {
  return !shape.some(isSymbolic);
}
