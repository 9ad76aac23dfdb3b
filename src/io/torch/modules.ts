/**
 * The modules of a state dict: tensors by the part of their names before the last dot, and what nn.Module each must be,
 * from names and shapes alone. Not here: which layer of Recurve it becomes (`pairing.ts`, `infer.ts`).
 */
import { UnsupportedError } from "../../base/errors.ts";
import { formatShape } from "../../base/shapes.ts";
import type { HostTensor, HostTensors } from "../hostTensor.ts";
import { quoted, someOf } from "../quoted.ts";

export interface TorchModule {
  /** `encoder.rnn`; empty for a state dict of one module by itself. */
  readonly name: string;
  readonly kind: TorchKind;
  /** By their own names: `weight_ih_l0`. */
  readonly tensors: ReadonlyMap<string, HostTensor>;
}

export type TorchKind = "recurrent" | "matrix" | "linear" | "norm" | "batchNorm" | "conv1d";

/** One cell of one direction of one layer, by the shapes of its tensors. */
export interface TorchRun {
  /** What follows `weight_ih`: `_l0`, `_l1_reverse`, nothing for nn.LSTMCell and its like. */
  readonly suffix: string;
  readonly inputs: number;
  /** The size of the state that goes round: of the projection if there is one. */
  readonly hidden: number;
  readonly units: number;
  readonly gates: number;
  readonly useBias: boolean;
}

export const recurrentNames: ReadonlyMap<number, "simpleRNN" | "gru" | "lstm"> = new Map([
  [1, "simpleRNN" as const],
  [3, "gru" as const],
  [4, "lstm" as const],
]);

/** The modules in the order of the state dict. Raises UnsupportedError for tensors that are of no known module. */
export function modulesOf(tensors: HostTensors, where: string, only?: readonly string[]): TorchModule[] {
  const found = tensorsByModule(tensors);
  const names = only ?? [...found.keys()];
  return names.map((name) => {
    const own = found.get(name);
    if (own !== undefined) return moduleOf(where, name, own);
    throw new UnsupportedError(
      `${where}: expected the name of a module (${someOf([...found.keys()])}), got ${quoted(name)}. Give what stands before ".weight".`,
      { name },
    );
  });
}

/** Tensors by the name of their module, then by their own. */
export function tensorsByModule(tensors: HostTensors): Map<string, Map<string, HostTensor>> {
  const found = new Map<string, Map<string, HostTensor>>();
  for (const [full, tensor] of Object.entries(tensors)) {
    const dot = full.lastIndexOf(".");
    const name = full.slice(0, Math.max(0, dot));
    const group = found.get(name) ?? new Map<string, HostTensor>();
    group.set(full.slice(dot + 1), tensor);
    found.set(name, group);
  }
  return found;
}

/** What a module must be. Raises UnsupportedError for tensors of no known one. */
export function moduleOf(where: string, name: string, tensors: ReadonlyMap<string, HostTensor>): TorchModule {
  return { name, kind: kindOf(where, name, tensors), tensors };
}

function kindOf(where: string, name: string, tensors: ReadonlyMap<string, HostTensor>): TorchKind {
  const names = [...tensors.keys()];
  const rank = tensors.get("weight")?.shape.length;
  const hasOnly = (...known: readonly string[]): boolean => names.every((one) => known.includes(one));
  if (names.every((one) => /^(weight|bias)_(ih|hh|hr)(_l\d{1,3}(_reverse)?)?$/.test(one))) return "recurrent";
  if (rank === 1 && tensors.has("running_mean") && tensors.has("running_var")) return "batchNorm";
  if (rank === 1 && hasOnly("weight", "bias")) return "norm";
  if (rank === 2 && hasOnly("weight", "bias")) return tensors.has("bias") ? "linear" : "matrix";
  if (rank === 3 && hasOnly("weight", "bias")) return "conv1d";
  const shown = names.slice(0, 4).map((one) => `${quoted(one)} ${formatShape(tensors.get(one)?.shape ?? [])}`);
  throw new UnsupportedError(
    `${where}: expected tensors of LSTM, GRU, RNN (or their cells), Linear, Embedding, LayerNorm, BatchNorm1d or Conv1d, got module ${quoted(name)} with ${shown.join(", ")}. Name the modules that are meant: { modules: [...] }.`,
    { module: name, tensors: names },
  );
}

/** The runs of a recurrent module: lowest layer first, in each forward before backward. */
export function runsOf({ name, tensors }: TorchModule, where: string): TorchRun[] {
  const suffixes = [...tensors.keys()].filter((one) => one.startsWith("weight_ih")).map((one) => one.slice(9));
  const sorted = suffixes.sort((a, b) => placeOf(a) - placeOf(b));
  sorted.forEach((suffix, i) => {
    const directions = sorted.some((one) => one.endsWith("_reverse")) ? 2 : 1;
    if (placeOf(suffix) === (2 / directions) * i) return;
    throw damagedModule(where, name, "all layers and directions of it", `"weight_ih${suffix}" without those before it`);
  });
  if (sorted.length === 0) throw damagedModule(where, name, "a tensor weight_ih", "none");
  return sorted.map((suffix) => runOf(where, name, tensors, suffix));
}

/** `_l1_reverse` is 3; a cell is layer 0. */
function placeOf(suffix: string): number {
  const [, layer = "0", reverse] = /^_l(\d+)(_reverse)?$/.exec(suffix) ?? [];
  return 2 * Number(layer) + (reverse === undefined ? 0 : 1);
}

function runOf(where: string, name: string, tensors: TorchModule["tensors"], suffix: string): TorchRun {
  const shapeOf = (own: string): readonly number[] => tensors.get(`${own}${suffix}`)?.shape ?? [];
  const [height, inputs] = shapeOf("weight_ih");
  const [rows, hidden] = shapeOf("weight_hh");
  const projection = tensors.get(`weight_hr${suffix}`)?.shape;
  const units = projection === undefined ? hidden : projection[1];
  const gates = height / units;
  const sizes = [height, inputs, rows, hidden, units];
  const isWhole = sizes.every((size) => Number.isSafeInteger(size) && size > 0);
  const fits = isWhole && rows === height && recurrentNames.has(gates) && (projection?.[0] ?? hidden) === hidden;
  if (fits && (projection === undefined || gates === 4)) {
    return { suffix, inputs, hidden, units, gates, useBias: tensors.has(`bias_ih${suffix}`) };
  }
  const got = `weight_ih${suffix} ${formatShape([...shapeOf("weight_ih")])} and weight_hh${suffix} ${formatShape([...shapeOf("weight_hh")])}`;
  throw damagedModule(where, name, "weight_hh of one, three or four times as many rows as the hidden size", got);
}

function damagedModule(where: string, name: string, expected: string, got: string): UnsupportedError {
  return new UnsupportedError(
    `${where}: expected ${expected} in the recurrent module ${quoted(name)}, got ${got}. Give the whole state dict of an nn.LSTM, nn.GRU, nn.RNN or one of their cells.`,
    { module: name },
  );
}
