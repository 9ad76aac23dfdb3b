/** A model as a file of any format that Recurve writes. What the other program can not compute is refused by its writer. */
import { checkOptionNames, type Model, unknownName } from "../nn/index.ts";
import { encodeKeras, encodeKerasH5, encodeKerasWeights } from "./keras/index.ts";
import { encodeModel, hostTensors } from "./modelFile.ts";
import { type WrittenFormat, writtenFormats } from "./names.ts";
import { encodeNpz } from "./npz.ts";
import { encodeOnnx, type OnnxOptions } from "./onnx/index.ts";
import { type ExportStateDictOptions, encodeTorch, exportStateDict } from "./torch/index.ts";

/** Options of formats that have some. */
export type EncodeOptions = OnnxOptions & ExportStateDictOptions;

const optionNames: { readonly [F in WrittenFormat]?: readonly string[] } = {
  onnx: ["state", "step", "opset"],
  pytorch: ["layers", "cells"],
};

const writers: { readonly [F in WrittenFormat]: (model: Model, options: EncodeOptions) => Uint8Array } = {
  safetensors: (model) => encodeModel(model),
  keras: (model) => encodeKeras(model),
  h5: (model) => encodeKerasH5(model),
  weightsH5: (model) => encodeKerasWeights(model),
  pytorch: (model, options) => encodeTorch(exportStateDict(model, options)),
  onnx: encodeOnnx,
  npz: (model) => encodeNpz(hostTensors(model.weights())),
};

/**
 * Bytes of a model in a format: "safetensors" (Recurve's own), "keras", "h5", "weightsH5", "pytorch" (a state_dict), "onnx"
 * or "npz" (weights by path). The options are those of `encodeOnnx` and of `exportStateDict`.
 * Raises UnsupportedError for a model that the format can not hold.
 */
export function encodeAs(model: Model, format: WrittenFormat, options: EncodeOptions = {}): Uint8Array {
  if (!Object.hasOwn(writers, format))
    throw unknownName("encodeAs", "format", String(format), Object.keys(writtenFormats));
  checkOptionNames(`encodeAs "${format}"`, options, optionNames[format] ?? []);
  return writers[format](model, options);
}
