/** What the layers above may use of the files of other programs: the names, listed by hand. Loaded by those who ask for it only. */
export { type EncodeOptions, encodeAs } from "./encodeAs.ts";
export {
  decodeKeras,
  decodeKerasH5,
  encodeKeras,
  encodeKerasH5,
  encodeKerasWeights,
  type KerasModel,
  type KerasOwn,
  readKerasWeights,
} from "./keras/index.ts";
export { inspectBytes, type Loaded, type LoadOptions, loadBytes } from "./load.ts";
export { decodeNpzArchive, encodeNpz } from "./npz.ts";
export {
  decodeOnnx,
  encodeOnnx,
  type OnnxCall,
  type OnnxModel,
  type OnnxOptions,
  onnxDataFiles,
  toModel,
} from "./onnx/index.ts";
export type { FileFormat } from "./recognise.ts";
export type { FileReport, ReportPart, ReportValue } from "./report.ts";
export { decodeTf1, modelFromTf1, type ShardReader, type Tf1Model, type Tf1ModelOptions } from "./tf1/index.ts";
export { decodeTfjs, tfjsShards } from "./tfjs/index.ts";
export { decodeTflite, type TfliteModel } from "./tflite/index.ts";
export {
  decodeTorch,
  type ExportStateDictOptions,
  encodeTorch,
  exportStateDict,
  type ImportStateDictOptions,
  importStateDict,
  modelFromStateDict,
  type PairingOptions,
  type StateDictModel,
  type StateDictModelOptions,
  stateDictOf,
  type TorchFile,
  type TorchPlain,
} from "./torch/index.ts";
