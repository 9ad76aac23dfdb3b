/** From options, or from a checkpoint and options, to everything that a training needs. */
import { relative, resolve } from "node:path";
import { CliError, FileError, FormatError } from "../../base/errors.ts";
import { type Checkpoint, decodeCheckpoint, modelOfCheckpoint } from "../../io/index.ts";
import { readBytes } from "../../io/node/files.ts";
import type { Model } from "../../nn/index.ts";
import { loadCellModule } from "../cellModule.ts";
import { modelEntries, ownKinds, rememberedCell } from "../openModel.ts";
import type { TrainOptions } from "../options.ts";
import { shellWord, type Terminal } from "../terminal.ts";
import { boundsOf } from "./bounds.ts";
import { type Corpus, readCorpus } from "./corpus.ts";
import { isBuiltInCell, languageModel } from "./languageModel.ts";
import type { TrainingPlan } from "./training.ts";
import { vocabularyToText } from "./vocabulary.ts";

/** What the checkpoint remembers of the command, under one metadata entry. Paths are absolute. */
interface Remembered {
  readonly paths: readonly string[];
  readonly options: TrainOptions;
  readonly fingerprint: string;
}

const rememberedEntry = "cli.train";
/** What may be given anew with --resume: none of it changes what a step computes, but for the fall of the learning rate. */
const renewable = ["minutes", "epochs", "steps", "out", "checkpointEvery", "quiet", "json", "resume"];

/** The plan of a new training. */
export async function planTraining(
  paths: readonly string[],
  options: TrainOptions,
  terminal: Terminal,
): Promise<TrainingPlan> {
  if (paths.length === 0)
    throw new CliError(
      "train: expected files or folders of text, got none. Name some, as in: recurve train notes/ book.txt",
      {},
    );
  const corpus = await readCorpus({ ...options, paths }, options);
  const { cell } = options;
  const model = languageModel({
    ...options,
    symbols: corpus.vocabulary.size,
    cell: isBuiltInCell(cell) ? cell : await loadCellModule(cell),
  });
  return finishPlan({ paths, options, corpus, model, terminal });
}

/** The plan that goes on from a checkpoint. `given` names the options that were on the command line. */
export async function planResume(
  paths: readonly string[],
  options: TrainOptions,
  given: readonly string[],
  terminal: Terminal,
): Promise<TrainingPlan> {
  const path = options.resume as string;
  const wrong = given.find((name) => !renewable.includes(name));
  if (wrong !== undefined || paths.length > 0) {
    const what = wrong === undefined ? "paths" : `--${wrong.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
    throw new CliError(
      `train: expected no ${what} with --resume, since the checkpoint remembers it. Leave it out, or start a new training.`,
      { given },
    );
  }
  const checkpoint = decodeCheckpoint(await readBytes(path), path);
  const remembered = readRemembered(checkpoint, path);
  const renewed = Object.fromEntries(given.map((name) => [name, options[name as keyof TrainOptions]]));
  const merged = mergeBounds(remembered.options, renewed, checkpoint.state.json.seconds);
  const corpus = await readCorpus({ ...merged, paths: remembered.paths }, merged);
  if (corpus.fingerprint !== remembered.fingerprint) {
    throw new FileError(
      `${path}: expected the text that the training began with, but it has changed since. Bring the files back (${remembered.paths.join(", ")}), or start a new training.`,
      {
        paths: remembered.paths,
      },
    );
  }
  const model = modelOfCheckpoint(
    checkpoint,
    await ownKinds(isBuiltInCell(merged.cell) ? undefined : merged.cell),
    path,
  );
  return {
    ...finishPlan({ paths: remembered.paths, options: merged, corpus, model, terminal }),
    restored: checkpoint.state,
  };
}

/** New bounds replace the old ones together; minutes given anew are further ones. */
function mergeBounds(old: TrainOptions, renewed: Partial<TrainOptions>, seconds: number): TrainOptions {
  const { minutes, epochs, steps, ...rest } = renewed;
  if (minutes === undefined && epochs === undefined && steps === undefined) return { ...old, ...rest };
  return { ...old, ...rest, epochs, steps, minutes: minutes === undefined ? undefined : minutes + seconds / 60 };
}

function readRemembered({ metadata }: Checkpoint, path: string): Remembered {
  try {
    const value = JSON.parse(metadata[rememberedEntry]) as Remembered;
    if (Array.isArray(value.paths) && typeof value.options === "object" && typeof value.fingerprint === "string")
      return value;
  } catch {
    // Falls through to the sentence.
  }
  throw new FormatError(
    `${path}: expected a checkpoint of recurve train, got one that was written by a program. Go on from it with trainer.restore() there.`,
    {},
  );
}

/** The module of a checkpoint's own cell; undefined where the cell is built in, or a program wrote the checkpoint. */
export function rememberedModule(checkpoint: Checkpoint, path: string): string | undefined {
  if (checkpoint.metadata[rememberedEntry] === undefined) return undefined;
  const { cell } = readRemembered(checkpoint, path).options;
  return isBuiltInCell(cell) ? undefined : cell;
}

interface Parts {
  readonly paths: readonly string[];
  readonly options: TrainOptions;
  readonly corpus: Corpus;
  readonly model: Model;
  readonly terminal: Terminal;
}

function finishPlan({ paths, options, corpus, model, terminal }: Parts): TrainingPlan {
  const { units, layers, batch, seq, learningRate, seed, checkpointEvery } = options;
  const out = resolve(options.out);
  const checkpoint = nearPath(checkpointBeside(out));
  const cell = isBuiltInCell(options.cell) ? options.cell : resolve(options.cell);
  const { resume: _, quiet: _quiet, json: _json, ...kept } = options;
  const remembered: Remembered = {
    paths: paths.map((path) => resolve(path)),
    options: { ...kept, cell, out },
    fingerprint: corpus.fingerprint,
  };
  const kind = isBuiltInCell(cell) ? cell : (model.layers[1].layer.options.cell as { kind: string }).kind;
  return {
    corpus,
    model,
    name: `this ${kind} ${units}${layers > 1 ? ` x ${layers}` : ""}`,
    description: describeLayers(model, units),
    batch,
    seq,
    learningRate,
    seed,
    bounds: boundsOf(options),
    out: nearPath(out),
    checkpoint,
    checkpointEvery,
    sampleEvery: 20,
    checkpointMetadata: { [rememberedEntry]: JSON.stringify(remembered) },
    modelMetadata: (bitsPerCharacter) => ({
      ...textMetadata(corpus, bitsPerCharacter),
      ...(isBuiltInCell(cell) ? {} : { [modelEntries.cell]: rememberedCell(out, cell) }),
    }),
    resumeCommand: `${terminal.program} train --resume ${shellWord(checkpoint)}`,
  };
}

/** `embedding 48 > gru 192 > dense 101` */
function describeLayers(model: Model, units: number): string {
  const sizeOf = ({ units: own, outputDim, rate }: Readonly<Record<string, unknown>>): unknown =>
    own ?? outputDim ?? rate ?? units;
  return model.layers.map(({ layer }) => `${layer.kind} ${String(sizeOf(layer.options))}`).join(" > ");
}

/** No times and no paths: equal trainings give equal files. */
function textMetadata(corpus: Corpus, bitsPerCharacter: number): Record<string, string> {
  const facts = {
    files: corpus.files.length,
    characters: corpus.trainingSymbols.length,
    heldOut: corpus.heldOutSymbols.length,
    bitsPerCharacter,
  };
  return {
    [modelEntries.vocabulary]: vocabularyToText(corpus.vocabulary),
    [modelEntries.training]: JSON.stringify(facts),
  };
}

/** `runs/model.safetensors` -> `runs/model.checkpoint` */
export function checkpointBeside(out: string): string {
  return `${out.replace(/\.safetensors$/, "")}.checkpoint`;
}

/** A path as short as it can be typed from here. */
function nearPath(path: string): string {
  const near = relative(process.cwd(), path);
  return near.startsWith("..") ? path : near;
}
