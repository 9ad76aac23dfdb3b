/** What the layers above may use of training: the names, listed by hand. */
export { type Callback, type EarlyStoppingOptions, earlyStopping, type TrainingRun } from "./callbacks.ts";
export { type Clipping, clipNorm, clipValue, type Gradients, globalClipNorm } from "./clipping.ts";
export { type Batch, type Batches, type BatchesOptions, batches, type Dataset, type Position } from "./data.ts";
export { type EvaluateOptions, evaluate, type PredictOptions, predict } from "./evaluate.ts";
export { type FitOptions, fit, type TrainingOptions } from "./fit.ts";
export type { EpochRow, History, StopReason } from "./history.ts";
export { type Lanes, type LanesOptions, lanes } from "./lanes.ts";
export {
  binaryCrossentropy,
  categoricalCrossentropy,
  fromProbabilities,
  huber,
  type Loss,
  type LossName,
  meanAbsoluteError,
  meanSquaredError,
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
export { formatDuration, formatNumber, type ProgressState, progressLine, type TextWriter } from "./progress.ts";
export {
  constant,
  cosineDecay,
  exponentialDecay,
  linearWarmup,
  piecewiseConstant,
  polynomialDecay,
  type Schedule,
} from "./schedules.ts";
export type { NamedArray, TrainingState } from "./snapshot.ts";
export { createTrainer, type StepReport, type Trainer, type TrainerOptions } from "./trainer.ts";
