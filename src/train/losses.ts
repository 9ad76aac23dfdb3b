/**
 * Losses: pure functions (target, prediction) -> one value per example, or per time step of a sequence. The last axis
 * of the prediction (classes or features) is gone in the result. Cross-entropies take logits.
 * Not here: the mean over the batch (`reduce.ts`) and what is only reported (`metrics.ts`).
 */
import { DTypeError, OptionError, ShapeError } from "../base/errors.ts";
import { equalShapes, formatShape, type Shape } from "../base/shapes.ts";
import { readOptions } from "../nn/options.ts";
import {
  abs,
  add,
  cast,
  exp,
  less,
  lessEqual,
  log,
  logicalAnd,
  logSoftmax,
  logSumExp,
  maximum,
  mean,
  minimum,
  mul,
  neg,
  oneHot,
  square,
  stopGradient,
  sub,
  sum,
  type Tensor,
  where,
} from "../trace/index.ts";
import { named, positive } from "./options.ts";

/** (target, prediction) -> one value per example `[b]` or per step `[b, t]`. */
export type Loss = (target: Tensor, prediction: Tensor) => Tensor;

/** target int32 [...i], prediction [...i, classes] as logits -> [...i]. A class outside 0..classes-1 gives NaN, which stops training. */
export const sparseCategoricalCrossentropy: Loss = (target, prediction) => {
  expectClasses("sparseCategoricalCrossentropy", target, prediction);
  const classes = prediction.shape[prediction.rank - 1] as number;
  const picked = sum(mul(oneHot(target, classes), prediction), -1);
  const known = logicalAnd(lessEqual(0, target), less(target, classes));
  return where(known, sub(logSumExp(prediction, -1), picked), Number.NaN);
};

/** target [...i, classes] as probabilities, prediction [...i, classes] as logits -> [...i]. */
export const categoricalCrossentropy: Loss = (target, prediction) => {
  const y = expectAlike("categoricalCrossentropy", target, prediction);
  return neg(sum(mul(y, logSoftmax(prediction, -1)), -1));
};

/** target [...i, n] of 0 and 1 (or between), prediction [...i, n] as logits -> [...i], the mean over the last axis. */
export const binaryCrossentropy: Loss = (target, prediction) => {
  const y = expectAlike("binaryCrossentropy", target, prediction);
  // -y log s(x) - (1 - y) log(1 - s(x)) = log(1 + e^x) - x y
  return mean(sub(softplus(prediction), mul(prediction, y)), -1);
};

/** [...i, n], [...i, n] -> [...i]: the mean of squared differences over the last axis. */
export const meanSquaredError: Loss = (target, prediction) => {
  const y = expectAlike("meanSquaredError", target, prediction);
  return mean(square(sub(prediction, y)), -1);
};

/** [...i, n], [...i, n] -> [...i]: the mean of absolute differences over the last axis. */
export const meanAbsoluteError: Loss = (target, prediction) => {
  const y = expectAlike("meanAbsoluteError", target, prediction);
  return mean(abs(sub(prediction, y)), -1);
};

/** Quadratic up to a difference of `delta`, linear beyond; for targets with rare large jumps. */
export function huber(options: { delta?: number } = {}): Loss {
  const { delta } = readOptions("huber", options, { delta: positive(1) });
  return (target, prediction) => {
    const y = expectAlike("huber", target, prediction);
    const distance = abs(sub(prediction, y));
    const near = minimum(distance, delta);
    // |e| <= d: e^2 / 2, else d (|e| - d / 2); as one formula, whose slope is right also at |e| = d.
    return mean(add(mul(square(near), 0.5), mul(sub(distance, near), delta)), -1);
  };
}

/** A cross-entropy for a model that ends in softmax or sigmoid. Logits are more exact: prefer to drop that activation. */
export function fromProbabilities(loss: Loss): Loss {
  const floor = 1e-7;
  const safeLog = (p: Tensor): Tensor => log(minimum(maximum(p, floor), 1 - floor));
  if (loss === sparseCategoricalCrossentropy || loss === categoricalCrossentropy) return (y, p) => loss(y, safeLog(p));
  if (loss === binaryCrossentropy) return (y, p) => loss(y, sub(safeLog(p), safeLog(sub(1, p))));
  throw new OptionError(
    "fromProbabilities: expected sparseCategoricalCrossentropy, categoricalCrossentropy or binaryCrossentropy, got another function. Use that function directly.",
  );
}

/** Every loss that has a name. */
export const losses = Object.freeze({
  sparseCategoricalCrossentropy,
  categoricalCrossentropy,
  binaryCrossentropy,
  meanSquaredError,
  meanAbsoluteError,
  huber: huber(),
});

export type LossName = keyof typeof losses;

/** The function of a loss given by name or as it is. */
export function lossOf(loss: LossName | Loss): Loss {
  if ((loss as unknown) === huber)
    throw new OptionError('training: expected a loss, got the function that makes one. Write huber() or "huber".');
  if (typeof loss === "function") return loss;
  return named("training", "loss", losses, loss);
}

/** The name of a loss that reads logits, for the check against a model that ends in an activation. */
export function logitsLossName(loss: Loss): LossName | undefined {
  const names = ["sparseCategoricalCrossentropy", "categoricalCrossentropy", "binaryCrossentropy"] as const;
  return names.find((name) => losses[name] === loss);
}

// log(1 + e^x), as log(e^0 + e^x) with the larger exponent taken out: exact slope sigmoid(x) everywhere.
function softplus(x: Tensor): Tensor {
  const largest = stopGradient(maximum(x, 0));
  return add(largest, log(add(exp(neg(largest)), exp(sub(x, largest)))));
}

/** Refuses targets that are not int32 class numbers with the shape of the prediction without its last axis. */
export function expectClasses(name: string, target: Tensor, prediction: Tensor): void {
  if (target.dtype !== "int32") {
    throw new DTypeError(
      `${name}: expected int32 class numbers as targets, got ${target.dtype} ${formatShape(target.shape)}. Make them with tensor(..., { dtype: "int32" }), or use categoricalCrossentropy for targets that are probabilities.`,
      { expected: "int32", got: target.dtype },
    );
  }
  const expected = prediction.shape.slice(0, -1);
  if (prediction.rank < 2 || !equalShapes(target.shape, expected))
    throw misfit(name, target, prediction, expected, "class numbers");
}

/** Refuses targets of another shape than the prediction, which broadcasting would hide; whole numbers become float32. */
export function expectAlike(name: string, target: Tensor, prediction: Tensor): Tensor {
  if (!equalShapes(target.shape, prediction.shape)) throw misfit(name, target, prediction, prediction.shape, "targets");
  return target.dtype === "float32" ? target : cast(target, "float32");
}

function misfit(name: string, target: Tensor, prediction: Tensor, expected: Shape, what: string): ShapeError {
  return new ShapeError(
    `${name}: expected ${what} of shape ${formatShape(expected)} for predictions of shape ${formatShape(prediction.shape)}, got ${formatShape(target.shape)}. Reshape the targets, or check that the model returns ${prediction.rank > 2 ? "one output per step only where targets have one" : "sequences where targets are sequences"}.`,
    { loss: name, target: target.shape, prediction: prediction.shape },
  );
}
