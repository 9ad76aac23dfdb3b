/** What the layers above may use of training: the names, listed by hand. */

export { type BucketOptions, type Buckets, bucketBatches } from "./buckets.ts";
export { type Callback, type EarlyStoppingOptions, earlyStopping, type TrainingRun } from "./callbacks.ts";
export { type Clipping, clipNorm, clipValue, type Gradients, globalClipNorm } from "./clipping.ts";
export { type CollapseOptions, type CollapseReport, collapseReport, type StateStatistics } from "./collapse.ts";
export { type Batch, type Batches, type BatchesOptions, batches, type Dataset, type Position } from "./data.ts";
export { type EvaluateOptions, evaluate, type PredictOptions, predict } from "./evaluate.ts";
export { type FitOptions, fit, type TrainingOptions } from "./fit.ts";
export type { EpochRow, History, StopReason } from "./history.ts";
export { type Lanes, type LanesOptions, lanes } from "./lanes.ts";
export {
  binaryCrossentropy,
  categoricalCrossentropy,
  fromProbabilities,
  type LossName,
  sparseCategoricalCrossentropy,
} from "./losses.ts";
export {
  accuracy,
  binaryAccuracy,
  bitsPerCharacter,
  categoricalAccuracy,
  type Metric,
  type MetricName,
  perplexity,
  sparseCategoricalAccuracy,
} from "./metrics.ts";
export type { ObjectiveOptions } from "./objective.ts";
export {
  type AdamOptions,
  adam,
  adamW,
  type Optimizer,
  type OptimizerName,
  type Params,
  type RmspropOptions,
  rmsprop,
  type SgdOptions,
  type Slots,
  sgd,
  type UpdateCall,
  type Updated,
} from "./optimisers.ts";
export { type Packed, type PackOptions, type Place, packSequences } from "./packing.ts";
export type { Penalty, PenaltyCall } from "./penalties.ts";
export { type ExampleContext, perExample } from "./perExample.ts";
export { formatDuration, formatNumber, type ProgressState, progressLine, type TextWriter } from "./progress.ts";
export { type Reduction, type SequenceLossOptions, sequenceLoss } from "./reduce.ts";
export {
  categoricalHinge,
  cosineSimilarity,
  hinge,
  huber,
  kullbackLeiblerDivergence,
  type Loss,
  type LossContext,
  logCosh,
  meanAbsoluteError,
  meanAbsolutePercentageError,
  meanSquaredError,
  meanSquaredLogarithmicError,
  poisson,
  quantile,
  squaredHinge,
  tweedie,
} from "./regression.ts";
export {
  constant,
  cosineDecay,
  exponentialDecay,
  linearWarmup,
  piecewiseConstant,
  polynomialDecay,
  type Schedule,
} from "./schedules.ts";
export { type Padded, type PadOptions, padSequences, type Sequence } from "./sequences.ts";
export type { NamedArray, TrainingState } from "./snapshot.ts";
export { createTrainer, type StepOptions, type StepReport, type Trainer, type TrainerOptions } from "./trainer.ts";
