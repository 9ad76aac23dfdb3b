/** STRIDED_SLICE where it takes the last step of a sequence, which is what Keras makes of a layer without return_sequences. */
import type { Drawing, Form } from "./drawing.ts";
import { scalarOf } from "./flatbuffer.ts";
import { constantOf, type TfliteOperator, type TfliteTensor } from "./schema.ts";

/** Whether an operator takes the last step, and all of every other axis, of a value in this form. */
export function isLastStep(
  { graph, where }: Pick<Drawing, "graph" | "where">,
  operator: TfliteOperator,
  form: Form,
): boolean {
  const { kind, inputs, options } = operator;
  if (kind !== "STRIDED_SLICE" || options === undefined || form === "flat") return false;
  const [x, ...given] = inputs.map((index) => graph.tensors[index]);
  const [from, to, by] = given.map((tensor) => smallConstant(tensor, where));
  if (from === undefined || to === undefined || by === undefined) return false;
  const [beginMask, endMask, ellipsis, newAxis, shrink] = [0, 1, 2, 3, 4].map((slot) => scalarOf(options, slot, "i32"));
  if (ellipsis !== 0 || newAxis !== 0 || x.shape.length !== 3 || from.length !== 3) return false;
  const time = form === "timeMajor" ? 0 : 1;
  return x.shape.every((size, axis) => {
    const bit = 1 << axis;
    if (by[axis] !== 1) return false;
    if (axis === time) return (shrink & bit) !== 0 && (beginMask & bit) === 0 && [-1, size - 1].includes(from[axis]);
    const isFromStart = (beginMask & bit) !== 0 || from[axis] === 0;
    return isFromStart && ((endMask & bit) !== 0 || to[axis] >= size) && (shrink & bit) === 0;
  });
}

/** Whether everything that reads a tensor takes its last step; through transposes too. */
export function onlyLastStep(drawing: Drawing, index: number, form: Form, depth = 0): boolean {
  const readers = drawing.readers.get(index) ?? [];
  if (readers.length === 0 || readers.length > 16 || depth > 1 || drawing.graph.outputs.includes(index)) return false;
  return readers.every((operator) => {
    if (operator.kind !== "TRANSPOSE") return isLastStep(drawing, operator, form);
    const other = form === "same" ? "timeMajor" : "same";
    return swapsTime(drawing, operator) && onlyLastStep(drawing, operator.outputs[0] ?? -1, other, depth + 1);
  });
}

/** Whether a transpose exchanges the first two of three axes. */
export function swapsTime({ graph, where }: Pick<Drawing, "graph" | "where">, { inputs }: TfliteOperator): boolean {
  return String(smallConstant(graph.tensors[inputs[1] ?? -1], where)) === "1,0,2";
}

/** The numbers of a constant that is as small as what it should say. */
function smallConstant(tensor: TfliteTensor | undefined, where: string): ArrayLike<number> | undefined {
  if (tensor?.data === undefined || tensor.data.length > 64) return undefined;
  return constantOf(tensor, where).data;
}
