/** The types of inputs and outputs as an ONNX file states them. */
import type { ValueType } from "../../../graph/rules.ts";
import type { OnnxValueInfo } from "../messages.ts";
import type { Sizes } from "./sizes.ts";

/** A name with its type; free sizes by name. */
export function valueInfo(name: string, { dtype, shape }: ValueType, sizes: Sizes): OnnxValueInfo {
  return { name, elementType: dtype, shape: shape.map((dim) => sizes.inType(dim)) };
}
