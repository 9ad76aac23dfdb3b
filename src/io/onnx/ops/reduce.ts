/** Operators over axes: sums and extremes, softmax, positions, norms of layers. */

import { isSymbolic, multiplyDims } from "../../../base/dims.ts";
import { sizeOf } from "../../../base/shapes.ts";
import {
  abs,
  add,
  argmax,
  cast,
  cumsum,
  div,
  expandDims,
  log,
  logSoftmax,
  logSumExp,
  max,
  mean,
  min,
  mul,
  neg,
  type ReduceOptions,
  reshape,
  reverse,
  slice,
  softmax,
  sqrt,
  sub,
  sum,
  type Tensor,
  topK,
  transpose,
} from "../../../trace/index.ts";
import type { Call, Rule } from "../evaluate.ts";
import { isKnown, knownScalar, type Value } from "../value.ts";
import {
  attribute,
  axisOf,
  dims,
  flag,
  float,
  floats,
  has,
  int,
  intsOf,
  numbers,
  type Rules,
  refuse,
  tensor,
  value,
} from "./call.ts";

type Reduce = (x: Tensor, axes: readonly number[], options: ReduceOptions) => Tensor;

const reduce = (apply: Reduce): Rule => {
  return (call) => {
    const x = tensor(call, 0);
    const given = intsOf(call, "axes", 1);
    const isAll = given === undefined || given.length === 0;
    if (isAll && flag(call, "noop_with_empty_axes")) return [x];
    const axes = isAll ? x.shape.map((_, i) => i) : given.map((axis) => axisOf(call, axis, x.rank));
    return [apply(x, axes, { keepDims: flag(call, "keepdims", true) })];
  };
};

/** One factor after the other, along axes of fixed sizes. */
function product(call: Call): readonly Value[] {
  const x = value(call, 0);
  const axes = intsOf(call, "axes", 1);
  const isWhole = axes === undefined || axes.length === x.shape.length;
  if (isKnown(x) && isWhole && x.dtype === "int32") {
    const all = multiplyDims(...Array.from(x.elements));
    const known = knownScalar(all);
    return [flag(call, "keepdims", true) ? { ...known, shape: x.shape.map(() => 1) } : known];
  }
  return reduce((y, own, { keepDims }) => {
    const result = own.reduce((part, axis) => productOver(part, axis, call), y);
    return keepDims === true
      ? result
      : reshape(
          result,
          y.shape.filter((_, i) => !own.includes(i)),
        );
  })(call) as readonly Value[];
}

function productOver(x: Tensor, axis: number, call: Call): Tensor {
  const size = x.shape[axis];
  if (isSymbolic(size) || size > 256 || size < 1) return refuse(call, "an axis of 1 to 256", String(size));
  const parts = Array.from({ length: size }, (_, i) => slice(x, axis, i, i + 1));
  return parts.reduce((a, b) => mul(a, b));
}

/** Up to opset 12 over all axes from the given one on, later over that axis alone. */
const overAxis = (apply: (x: Tensor, axis: number) => Tensor): Rule => {
  return (call) => {
    const x = floats(call, 0);
    const isOld = call.version < 13;
    const axis = axisOf(call, int(call, "axis", isOld ? 1 : -1), x.rank);
    if (!isOld || axis === x.rank - 1) return [apply(x, axis)];
    const flat = reshape(x, [...x.shape.slice(0, axis), sizeOf(x.shape.slice(axis))]);
    return [reshape(apply(flat, axis), x.shape)];
  };
};

const extremeAt = (sign: (x: Tensor) => Tensor): Rule => {
  return (call) => {
    const x = tensor(call, 0);
    const axis = axisOf(call, int(call, "axis", 0), x.rank);
    const isLast = flag(call, "select_last_index");
    const found = argmax(sign(isLast ? reverse(x, axis) : x), axis);
    const size = x.shape[axis];
    if (isLast && isSymbolic(size)) return refuse(call, "an axis of a fixed size", size.key);
    const index = isLast ? sub(Number(size) - 1, found) : found;
    return [flag(call, "keepdims", true) ? expandDims(index, axis) : index];
  };
};

/** The k largest along the last axis, the largest first. */
function topKRule(call: Call): readonly Value[] {
  const x = floats(call, 0);
  const axis = axisOf(call, int(call, "axis", -1), x.rank);
  const k = attribute(call, "k", "int") ?? numbers(call, 1)[0];
  const order = x.shape.map((_, i) => (i === axis ? x.rank - 1 : i === x.rank - 1 ? axis : i));
  const sign = flag(call, "largest", true) ? (y: Tensor) => y : neg;
  const { values, indices } = topK(sign(transpose(x, order)), k);
  return [transpose(sign(values), order), transpose(indices, order)];
}

/** (x - mean) / sqrt(variance + epsilon) over the axes from one on, times scale, plus bias. */
function layerNorm(call: Call): readonly Value[] {
  const x = floats(call, 0);
  const from = axisOf(call, int(call, "axis", -1), x.rank);
  const axes = x.shape.flatMap((_, i) => (i < from ? [] : [i]));
  const centre = mean(x, axes, { keepDims: true });
  const apart = sub(x, centre);
  const width = sqrt(add(mean(mul(apart, apart), axes, { keepDims: true }), float(call, "epsilon", 1e-5)));
  const scaled = mul(div(apart, width), floats(call, 1));
  return [has(call, 2) ? add(scaled, floats(call, 2)) : scaled, centre, div(1, width)];
}

/** x / sqrt(mean of squares + epsilon), times scale. */
function rmsNorm(call: Call): readonly Value[] {
  const x = floats(call, 0);
  const from = axisOf(call, int(call, "axis", -1), x.rank);
  const axes = x.shape.flatMap((_, i) => (i < from ? [] : [i]));
  const width = sqrt(add(mean(mul(x, x), axes, { keepDims: true }), float(call, "epsilon", 1e-5)));
  return [mul(div(x, width), floats(call, 1))];
}

/** With the statistics of training, one of each channel: x [b, c, ...]. */
function batchNorm(call: Call): readonly Value[] {
  if (flag(call, "training_mode"))
    return refuse(call, "a model for inference", "training_mode", "Export it in evaluation mode");
  const x = floats(call, 0);
  const along = (i: number): Tensor => {
    const own = floats(call, i);
    return reshape(own, [1, own.shape[0], ...x.shape.slice(2).map(() => 1)]);
  };
  const width = sqrt(add(along(4), float(call, "epsilon", 1e-5)));
  return [add(mul(div(sub(x, along(3)), width), along(1)), along(2))];
}

/** Each channel of each row by itself: x [b, c, ...]. */
function instanceNorm(call: Call): readonly Value[] {
  const x = floats(call, 0);
  const axes = x.shape.slice(2).map((_, i) => i + 2);
  const apart = sub(x, mean(x, axes, { keepDims: true }));
  const width = sqrt(add(mean(mul(apart, apart), axes, { keepDims: true }), float(call, "epsilon", 1e-5)));
  const along = (i: number): Tensor => reshape(floats(call, i), [1, x.shape[1], ...axes.map(() => 1)]);
  return [add(mul(div(apart, width), along(1)), along(2))];
}

function cumsumRule(call: Call): readonly Value[] {
  const x = tensor(call, 0);
  const axis = axisOf(call, Number(dims(call, 1)[0]), x.rank);
  return [cumsum(x, axis, { exclusive: flag(call, "exclusive"), reverse: flag(call, "reverse") })];
}

const square = (x: Tensor): Tensor => mul(x, x);
const float32 = (x: Tensor): Tensor => cast(x, "float32");

export const reduceRules: Rules = {
  ReduceSum: reduce(sum),
  ReduceMean: reduce((x, axes, options) => mean(x, axes, options)),
  ReduceMax: reduce(max),
  ReduceMin: reduce(min),
  ReduceProd: product,
  ReduceL1: reduce((x, axes, options) => sum(abs(x), axes, options)),
  ReduceL2: reduce((x, axes, options) => sqrt(sum(square(float32(x)), axes, options))),
  ReduceSumSquare: reduce((x, axes, options) => sum(square(x), axes, options)),
  ReduceLogSum: reduce((x, axes, options) => log(sum(float32(x), axes, options))),
  ReduceLogSumExp: reduce((x, axes, options) => logSumExp(float32(x), axes, options)),
  Softmax: overAxis(softmax),
  LogSoftmax: overAxis(logSoftmax),
  ArgMax: extremeAt((x) => x),
  ArgMin: extremeAt(neg),
  CumSum: cumsumRule,
  TopK: topKRule,
  LayerNormalization: layerNorm,
  RMSNormalization: rmsNorm,
  BatchNormalization: batchNorm,
  InstanceNormalization: instanceNorm,
};
