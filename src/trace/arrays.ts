/** Operations that move, cut and make elements without computing with them. Negative axes count from the end. */

import { type Dim, divideDims, equalDims, formatDim, isSymbolic, subtractDims } from "../base/dims.ts";
import { allocate, type DType } from "../base/dtypes.ts";
import { DTypeError, OptionError, ShapeError } from "../base/errors.ts";
import { checkOptionNames } from "../base/names.ts";
import { formatShape, type Shape, sizeOf } from "../base/shapes.ts";
import { apply, traced } from "./apply.ts";
import { currentTrace } from "./context.ts";
import { cast, equal } from "./elementwise.ts";
import { concrete, countOf, elementOf, expectDType, type Tensor } from "./tensor.ts";

/** A non-negative axis, or an error that names the call. */
export function resolveAxis(where: string, axis: number, rank: number): number {
  const resolved = axis < 0 ? axis + rank : axis;
  if (rank === 0) {
    throw new ShapeError(
      `${where}: expected a tensor with axes, got a scalar. Use expandDims or reshape to give it an axis.`,
      { op: where, axis, rank },
    );
  }
  if (Number.isInteger(axis) && resolved >= 0 && resolved < rank) return resolved;
  throw new ShapeError(
    `${where}: expected an axis from ${-rank} to ${rank - 1}, got ${axis}. Choose an axis of the tensor.`,
    { op: where, axis, rank },
  );
}

/** The same elements in another shape; one size may be -1 and is worked out from the others. */
export function reshape(x: Tensor, shape: Shape): Tensor {
  const unknown = shape.indexOf(-1);
  let full = shape;
  if (unknown >= 0) {
    const rest = sizeOf(shape.filter((_, i) => i !== unknown));
    const size = divideDims(sizeOf(x.shape), rest);
    if (size === undefined) {
      throw new ShapeError(
        `reshape: expected a shape that divides the ${formatDim(sizeOf(x.shape))} elements of ${formatShape(x.shape)}, got ${formatShape(shape)}. Choose sizes whose product divides that number.`,
        {
          op: "reshape",
          shapes: [x.shape, shape],
        },
      );
    }
    full = shape.map((dim, i) => (i === unknown ? size : dim));
  }
  return apply("reshape", [x], (b, [v]) => b.reshape(v, full));
}

/** Axes in another order: result axis i is axis `permutation[i]`; all reversed if not given. */
export function transpose(x: Tensor, permutation?: readonly number[]): Tensor {
  const order = permutation ?? x.shape.map((_, i) => x.rank - 1 - i);
  return apply("transpose", [x], (b, [v]) => b.transpose(v, order));
}

/**
 * Elements start, start + step, ... below stop of one axis; negative bounds count from the end, stop is the end if not
 * given, step is a positive whole number.
 */
export function slice(x: Tensor, axis: number, start: Dim, stop?: Dim, step = 1): Tensor {
  const at = resolveAxis("slice", axis, x.rank);
  const size = x.shape[at];
  const bound = (dim: Dim): Dim => (typeof dim === "number" && dim < 0 ? subtractDims(size, -dim) : dim);
  const [from, to] = [bound(start), stop === undefined ? size : bound(stop)];
  if (step === 1) return apply("slice", [x], (b, [v]) => b.sliceAxis(v, at, from, to));
  if (!Number.isInteger(step) || step < 1)
    throw new OptionError(
      `slice: expected a step that is a positive whole number, got ${step}. Use reverse to turn an axis round.`,
    );
  const whole = x.shape.map((dim, i) => ({
    start: i === at ? from : 0,
    stop: i === at ? to : dim,
    step: i === at ? step : 1,
  }));
  const params = {
    start: whole.map((one) => one.start),
    stop: whole.map((one) => one.stop),
    step: whole.map((one) => one.step),
  };
  return apply("slice", [x], (b, [v]) => b.add("slice", params, [v]));
}

/** Equal parts of one axis. */
export function split(x: Tensor, parts: number, axis = -1): Tensor[] {
  const at = resolveAxis("split", axis, x.rank);
  const size = x.shape[at];
  if (!Number.isInteger(parts) || parts < 1)
    throw new OptionError(`split: expected a whole number of 1 or more parts, got ${parts}. Choose such a number.`);
  if (isSymbolic(size) || size % parts !== 0) {
    throw new ShapeError(
      `split: expected an axis of a fixed size that ${parts} divides, got ${formatDim(size)} in ${formatShape(x.shape)}. Use slice for unequal parts.`,
      {
        op: "split",
        shapes: [x.shape],
        parts,
      },
    );
  }
  const length = size / parts;
  return Array.from({ length: parts }, (_, i) => slice(x, at, i * length, (i + 1) * length));
}

/** One after another along an existing axis. */
export function concat(xs: readonly Tensor[], axis = -1): Tensor {
  if (xs.length === 0) throw new OptionError("concat: expected one tensor or more, got none. Give a list of tensors.");
  const at = resolveAxis("concat", axis, xs[0].rank);
  return xs.length === 1 ? xs[0] : apply("concat", xs, (b, ins) => b.add("concat", { axis: at }, ins));
}

/** Tensors of one shape along a new axis. */
export function stack(xs: readonly Tensor[], axis = 0): Tensor {
  if (xs.length === 0) throw new OptionError("stack: expected one tensor or more, got none. Give a list of tensors.");
  return concat(
    xs.map((x) => expandDims(x, axis)),
    axis,
  );
}

/** A new axis of size 1 at position `axis`. */
export function expandDims(x: Tensor, axis: number): Tensor {
  const at = resolveAxis("expandDims", axis, x.rank + 1);
  return reshape(x, [...x.shape.slice(0, at), 1, ...x.shape.slice(at)]);
}

/** Without an axis of size 1. */
export function squeeze(x: Tensor, axis: number): Tensor {
  const at = resolveAxis("squeeze", axis, x.rank);
  if (!equalDims(x.shape[at], 1)) {
    throw new ShapeError(
      `squeeze: expected size 1 on axis ${at}, got ${formatShape(x.shape)}. Use slice to choose one element, or reshape.`,
      { op: "squeeze", shapes: [x.shape] },
    );
  }
  return reshape(
    x,
    x.shape.filter((_, i) => i !== at),
  );
}

/** `value` around the tensor: a pair [before, after] for each axis. */
export function pad(x: Tensor, widths: readonly (readonly [Dim, Dim])[], value = 0): Tensor {
  if (widths.length !== x.rank) {
    throw new ShapeError(
      `pad: expected ${x.rank} pairs [before, after] for ${formatShape(x.shape)}, got ${widths.length}. Give a pair for each axis.`,
      { op: "pad", shapes: [x.shape] },
    );
  }
  const [low, high] = [widths.map(([before]) => before), widths.map(([, after]) => after)];
  const element = elementOf("pad", value, x.dtype);
  return apply("pad", [x], (b, [v]) => b.add("pad", { low, high, value: element }, [v]));
}

/** The elements of one axis in opposite order. */
export function reverse(x: Tensor, axis: number): Tensor {
  const at = resolveAxis("reverse", axis, x.rank);
  return apply("reverse", [x], (b, [v]) => b.add("reverse", { axes: [at] }, [v]));
}

/** Repeated to a shape by NumPy's broadcasting rule. */
export function broadcastTo(x: Tensor, shape: Shape): Tensor {
  return apply("broadcastTo", [x], (b, [v]) => b.broadcastTo(v, shape, "broadcastTo"));
}

/**
 * Rows of a table: table [v, ...rest], int32 indices [...i] -> [...i, ...rest]. An index outside 0..v-1 raises a
 * NumericError that speaks of `name`.
 */
export function take(table: Tensor, indices: Tensor, options: { name?: string } = {}): Tensor {
  checkOptionNames("take", options, ["name"]);
  return apply("take", [table, indices], (b, [t, i]) =>
    b.add("gather", { name: options.name ?? "" }, [t, i], options.name ?? "take"),
  );
}

/** Zeros [rows, ...rest] plus every update [...i, ...rest] at the row that its index [...i] names. */
export function scatterAdd(indices: Tensor, updates: Tensor, rows: Dim): Tensor {
  return apply("scatterAdd", [indices, updates], (b, [i, u]) => b.add("scatterAdd", { rows }, [i, u], "scatterAdd"));
}

/** int32 indices [...i] -> float32 [...i, depth]: 1 at each index, else 0; all 0 for an index outside. */
export function oneHot(indices: Tensor, depth: number): Tensor {
  if (indices.dtype !== "int32") {
    throw new DTypeError(`oneHot: expected int32 indices, got ${indices.dtype}. Convert them with cast(x, "int32").`, {
      expected: ["int32"],
      got: indices.dtype,
    });
  }
  return cast(equal(expandDims(indices, -1), range(depth, "int32")), "float32");
}

/** Zeros of a shape. */
export function zeros(shape: Shape, dtype: DType = "float32"): Tensor {
  return filled("zeros", shape, 0, dtype);
}

/** Ones of a shape. */
export function ones(shape: Shape, dtype: DType = "float32"): Tensor {
  return filled("ones", shape, 1, dtype);
}

/** One number everywhere. */
export function full(shape: Shape, value: number, dtype: DType = "float32"): Tensor {
  return filled("full", shape, value, dtype);
}

function filled(where: string, shape: Shape, value: number, dtype: DType): Tensor {
  const element = elementOf(where, value, expectDType(where, dtype));
  const trace = currentTrace();
  if (trace !== undefined) return trace.wrap(trace.builder.full(shape, element, dtype, where));
  const count = countOf(where, shape);
  return concrete({ dtype, shape: [...shape] }, allocate(dtype, count).fill(element));
}

/** Zeros of the shape and type of another tensor. */
export function zerosLike(x: Tensor): Tensor {
  return zeros(x.shape, x.dtype);
}

/** Ones of the shape and type of another tensor. */
export function onesLike(x: Tensor): Tensor {
  return ones(x.shape, x.dtype);
}

/** 0, 1, 2, ..., length - 1. */
export function range(length: Dim, dtype: "float32" | "int32" = "int32"): Tensor {
  return traced("range", (trace) => trace.wrap(trace.builder.add("iota", { shape: [length], axis: 0, dtype }, [])));
}

/** The size of an axis as a scalar, also where it is free until the call. */
export function size(x: Tensor, axis: number, dtype: "float32" | "int32" = "float32"): Tensor {
  return dimension(x.shape[resolveAxis("size", axis, x.rank)], dtype);
}

/** A size as a scalar tensor. */
export function dimension(dim: Dim, dtype: "float32" | "int32" = "float32"): Tensor {
  return traced("size", (trace) => {
    if (typeof dim === "number") return trace.wrap(trace.builder.scalar(dim, dtype));
    return trace.wrap(trace.builder.add("dimSize", { dim, dtype }, []));
  });
}
