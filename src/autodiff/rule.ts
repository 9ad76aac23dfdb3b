/** What the gradient rules share: their type, and the few sums and products they are written in. No op is here. */
import type { Builder } from "../graph/build.ts";
import type { NodeOf, Value } from "../graph/graph.ts";
import type { OpName } from "../graph/ops.ts";

/** Value and cotangent pairs from which a walk starts; a value may come up more than once. */
export type Seeds = readonly (readonly [value: Value, ct: Value])[];

/** The walk itself, handed to the rules of ops that hold graphs: cotangents of those of `wrt` that a seed reaches. */
export type Walk = (builder: Builder, seeds: Seeds, wrt: readonly Value[]) => Map<Value, Value>;

/**
 * Cotangents of a node's operands from those of its results, as new nodes of the builder. Undefined stands for zero.
 * At least one entry of `cts` is defined; only operands that `wants` names need an answer.
 */
export type VjpRule<K extends OpName> = (
  b: Builder,
  node: NodeOf<K>,
  cts: readonly (Value | undefined)[],
  wants: readonly boolean[],
  walk: Walk,
) => (Value | undefined)[];

/** A rule of an op with one result, by one function for each operand, called only where wanted. */
export function perOperand<K extends OpName>(
  ...operands: readonly ((b: Builder, node: NodeOf<K>, ct: Value) => Value | undefined)[]
): VjpRule<K> {
  return (b, node, [ct], wants) => operands.map((f, i) => (wants[i] && ct !== undefined ? f(b, node, ct) : undefined));
}

/** The rule of ops through which no gradient flows. */
export const none = (): (Value | undefined)[] => [];

export const add = (b: Builder, x: Value, y: Value): Value => b.add("add", {}, [x, y]);
export const sub = (b: Builder, x: Value, y: Value): Value => b.add("sub", {}, [x, y]);
export const mul = (b: Builder, x: Value, y: Value): Value => b.add("mul", {}, [x, y]);
export const div = (b: Builder, x: Value, y: Value): Value => b.add("div", {}, [x, y]);
export const neg = (b: Builder, x: Value): Value => b.add("neg", {}, [x]);
export const select = (b: Builder, condition: Value, x: Value, y: Value): Value =>
  b.add("select", {}, [condition, x, y]);

/** A value of the shape of `x` that is the same everywhere. */
export const fullLike = (b: Builder, x: Value, value: number): Value => b.full(x.shape, value, x.dtype);

export const scale = (b: Builder, x: Value, by: number): Value => mul(b, x, fullLike(b, x, by));
