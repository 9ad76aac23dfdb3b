/** Callbacks: what `fit` calls, and the ones that most trainings want. Not here: writing checkpoints (io has it). */
import { OptionError } from "../base/errors.ts";
import { finiteNumber, flag, oneOf, readOptions, text, wholeNumber } from "../nn/options.ts";
import type { Tensor } from "../trace/index.ts";
import type { EpochRow } from "./history.ts";
import type { StepReport, Trainer } from "./trainer.ts";

/** What callbacks see. `trainer.position` is the batch that comes next, so `trainer.snapshot()` is right in every callback. */
export interface TrainingRun {
  readonly trainer: Trainer;
  readonly batchesPerEpoch: number;
  /** Undefined where time or steps end the training. */
  readonly epochs: number | undefined;
  /** Of training, over all runs that the trainer's state has seen. */
  readonly seconds: number;
  /** The last step. */
  readonly report: StepReport | undefined;
  /** One row of numbers for each whole epoch. */
  readonly rows: readonly EpochRow[];
  /** Running means of the present epoch, read from the device: a copy of a few numbers. */
  means(): Record<string, number>;
}

// biome-ignore lint/suspicious/noConfusingVoidType: a callback without return is the usual one, async or not
type Reaction = "stop" | void | Promise<"stop" | void>;

/** Any of these may be async, and any may end the training by returning "stop". */
export interface Callback {
  onTrainBegin?(run: TrainingRun): Reaction;
  onEpochBegin?(run: TrainingRun): Reaction;
  onStepEnd?(run: TrainingRun): Reaction;
  /** After validation; the epoch's numbers are the last of `run.rows`. */
  onEpochEnd?(run: TrainingRun): Reaction;
  onTrainEnd?(run: TrainingRun): Reaction;
}

export interface EarlyStoppingOptions {
  /** A column of the history: "valLoss" if not given. */
  monitor?: string;
  /** Epochs in a row without improvement that end the training; 1 if not given. */
  patience?: number;
  /** Less than this is no improvement. */
  minDelta?: number;
  /** "max" where more is better; "auto", the default, takes it for names that contain "accuracy". */
  mode?: "min" | "max" | "auto";
  /** At the end, the weights of the best epoch that this run has seen. */
  restoreBestWeights?: boolean;
}

/** Ends the training when a number no longer improves. Its memory is the history, so that it goes on rightly after a resume. */
export function earlyStopping(options: EarlyStoppingOptions = {}): Callback {
  const rules = {
    monitor: text("valLoss"),
    patience: wholeNumber(1),
    minDelta: finiteNumber(0, 0),
    mode: oneOf(["min", "max", "auto"], "auto"),
    restoreBestWeights: flag(false),
  };
  const { monitor, patience, minDelta, restoreBestWeights, ...rest } = readOptions("earlyStopping", options, rules);
  const isAccuracy = monitor.toLowerCase().includes("accuracy");
  const mode = rest.mode === "auto" ? (isAccuracy ? "max" : "min") : rest.mode;
  let best: { epoch: number; weights: Record<string, Tensor> } | undefined;
  return {
    onEpochEnd: ({ trainer, rows }) => {
      const { epoch, since } = bestEpoch(rows, monitor, mode, minDelta);
      if (restoreBestWeights && best?.epoch !== epoch && epoch === rows.length - 1)
        best = { epoch, weights: trainer.model.weights() };
      return since > 0 && since >= patience ? "stop" : undefined;
    },
    onTrainEnd: ({ trainer }) => {
      if (best !== undefined) trainer.model.setWeights(best.weights);
    },
  };
}

// The epoch of the best value, and how many values have come after it.
function bestEpoch(
  rows: readonly EpochRow[],
  monitor: string,
  mode: "min" | "max",
  minDelta: number,
): { epoch: number; since: number } {
  let [epoch, best, since] = [-1, Number.NaN, 0];
  rows.forEach((row, i) => {
    const value = row[monitor];
    if (value === undefined) return;
    const gain = mode === "min" ? best - value : value - best;
    if (epoch < 0 || gain > minDelta) [epoch, best, since] = [i, value, 0];
    else since++;
  });
  if (epoch >= 0) return { epoch, since };
  throw new OptionError(
    `earlyStopping: expected "${monitor}" among the numbers of an epoch, got ${Object.keys(rows.at(-1) ?? {}).join(", ")}. Give validationData, or monitor one of these.`,
    { monitor },
  );
}
