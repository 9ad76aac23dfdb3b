/**
 * The loop over epochs and batches around a trainer: when to validate, report, call back, breathe and stop. Everything
 * that a resumed training needs is in the trainer, so that this loop has no memory of its own.
 */
import { OptionError } from "../base/errors.ts";
import type { Model } from "../nn/model/model.ts";
import { wholeNumber } from "../nn/options.ts";
import type { Callback, TrainingRun } from "./callbacks.ts";
import { expectCallbacks, expectDataset, expectNames, expectSignal } from "./checks.ts";
import type { Dataset } from "./data.ts";
import { createEvaluation, warnOfOtherState } from "./evaluate.ts";
import { type EpochRow, type History, historyOf, type StopReason, validationRow } from "./history.ts";
import { expectOption, positive } from "./options.ts";
import { createPace, type Pace } from "./pace.ts";
import { type ProgressReporter, progressReporter, type TextWriter } from "./progress.ts";
import { createTrainer, type StepReport, Trainer, type TrainerOptions, trainerOptions } from "./trainer.ts";

/** How long to train, and what happens meanwhile. */
export interface TrainingOptions {
  /** In all, with those that a restored trainer has behind it. 1 if neither this nor `steps` nor `minutes` is given. */
  readonly epochs?: number;
  /** Updates in all. */
  readonly steps?: number;
  /** Of this call. */
  readonly minutes?: number;
  /** Where to begin in the data, for a trainer that is not restored. */
  readonly initialEpoch?: number;
  readonly validationData?: Dataset;
  /** Epochs from one validation to the next; 1 if not given. */
  readonly validationEvery?: number;
  readonly callbacks?: readonly Callback[];
  /** Where progress is written, such as `process.stderr`; true for plain lines on the console. Silent if not given. */
  readonly progress?: TextWriter | boolean;
  /** Ends the training after the present step; `AbortController` gives one. */
  readonly signal?: { readonly aborted: boolean };
  /** Where warnings go; `console.warn` if not given. */
  readonly warn?: (sentence: string) => void;
}

export interface FitOptions extends TrainerOptions, TrainingOptions {}

const runOptions = [
  "epochs",
  "steps",
  "minutes",
  "initialEpoch",
  "validationData",
  "validationEvery",
  "callbacks",
  "progress",
  "signal",
  "warn",
] as const;

/**
 * Trains a model from fresh optimiser slots, or goes on with a trainer. Whether state is carried from batch to batch is
 * the data's to say; it starts from zero at each epoch. Raises NumericError where a number stops being finite; the
 * weights are then those of the step before. Leaves the event loop its turn, so that a page stays alive.
 */
export async function fit(trainer: Trainer, data: Dataset, options?: TrainingOptions): Promise<History>;
export async function fit(model: Model, data: Dataset, options: FitOptions): Promise<History>;
export async function fit(
  subject: Model | Trainer,
  data: Dataset,
  options: Partial<FitOptions> = {},
): Promise<History> {
  const given = subject instanceof Trainer ? runOptions : [...trainerOptions, ...runOptions];
  expectDataset("fit", "the data", data);
  expectNames("fit", options, given);
  const training = Object.entries(options).filter(([name]) => (trainerOptions as readonly string[]).includes(name));
  const trainer =
    subject instanceof Trainer
      ? subject
      : createTrainer(subject, Object.fromEntries(training) as unknown as TrainerOptions);
  const run = new Run(trainer, data, options);
  try {
    return await run.all();
  } finally {
    run.close();
  }
}

function expectGiven({ callbacks, signal, validationData }: TrainingOptions): void {
  if (validationData !== undefined) expectDataset("fit", "validationData", validationData);
  if (callbacks !== undefined) expectCallbacks("fit", callbacks);
  if (signal !== undefined) expectSignal("fit", signal);
}

/** One call of `fit`. */
class Run implements TrainingRun {
  readonly trainer: Trainer;
  readonly epochs: number | undefined;
  report: StepReport | undefined;
  readonly #data: Dataset;
  readonly #options: TrainingOptions;
  readonly #pace: Pace = createPace();
  readonly #reporter: ProgressReporter | undefined;
  readonly #validate: (data: Dataset, pace: Pace) => Promise<Record<string, number>>;
  readonly #deadline: number;
  #stopped: StopReason | undefined;
  #timedSteps = 0;
  #timed = 0;

  constructor(trainer: Trainer, data: Dataset, options: TrainingOptions) {
    this.trainer = trainer;
    this.#data = data;
    this.#options = options;
    const { steps, minutes, initialEpoch, validationData, progress, warn } = options;
    expectGiven(options);
    const endless = steps !== undefined || minutes !== undefined;
    this.epochs = options.epochs ?? (endless ? undefined : 1);
    const counts = { epochs: this.epochs, steps, initialEpoch };
    for (const [name, count] of Object.entries(counts))
      expectOption("fit", name, count ?? 0, wholeNumber(undefined, 0));
    expectOption("fit", "validationEvery", options.validationEvery ?? 1, wholeNumber());
    if (!(data.batchesPerEpoch >= 1))
      throw new OptionError(
        `fit: expected data of at least one batch, got ${data.batchesPerEpoch}. Give more data or a smaller batch.`,
        { batchesPerEpoch: data.batchesPerEpoch },
      );
    const length =
      minutes === undefined ? Number.POSITIVE_INFINITY : expectOption("fit", "minutes", minutes, positive());
    this.#deadline = performance.now() + length * 60_000;
    if (initialEpoch !== undefined) trainer.position = { epoch: initialEpoch, index: 0 };
    const writer = progress === true ? { write: (text: string) => console.log(text.trimEnd()) } : progress;
    this.#reporter = writer ? progressReporter(writer) : undefined;
    this.#validate = createEvaluation(trainer.model, trainer.objective, trainer.backend);
    if (validationData !== undefined) warnOfOtherState(trainer.model, data.carriesState, validationData, warn);
  }

  get batchesPerEpoch(): number {
    return this.#data.batchesPerEpoch;
  }

  get rows(): readonly EpochRow[] {
    return this.trainer.rows;
  }

  get seconds(): number {
    return this.trainer.seconds;
  }

  means(): Record<string, number> {
    return this.trainer.means();
  }

  close(): void {
    this.#reporter?.close();
    this.#pace.close();
  }

  async all(): Promise<History> {
    const { trainer } = this;
    await this.#call("onTrainBegin");
    this.#checkLimits();
    let partial: EpochRow | undefined;
    while (this.#stopped === undefined && !this.#isDone()) partial = await this.#epoch();
    await this.#call("onTrainEnd");
    const rows = partial === undefined ? trainer.rows : [...trainer.rows, partial];
    return historyOf(rows, {
      epochs: trainer.position.epoch,
      steps: trainer.steps,
      seconds: trainer.seconds,
      stopped: this.#stopped ?? "epochs",
    });
  }

  /** Trains to the end of the present epoch; where it is cut short, returns its numbers so far. */
  async #epoch(): Promise<EpochRow | undefined> {
    const { trainer } = this;
    const { epoch, index } = trainer.position;
    if (index === 0) {
      trainer.resetMeans();
      trainer.resetState();
    }
    [this.#timed, this.#timedSteps] = [0, 0];
    await this.#call("onEpochBegin");
    while (this.#stopped === undefined && trainer.position.index < this.batchesPerEpoch) await this.#step();
    const whole = trainer.position.index >= this.batchesPerEpoch;
    if (!whole && this.#timedSteps === 0) return undefined;
    const row = { ...trainer.means(), ...(await this.#validation(epoch, whole)) };
    this.#reporter?.report(this.#progress(row, true));
    if (!whole) return row;
    trainer.rows.push(row);
    trainer.position = { epoch: epoch + 1, index: 0 };
    await this.#call("onEpochEnd");
    return undefined;
  }

  async #step(): Promise<void> {
    const { trainer } = this;
    const { epoch, index } = trainer.position;
    const begin = performance.now();
    this.report = await trainer.stepAsync(this.#data.batch(epoch, index), { carriesState: this.#data.carriesState });
    trainer.position = { epoch, index: index + 1 };
    const spent = performance.now() - begin;
    trainer.seconds += spent / 1000;
    this.#timed += spent;
    this.#timedSteps++;
    if (this.#reporter?.due(index + 1, this.batchesPerEpoch))
      this.#reporter.report(this.#progress(trainer.means(), false));
    const reaction = this.#call("onStepEnd");
    if (reaction !== undefined) await reaction;
    const turn = this.#pace.breathe();
    if (turn !== undefined) await turn;
    this.#checkLimits();
  }

  #checkLimits(): void {
    const { signal, steps } = this.#options;
    if (signal?.aborted === true) this.#stopped = "signal";
    else if (steps !== undefined && this.trainer.steps >= steps) this.#stopped ??= "steps";
    else if (performance.now() >= this.#deadline) this.#stopped ??= "minutes";
  }

  #isDone(): boolean {
    return this.epochs !== undefined && this.trainer.position.epoch >= this.epochs;
  }

  async #validation(epoch: number, whole: boolean): Promise<EpochRow> {
    const { validationData, validationEvery = 1 } = this.#options;
    const due = whole ? (epoch + 1) % validationEvery === 0 : this.#stopped !== "signal";
    if (validationData === undefined || !due) return {};
    return validationRow(await this.#validate(validationData, this.#pace));
  }

  #progress(values: EpochRow, finished: boolean) {
    const { epoch, index } = this.trainer.position;
    return {
      epoch: epoch + 1,
      epochs: this.epochs,
      done: index,
      total: this.batchesPerEpoch,
      elapsed: this.#timed,
      timed: this.#timedSteps,
      values,
      finished,
    };
  }

  /** Calls back everyone; a promise only where someone is async. */
  #call(event: keyof Callback): Promise<void> | undefined {
    const pending: Promise<unknown>[] = [];
    const note = (verdict: unknown): void => {
      if (verdict === "stop") this.#stopped ??= "callback";
    };
    for (const callback of this.#options.callbacks ?? []) {
      const reaction: unknown = callback[event]?.(this);
      if (reaction instanceof Promise) pending.push(reaction.then(note));
      else note(reaction);
    }
    return pending.length === 0 ? undefined : Promise.all(pending).then(() => {});
  }
}
