/**
 * One training on text from its first step (or a checkpoint) to its files: runs `fit`, tells a watcher, writes
 * checkpoints, and measures the result. Not here: how options become a plan (`plan.ts`), what is shown (watchers).
 */
import { encodeCheckpoint, encodeModel } from "../../io/index.ts";
import { expectWritable, writeBytes } from "../../io/node/files.ts";
import type { Model } from "../../nn/index.ts";
import { tensor, type Variable, variable } from "../../trace/index.ts";
import {
  type Callback,
  createTrainer,
  evaluate,
  fit,
  globalClipNorm,
  type History,
  lanes,
  type Trainer,
  type TrainingRun,
  type TrainingState,
} from "../../train/index.ts";
import { Interrupted } from "../interrupted.ts";
import type { Terminal } from "../terminal.ts";
import { escapeCost, startYardsticks } from "../yardsticks.ts";
import { type Bounds, rateShare, shareDone } from "./bounds.ts";
import { type Corpus, measureLayout } from "./corpus.ts";
import type { TrainingResult, Watcher } from "./watcher.ts";
import { writeText } from "./writer.ts";

export interface TrainingPlan {
  readonly corpus: Corpus;
  readonly model: Model;
  /** How tables call the model: `gru 192`. */
  readonly name: string;
  /** Layers in words. */
  readonly description: string;
  readonly batch: number;
  readonly seq: number;
  /** At its height; see `rateShare`. */
  readonly learningRate: number;
  readonly seed: number;
  readonly bounds: Bounds;
  readonly out: string;
  readonly checkpoint: string;
  /** Seconds from one checkpoint to the next; 0 for none before the end. */
  readonly checkpointEvery: number;
  /** Seconds from one sample to the next; 0 for none. */
  readonly sampleEvery: number;
  /** Written into the checkpoint, so that it alone is enough to go on. */
  readonly checkpointMetadata: Readonly<Record<string, string>>;
  /** Written into the model file, with what was measured. */
  readonly modelMetadata: (bitsPerCharacter: number) => Readonly<Record<string, string>>;
  readonly restored?: TrainingState;
  /** The command that goes on from the checkpoint. */
  readonly resumeCommand: string;
}

/** Trains, writes the files and measures. Throws `Interrupted`, after the checkpoint is written, where the user ends it. */
export async function trainText(plan: TrainingPlan, watcher: Watcher, terminal: Terminal): Promise<TrainingResult> {
  await expectWritable(plan.out);
  await expectWritable(plan.checkpoint);
  const session = new Session(plan, watcher);
  const stopListening = terminal.onInterrupt(() => {
    if (!session.interrupt()) terminal.quit(130);
  });
  try {
    return await session.run();
  } finally {
    stopListening();
    watcher.close?.();
  }
}

class Session {
  readonly #plan: TrainingPlan;
  readonly #watcher: Watcher;
  readonly #trainer: Trainer;
  readonly #rate: Variable;
  readonly #signal = { aborted: false };
  #canStop = true;
  #meanLoss: number | undefined;
  #firstStep = 0;
  #firstSeconds = 0;
  #lastCheckpoint = performance.now();
  #lastSample = performance.now();

  constructor(plan: TrainingPlan, watcher: Watcher) {
    this.#plan = plan;
    this.#watcher = watcher;
    this.#rate = variable(tensor(0), { name: "learningRate", trainable: false });
    this.#trainer = createTrainer(plan.model, {
      loss: "sparseCategoricalCrossentropy",
      optimizer: "adam",
      learningRate: { kind: "byShare", options: {}, at: () => this.#rate.read() },
      clip: globalClipNorm(1),
      seed: plan.seed,
    });
    if (plan.restored !== undefined) this.#trainer.restore(plan.restored);
    this.#firstStep = this.#trainer.steps;
    this.#firstSeconds = this.#trainer.seconds;
  }

  /** Asks the training to stop; false where it was asked before, or nothing is left to save. */
  interrupt(): boolean {
    const first = this.#canStop && !this.#signal.aborted;
    this.#signal.aborted = true;
    return first;
  }

  async run(): Promise<TrainingResult> {
    const { corpus, bounds, batch, seq, description: model, out, checkpoint, name } = this.#plan;
    const data = lanes(corpus.trainingSymbols, { lanes: batch, steps: seq });
    this.#watcher.start?.({
      corpus,
      model,
      parameters: this.#plan.model.parameterCount,
      bounds,
      batch,
      seq,
      resumedAt: this.#firstStep,
    });
    const yardsticks = startYardsticks({ ...corpus, symbols: corpus.vocabulary.size });
    const history = await this.#train(data);
    await this.#writeCheckpoint();
    if (history?.stopped === "signal") this.#stop();
    this.#canStop = false;
    const bitsPerCharacter = await this.#measure(history);
    await writeBytes(out, encodeModel(this.#plan.model, this.#plan.modelMetadata(bitsPerCharacter)));
    const { steps: step, seconds, position } = this.#trainer;
    const result = {
      step,
      epochs: position.epoch,
      seconds,
      stopped: step === this.#firstStep ? "done before" : (history?.stopped ?? "done before"),
      bitsPerCharacter,
      best: this.#best(),
      yardsticks: await yardsticks(),
      name,
      out,
      checkpoint,
    };
    this.#watcher.result?.(result);
    return result;
  }

  /** Trains up to the bounds; undefined where they were reached before. */
  async #train(data: ReturnType<typeof lanes>): Promise<History | undefined> {
    const { steps, epochs, minutes } = this.#plan.bounds;
    const left = minutes === undefined ? undefined : minutes - this.#trainer.seconds / 60;
    if (left !== undefined && left <= 0) return undefined;
    const callback: Callback = {
      onTrainBegin: (run) => void this.#setRate(run),
      onStepEnd: (run) => this.#afterStep(run),
      onEpochEnd: ({ trainer, rows }) =>
        this.#watcher.measured?.({
          epoch: trainer.position.epoch,
          bitsPerCharacter: this.#bits(rows.at(-1)?.valLoss ?? Number.NaN),
        }),
    };
    const until = { steps, epochs, minutes: left, signal: this.#signal };
    return fit(this.#trainer, data, { ...until, callbacks: [callback], validationData: this.#heldOut() });
  }

  #afterStep(run: TrainingRun): Promise<void> | undefined {
    const { report } = run;
    if (report === undefined) return undefined;
    this.#meanLoss = this.#meanLoss === undefined ? report.loss : 0.98 * this.#meanLoss + 0.02 * report.loss;
    const share = this.#setRate(run);
    const bitsPerCharacter = this.#meanLoss / Math.LN2;
    const spent = Math.max(1e-9, run.seconds - this.#firstSeconds);
    this.#watcher.progress?.({
      step: report.step,
      epoch: this.#trainer.position.epoch + 1,
      share,
      seconds: run.seconds,
      bitsPerCharacter,
      charactersPerSecond: ((report.step - this.#firstStep) * this.#plan.batch * this.#plan.seq) / spent,
    });
    if (this.#watcher.sample !== undefined && isDue(this.#lastSample, this.#plan.sampleEvery))
      this.#sample(share, run.seconds, bitsPerCharacter);
    return isDue(this.#lastCheckpoint, this.#plan.checkpointEvery) ? this.#writeCheckpoint() : undefined;
  }

  /** Sets the learning rate of the next step; it depends on nothing but where the training stands. */
  #setRate({ trainer, batchesPerEpoch, seconds }: TrainingRun): number {
    const share = shareDone(this.#plan.bounds, { steps: trainer.steps, batchesPerEpoch, seconds });
    this.#rate.assign(tensor(this.#plan.learningRate * rateShare(trainer.steps, share)));
    return share;
  }

  #sample(share: number, seconds: number, bitsPerCharacter: number): void {
    const text = [
      ...writeText(this.#plan.model, this.#plan.corpus.vocabulary, {
        seedText: "\n",
        length: 120,
        temperature: 0.7,
        seed: this.#plan.seed,
      }),
    ].join("");
    this.#watcher.sample?.({ text, share, seconds, bitsPerCharacter });
    this.#lastSample = performance.now();
  }

  async #writeCheckpoint(): Promise<void> {
    const { model, checkpoint: path, checkpointMetadata: metadata } = this.#plan;
    await writeBytes(
      path,
      encodeCheckpoint({ definition: model.definition(), state: this.#trainer.snapshot(), metadata }),
    );
    this.#watcher.checkpoint?.({ path, step: this.#trainer.steps });
    this.#lastCheckpoint = performance.now();
  }

  #stop(): never {
    this.#watcher.interrupted?.({ step: this.#trainer.steps, resume: this.#plan.resumeCommand });
    throw new Interrupted();
  }

  /** Bits per character on the held-out text, measured by `fit` where the training ended, else now. */
  async #measure(history: History | undefined): Promise<number> {
    const { rows, position } = this.#trainer;
    const isCutShort = history !== undefined && history.rows.length > rows.length;
    const row = isCutShort || (position.index === 0 && position.epoch > 0) ? (history?.rows ?? rows).at(-1) : undefined;
    const loss = row?.valLoss ?? (await evaluate(this.#trainer, this.#heldOut(), { warn: () => {} })).loss;
    return this.#bits(loss);
  }

  #best(): TrainingResult["best"] {
    const all = this.#trainer.rows.map(({ valLoss }, i) => ({ epoch: i + 1, bitsPerCharacter: this.#bits(valLoss) }));
    return all.sort((a, b) => a.bitsPerCharacter - b.bitsPerCharacter).at(0);
  }

  #heldOut(): ReturnType<typeof lanes> {
    return lanes(this.#plan.corpus.measured, { lanes: measureLayout.batch, steps: measureLayout.seq });
  }

  #bits(loss: number): number {
    return loss / Math.LN2 + escapeCost(this.#plan.corpus.heldOutSymbols);
  }
}

function isDue(last: number, everySeconds: number): boolean {
  return everySeconds > 0 && performance.now() - last >= everySeconds * 1000;
}
