/** What each operator of TensorFlow Lite that is not recurrent is as a layer, in one table. */
import {
  activation,
  addLayer as addOfValues,
  concatenate,
  cropping1D,
  dense,
  embedding,
  flatten,
  multiplyLayer,
  permute,
  reshapeLayer,
} from "../../nn/index.ts";
import { turnedRound } from "../floatTensor.ts";
import { drawReverse, joinDirections } from "./directions.ts";
import {
  addLayer,
  addWeights,
  constantAt,
  type Drawing,
  neededConstant,
  refusal,
  type Value,
  valueOf,
  wholesAt,
} from "./drawing.ts";
import { drawBothLstms, drawBothRnns, drawLstm, drawRnn, fusedActivation, optionOf } from "./recurrentOperators.ts";
import type { TfliteOperator } from "./schema.ts";
import { isLastStep } from "./slices.ts";

/** Draws an operator; its first output, unless it gives none or has set its outputs itself. */
type Draw = (drawing: Drawing, operator: TfliteOperator) => Value | undefined;

/** The operators that become layers, or say only how a value lies in memory. */
export const operatorRules: ReadonlyMap<string, Draw> = new Map<string, Draw>([
  ["UNIDIRECTIONAL_SEQUENCE_LSTM", drawLstm],
  ["BIDIRECTIONAL_SEQUENCE_LSTM", drawBothLstms],
  ["UNIDIRECTIONAL_SEQUENCE_RNN", drawRnn],
  ["BIDIRECTIONAL_SEQUENCE_RNN", drawBothRnns],
  ["FULLY_CONNECTED", drawDense],
  ["GATHER", (drawing, operator) => drawEmbedding(drawing, operator, 0, 1)],
  ["EMBEDDING_LOOKUP", (drawing, operator) => drawEmbedding(drawing, operator, 1, 0)],
  ["RESHAPE", drawReshape],
  ["SQUEEZE", drawReshape],
  ["EXPAND_DIMS", drawReshape],
  ["TRANSPOSE", drawTranspose],
  ["REVERSE_V2", drawReverse],
  ["STRIDED_SLICE", drawLastStep],
  ["CONCATENATION", drawConcatenation],
  ["ADD", (drawing, operator) => drawSum(drawing, operator)],
  ["MUL", (drawing, operator) => drawSum(drawing, operator)],
  ["SOFTMAX", drawSoftmax],
  ["LOGISTIC", (drawing, operator) => drawActivation(drawing, operator, "sigmoid")],
  ["TANH", (drawing, operator) => drawActivation(drawing, operator, "tanh")],
  ["RELU", (drawing, operator) => drawActivation(drawing, operator, "relu")],
  ["CAST", drawCast],
  ["DEQUANTIZE", drawSameConstant],
]);

/** weights [units, in]. What has more numbers in a row than `in` is flattened; more axes than two become steps of a row. */
function drawDense(drawing: Drawing, operator: TfliteOperator): Value {
  const x = valueOf(drawing, operator);
  const kernel = neededConstant(drawing, operator, 1);
  const bias = constantAt(drawing, operator, 2);
  const [units, inputs] = kernel.shape;
  const format = optionOf(operator, 1, "i8");
  if (format !== 0 || kernel.shape.length !== 2)
    throw refusal(drawing, operator, "plain weights [units, inputs]", `format ${format}`);
  const isRow = x.sizes.at(-1) !== inputs && x.form === "same" && x.sizes.reduce((a, b) => a * b, 1) === inputs;
  if (!isRow && x.sizes.at(-1) !== inputs) {
    throw refusal(drawing, operator, `${inputs} numbers a step`, `sizes [${x.sizes.join(", ")}]`);
  }
  if (isRow) drawing.fixedSteps = true;
  const read = isRow ? addLayer(drawing, flatten(), [x], { form: "same", sizes: [inputs] }) : x;
  const keeps = read.form === "flat" || read.sizes.length === 1 || optionOf(operator, 2, "bool") !== 0;
  if (!keeps && read.form === "timeMajor") {
    throw refusal(drawing, operator, "rows, or steps after the batch", "steps before the batch");
  }
  const layer = dense({ units, useBias: bias !== undefined, activation: fusedActivation(drawing, operator, 0) });
  const sizes = [...read.sizes.slice(0, -1), units];
  const result = addLayer(drawing, layer, [read], { form: keeps ? read.form : "flat", sizes });
  addWeights(drawing, result.name, {
    kernel: () => turnedRound(kernel),
    ...(bias === undefined ? {} : { bias: () => bias }),
  });
  return result;
}

function drawEmbedding(drawing: Drawing, operator: TfliteOperator, table: number, indices: number): Value {
  const x = valueOf(drawing, operator, indices);
  const embeddings = neededConstant(drawing, operator, table);
  const [inputDim, outputDim] = embeddings.shape;
  const isPlain =
    operator.kind !== "GATHER" || (optionOf(operator, 0, "i32") === 0 && optionOf(operator, 1, "i32") === 0);
  if (!isPlain || embeddings.shape.length !== 2)
    throw refusal(drawing, operator, "rows of a matrix by index", "another axis");
  const layer = embedding({ inputDim, outputDim });
  const result = addLayer(drawing, layer, [x], { form: x.form, sizes: [...x.sizes, outputDim] });
  addWeights(drawing, result.name, { embeddings: () => embeddings });
  return result;
}

/** Between rows of steps and one axis for both, nothing changes; anything else is a reshape of each row. */
function drawReshape(drawing: Drawing, operator: TfliteOperator): Value {
  const x = valueOf(drawing, operator);
  const { batch, graph } = drawing;
  const target = graph.tensors[operator.outputs[0] ?? -1]?.shape ?? [];
  const { form, sizes } = x;
  const [steps, ...rest] = sizes;
  const is = (...shape: readonly number[]): boolean => String(shape) === String(target);
  if (form === "flat" && is(batch, steps, ...rest)) return { ...x, form: "same" };
  if (is(...shapeOf(x, batch))) return x;
  if (form === "same" && sizes.length > 1 && steps !== 1 && is(batch * steps, ...rest)) {
    return { ...x, form: "flat" };
  }
  const inner = target.slice(1);
  const count = (list: readonly number[]): number => list.reduce((a, b) => a * b, 1);
  if (form !== "same" || target[0] !== batch || count(inner) !== count(sizes) || inner.length === 0) {
    throw refusal(
      drawing,
      operator,
      `a shape that keeps the batch (${batch}) as its first size`,
      `[${target.join(", ")}]`,
    );
  }
  if (sizes.length > 1 || inner.length > 1) drawing.fixedSteps = true;
  const result = addLayer(drawing, reshapeLayer({ targetShape: inner }), [x], { form: "same", sizes: inner });
  return result;
}

/** The shape of the tensor that a value is. */
function shapeOf({ form, sizes: [first = 1, ...rest] }: Value, batch: number): number[] {
  if (form === "flat") return [batch * first, ...rest];
  return form === "timeMajor" ? [first, batch, ...rest] : [batch, first, ...rest];
}

function drawTranspose(drawing: Drawing, operator: TfliteOperator): Value {
  const x = valueOf(drawing, operator, 0, { mayBeTurned: true });
  const order = wholesAt(drawing, operator, 1);
  if (String(order) === String(order.map((_, i) => i))) return x;
  if (String(order.slice(0, 2)) === "1,0" && x.form !== "flat" && order.slice(2).every((axis, i) => axis === i + 2)) {
    return { ...x, form: x.form === "same" ? "timeMajor" : "same" };
  }
  if (order[0] !== 0 || x.form !== "same" || x.isTurned)
    throw refusal(drawing, operator, "an order that keeps the batch", `[${order.join(", ")}]`);
  drawing.fixedSteps = true;
  const dims = order.slice(1);
  const sizes = dims.map((dim) => x.sizes[dim - 1]);
  return addLayer(drawing, permute({ dims }), [x], { form: "same", sizes });
}

/** The last step. A recurrent layer of which nothing else is read gives it itself. */
function drawLastStep(drawing: Drawing, operator: TfliteOperator): Value {
  const x = valueOf(drawing, operator);
  if (!isLastStep(drawing, operator, x.form)) {
    throw refusal(drawing, operator, "the last step of a sequence", "another slice");
  }
  const [steps, width] = x.sizes;
  const maker = drawing.layers.get(x.name)?.layer;
  const isDone = maker?.recurrence?.returnSequences === false;
  if (isDone) return { ...x, form: "same", sizes: [width] };
  drawing.fixedSteps = true;
  const last = addLayer(drawing, cropping1D({ cropping: [steps - 1, 0] }), [x], { form: "same", sizes: [1, width] });
  const row = addLayer(drawing, reshapeLayer({ targetShape: [width] }), [last], { form: "same", sizes: [width] });
  return row;
}

/** Side by side in the last axis. */
function drawConcatenation(drawing: Drawing, operator: TfliteOperator): Value {
  const both = joinDirections(drawing, operator);
  if (both !== undefined) return both;
  const parts = operator.inputs.map((_, place) => valueOf(drawing, operator, place));
  const [first] = parts;
  const axis = optionOf(operator, 0, "i32");
  const rank = drawing.graph.tensors[operator.inputs[0] ?? -1]?.shape.length ?? 0;
  const isLast = axis === -1 || axis === rank - 1;
  const outer = (value: Value): string => [value.form, ...value.sizes.slice(0, -1)].join();
  if (
    !isLast ||
    parts.length < 2 ||
    parts.some((part) => outer(part) !== outer(first)) ||
    fusedActivation(drawing, operator, 1) !== "linear"
  ) {
    throw refusal(drawing, operator, "values side by side in the last axis", `axis ${axis}`);
  }
  const width = parts.reduce((sum, { sizes }) => sum + (sizes.at(-1) ?? 0), 0);
  const sizes = [...first.sizes.slice(0, -1), width];
  return addLayer(drawing, concatenate(), parts, { form: first.form, sizes });
}

/** Sum or product of two computed values of one shape. */
function drawSum(drawing: Drawing, operator: TfliteOperator): Value {
  const [a, b] = [0, 1].map((place) => valueOf(drawing, operator, place));
  const layer = operator.kind === "ADD" ? addOfValues() : multiplyLayer();
  if (a.form !== b.form || String(a.sizes) !== String(b.sizes) || fusedActivation(drawing, operator, 0) !== "linear") {
    throw refusal(drawing, operator, "two values of one shape", `[${a.sizes.join(", ")}] and [${b.sizes.join(", ")}]`);
  }
  return addLayer(drawing, layer, [a, b], { form: a.form, sizes: a.sizes });
}

function drawSoftmax(drawing: Drawing, operator: TfliteOperator): Value {
  const beta = optionOf(operator, 0, "f32", 1);
  if (beta !== 1) throw refusal(drawing, operator, "beta 1", `${beta}`);
  return drawActivation(drawing, operator, "softmax");
}

function drawActivation(
  drawing: Drawing,
  operator: TfliteOperator,
  name: "softmax" | "sigmoid" | "tanh" | "relu",
): Value {
  const x = valueOf(drawing, operator);
  return addLayer(drawing, activation(name), [x], { form: x.form, sizes: x.sizes });
}

/** Keras gives indices as floats to its embedding: here they are whole numbers from the beginning. */
function drawCast(drawing: Drawing, operator: TfliteOperator): Value {
  const x = valueOf(drawing, operator);
  const to = drawing.graph.tensors[operator.outputs[0] ?? -1];
  const isInput = !drawing.layers.has(x.name);
  if (to?.type !== 2 || !isInput) throw refusal(drawing, operator, "a cast of an input to int32", "another cast");
  drawing.indices.add(x.name);
  drawing.notes.add(`Input "${x.name}" is int32 here; the file casts it.`);
  return x;
}

/** Weights in half precision, which an operator makes float32 when it runs. */
function drawSameConstant(drawing: Drawing, operator: TfliteOperator): undefined {
  const [from, to] = [operator.inputs[0] ?? -1, operator.outputs[0] ?? -1];
  const source = drawing.graph.tensors[from];
  if (source?.data === undefined || source.type !== 1 || to < 0) {
    throw refusal(drawing, operator, "constants of float16", "a quantised value");
  }
  drawing.sameAs.set(to, from);
}
