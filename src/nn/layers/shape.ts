/** Layers that only move elements: flatten, reshape, permute, repeat, crop, pad, up-sample, the last step. Weightless. */
import { addDims, type Dim, divideDims, isSymbolic, multiplyDims } from "../../base/dims.ts";
import { ShapeError } from "../../base/errors.ts";
import { formatShape, type Shape, sizeOf } from "../../base/shapes.ts";
import {
  add,
  broadcastTo,
  cast,
  equal,
  expandDims,
  max,
  mul,
  pad,
  range,
  reshape,
  where as select,
  slice,
  squeeze,
  sum,
  type Tensor,
  transpose,
} from "../../trace/index.ts";
import { describeLayer, expectFloats, type Layer } from "../layer.ts";
import { beside, zeroWhereMasked } from "../masks.ts";
import { type OptionRule, readOptions, wholeNumber } from "../options.ts";
import { single } from "./single.ts";

/** x [b, ...] -> [b, the product of the rest]. */
export function flatten({ name, ...given }: { readonly name?: string } = {}): Layer {
  const options = readOptions(describeLayer("flatten", name), given, {});
  const flat = (shape: Shape): Shape => [shape[0], multiplyDims(...shape.slice(1))];
  return single({
    kind: "flatten",
    name,
    options,
    output: ({ dtype, shape }) => ({ dtype, shape: flat(shape) }),
    apply: ({ x }) => reshape(x, flat(x.shape)),
    mask: "drop",
    stepping: { refused: ofEachStep("it makes one row of all steps", "flatten()") },
  });
}

const targetRule: OptionRule<readonly number[]> = {
  expected: (value) => {
    const sizes = Array.isArray(value) ? (value as unknown[]) : [];
    const whole =
      sizes.length > 0 && sizes.every((size) => Number.isInteger(size) && (size === -1 || (size as number) > 0));
    return whole && sizes.filter((size) => size === -1).length < 2
      ? undefined
      : "a list of sizes without the batch, of which one may be -1";
  },
};

export interface ReshapeOptions {
  readonly name?: string;
  /** Sizes without the batch; one may be -1 and is worked out, such as a free time: `[-1, 3, 4]`. */
  readonly targetShape: readonly number[];
}

/** x [b, ...] -> [b, ...targetShape], the same elements in the same order. */
export function reshapeLayer({ name, ...given }: ReshapeOptions): Layer {
  const where = describeLayer("reshapeLayer", name);
  const options = readOptions(where, given, { targetShape: targetRule });
  const { targetShape } = options;
  const target = (shape: Shape): Shape => {
    const known = targetShape.filter((size) => size !== -1).reduce((product, size) => product * size, 1);
    const rest = divideDims(sizeOf(shape.slice(1)), known);
    const fits = rest !== undefined && (targetShape.includes(-1) || rest === 1);
    if (fits) return [shape[0], ...targetShape.map((size) => (size === -1 ? rest : size))];
    throw new ShapeError(
      `${where}: expected an input of as many elements a row as [${targetShape.join(", ")}], got ${formatShape(shape)}. Write -1 for a size that is free.`,
      { shapes: [shape, targetShape] },
    );
  };
  return single({
    kind: "reshapeLayer",
    name,
    options,
    output: ({ dtype, shape }) => ({ dtype, shape: target(shape) }),
    apply: ({ x }) => reshape(x, target(x.shape)),
    mask: "drop",
    stepping: { refused: ofEachStep("it may join steps", "reshapeLayer({ targetShape })") },
  });
}

const dimsRule: OptionRule<readonly number[]> = {
  expected: (value) => {
    const sorted = Array.isArray(value) ? [...(value as number[])].sort((a, b) => a - b) : [];
    return sorted.length > 0 && sorted.every((dim, i) => dim === i + 1)
      ? undefined
      : "the axes in their new order, counted from 1 without the batch, each once";
  },
};

export interface PermuteOptions {
  readonly name?: string;
  /** The axes in their new order, counted from 1 (0, the batch, stays): `[2, 1]` exchanges time and features. */
  readonly dims: readonly number[];
}

/** x [b, ...] with its axes in another order. */
export function permute({ name, ...given }: PermuteOptions): Layer {
  const where = describeLayer("permute", name);
  const options = readOptions(where, given, { dims: dimsRule });
  const { dims } = options;
  const keepsTime = dims[0] === 1;
  const order = (rank: number): number[] => {
    // In a step there is no axis 1.
    const isStep = keepsTime && rank === dims.length;
    return [0, ...(isStep ? dims.slice(1).map((dim) => dim - 1) : dims)];
  };
  return single({
    kind: "permute",
    name,
    options,
    output: ({ dtype, shape }) => {
      if (shape.length === dims.length + 1) return { dtype, shape: [shape[0], ...dims.map((dim) => shape[dim])] };
      throw new ShapeError(
        `${where}: expected an input with ${dims.length} axes after the batch, got ${formatShape(shape)}. Name each of its axes in dims.`,
        { shapes: [shape] },
      );
    },
    apply: ({ x }) => transpose(x, order(x.rank)),
    mask: keepsTime ? "pass" : "drop",
    stepping: keepsTime
      ? "same"
      : { refused: "it moves the time axis. Let dims begin with 1, or run on whole sequences" },
  });
}

export interface RepeatVectorOptions {
  readonly name?: string;
  /** The number of steps. */
  readonly n: number;
}

/** x [b, d] -> [b, n, d], the same row at every step. */
export function repeatVector({ name, ...given }: RepeatVectorOptions): Layer {
  const where = describeLayer("repeatVector", name);
  const options = readOptions(where, given, { n: wholeNumber() });
  const { n } = options;
  return single({
    kind: "repeatVector",
    name,
    options,
    output: ({ dtype, shape }) => {
      if (shape.length === 2) return { dtype, shape: [shape[0], n, shape[1]] };
      throw new ShapeError(
        `${where}: expected rows [batch, features], got ${formatShape(shape)}. If a recurrent layer is below, leave out its returnSequences.`,
        { shapes: [shape] },
      );
    },
    apply: ({ x }) => broadcastTo(expandDims(x, 1), [x.shape[0], n, x.shape[1]]),
    mask: "drop",
    stepping: {
      refused:
        "it makes a sequence of one row. Give the row to each step with concatCondition(x, row), or run on whole sequences",
    },
  });
}

/** Steps at both ends of a sequence: one number for both, or [before, after]. */
export type Ends = number | readonly [before: number, after: number];

const endsRule: OptionRule<Ends> = {
  fallback: 1,
  expected: (value) => {
    const ends: unknown[] = Array.isArray(value) ? value : [value, value];
    return ends.length === 2 && ends.every((n) => Number.isInteger(n) && (n as number) >= 0)
      ? undefined
      : "a whole number of at least 0, or two: [before, after]";
  },
};

function bothEnds(ends: Ends): readonly [number, number] {
  return typeof ends === "number" ? [ends, ends] : ends;
}

/** x [b, t, ...] without the first and last steps, [b, t - before - after, ...]; 1 on each side if not given. */
export function cropping1D({ name, ...given }: { readonly name?: string; readonly cropping?: Ends } = {}): Layer {
  const where = describeLayer("cropping1D", name);
  const options = readOptions(where, given, { cropping: endsRule });
  const [before, after] = bothEnds(options.cropping);
  const cut = (x: Tensor): Tensor => slice(x, 1, before, addDims(x.shape[1], -after));
  return single({
    kind: "cropping1D",
    name,
    options,
    output: ({ dtype, shape }) => {
      const left = addDims(timeOf(where, shape), -before - after);
      if (isSymbolic(left) || left > 0) return { dtype, shape: withTime(shape, left) };
      throw new ShapeError(
        `${where}: expected more than ${before + after} steps, which are cut off, got ${formatShape(shape)}. Give longer sequences, or crop less.`,
        { shapes: [shape] },
      );
    },
    apply: ({ x }) => cut(x),
    mask: cut,
    stepping: { refused: "a step does not know which ones are the first and the last. Use run on whole sequences" },
  });
}

/** x [b, t, ...] with steps of zeros around, [b, before + t + after, ...]; 1 on each side if not given. Where x has a mask they do not count. */
export function zeroPadding1D({ name, ...given }: { readonly name?: string; readonly padding?: Ends } = {}): Layer {
  const where = describeLayer("zeroPadding1D", name);
  const options = readOptions(where, given, { padding: endsRule });
  const ends = bothEnds(options.padding);
  const widen = (x: Tensor): Tensor =>
    pad(
      x,
      x.shape.map((_, axis) => (axis === 1 ? ends : ([0, 0] as const))),
    );
  return single({
    kind: "zeroPadding1D",
    name,
    options,
    output: ({ dtype, shape }) => ({ dtype, shape: withTime(shape, addDims(timeOf(where, shape), ends[0], ends[1])) }),
    apply: ({ x }) => widen(x),
    mask: widen,
    stepping: { refused: 'it adds steps. Use conv1D({ padding: "causal" }), or run on whole sequences' },
  });
}

/** x [b, t, ...] -> [b, t * size, ...], each step `size` times in a row (2 if not given). */
export function upSampling1D({ name, ...given }: { readonly name?: string; readonly size?: number } = {}): Layer {
  const where = describeLayer("upSampling1D", name);
  const options = readOptions(where, given, { size: wholeNumber(2) });
  const repeat = (x: Tensor): Tensor => {
    const [b, t, ...rest] = x.shape;
    const repeated = broadcastTo(expandDims(x, 2), [b, t, options.size, ...rest]);
    return reshape(repeated, [b, multiplyDims(t, options.size), ...rest]);
  };
  return single({
    kind: "upSampling1D",
    name,
    options,
    output: ({ dtype, shape }) => ({ dtype, shape: withTime(shape, multiplyDims(timeOf(where, shape), options.size)) }),
    apply: ({ x }) => repeat(x),
    mask: repeat,
    stepping: { refused: "one step becomes several. Use run on whole sequences" },
  });
}

/**
 * x [b, t, ...] -> its last step, [b, ...]; where x has a mask the last step of each row that counts, and zeros for a row
 * without any. As returnSequences: false for layers that have no such option; in a stream it is the step itself.
 */
export function lastStep({ name, ...given }: { readonly name?: string } = {}): Layer {
  const where = describeLayer("lastStep", name);
  return single({
    kind: "lastStep",
    name,
    options: readOptions(where, given, {}),
    output: (input) => {
      expectFloats(where, input);
      const { dtype, shape } = input;
      timeOf(where, shape);
      return { dtype, shape: [shape[0], ...shape.slice(2)] };
    },
    apply: ({ x, mask }) => {
      if (mask !== undefined) return sum(select(beside(isLastStep(mask), x), x, 0), 1);
      return squeeze(slice(x, 1, addDims(x.shape[1], -1), x.shape[1]), 1);
    },
    mask: "drop",
    stepping: { step: ({ x, mask }) => (mask === undefined ? x : zeroWhereMasked(x, mask)) },
  });
}

/** mask bool [b, t] -> bool [b, t], true at the last step of each row at which the mask is. */
function isLastStep(mask: Tensor): Tensor {
  // Counted from 1, so that a row without any has none that is its last: 0.
  const [, t] = mask.shape;
  const counted = reshape(add(range(t), 1), [1, t]);
  return equal(counted, max(mul(cast(mask, "int32"), counted), 1, { keepDims: true }));
}

function timeOf(where: string, shape: Shape): Dim {
  if (shape.length > 2) return shape[1];
  throw new ShapeError(
    `${where}: expected a sequence [batch, time, ...], got ${formatShape(shape)}. If a recurrent layer is below, give it returnSequences: true.`,
    { shapes: [shape] },
  );
}

function withTime([b, _, ...rest]: Shape, t: Dim): Shape {
  return [b, t, ...rest];
}

function ofEachStep(why: string, layer: string): string {
  return `${why}. Wrap it to treat each step by itself: timeDistributed(${layer})`;
}
