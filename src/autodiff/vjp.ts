/**
 * Reverse-mode differentiation: the walk over a builder's nodes from a result back to its sources. New nodes go into
 * the same builder, so gradients can be differentiated again. The rules of the ops are in `rules.ts`.
 */

import { internal } from "../base/errors.ts";
import { equalShapes, formatShape } from "../base/shapes.ts";
import type { Builder } from "../graph/build.ts";
import type { Value } from "../graph/graph.ts";
import type { OpName } from "../graph/ops.ts";
import { cutIntoSegments } from "./checkpoint.ts";
import { activeValues, reachedValues } from "./flow.ts";
import { add, fullLike, type Seeds, type VjpRule } from "./rule.ts";
import { vjpRules } from "./rules.ts";

/**
 * The gradients of `output` with respect to each of `wrt`, of their shapes; zeros where no path leads. `seed` is the
 * cotangent of `output`, by default 1. Scans on the path are replaced in the builder by ones with more results.
 */
export function gradients(builder: Builder, output: Value, wrt: readonly Value[], seed?: Value): Value[] {
  if (output.dtype !== "float32") internal("gradients: the output is not float32", { dtype: output.dtype });
  const ct = seed ?? fullLike(builder, output, 1);
  if (!equalShapes(ct.shape, output.shape))
    internal(`gradients: the seed has shape ${formatShape(ct.shape)}, the output ${formatShape(output.shape)}`);
  const cts = backpropagate(builder, [[output, ct]], wrt);
  return wrt.map((value) => cts.get(value) ?? builder.full(value.shape, 0));
}

/** The cotangents that reach `wrt` from the seeds; no entry stands for zero. */
export function backpropagate(builder: Builder, seeds: Seeds, wrt: readonly Value[]): Map<Value, Value> {
  cutOnTheWay(builder, seeds, wrt);
  const active = activeValues(builder.nodes, wrt);
  const cts = new Map<Value, Value>();
  const accumulate = (value: Value, ct: Value): void => {
    const before = cts.get(value);
    cts.set(value, before === undefined ? ct : add(builder, before, ct));
  };
  for (const [value, ct] of seeds) if (active.has(value)) accumulate(value, ct);
  const scope = builder.scope;
  for (let i = builder.nodes.length - 1; i >= 0; i--) {
    const node = builder.nodes[i];
    const outCts = node.outs.map((out) => cts.get(out));
    const wants = node.ins.map((value) => active.has(value));
    if (!outCts.some((ct) => ct !== undefined) || !wants.includes(true)) continue;
    builder.scope = node.scope;
    const inCts = (vjpRules[node.op] as VjpRule<OpName>)(builder, node, outCts, wants, backpropagate);
    node.ins.forEach((value, j) => {
      const ct = inCts[j];
      if (wants[j] && ct !== undefined) accumulate(value, ct);
    });
  }
  builder.scope = scope;
  return new Map(wrt.flatMap((value) => (cts.has(value) ? [[value, cts.get(value) as Value]] : [])));
}

/** Prepares the loops with checkpoints that a gradient goes through. */
function cutOnTheWay(builder: Builder, seeds: Seeds, wrt: readonly Value[]): void {
  cutIntoSegments(builder, () => {
    const ends = seeds.map(([value]) => value);
    return reachedValues(builder.nodes, ends, activeValues(builder.nodes, wrt));
  });
}
