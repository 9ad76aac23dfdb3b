/**
 * What a file holds, in words: made by every reader's `inspect` function, also for files that Recurve can not run, and
 * printed by `recurve inspect`.
 */

export interface FileReport {
  /** As people call it: `Keras 3 model (.keras)`. */
  readonly format: string;
  /** Label and value: `["written by", "Keras 3.15.1"]`. */
  readonly facts: readonly (readonly [string, string])[];
  readonly inputs?: readonly ReportValue[];
  readonly outputs?: readonly ReportValue[];
  /** Layers, nodes or arrays, in the file's order. */
  readonly parts: readonly ReportPart[];
  /** Sentences: what Recurve can not run, by path, and what can be done about it. Empty if it runs. */
  readonly missing: readonly string[];
}

export interface ReportValue {
  readonly name: string;
  readonly dtype: string;
  /** Sizes; a free one by its name in the file, or null. */
  readonly shape: readonly (number | string | null)[];
}

export interface ReportPart {
  /** Where it lies in the file: `layers/bidirectional/forward_layer`, `decoder.lstm`. */
  readonly path: string;
  /** The file's own word for what it is: `LSTM`, `Gemm`, `float32`. */
  readonly kind: string;
  /** Of its output, or of the array. */
  readonly shape?: readonly (number | string | null)[];
  readonly parameters?: number;
  /** What people ask of it: `gates i, f, c, o`, `reset_after`, `reads right to left`. */
  readonly notes: readonly string[];
}
