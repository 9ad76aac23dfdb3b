/** Convolution and pooling over time as layers: in ONNX channels are second, [b, c, t]. */
import {
  averagePooling1D,
  conv1D,
  globalAveragePooling1D,
  globalMaxPooling1D,
  type Layer,
  maxPooling1D,
} from "../../../nn/index.ts";
import { type Tensor, transpose } from "../../../trace/index.ts";
import { attribute, flag, int, intsOf, text } from "../ops/call.ts";
import { isSequence } from "../value.ts";
import { addLayer, drawnAt, expectUnmasked, type LiftCall, liftedAt, newAtom, refuse, shapeOf } from "./drawing.ts";
import type { LiftRule } from "./layers.ts";
import { type Drawn, isEqualAxis, type Lifted } from "./lifted.ts";

/** A sequence whose tensor is [b, c, t]. */
function channelsSecond(lift: LiftCall): Drawn {
  const x = drawnAt(lift, 0);
  const [b, t, f] = x.own;
  const fits = x.own.length === 3 && x.axes.length === 3 && [b, f, t].every((axis, i) => isEqualAxis(axis, x.axes[i]));
  if (!fits) return refuse(lift, "a sequence as [batch, channels, time]", "another order of axes");
  expectUnmasked(lift, x);
  return x;
}

/** The same batch with other steps and features. */
function resultOf(
  lift: LiftCall,
  { own: [b, , features] }: Drawn,
  layer: Layer,
  from: string,
  channels?: number,
): Drawn {
  const name = addLayer(lift, layer, [from], lift.call.node);
  const t = [newAtom(lift, shapeOf(lift)[2], "t")];
  const f = channels === undefined ? features : [newAtom(lift, channels)];
  return { kind: "drawn", name, own: [b, t, f], axes: [b, f, t] };
}

interface Window {
  readonly size: number;
  readonly strides: number;
  readonly dilation: number;
  readonly padding: "valid" | "same" | "causal";
}

function windowOf(lift: LiftCall, size: number): Window {
  const { call } = lift;
  const [strides = 1] = attribute(call, "strides", "ints") ?? [];
  const [dilation = 1] = attribute(call, "dilations", "ints") ?? [];
  const [before = 0, after = 0] = attribute(call, "pads", "ints") ?? [];
  const mode = text(call, "auto_pad", "NOTSET");
  if (flag(call, "ceil_mode") || mode === "SAME_LOWER")
    refuse(lift, "windows that lie in the data", "ceil_mode or SAME_LOWER");
  const total = (size - 1) * dilation;
  const isSame =
    mode === "SAME_UPPER" ||
    (strides === 1 && total > 0 && before === Math.floor(total / 2) && before + after === total);
  if (isSame) return { size, strides, dilation, padding: "same" };
  if (before + after === 0) return { size, strides, dilation, padding: "valid" };
  if (before === total && after === 0) return { size, strides, dilation, padding: "causal" };
  return refuse(lift, "padding that is valid, same or causal", `${before} before and ${after} after`);
}

function conv(lift: LiftCall): readonly Lifted[] {
  const { call, drawing } = lift;
  const x = channelsSecond(lift);
  const weights = call.ins[1];
  const shape = weights === undefined || isSequence(weights) || liftedAt(lift, 1) !== undefined ? [] : weights.shape;
  const [filters, , size] = shape.map(Number);
  if (shape.length !== 3 || int(call, "group", 1) !== 1)
    return refuse(lift, "a convolution over time in one group", "another one");
  const { strides, dilation, padding } = windowOf(lift, size);
  const useBias = call.ins[2] !== undefined;
  const layer = conv1D({ filters, kernelSize: size, strides, dilationRate: dilation, padding, useBias });
  const result = resultOf(lift, x, layer, x.name, filters);
  const { name } = result;
  const constant = (i: number): Tensor => drawing.constant(call.node.inputs[i]);
  drawing.weights.push({ path: `${name}.kernel`, make: () => transpose(constant(1), [2, 1, 0]) });
  if (useBias) drawing.weights.push({ path: `${name}.bias`, make: () => constant(2) });
  return [result];
}

function pool(make: (options: { poolSize: number; strides: number; padding: "valid" | "same" }) => Layer): LiftRule {
  return (lift) => {
    const x = channelsSecond(lift);
    const [poolSize = 0] = attribute(lift.call, "kernel_shape", "ints") ?? [];
    const { strides, dilation, padding } = windowOf(lift, poolSize);
    if (dilation !== 1 || padding === "causal") return refuse(lift, "windows side by side, without dilation", "others");
    if (padding === "same" && flag(lift.call, "count_include_pad"))
      return refuse(lift, "means without padding", "with it");
    return [resultOf(lift, x, make({ poolSize, strides, padding }), x.name)];
  };
}

/** Over all steps; the axis of time has size 1 then, or goes. */
function overTime(make: () => Layer, isNode: boolean): LiftRule {
  return (lift) => {
    const x = drawnAt(lift, 0);
    const [b, t, f] = x.own;
    const at = x.axes.findIndex((axis) => x.own.length === 3 && isEqualAxis(axis, t));
    const axes = isNode
      ? [2]
      : (intsOf(lift.call, "axes", 1) ?? []).map((axis) => (axis < 0 ? axis + x.axes.length : axis));
    if (axes.length !== 1 || axes[0] !== at) return refuse(lift, "a reduction over time", "one over other axes");
    expectUnmasked(lift, x);
    const keeps = isNode || flag(lift.call, "keepdims", true);
    const name = addLayer(lift, make(), [x.name], lift.call.node);
    const rest = x.axes.flatMap((axis, i) => (i !== at ? [axis] : keeps ? [[]] : []));
    return [{ kind: "drawn", name, own: [b, f], axes: rest }];
  };
}

export const windowRules: Readonly<Record<string, LiftRule>> = {
  Conv: conv,
  MaxPool: pool((options) => maxPooling1D(options)),
  AveragePool: pool((options) => averagePooling1D(options)),
  GlobalMaxPool: overTime(() => globalMaxPooling1D(), true),
  GlobalAveragePool: overTime(() => globalAveragePooling1D(), true),
  ReduceMax: overTime(() => globalMaxPooling1D(), false),
  ReduceMean: overTime(() => globalAveragePooling1D(), false),
};
