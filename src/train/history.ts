/** The record of a training: rows while it runs, columns when it is over. Plain data. */

/** The numbers of one epoch: loss, valLoss, and each metric as `accuracy`, `valAccuracy`. */
export type EpochRow = Readonly<Record<string, number>>;

/** Why a training ended. */
export type StopReason = "epochs" | "steps" | "minutes" | "callback" | "signal";

/** What `fit` returns. An epoch that was cut short counts with the part that was trained. */
export interface History {
  readonly loss: readonly number[];
  /** Of the epochs that were validated; empty without validation data. */
  readonly valLoss: readonly number[];
  /** Every other number by name, such as `accuracy` and `valAccuracy`. */
  readonly metrics: Readonly<Record<string, readonly number[]>>;
  /** The same, epoch by epoch. */
  readonly rows: readonly EpochRow[];
  /** Epochs completed. */
  readonly epochs: number;
  readonly steps: number;
  readonly seconds: number;
  readonly stopped: StopReason;
}

/** Columns from rows. */
export function historyOf(
  rows: readonly EpochRow[],
  facts: Pick<History, "epochs" | "steps" | "seconds" | "stopped">,
): History {
  const column = (name: string): number[] => rows.map((row) => row[name]).filter((value) => value !== undefined);
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))].filter(
    (name) => name !== "loss" && name !== "valLoss",
  );
  return {
    loss: column("loss"),
    valLoss: column("valLoss"),
    metrics: Object.fromEntries(names.map((name) => [name, column(name)])),
    rows: [...rows],
    ...facts,
  };
}

/** `accuracy` -> `valAccuracy`. */
export function validationRow(means: EpochRow): EpochRow {
  return Object.fromEntries(
    Object.entries(means).map(([name, value]) => [`val${name[0].toUpperCase()}${name.slice(1)}`, value]),
  );
}
