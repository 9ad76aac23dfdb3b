/** Snapshots of a training as plain data: named arrays and JSON, ready for any file format. Not here: the files. */
import type { DType, HostArray } from "../base/dtypes.ts";
import { StateError } from "../base/errors.ts";
import { equalShapes, formatShape } from "../base/shapes.ts";
import { concrete, type Variable } from "../trace/index.ts";
import type { Position } from "./data.ts";
import type { EpochRow } from "./history.ts";
import type { Optimizer } from "./optimisers.ts";

/** An array as files hold it. */
export interface NamedArray {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: HostArray;
}

/** The part of a snapshot that is not arrays. */
export interface TrainingFacts {
  readonly version: 1;
  readonly steps: number;
  readonly position: Position;
  readonly rows: readonly EpochRow[];
  readonly seconds: number;
  readonly optimizer: { readonly kind: string; readonly options: Readonly<Record<string, unknown>> };
}

/**
 * Everything that training on needs: `weights.<path>`, `slots.<name>.<path>`, `step`, `key`, `sums`, and
 * `state.<layer>...` where state is carried.
 */
export interface TrainingState {
  readonly arrays: Readonly<Record<string, NamedArray>>;
  readonly json: TrainingFacts;
}

/** Copies the variables and facts. */
export function writeSnapshot(
  variables: ReadonlyMap<string, Variable>,
  facts: Omit<TrainingFacts, "version" | "optimizer"> & { readonly optimizer: Optimizer },
): TrainingState {
  const { kind, options } = facts.optimizer;
  return {
    arrays: Object.fromEntries(
      [...variables].map(([path, v]) => [path, { dtype: v.dtype, shape: [...v.shape], data: v.read().data().slice() }]),
    ),
    json: {
      version: 1,
      steps: facts.steps,
      position: { ...facts.position },
      rows: facts.rows.map((row) => ({ ...row })),
      seconds: facts.seconds,
      optimizer: { kind, options: { ...options } },
    },
  };
}

/** Assigns every array of a snapshot to its variable; all are checked before the first is assigned. */
export function readSnapshot(
  { arrays, json }: TrainingState,
  variables: ReadonlyMap<string, Variable>,
  optimizer: Optimizer,
): void {
  if (json.optimizer.kind !== optimizer.kind) {
    throw new StateError(
      `restore: expected a snapshot of a training with ${optimizer.kind}, got one with ${json.optimizer.kind}. Create the trainer with the optimizer of the snapshot.`,
      {
        expected: optimizer.kind,
        got: json.optimizer.kind,
      },
    );
  }
  const missing = [...variables.keys()].filter((path) => !Object.hasOwn(arrays, path));
  const unknown = Object.keys(arrays).filter((path) => !variables.has(path));
  if (missing.length > 0 || unknown.length > 0) {
    const parts = [
      missing.length > 0 ? `without ${few(missing)}` : "",
      unknown.length > 0 ? `with ${few(unknown)}` : "",
    ];
    throw new StateError(
      `restore: expected a snapshot of this model and optimizer, got one ${parts.filter((part) => part !== "").join(" and ")}. Create the trainer with the model and options of the snapshot.`,
      { missing, unknown },
    );
  }
  for (const [path, v] of variables) expectArray(path, v, arrays[path]);
  for (const [path, v] of variables) v.assign(concrete({ dtype: v.dtype, shape: v.shape }, arrays[path].data.slice()));
}

function expectArray(path: string, v: Variable, array: NamedArray): void {
  if (array.dtype === v.dtype && equalShapes(array.shape, v.shape)) return;
  throw new StateError(
    `restore: expected "${path}" to be ${v.dtype} ${formatShape(v.shape)}, got ${array.dtype} ${formatShape(array.shape)}. Create the trainer with the model and options of the snapshot.`,
    { path, expected: v.shape, got: array.shape },
  );
}

function few(names: readonly string[]): string {
  const shown = names
    .slice(0, 3)
    .map((name) => `"${name}"`)
    .join(", ");
  return names.length <= 3 ? shown : `${shown} and ${names.length - 3} more`;
}
