/**
 * Losses and metrics of one batch as (sum, count) pairs in one vector, and the means that people read, computed from
 * such a vector. Shared by training and evaluation.
 */
import { OptionError } from "../base/errors.ts";
import { add, type Tensor, withScope } from "../trace/index.ts";
import { type Loss, type LossName, lossOf } from "./losses.ts";
import { type Metric, type MetricName, metricsOf } from "./metrics.ts";
import { meanOf, sumAndCount } from "./reduce.ts";

/** What is minimised and what is reported. */
export interface Objective {
  /** One for each output of the model; their means are added. */
  readonly losses: readonly Loss[];
  /** Of the first output. */
  readonly metrics: readonly Metric[];
}

export interface ObjectiveOptions {
  /** By name or as a function; a list where the model has several outputs. */
  readonly loss: LossName | Loss | readonly (LossName | Loss)[];
  readonly metrics?: readonly (MetricName | Metric)[];
}

/** Resolves names; `outputs` is the number of outputs of the model. */
export function objectiveOf(options: ObjectiveOptions, outputs: number): Objective {
  const given = Array.isArray(options.loss) ? options.loss : [options.loss];
  if (given.length !== outputs) {
    throw new OptionError(
      `training: expected one loss for each of the ${outputs} outputs of the model, got ${given.length}. Give a list of ${outputs} losses.`,
      { outputs, losses: given.length },
    );
  }
  const metrics = metricsOf(options.metrics);
  if (metrics.length > 0 && outputs > 1) {
    throw new OptionError(
      `training: expected no metrics for a model of ${outputs} outputs, got ${metrics.map(({ name }) => `"${name}"`).join(", ")}. Compute them from predict(...).`,
      { outputs },
    );
  }
  return { losses: given.map(lossOf), metrics };
}

/** Numbers in the vector of sums. */
export function sumsLength({ losses, metrics }: Objective): number {
  return 2 * (losses.length + metrics.length);
}

/** The loss to minimise, and sum, count, sum, count, ... of losses and then metrics, as scalars. */
export function measure(
  { losses, metrics }: Objective,
  outputs: readonly Tensor[],
  targets: readonly Tensor[],
  weights: Tensor | undefined,
): { loss: Tensor; sums: Tensor[] } {
  const pairs = withScope("loss", () => losses.map((loss, i) => sumAndCount(loss(targets[i], outputs[i]), weights)));
  const loss = pairs.map(meanOf).reduce((a, b) => add(a, b));
  const reported = withScope("metrics", () =>
    metrics.map(({ values }) => sumAndCount(values(targets[0], outputs[0]), weights)),
  );
  return { loss, sums: [...pairs, ...reported].flatMap(({ sum, count }) => [sum, count]) };
}

/** `{ loss, accuracy, ... }` from a vector of sums and counts. */
export function meansOf({ losses, metrics }: Objective, sums: ArrayLike<number>): Record<string, number> {
  const mean = (i: number): number => (sums[2 * i + 1] === 0 ? 0 : sums[2 * i] / sums[2 * i + 1]);
  const means: Record<string, number> = { loss: losses.reduce((total, _, i) => total + mean(i), 0) };
  metrics.forEach(({ name, finish }, i) => {
    const value = mean(losses.length + i);
    means[name] = finish === undefined ? value : finish(value);
  });
  return means;
}
