/** Text made ready for a language model: read, split, numbered, and described so that a person can see what was read. */
import { createHash } from "node:crypto";
import { FileError } from "../../base/errors.ts";
import { readTexts } from "./read.ts";
import { splitTexts } from "./split.ts";
import { buildVocabulary, encodeText, type Vocabulary } from "./vocabulary.ts";

export interface CorpusOptions {
  readonly paths: readonly string[];
  readonly extensions?: readonly string[];
  /** Share of each file that is held out. */
  readonly heldOut: number;
  readonly minCount: number;
}

/** How a corpus is laid out for training. */
export interface Layout {
  readonly batch: number;
  readonly seq: number;
}

export interface Corpus {
  readonly files: readonly string[];
  readonly skipped: readonly string[];
  readonly vocabulary: Vocabulary;
  readonly training: string;
  readonly trainingSymbols: Int32Array;
  /** Cut to what the windows of the measurement cover, so that all methods are measured on the same characters. */
  readonly heldOut: string;
  readonly heldOutSymbols: Int32Array;
  /** The last training symbol and then the held-out ones: inputs and targets of the measurement. */
  readonly measured: Int32Array;
  /** Changes when a character of the text does. */
  readonly fingerprint: string;
}

/** Places of the held-out text that are measured side by side, and steps a window. */
export const measureLayout: Layout = { batch: 8, seq: 32 };

/** Reads and prepares text. Raises FileError where there is too little of it for `layout`. */
export async function readCorpus(
  { paths, extensions, heldOut: share, minCount }: CorpusOptions,
  layout: Layout,
): Promise<Corpus> {
  const { files, skipped } = await readTexts(paths, { extensions });
  const split = splitTexts(files, share);
  const vocabulary = buildVocabulary(split.training, minCount);
  const trainingSymbols = encodeText(vocabulary, split.training).symbols;
  const characters = [...split.heldOut];
  const window = measureLayout.batch * measureLayout.seq;
  const covered = Math.floor(characters.length / window) * window;
  const needed = layout.batch * layout.seq + 1;
  if (trainingSymbols.length < needed || covered === 0) {
    throw new FileError(
      `text: expected at least ${needed} characters to learn from and ${window} to measure with, got ${trainingSymbols.length} and ${characters.length}. Give more text, or a smaller --batch and --seq.`,
      { training: trainingSymbols.length, heldOut: characters.length },
    );
  }
  const heldOut = characters.slice(0, covered).join("");
  const heldOutSymbols = encodeText(vocabulary, heldOut).symbols;
  return {
    files: files.map(({ path }) => path),
    skipped,
    vocabulary,
    training: split.training,
    trainingSymbols,
    heldOut,
    heldOutSymbols,
    measured: Int32Array.from([trainingSymbols[trainingSymbols.length - 1], ...heldOutSymbols]),
    fingerprint: createHash("sha256")
      .update(split.training)
      .update("\0")
      .update(split.heldOut)
      .digest("hex")
      .slice(0, 32),
  };
}
