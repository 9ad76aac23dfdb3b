/** What the layers above may use of tracing: the names, listed by hand. */

export type { LargeBuffer, Memory } from "../loops/memory.ts";
export { traced } from "./apply.ts";
export * from "./arrays.ts";
export { type CompiledFunction, type CompileOptions, compile } from "./compile.ts";
export { currentTrace, withScope } from "./context.ts";
export { dryRun } from "./dryRun.ts";
export * from "./elementwise.ts";
export { grad, type ValueAndGrads, valueAndGrad } from "./grad.ts";
export * from "./order.ts";
export { type BackendName, backendNames, type Pipeline } from "./pipeline.ts";
export { bernoulli, bits, categorical, foldIn, normal, randomKey, splitKey, uniform } from "./random.ts";
export * from "./reduce.ts";
export { type ScanOptions, scan } from "./scan.ts";
export {
  concrete,
  type Fill,
  filled,
  type NestedArray,
  spec,
  Tensor,
  type Tensorlike,
  type TensorOptions,
  type TensorSpec,
  tensor,
} from "./tensor.ts";
export { threads } from "./threads.ts";
export { Variable, type VariableOptions, variable } from "./variable.ts";
