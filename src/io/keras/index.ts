/** What the layers above may use of Keras' files: the names, listed by hand. */
export {
  type ConfigFacts,
  decodeKeras,
  decodeKerasH5,
  type KerasModel,
  modelFromKerasConfig,
  readKerasWeights,
  type SourceOf,
} from "./decode.ts";
export { encodeKeras, encodeKerasH5, encodeKerasWeights } from "./encode.ts";
export { inspectKeras, inspectKerasH5 } from "./inspect.ts";
export type { KerasOwn } from "./layer.ts";
