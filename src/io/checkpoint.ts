/**
 * A training as one safetensors file: weights, optimiser slots, step counter, random key, running sums and carried
 * state as named tensors; position in the data and history as JSON; and the model's definition, so that the file alone
 * is enough to go on. Not here: when checkpoints are taken.
 */
import { FormatError } from "../base/errors.ts";
import type { Model, ModelDefinition, Outputs } from "../nn/index.ts";
import type { TrainingState } from "../train/index.ts";
import { expectKind, extraMetadata, joinMetadata, type Metadata, readJson } from "./metadata.ts";
import { modelOfDefinition, type OwnKinds, readDefinition, tensorsOf } from "./modelFile.ts";
import { decodeSafetensors, encodeSafetensors } from "./safetensors.ts";

export interface Checkpoint {
  readonly definition: ModelDefinition;
  /** For `trainer.restore`. */
  readonly state: TrainingState;
  readonly metadata: Metadata;
}

/** Bytes of a checkpoint: `encodeCheckpoint({ definition: model.definition(), state: trainer.snapshot() })`. */
export function encodeCheckpoint({
  definition,
  state,
  metadata = {},
}: Omit<Checkpoint, "metadata"> & { readonly metadata?: Metadata }): Uint8Array {
  return encodeSafetensors(state.arrays, joinMetadata({ checkpoint: state.json, model: definition }, metadata));
}

/** Reads a checkpoint. `where` (the file's name) begins the sentences of errors. */
export function decodeCheckpoint(bytes: Uint8Array, where = "checkpoint"): Checkpoint {
  const { tensors, metadata } = decodeSafetensors(bytes, where);
  expectKind(metadata, "checkpoint", where);
  const entry = readJson(metadata, "checkpoint", where);
  const facts = factsOf(entry);
  if (facts === undefined) {
    throw new FormatError(
      `${where}: expected the position, history and optimizer of a training, got others. The file is damaged, or from another version of Recurve; go on from an earlier one.`,
      {
        version: entry.version,
      },
    );
  }
  return {
    definition: readDefinition(metadata, where),
    state: { arrays: tensors, json: facts },
    metadata: extraMetadata(metadata),
  };
}

/** The model of a checkpoint, with its weights as they were. */
export function modelOfCheckpoint<O extends Outputs = Outputs>(
  { definition, state }: Checkpoint,
  own: OwnKinds = {},
  where = "checkpoint",
): Model<O> {
  const prefix = "weights.";
  const weights = Object.entries(state.arrays).filter(([name]) => name.startsWith(prefix));
  const tensors = tensorsOf(Object.fromEntries(weights.map(([name, array]) => [name.slice(prefix.length), array])));
  return modelOfDefinition(definition, { ...own, weights: tensors }, where);
}

type TrainingFacts = TrainingState["json"];

function factsOf(value: Record<string, unknown>): TrainingFacts | undefined {
  const { version, steps, position, rows, seconds, optimizer } = value as Partial<Record<keyof TrainingFacts, unknown>>;
  const counts = isRecord(position) ? [steps, position.epoch, position.index] : [undefined];
  const isWhole =
    version === 1 &&
    counts.every((count) => Number.isSafeInteger(count) && (count as number) >= 0) &&
    typeof seconds === "number" &&
    Array.isArray(rows) &&
    rows.every((row) => isRecord(row) && Object.values(row).every((x) => typeof x === "number")) &&
    isRecord(optimizer) &&
    typeof optimizer.kind === "string";
  return isWhole ? (value as unknown as TrainingFacts) : undefined;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
