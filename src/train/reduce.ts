/** From values per example or step to (sum, count) pairs: the form in which means are exact over uneven batches. */

import { type Dim, equalDims } from "../base/dims.ts";
import { ShapeError } from "../base/errors.ts";
import { formatShape } from "../base/shapes.ts";
import { broadcastTo, div, equal, mul, reshape, size, sum, type Tensor, tensor, where } from "../trace/index.ts";

/** Scalars; the mean is sum / count. */
export interface SumAndCount {
  readonly sum: Tensor;
  readonly count: Tensor;
}

/**
 * values [...i], weights [b] or [b, t] (leading axes of values) -> the weighted sum and the sum of weights. A value of
 * weight 0 has no influence, whatever it is (also NaN): this is how padding is left out.
 */
export function sumAndCount(values: Tensor, weights?: Tensor): SumAndCount {
  if (weights === undefined) {
    let count: Tensor = tensor(1);
    for (let axis = 0; axis < values.rank; axis++) count = mul(count, size(values, axis));
    return { sum: sum(values), count };
  }
  const w = broadcastTo(alignLeft(weights, values), values.shape);
  return { sum: sum(where(equal(w, 0), 0, mul(values, w))), count: sum(w) };
}

/** sum / count, and 0 where there was nothing to count. */
export function meanOf({ sum: total, count }: SumAndCount): Tensor {
  return div(total, where(equal(count, 0), 1, count));
}

// weights [b] for values [b, t] -> [b, 1]
function alignLeft(weights: Tensor, values: Tensor): Tensor {
  const fits =
    weights.rank <= values.rank &&
    weights.shape.every((dim, axis) => equalDims(dim, values.shape[axis])) &&
    weights.dtype === "float32";
  if (!fits) {
    throw new ShapeError(
      `sampleWeights: expected float32 weights for the leading axes of the loss, whose shape is ${formatShape(values.shape)}, got ${weights.dtype} ${formatShape(weights.shape)}. Give one weight per example [b] or per step [b, t].`,
      { weights: weights.shape, loss: values.shape },
    );
  }
  const ones: Dim[] = values.shape.slice(weights.rank).map(() => 1);
  return ones.length === 0 ? weights : reshape(weights, [...weights.shape, ...ones]);
}
