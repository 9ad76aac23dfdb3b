/** What a training on text tells while it runs. `screen.ts` shows it to people, `lines.ts` to machines. */
import type { Yardstick } from "../yardsticks.ts";
import type { Bounds } from "./bounds.ts";
import type { Corpus } from "./corpus.ts";

export interface TrainingStart {
  readonly corpus: Corpus;
  /** Layers in words: `embedding 48 > gru 192 > dense 118`. */
  readonly model: string;
  readonly parameters: number;
  readonly bounds: Bounds;
  readonly batch: number;
  readonly seq: number;
  /** Updates made before, where a training goes on. */
  readonly resumedAt: number;
}

export interface TrainingProgress {
  readonly step: number;
  /** From 1. */
  readonly epoch: number;
  /** From 0 to 1. */
  readonly share: number;
  /** Of training, with the parts before a resume. */
  readonly seconds: number;
  /** A running mean over about the last hundred updates. */
  readonly bitsPerCharacter: number;
  readonly charactersPerSecond: number;
}

export interface TrainingResult {
  readonly step: number;
  readonly epochs: number;
  readonly seconds: number;
  readonly stopped: string;
  /** On the held-out text, unknown characters included. */
  readonly bitsPerCharacter: number;
  /** The epoch after which the held-out text was predicted best; undefined before the first is over. */
  readonly best: { readonly epoch: number; readonly bitsPerCharacter: number } | undefined;
  readonly yardsticks: readonly Yardstick[];
  /** The model's own row in the table: `gru 192`. */
  readonly name: string;
  readonly out: string;
  readonly checkpoint: string;
}

/** Any of these may be left out. */
export interface Watcher {
  start?(start: TrainingStart): void;
  progress?(progress: TrainingProgress): void;
  /** On the held-out text, after a pass over the training text. */
  measured?(measurement: { readonly epoch: number; readonly bitsPerCharacter: number }): void;
  sample?(sample: {
    readonly text: string;
    readonly share: number;
    readonly seconds: number;
    readonly bitsPerCharacter: number;
  }): void;
  checkpoint?(checkpoint: { readonly path: string; readonly step: number }): void;
  result?(result: TrainingResult): void;
  /** Ctrl-C: the checkpoint is written. */
  interrupted?(interruption: { readonly step: number; readonly resume: string }): void;
  /** Ends a line that is being redrawn. */
  close?(): void;
}
