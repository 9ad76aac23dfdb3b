/** Pooling layers: the largest or the mean of each window, over time (1D) or images (2D), or over all of it (global). */
import {
  add,
  div,
  equal,
  max,
  maximum,
  ones,
  where as select,
  sum,
  type Tensor,
  type TensorSpec,
} from "../../trace/index.ts";
import { describeLayer, type Layer } from "../layer.ts";
import { beside, zeroWhereMasked } from "../masks.ts";
import { flag, oneOf, readOptions } from "../options.ts";
import { single } from "./single.ts";
import {
  countedSteps,
  expectSpace,
  maskOfWindows,
  type PerAxis,
  perAxis,
  windowCounts,
  windowsFrom,
} from "./sliding.ts";
import { placesOf, tilesOf, type Window } from "./windows.ts";

export interface PoolingOptions {
  readonly name?: string;
  /** The size of the window; 2 if not given. */
  readonly poolSize?: PerAxis;
  /** How far the window moves; poolSize if not given. */
  readonly strides?: PerAxis | null;
  /** "valid" (default): windows inside the data only. "same": ceil(size / stride) windows, of which those at the edges see less. */
  readonly padding?: "valid" | "same";
}

export interface GlobalPoolingOptions {
  readonly name?: string;
  /** Keeps the axes that are pooled, with size 1. */
  readonly keepDims?: boolean;
}

/** What becomes of a window. `mask` is that of the steps of x. */
interface Pooling {
  windows(x: Tensor, windows: readonly Window[], mask: Tensor | undefined): Tensor;
  all(x: Tensor, axes: readonly number[], keepDims: boolean, mask: Tensor | undefined): Tensor;
}

/** x [b, t, c] -> the largest of each window, [b, windows, c]. Masked steps do not count; a window counts if one of its steps does. */
export function maxPooling1D(options: PoolingOptions = {}): Layer {
  return pooling("maxPooling1D", 1, largest, options);
}

/** x [b, height, width, c] -> the largest of each window, [b, rows, columns, c]. */
export function maxPooling2D(options: PoolingOptions = {}): Layer {
  return pooling("maxPooling2D", 2, largest, options);
}

/** x [b, t, c] -> the mean of each window, [b, windows, c], over what is neither padding nor masked. */
export function averagePooling1D(options: PoolingOptions = {}): Layer {
  return pooling("averagePooling1D", 1, average, options);
}

/** x [b, height, width, c] -> the mean of each window, [b, rows, columns, c], over what is not padding. */
export function averagePooling2D(options: PoolingOptions = {}): Layer {
  return pooling("averagePooling2D", 2, average, options);
}

/** x [b, t, c] -> the largest over time, [b, c]; masked steps do not count, and a row without any is zeros. */
export function globalMaxPooling1D(options: GlobalPoolingOptions = {}): Layer {
  return globalPooling("globalMaxPooling1D", 1, largest, options);
}

/** x [b, height, width, c] -> the largest over both axes, [b, c]. */
export function globalMaxPooling2D(options: GlobalPoolingOptions = {}): Layer {
  return globalPooling("globalMaxPooling2D", 2, largest, options);
}

/** x [b, t, c] -> the mean over time, [b, c]; masked steps do not count, and a row without any is zeros. */
export function globalAveragePooling1D(options: GlobalPoolingOptions = {}): Layer {
  return globalPooling("globalAveragePooling1D", 1, average, options);
}

/** x [b, height, width, c] -> the mean over both axes, [b, c]. */
export function globalAveragePooling2D(options: GlobalPoolingOptions = {}): Layer {
  return globalPooling("globalAveragePooling2D", 2, average, options);
}

const lowest = Number.NEGATIVE_INFINITY;
const largest: Pooling = {
  windows(x, windows, mask) {
    const values = mask === undefined ? x : onlyCounting(x, mask);
    const cut = tilesOf(values, windows);
    if (cut !== undefined) return finished(max(cut.tiles, cut.axes), mask);
    const largestOf = placesOf(values, windows, lowest).reduce((a, b) => maximum(a, b));
    return finished(largestOf, mask);
  },
  all: (x, axes, keepDims, mask) =>
    finished(max(mask === undefined ? x : onlyCounting(x, mask), axes, { keepDims }), mask),
};

const average: Pooling = {
  windows(x, windows, mask) {
    const total = (values: Tensor): Tensor => {
      const cut = tilesOf(values, windows);
      return cut === undefined ? placesOf(values, windows).reduce((a, b) => add(a, b)) : sum(cut.tiles, cut.axes);
    };
    const counted = mask === undefined ? ones([1, ...x.shape.slice(1, -1), 1]) : countedSteps(x, mask);
    return div(total(mask === undefined ? x : zeroWhereMasked(x, mask)), maximum(total(counted), 1));
  },
  all(x, axes, keepDims, mask) {
    const counted = mask === undefined ? ones([1, ...x.shape.slice(1, -1), 1]) : countedSteps(x, mask);
    const total = sum(mask === undefined ? x : zeroWhereMasked(x, mask), axes, { keepDims });
    return div(total, maximum(sum(counted, axes, { keepDims }), 1));
  },
};

/** x with the lowest number at masked steps. */
function onlyCounting(x: Tensor, mask: Tensor): Tensor {
  return select(beside(mask, x), x, lowest);
}

/** Zero in place of the largest of nothing. */
function finished(y: Tensor, mask: Tensor | undefined): Tensor {
  return mask === undefined ? y : select(equal(y, lowest), 0, y);
}

const rules = (rank: number) => ({
  poolSize: perAxis(rank, 2),
  strides: perAxis(rank, null),
  padding: oneOf(["valid", "same"], "valid"),
});

function pooling(kind: string, rank: number, how: Pooling, { name, ...given }: PoolingOptions): Layer {
  const where = describeLayer(kind, name);
  const read = readOptions(where, given, rules(rank));
  const options = { ...read, strides: read.strides ?? read.poolSize };
  const windows = windowsFrom(rank, { ...options, size: options.poolSize });
  return single({
    kind,
    name,
    options,
    output: (input: TensorSpec) => {
      const counts = windowCounts(where, input, windows);
      return { dtype: "float32", shape: [input.shape[0], ...counts, input.shape[rank + 1]] };
    },
    apply: ({ x, mask }) => how.windows(x, windows, mask),
    mask: (mask) => maskOfWindows(mask, windows[0]),
    stepping: { refused: "a window is more than one step. Use run on whole sequences" },
  });
}

function globalPooling(kind: string, rank: number, how: Pooling, { name, ...given }: GlobalPoolingOptions): Layer {
  const where = describeLayer(kind, name);
  const options = readOptions(where, given, { keepDims: flag(false) });
  const axes = Array.from({ length: rank }, (_, i) => i + 1);
  return single({
    kind,
    name,
    options,
    output: (input: TensorSpec) => {
      expectSpace(where, input, rank);
      const kept = options.keepDims ? axes.map(() => 1) : [];
      return { dtype: "float32", shape: [input.shape[0], ...kept, input.shape[rank + 1]] };
    },
    apply: ({ x, mask }) => how.all(x, axes, options.keepDims, mask),
    mask: "drop",
    stepping: {
      refused:
        "it needs all steps of a sequence. Use run on whole sequences, or a recurrent layer that keeps what it needs",
    },
  });
}
