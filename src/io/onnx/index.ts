/** What the layers above may use of ONNX: the names, listed by hand. */
export { decodeOnnx, onnxDataFiles, onnxModelOf } from "./decode.ts";
export { encodeOnnx, type OnnxOptions } from "./export/encode.ts";
export { modelOfOnnx, readExportedModel } from "./export/readBack.ts";
export { dataFiles, withData } from "./external.ts";
export { inspectOnnx } from "./inspect.ts";
export { toModel } from "./lift/toModel.ts";
export { decodeOnnxProto } from "./messages.ts";
export { type OnnxCall, OnnxModel } from "./onnxModel.ts";
