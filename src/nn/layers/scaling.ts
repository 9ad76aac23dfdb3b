/**
 * Layers that shift and scale by numbers that are known before training: given ones, or statistics of the data. Not here:
 * normalisation by what a layer sees while it runs (`normalisation.ts`).
 */
import { OptionError, ShapeError } from "../../base/errors.ts";
import { formatShape } from "../../base/shapes.ts";
import type { Tree } from "../../base/trees.ts";
import { add, div, maximum, mul, sqrt, sub, type Tensor, type TensorSpec, tensor } from "../../trace/index.ts";
import { describeLayer, expectFloats, type Layer, lastSize, type ParamSpec, weight } from "../layer.ts";
import { flag, nullable, type OptionRule, readOptions } from "../options.ts";
import { single } from "./single.ts";

/** One number for all features, or one for each. */
export type PerFeature = number | readonly number[];

function perFeature(fallback?: number, minimum = Number.NEGATIVE_INFINITY): OptionRule<PerFeature> {
  const fits = (value: unknown): boolean => Number.isFinite(value) && (value as number) >= minimum;
  return {
    fallback,
    expected: (value) =>
      (Array.isArray(value) ? value.length > 0 && value.every(fits) : fits(value))
        ? undefined
        : `a finite number${minimum === 0 ? " of at least 0" : ""}, or a list of such, one for each feature`,
  };
}

export interface RescalingOptions {
  readonly name?: string;
  /** What the input is multiplied by: a number, or one for each feature. */
  readonly scale: PerFeature;
  /** What is then added: a number, or one for each feature; 0 if not given. */
  readonly offset?: PerFeature;
}

/** y = scale x + offset, [b, ..., n] -> [b, ..., n], with numbers that are not weights: `rescaling({ scale: 1 / 255 })`. */
export function rescaling({ name, ...given }: RescalingOptions): Layer {
  const where = describeLayer("rescaling", name);
  const options = readOptions(where, given, { scale: perFeature(), offset: perFeature(0) });
  const { scale, offset } = options;
  return single({
    kind: "rescaling",
    name,
    options,
    output: (input) => {
      expectFloats(where, input);
      expectFeatures(where, "scale", scale, input);
      expectFeatures(where, "offset", offset, input);
      return input;
    },
    apply: ({ x }) => add(mul(x, operand(scale)), operand(offset)),
    mask: "pass",
    stepping: "same",
  });
}

export interface NormalizationOptions {
  readonly name?: string;
  /** -1 (default): a mean and a variance for each feature; "all": one of each for all numbers, which is `axis=None` in Keras. */
  readonly axis?: -1 | "all";
  /** Given numbers in the place of weights, together with `variance`; null (default): weights. */
  readonly mean?: PerFeature | null;
  readonly variance?: PerFeature | null;
  /** Whether the inverse is computed, from normalised values to those of the data. */
  readonly invert?: boolean;
}

const axisRule: OptionRule<-1 | "all"> = {
  fallback: -1,
  expected: (value) => (value === -1 || value === "all" ? undefined : '-1, which is the features, or "all"'),
};

const normalizationRules = {
  axis: axisRule,
  mean: nullable(perFeature()),
  variance: nullable(perFeature(undefined, 0)),
  invert: flag(false),
};

/** What the standard deviation is at least, as in Keras. */
const smallest = 1e-7;

/**
 * y = (x - mean) / max(sqrt(variance), 1e-7), [b, ..., n] -> [b, ..., n]; with `invert` y = mean + x max(sqrt(variance), 1e-7).
 * Weights unless `mean` and `variance` are given: mean, variance, [n] (`axis: "all"`: []), which are not trained; set them
 * from data with `adaptNormalization`.
 */
export function normalization({ name, ...given }: NormalizationOptions = {}): Layer {
  const where = describeLayer("normalization", name);
  const options = readOptions(where, given, normalizationRules);
  const { axis, mean, variance, invert } = options;
  expectBoth(where, options);
  return single({
    kind: "normalization",
    name,
    options,
    params: (input): Tree<ParamSpec> => {
      if (mean !== null) return {};
      const shape = axis === -1 ? [lastSize(where, input)] : [];
      const known = (initializer: "zeros" | "ones"): ParamSpec => weight(shape, { initializer, trainable: false });
      return { mean: known("zeros"), variance: known("ones") };
    },
    output: (input) => {
      expectFloats(where, input);
      if (axis === -1) lastSize(where, input);
      expectFeatures(where, "mean", mean, input);
      return input;
    },
    apply: ({ x, params }) => {
      const weights = params as { readonly mean: Tensor; readonly variance: Tensor };
      const centre = mean === null ? weights.mean : operand(mean);
      const spread = variance === null ? weights.variance : operand(variance);
      const deviation = maximum(sqrt(spread), smallest);
      return invert ? add(centre, mul(x, deviation)) : div(sub(x, centre), deviation);
    },
    mask: "pass",
    stepping: "same",
  });
}

/** Mean and variance are given together, in one length, and one of each where the axis is "all". */
function expectBoth(
  where: string,
  { axis, mean, variance }: ReturnType<typeof readOptions<typeof normalizationRules>>,
) {
  if ((mean === null) !== (variance === null)) {
    const [has, lacks] = mean === null ? ["variance", "mean"] : ["mean", "variance"];
    throw new OptionError(
      `${where}: expected the options "mean" and "variance" together, got "${has}" alone. Give "${lacks}" too, or neither: both are then weights.`,
      { option: lacks },
    );
  }
  const [means, variances] = [mean, variance].map((one) => (Array.isArray(one) ? one.length : "one number"));
  if (means !== variances) {
    throw new OptionError(
      `${where}: expected as many numbers in "variance" as in "mean", got ${variances} and ${means}. Give one of each for every feature.`,
      { option: "variance" },
    );
  }
  if (axis === "all" && Array.isArray(mean)) {
    throw new OptionError(
      `${where}: expected one number as "mean" with axis: "all", got a list. Give numbers, or leave out "axis".`,
      { option: "mean" },
    );
  }
}

const operand = (numbers: PerFeature): Tensor => tensor(numbers as number[]);

/** Raises ShapeError unless a list has one number for each feature. */
function expectFeatures(where: string, option: string, numbers: PerFeature | null, input: TensorSpec): void {
  if (!Array.isArray(numbers) || lastSize(where, input) === numbers.length) return;
  throw new ShapeError(
    `${where}: expected an input with as many features as "${option}" has numbers, ${numbers.length}, got ${formatShape(input.shape)}. Give one number for each feature.`,
    { shapes: [input.shape], option },
  );
}
