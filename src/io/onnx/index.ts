/** What the layers above may use of ONNX: the names, listed by hand. */
export { decodeOnnx } from "./decode.ts";
export { encodeOnnx, type OnnxOptions } from "./export/encode.ts";
export { readExportedModel } from "./export/readBack.ts";
export { inspectOnnx } from "./inspect.ts";
export { toModel } from "./lift/toModel.ts";
export { type OnnxCall, OnnxModel } from "./onnxModel.ts";
