/** The rectifier whose slope below zero is learned. Not here: slopes that are given (`../activations.ts`, leakyRelu). */
import { OptionError, ShapeError } from "../../base/errors.ts";
import { formatShape } from "../../base/shapes.ts";
import { mul, neg, relu, reshape, sub, type Tensor, type TensorSpec } from "../../trace/index.ts";
import { type OptionsOfWeights, weightOf, weightRules } from "../cells/kernels.ts";
import { describeLayer, expectFloats, type Layer } from "../layer.ts";
import { nullable, type OptionRule, readOptions } from "../options.ts";
import { single } from "./single.ts";

export interface PreluOptions extends OptionsOfWeights<"alpha"> {
  readonly name?: string;
  /** Axes along which the slopes are the same, counted with the batch: `[1]` is time; null (default) for none. */
  readonly sharedAxes?: readonly number[] | null;
}

const isAxis = (value: unknown): boolean => Number.isInteger(value) && (value as number) > 0;
const axesRule: OptionRule<readonly number[]> = {
  expected: (value) =>
    Array.isArray(value) && value.every(isAxis) && new Set(value).size === value.length
      ? undefined
      : "a list of different positive whole numbers, axes counted with the batch",
};

/**
 * y = max(x, 0) - alpha max(-x, 0), so alpha x below zero (He et al. 2015), [b, ...] -> [b, ...]. Weight: alpha, of the shape of
 * the input without the batch, with 1 for each of `sharedAxes`: [1, n] for sequences with `sharedAxes: [1]`.
 */
export function prelu({ name, ...given }: PreluOptions = {}): Layer {
  const where = describeLayer("prelu", name);
  const options = readOptions(where, given, { sharedAxes: nullable(axesRule), ...weightRules("alpha", "zeros") });
  const shared = options.sharedAxes ?? [];
  return single({
    kind: "prelu",
    name,
    options,
    params: (input) => ({ alpha: weightOf(options, "alpha", slopesShape(where, input, shared)) }),
    output: (input) => {
      expectFloats(where, input);
      slopesShape(where, input, shared);
      return input;
    },
    apply: ({ x, params }) => {
      const { alpha } = params as { readonly alpha: Tensor };
      // One step has no axis of time; its slopes, shared by all steps, then have one of size 1.
      const slopes = alpha.rank < x.rank ? alpha : reshape(alpha, alpha.shape.slice(1));
      return sub(relu(x), mul(slopes, relu(neg(x))));
    },
    mask: "pass",
    stepping: shared.includes(1)
      ? "same"
      : {
          refused:
            "it may have slopes of its own for each step. Use prelu({ sharedAxes: [1] }), or run on whole sequences",
        },
  });
}

function slopesShape(where: string, { shape }: TensorSpec, shared: readonly number[]): number[] {
  const far = shared.find((axis) => axis >= shape.length);
  if (far !== undefined) {
    throw new OptionError(
      `${where}: expected the option "sharedAxes" to name axes of the input ${formatShape(shape)}, got ${far}. Give numbers from 1 to ${shape.length - 1}.`,
      { option: "sharedAxes", axis: far },
    );
  }
  return shape.slice(1).map((size, i) => {
    if (shared.includes(i + 1)) return 1;
    if (typeof size === "number") return size;
    throw new ShapeError(
      `${where}: expected an input whose axes have fixed sizes, but for shared ones, got ${formatShape(shape)}. Use the same slopes along the free axis: prelu({ sharedAxes: [${i + 1}] }).`,
      { shapes: [shape], axis: i + 1 },
    );
  });
}
