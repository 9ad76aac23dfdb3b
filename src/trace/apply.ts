/**
 * How an operation reaches a graph: into the open trace, or, called eagerly, into a graph of its own that is run at
 * once. Every operation of `trace/` goes through `apply` or `traced`; there is no second, eager implementation.
 */
import type { DType } from "../base/dtypes.ts";
import { leavesOf, mapTree, type Tree } from "../base/trees.ts";
import type { Builder } from "../graph/build.ts";
import type { Value } from "../graph/graph.ts";
import { currentTrace, liftOperand, Trace, within } from "./context.ts";
import { runEager } from "./eager.ts";
import { Tensor, type Tensorlike } from "./tensor.ts";

/** Applies a graph-building function to operands; numbers take the type of the first tensor among them. */
export function apply(
  where: string,
  operands: readonly Tensorlike[],
  build: (builder: Builder, ins: Value[]) => Value,
): Tensor {
  return traced(where, (trace) => {
    const dtype: DType = operands.find((x) => x instanceof Tensor)?.dtype ?? "float32";
    const ins = operands.map((x) => liftOperand(trace, x, dtype === "bool" ? "float32" : dtype));
    return trace.wrap(build(trace.builder, ins));
  });
}

/** Runs a function that works on the open trace; without one, traces it alone and runs the result. */
export function traced<T extends Tree<Tensor>>(where: string, fn: (trace: Trace) => T): T {
  const open = currentTrace();
  if (open !== undefined) return fn(open);
  const trace = new Trace(where, undefined, true);
  const result = within(trace, () => fn(trace));
  const leaves = leavesOf<unknown>(result).map(({ leaf }) => leaf);
  const tensors = runEager(
    trace,
    leaves.filter((leaf) => leaf instanceof Tensor).map((leaf) => trace.lift(leaf)),
  );
  let next = 0;
  // What is no tensor, such as a name beside the loss, stays as it is.
  return mapTree<unknown, unknown>(result, (leaf) => (leaf instanceof Tensor ? tensors[next++] : leaf)) as T;
}
