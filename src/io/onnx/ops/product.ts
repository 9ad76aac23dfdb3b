/** Products of matrices, convolutions and pooling. ONNX has channels second, Recurve last. */
import { type Dim, isSymbolic } from "../../../base/dims.ts";
import { broadcastShapes, formatShape } from "../../../base/shapes.ts";
import { convolve } from "../../../nn/index.ts";
import { placesOf } from "../../../nn/layers/windows.ts";
import {
  add,
  broadcastTo,
  concat,
  div,
  expandDims,
  matmul,
  max,
  maximum,
  mean,
  mul,
  ones,
  pad,
  slice,
  squeeze,
  type Tensor,
  transpose,
} from "../../../trace/index.ts";
import type { Call } from "../evaluate.ts";
import type { Value } from "../value.ts";
import { attribute, flag, float, floats, has, int, type Rules, refuse, text } from "./call.ts";
import { einsum } from "./einsum.ts";

/** As NumPy's: vectors are a row or a column, leading axes broadcast. */
export function product(a: Tensor, b: Tensor): Tensor {
  if (a.rank === 1) return squeeze(product(expandDims(a, 0), b), b.rank === 1 ? 0 : -2);
  if (b.rank === 1) return squeeze(product(a, expandDims(b, 1)), -1);
  if (b.rank === 2) return matmul(a, b);
  const rows = broadcastShapes(a.shape.slice(0, -2), b.shape.slice(0, -2)) ?? a.shape.slice(0, -2);
  return matmul(broadcastTo(a, [...rows, ...a.shape.slice(-2)]), broadcastTo(b, [...rows, ...b.shape.slice(-2)]));
}

/** alpha A B + beta C, where A and B may be transposed. */
function gemm(call: Call): readonly Value[] {
  const options = { transposeA: flag(call, "transA"), transposeB: flag(call, "transB") };
  const [alpha, beta] = [float(call, "alpha", 1), float(call, "beta", 1)];
  const both = matmul(floats(call, 0), floats(call, 1), options);
  const scaled = alpha === 1 ? both : mul(both, alpha);
  if (!has(call, 2) || beta === 0) return [scaled];
  return [add(scaled, beta === 1 ? floats(call, 2) : mul(floats(call, 2), beta))];
}

/** How a window moves along each axis of space. */
interface Sliding {
  readonly sizes: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  /** Before and after. */
  readonly pads: readonly (readonly [number, number])[];
}

/** A window is computed place by place. */
const mostPlaces = 4096;

function slidingOf(call: Call, x: Tensor, kernel: readonly Dim[]): Sliding {
  const sizes = (attribute(call, "kernel_shape", "ints") ?? kernel) as readonly number[];
  const each = (name: string): readonly number[] => attribute(call, name, "ints") ?? sizes.map(() => 1);
  const [strides, dilations] = [each("strides"), each("dilations")];
  const areFit = [sizes, strides, dilations].every((all) => all.length === x.rank - 2 && all.every((one) => one > 0));
  if (!areFit || sizes.reduce((a, b) => a * b, 1) > mostPlaces)
    refuse(
      call,
      `windows of 1 to ${mostPlaces} places for each axis of space`,
      `${sizes.slice(0, 4)}`,
      "Check the model",
    );
  if (flag(call, "ceil_mode")) refuse(call, "ceil_mode of 0", "1");
  const mode = text(call, "auto_pad", "NOTSET");
  const own = attribute(call, "pads", "ints") ?? sizes.flatMap(() => [0, 0]);
  const pads = sizes.map((size, i): readonly [number, number] => {
    if (mode === "NOTSET" || mode === "") return [own[i], own[i + sizes.length]];
    if (mode === "VALID") return [0, 0];
    const width = x.shape[i + 2];
    if (isSymbolic(width) && strides[i] !== 1) return refuse(call, "space of a fixed size", width.key);
    const count = Math.ceil(Number(isSymbolic(width) ? 0 : width) / strides[i]);
    const reach = (size - 1) * dilations[i] + 1;
    const total = isSymbolic(width) ? reach - 1 : Math.max(0, (count - 1) * strides[i] + reach - Number(width));
    const less = Math.floor(total / 2);
    return mode === "SAME_UPPER" ? [less, total - less] : [total - less, less];
  });
  return { sizes, strides, dilations, pads };
}

/** x [b, c, ...space] -> [b, ...space, c], with something around. */
function padded(x: Tensor, { pads }: Sliding, element = 0): Tensor {
  const last = transpose(x, [0, ...x.shape.slice(2).map((_, i) => i + 2), 1]);
  return pads.flat().every((width) => width === 0) ? last : pad(last, [[0, 0], ...pads, [0, 0]], element);
}

function channelsSecond(x: Tensor): Tensor {
  return transpose(x, [0, x.rank - 1, ...x.shape.slice(2).map((_, i) => i + 1)]);
}

/** x [b, c, ...space] with W [filters, c / groups, ...sizes]. */
function conv(call: Call): readonly Value[] {
  const [x, w] = [floats(call, 0), floats(call, 1)];
  const sliding = slidingOf(call, x, w.shape.slice(2));
  const kernel = transpose(w, [...w.shape.slice(2).map((_, i) => i + 2), 1, 0]);
  const last = padded(x, sliding);
  const groups = int(call, "group", 1);
  const { strides, dilations: dilation } = sliding;
  const [channels, filters] = [w.shape[1], w.shape[0]];
  if (isSymbolic(channels) || isSymbolic(filters)) return refuse(call, "weights of fixed sizes", formatShape(w.shape));
  const parts = Array.from({ length: groups }, (_, g) => {
    const own = groups === 1 ? last : slice(last, -1, g * channels, (g + 1) * channels);
    const share = filters / groups;
    const weights = groups === 1 ? kernel : slice(kernel, -1, g * share, (g + 1) * share);
    return convolve(own, weights, { strides, dilation });
  });
  const y = concat(parts, -1);
  return [channelsSecond(has(call, 2) ? add(y, floats(call, 2)) : y)];
}

/** What each place of a window sees. */
function places(x: Tensor, { sizes, strides, dilations }: Sliding): readonly Tensor[] {
  return placesOf(
    x,
    sizes.map((size, i) => ({ size, stride: strides[i], dilation: dilations[i], padding: "valid" })),
  );
}

function maxPool(call: Call): readonly Value[] {
  const x = floats(call, 0);
  const sliding = slidingOf(call, x, []);
  const seen = places(padded(x, sliding, Number.NEGATIVE_INFINITY), sliding);
  return [channelsSecond(seen.reduce((a, b) => maximum(a, b)))];
}

function averagePool(call: Call): readonly Value[] {
  const x = floats(call, 0);
  const sliding = slidingOf(call, x, []);
  const total = (y: Tensor): Tensor => places(y, sliding).reduce((a, b) => add(a, b));
  const all = total(padded(x, sliding));
  const count = sliding.sizes.reduce((a, b) => a * b, 1);
  if (flag(call, "count_include_pad")) return [channelsSecond(div(all, count))];
  return [channelsSecond(div(all, total(padded(ones([1, 1, ...x.shape.slice(2)]), sliding))))];
}

const space = ({ shape }: Tensor): number[] => shape.slice(2).map((_, i) => i + 2);

function einsumRule(call: Call): readonly Value[] {
  const all = call.ins.map((_, i) => floats(call, i));
  const result = einsum(text(call, "equation", ""), all);
  if (result === undefined)
    return refuse(
      call,
      "an equation of one or two operands with plain letters",
      `"${text(call, "equation", "").slice(0, 80)}"`,
    );
  return [result];
}

export const productRules: Rules = {
  MatMul: (call) => [product(floats(call, 0), floats(call, 1))],
  Gemm: gemm,
  Einsum: einsumRule,
  Conv: conv,
  MaxPool: maxPool,
  AveragePool: averagePool,
  GlobalMaxPool: (call) => [max(floats(call, 0), space(floats(call, 0)), { keepDims: true })],
  GlobalAveragePool: (call) => [mean(floats(call, 0), space(floats(call, 0)), { keepDims: true })],
};
