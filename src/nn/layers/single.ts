/** How the layers of this folder are made: one input, no state. Not here: what they compute, nor layers of several inputs. */
import { OptionError } from "../../base/errors.ts";
import type { Tree } from "../../base/trees.ts";
import type { Tensor, TensorSpec } from "../../trace/index.ts";
import {
  type Context,
  describeLayer,
  type Layer,
  type LayerCall,
  type LayerResult,
  type ParamSpec,
  type Stepping,
} from "../layer.ts";
import type { Options } from "../options.ts";

export interface SingleCall {
  readonly params: Tree<Tensor>;
  /** [b, t, ...], in a step [b, ...]. */
  readonly x: Tensor;
  /** bool [b, t], in a step [b]. */
  readonly mask: Tensor | undefined;
  readonly context: Context;
}

export interface Single {
  readonly kind: string;
  readonly name: string | undefined;
  readonly options: object;
  readonly params?: (input: TensorSpec) => Tree<ParamSpec>;
  /** Raises an error in the layer's name for an input that it does not take. */
  readonly output: (input: TensorSpec) => TensorSpec;
  readonly apply: (call: SingleCall) => Tensor | Omit<LayerResult, "state" | "mask">;
  /** What becomes of the mask of the input, or the mask of the output made of it. */
  readonly mask: "pass" | "drop" | ((mask: Tensor) => Tensor);
  /** Whether one step is the same function, what it is else, or why there is none. */
  readonly stepping: "same" | { readonly step: (call: SingleCall) => Tensor } | { readonly refused: string };
}

/** A layer of one input and no state. */
export function single(layer: Single): Layer {
  const { kind, name, mask } = layer;
  const where = describeLayer(kind, name);
  const apply = ({ params, state, inputs: [x], masks = [], context }: LayerCall): LayerResult => {
    const result = layer.apply({ params, x, mask: masks[0], context });
    const changed = typeof mask === "function" && masks[0] !== undefined ? { mask: mask(masks[0]) } : {};
    return { ...("y" in result ? result : { y: result }), state, ...changed };
  };
  return Object.freeze({
    kind,
    name,
    options: Object.freeze(layer.options) as Options,
    params: (inputs: readonly TensorSpec[]) => layer.params?.(onlyInput(where, inputs)) ?? {},
    state: () => ({}),
    output: (inputs: readonly TensorSpec[]) => layer.output(onlyInput(where, inputs)),
    masks: typeof mask === "function" ? ("change" as const) : mask,
    apply,
    stepping: steppingOf(layer, apply),
  });
}

function steppingOf({ stepping }: Single, apply: Layer["apply"]): Stepping {
  if (stepping === "same") return { run: apply };
  if ("refused" in stepping) return stepping;
  return {
    run: ({ params, state, inputs: [x], masks = [], context }) => ({
      y: stepping.step({ params, x, mask: masks[0], context }),
      state,
    }),
  };
}

/** The input of a layer that has one. */
export function onlyInput(where: string, inputs: readonly TensorSpec[]): TensorSpec {
  if (inputs.length === 1) return inputs[0];
  throw new OptionError(`${where}: expected one input, got ${inputs.length}. Call it with a single tensor.`, {
    inputs: inputs.length,
  });
}
