/** What Recurve has for the element types of ONNX. */
import type { DType } from "../../../base/dtypes.ts";
import { isElementType } from "../../elements.ts";

/** float32, int32 or bool; undefined for what Recurve has not: text, complex numbers, numbers of 4 and 8 bits. */
export function dtypeOf(elementType: string): DType | undefined {
  if (!isElementType(elementType)) return undefined;
  if (elementType === "bool") return "bool";
  return /float/.test(elementType) ? "float32" : "int32";
}
