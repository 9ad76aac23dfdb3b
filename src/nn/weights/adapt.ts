/** Sets the mean and variance of a `normalization` layer from data. Not here: averages that move while training. */
import { OptionError, ShapeError } from "../../base/errors.ts";
import { formatShape } from "../../base/shapes.ts";
import { leavesOf } from "../../base/trees.ts";
import { Tensor, tensor, type Variable } from "../../trace/index.ts";
import { describeLayer } from "../layer.ts";
import { show } from "../options.ts";
import type { Weighted } from "./weights.ts";

/**
 * Sets the weights of a `normalization` layer to mean and variance (divided by n) of data: one tensor or several, [..., n],
 * such as sequences [t, n] of different lengths, whose padding would count if it were there. All numbers must be finite.
 */
export function adaptNormalization(model: Weighted, layer: string, data: Tensor | readonly Tensor[]): void {
  const where = `adaptNormalization, layer "${layer}"`;
  const width = widthOf(model, layer, where);
  const parts = data instanceof Tensor ? [data] : data;
  const { mean, variance } = statistics(parts, width, where);
  const shaped = (numbers: Float64Array): Tensor =>
    tensor(Float32Array.from(numbers), { shape: width === undefined ? [] : [width] });
  model.setWeights({ [`${layer}.mean`]: shaped(mean), [`${layer}.variance`]: shaped(variance) });
}

/** How many features the layer has statistics for; undefined for one mean and variance of all numbers. */
function widthOf({ name, network, variables }: Weighted, layer: string, where: string): number | undefined {
  const found = network.layers.find((one) => one.name === layer);
  const own = Object.hasOwn(variables, layer) ? variables[layer] : {};
  const mean = leavesOf<Variable>(own).find(({ path }) => path === "mean")?.leaf;
  if (found?.layer.kind === "normalization" && mean !== undefined) return mean.shape[0];
  const known = network.layers
    .filter((one) => one.layer.kind === "normalization" && Object.hasOwn(variables, one.name))
    .map((one) => one.name);
  const got =
    found === undefined
      ? "no layer of that name"
      : found.layer.kind === "normalization"
        ? "one whose mean and variance are given as options"
        : describeLayer(found.layer.kind, layer);
  const advice = known.length === 0 ? "Add normalization() to the model" : `Name one of these: ${known.join(", ")}`;
  throw new OptionError(
    `${where}: expected a normalization layer of model "${name}" with weights, got ${got}. ${advice}.`,
    { layer },
  );
}

/** Two passes in float64: first the means, then the mean squares of what is left. */
function statistics(parts: readonly Tensor[], width: number | undefined, where: string) {
  const arrays = parts.map((part) => featuresOf(part, width, where));
  const size = width ?? 1;
  const count = arrays.reduce((total, { length }) => total + length / size, 0);
  if (count === 0) {
    throw new OptionError(
      `${where}: expected data, got none. Pass a tensor, or a list of tensors, with at least one row.`,
    );
  }
  const average = (of: (value: number, feature: number) => number): Float64Array => {
    const sums = new Float64Array(size);
    for (const numbers of arrays) for (const [i, value] of numbers.entries()) sums[i % size] += of(value, i % size);
    return sums.map((total) => total / count);
  };
  const mean = average((value) => value);
  return { mean, variance: average((value, feature) => (value - mean[feature]) ** 2) };
}

function featuresOf(part: Tensor, width: number | undefined, where: string): Float32Array | Int32Array {
  const { shape } = part;
  if (width !== undefined && shape.at(-1) !== width) {
    throw new ShapeError(
      `${where}: expected data whose last axis has ${width} features, got ${formatShape(shape)}. Give what the layer reads.`,
      { shapes: [shape] },
    );
  }
  const numbers = part.data() as Float32Array | Int32Array;
  const odd = numbers.findIndex((value) => !Number.isFinite(value));
  if (odd < 0) return numbers;
  throw new OptionError(
    `${where}: expected finite numbers, got ${show(numbers[odd])} at ${odd}. Leave out the rows that are not known.`,
  );
}
