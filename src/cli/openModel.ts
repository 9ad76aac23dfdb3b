/** Opens a model file for a command: the model, its vocabulary where it has one, and its own cell where it needs one. */
import { access } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { FileError, FormatError } from "../base/errors.ts";
import { decodeModel, decodeSafetensors, type OwnKinds } from "../io/index.ts";
import { readBytes } from "../io/node/files.ts";
import type { Model } from "../nn/index.ts";
import { loadCellModule } from "./cellModule.ts";
import { type Vocabulary, vocabularyFromText } from "./text/vocabulary.ts";

export interface OpenedModel {
  readonly model: Model;
  readonly metadata: Readonly<Record<string, string>>;
  /** Undefined for a model that was not trained on text by this program. */
  readonly vocabulary: Vocabulary | undefined;
}

/** Names of metadata in model files that this program writes. */
export const modelEntries = { vocabulary: "text.vocabulary", training: "text.training", cell: "cell.module" } as const;

/** Reads a model; `cellPath` overrides the module that the file remembers. */
export async function openModel(path: string, cellPath?: string): Promise<OpenedModel> {
  const bytes = await readBytes(path);
  const remembered = decodeSafetensors(bytes, path).metadata[modelEntries.cell];
  const module = cellPath ?? (remembered === undefined ? undefined : join(dirname(path), remembered));
  if (module !== undefined && cellPath === undefined) await expectModule(path, module);
  const own = await ownKinds(module);
  const { model, metadata } = decodeModel(bytes, own, path);
  const characters = metadata[modelEntries.vocabulary];
  const vocabulary = characters === undefined ? undefined : vocabularyFromText(characters, path);
  const [output] = model.outputs;
  if (vocabulary !== undefined && output.shape.at(-1) !== vocabulary.size) {
    throw new FormatError(
      `${path}: expected a vocabulary of ${String(output.shape.at(-1))} symbols for its model, got ${vocabulary.size}. The file is damaged; train again, or use another copy.`,
      {
        expected: output.shape.at(-1),
        got: vocabulary.size,
      },
    );
  }
  return { model, metadata, vocabulary };
}

/** Raises FileError where the module that a file remembers is no longer there. */
async function expectModule(path: string, module: string): Promise<void> {
  await access(module).catch(() => {
    throw new FileError(
      `${path}: expected the module of its own cell at ${module}, got no such file. Give its present place with --cell.`,
      { path, module },
    );
  });
}

/** The kinds that a module adds, for reading a definition. The module is asked for a small cell to learn its kind. */
export async function ownKinds(cellPath: string | undefined): Promise<OwnKinds> {
  if (cellPath === undefined) return {};
  const make = await loadCellModule(cellPath);
  return { cells: { [make({ units: 1 }).kind]: make } };
}

/** How a model file remembers a module: relative to itself, so that both can move together. */
export function rememberedCell(modelPath: string, cellPath: string): string {
  return relative(dirname(modelPath), cellPath);
}
