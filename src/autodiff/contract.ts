/** Gradient rules of reductions and of the matrix product. */
import type { Builder } from "../graph/build.ts";
import type { NodeOf, Value } from "../graph/graph.ts";
import { div, fullLike, perOperand, select, type VjpRule } from "./rule.ts";

/** A sum hands its cotangent to every term; an extremum shares it among the positions that equal it. */
export const reduceRule: VjpRule<"reduce"> = perOperand((b, node, ct) =>
  node.params.kind === "sum" ? spread(b, node, ct) : share(b, node, ct),
);

/** A value of the reduced shape, repeated along the axes that were dropped. */
function spread(b: Builder, { params, ins: [x] }: NodeOf<"reduce">, value: Value): Value {
  const kept = x.shape.flatMap((_, axis) => (params.axes.includes(axis) ? [] : [axis]));
  return b.add("broadcast", { shape: x.shape, axes: kept }, [value]);
}

function share(b: Builder, node: NodeOf<"reduce">, ct: Value): Value {
  const [x] = node.ins;
  const attains = b.add("equal", {}, [x, spread(b, node, node.outs[0])]);
  const count = b.sum(b.cast(attains, "float32"), node.params.axes);
  return select(b, attains, spread(b, node, div(b, ct, count)), fullLike(b, x, 0));
}

// c = op(a) op(b), op transposing where its flag is set; a flag moves from operand to operand, nothing is transposed apart.
export const matmulRule: VjpRule<"matmul"> = perOperand(
  (b, { params: { transposeA, transposeB }, ins: [, right] }, ct) =>
    transposeA ? matmul(b, right, ct, transposeB, true) : matmul(b, ct, right, false, !transposeB),
  (b, { params: { transposeA, transposeB }, ins: [left] }, ct) =>
    transposeB ? matmul(b, ct, left, true, transposeA) : matmul(b, left, ct, !transposeA, false),
);

function matmul(b: Builder, left: Value, right: Value, transposeA: boolean, transposeB: boolean): Value {
  return b.add("matmul", { transposeA, transposeB }, [left, right]);
}
