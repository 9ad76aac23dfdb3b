/** What the layers above may use of TensorFlow 1's checkpoints: the names, listed by hand. */
export { decodeTf1, type ShardReader } from "./bundle.ts";
export { modelFromTf1, type Tf1Model, type Tf1ModelOptions } from "./infer.ts";
export { inspectTf1 } from "./inspect.ts";
