/**
 * A convolution as the operator Conv, which has its channels before its spatial axes. Where its padding depends on a free
 * size, or a mask decides what counts, it goes the general way.
 */
import type { Dim } from "../../../base/dims.ts";
import { type Activation, activationOf, type Layer, type LayerCall, type LayerResult } from "../../../nn/index.ts";
import { windowsFrom } from "../../../nn/layers/sliding.ts";
import { countWindows, reach, type Window } from "../../../nn/layers/windows.ts";
import { concat, slice, type Tensor, transpose } from "../../../trace/index.ts";
import type { Sites } from "./recurrentCall.ts";
import type { Attributes } from "./writer.ts";

/** The spatial axes of each kind of layer. */
const ranks: Readonly<Record<string, number>> = { conv1D: 1, conv2D: 2, conv3D: 3 };

/** The layer with its product left out of the trace, if it is a convolution. */
export function convolutionNode(name: string, layer: Layer, sites: Sites): Layer | undefined {
  if (!Object.hasOwn(ranks, layer.kind)) return undefined;
  const windows = windowsOf(layer);
  const activation = activationOf(layer.options.activation as Activation);
  const product = (x: Tensor, call: LayerCall, used: readonly Window[]): Tensor | undefined => {
    const pads = used.map((window, i) => padsOf(x.shape[i + 1], window));
    if (!pads.every((pair) => pair !== undefined)) return undefined;
    const y = convolve(name, { x, params: call.params as Params, windows: used, pads }, sites);
    return activation(y);
  };
  const apply = (call: LayerCall): LayerResult => {
    const { inputs, state, masks = [], resets, wantsStates = false } = call;
    if (masks[0] !== undefined || resets !== undefined || wantsStates) return layer.apply(call);
    const { last } = state as { readonly last?: Tensor };
    if (last === undefined) {
      const y = product(inputs[0], call, windows);
      return y === undefined ? layer.apply(call) : { y, state };
    }
    // The last inputs of the call before stand where the zeros of a causal convolution would.
    const whole = concat([last, inputs[0]], 1);
    const y = product(
      whole,
      call,
      windows.map((window) => ({ ...window, padding: "valid" })),
    );
    return y === undefined ? layer.apply(call) : { y, state: { last: slice(whole, 1, inputs[0].shape[1]) } };
  };
  return { ...layer, apply };
}

type Params = { readonly kernel: Tensor; readonly bias?: Tensor };
type Pads = readonly [before: number, after: number];

function windowsOf({ kind, options }: Layer): Window[] {
  const { kernelSize: size, strides, padding, dilationRate: dilation } = options;
  return windowsFrom(ranks[kind], { size, strides, padding, dilation } as Parameters<typeof windowsFrom>[1]);
}

/** What is added around an axis; undefined if only the call knows. */
function padsOf(size: Dim, window: Window): Pads | undefined {
  const { stride, padding } = window;
  if (padding === "valid") return [0, 0];
  if (padding === "causal") return [reach(window) - 1, 0];
  const count = stride === 1 ? size : countWindows(size, window);
  if (stride !== 1 && (typeof size !== "number" || typeof count !== "number")) return undefined;
  const missing = stride === 1 ? reach(window) - 1 : (Number(count) - 1) * stride + reach(window) - Number(size);
  const total = Math.max(missing, 0);
  return [Math.floor(total / 2), Math.ceil(total / 2)];
}

interface Convolution {
  /** [b, ...space, c]. */
  readonly x: Tensor;
  readonly params: Params;
  readonly windows: readonly Window[];
  readonly pads: readonly Pads[];
}

/** x [b, ...space, c] -> [b, ...windows, filters]. */
function convolve(name: string, { x, params: { kernel, bias }, windows, pads }: Convolution, sites: Sites): Tensor {
  const space = windows.map((_, i) => i + 1);
  const counts = windows.map((window, i) => countWindows(x.shape[i + 1], window) as Dim);
  const filters = kernel.shape.at(-1) as number;
  const inner = transpose(x, [0, space.length + 1, ...space]);
  const turned = transpose(kernel, [space.length + 1, space.length, ...space.map((axis) => axis - 1)]);
  const out = { dtype: "float32", shape: [x.shape[0], filters, ...counts] } as const;
  const ints = (values: readonly number[]) => ({ kind: "ints", value: values }) as const;
  const attributes: Attributes = {
    kernel_shape: ints(windows.map(({ size }) => size)),
    strides: ints(windows.map(({ stride }) => stride)),
    dilations: ints(windows.map(({ dilation }) => dilation)),
    pads: ints([...pads.map(([before]) => before), ...pads.map(([, after]) => after)]),
  };
  const ins = [inner, turned, ...(bias === undefined ? [] : [bias])];
  const [y] = sites.add(ins, [out], (at, values) => {
    const names = values.map((value) => at.name(value));
    return at.writer.node("Conv", names, {
      name: at.writer.nodeName(name),
      attributes,
      outputs: [at.writer.name(`${name}.Y`)],
    });
  });
  return transpose(y, [0, ...space.map((axis) => axis + 1), 1]);
}
