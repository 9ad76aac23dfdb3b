/**
 * Products of one term, such as the gradient of what a dense layer of one unit reads: each element is one
 * multiplication, done where it is read instead of being put into memory. Lowering begins with it: before that, a
 * product in a loop may still become part of a longer one behind it.
 */
import type { Builder } from "../graph/build.ts";
import type { Graph, NodeOf, Value } from "../graph/graph.ts";
import { rewrite } from "./rewrite.ts";

/** Makes elementwise work of products whose sums have one term. */
export function outer(graph: Graph): Graph {
  return rewrite(graph, (builder) => (node) => (node.op === "matmul" ? outerOf(builder, node) : undefined));
}

function outerOf(
  builder: Builder,
  { params, ins: [a, b], outs: [out] }: NodeOf<"matmul">,
): readonly Value[] | undefined {
  const last = out.shape.length - 1;
  if (a.shape[params.transposeA ? last - 1 : last] !== 1) return undefined;
  const batch = out.shape.slice(0, -2).map((_, axis) => axis);
  const spread = (x: Value, axis: number): Value =>
    builder.add("broadcast", { shape: out.shape, axes: [...batch, axis] }, [
      builder.reshape(x, [...out.shape.slice(0, -2), out.shape[axis]]),
    ]);
  return [builder.add("mul", {}, [spread(a, last - 1), spread(b, last)])];
}
