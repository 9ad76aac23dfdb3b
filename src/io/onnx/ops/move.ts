/** Operators that choose and move elements: slices, rows by index, axes in another order, padding. */
import { addDims, type Dim, isSymbolic, subtractDims } from "../../../base/dims.ts";
import { sizeOf } from "../../../base/shapes.ts";
import {
  add,
  cast,
  dimension,
  expandDims,
  less,
  mul,
  pad,
  range,
  reshape,
  reverse,
  where as select,
  slice,
  split,
  squeeze,
  type Tensor,
  take,
  transpose,
} from "../../../trace/index.ts";
import type { Call } from "../evaluate.ts";
import { isKnown, type Known, mostFolded, numbersOf, tensorOf, type Value } from "../value.ts";
import { attribute, axisOf, dims, float, has, int, intsOf, type Rules, refuse, tensor, text, value } from "./call.ts";
import { alongAxis, transposed } from "./fold.ts";
import { fromStart } from "./places.ts";

function transposeRule(call: Call): readonly Value[] {
  const x = value(call, 0);
  const rank = x.shape.length;
  const order = (attribute(call, "perm", "ints") ?? x.shape.map((_, i) => rank - 1 - i)).map((one) =>
    axisOf(call, one, rank),
  );
  if (new Set(order).size !== rank)
    return refuse(call, `an order of ${rank} axes`, `${order.length}`, "Check the model");
  return [isKnown(x) && x.elements.length <= mostFolded ? transposed(x, order) : transpose(tensor(call, 0), order)];
}

/** Rows of one axis by their indices: data [..a, n, ..b], indices [..i] -> [..a, ..i, ..b]. */
function gather(call: Call): readonly Value[] {
  const [x, at] = [value(call, 0), value(call, 1)];
  const axis = axisOf(call, int(call, "axis", 0), x.shape.length);
  const known = isKnown(at) ? numbersOf(at) : undefined;
  if (known !== undefined && at.shape.length < 2) {
    const found = atKnown(x, axis, known, { call, isScalar: at.shape.length === 0 });
    if (found !== undefined) return [found];
  }
  const table = toFront(tensor(call, 0), axis);
  const indices = cast(tensor(call, 1), "int32");
  const rows = take(table, fromStart(indices, x.shape[axis], known), { name: call.node.inputs[0] });
  return [axis === 0 ? rows : movedIn(rows, indices.rank, axis)];
}

interface Places {
  readonly call: Call;
  readonly isScalar: boolean;
}

/** The same for indices that are known: elements that stay known, or a slice; undefined where it is neither. */
function atKnown(
  x: Tensor | Known,
  axis: number,
  places: readonly number[],
  { call, isScalar }: Places,
): Value | undefined {
  const size = x.shape[axis];
  if (isKnown(x) && typeof size === "number" && x.elements.length <= mostFolded) {
    const found = places.map((place) => (place < 0 ? place + size : place));
    if (found.some((place) => place < 0 || place >= size))
      return refuse(call, `indices below ${size}`, `${places[0]}`, "Check the indices");
    const picked = alongAxis(x, axis, found);
    return isScalar ? { ...picked, shape: picked.shape.filter((_, i) => i !== axis) } : picked;
  }
  if (!isScalar) return undefined;
  const place = places[0] < 0 ? addDims(size, places[0]) : places[0];
  return squeeze(slice(tensor(call, 0), axis, place, addDims(place, 1)), axis);
}

function toFront(x: Tensor, axis: number): Tensor {
  if (axis === 0) return x;
  return transpose(x, [axis, ...x.shape.flatMap((_, i) => (i === axis ? [] : [i]))]);
}

/** [..i, ..a, ..b] -> [..a, ..i, ..b], where i has `count` axes and a `axis`. */
function movedIn(x: Tensor, count: number, axis: number): Tensor {
  const axes = x.shape.map((_, i) => i);
  return transpose(x, [...axes.slice(count, count + axis), ...axes.slice(0, count), ...axes.slice(count + axis)]);
}

/** Parts of axes; attributes up to opset 9, inputs later. */
function sliceRule(call: Call): readonly Value[] {
  const list = (name: string, i: number): readonly Dim[] | undefined =>
    attribute(call, name, "ints") ?? (has(call, i) ? dims(call, i) : undefined);
  const x = value(call, 0);
  const [starts, ends] = [list("starts", 1) ?? [], list("ends", 2) ?? []];
  const axes = (list("axes", 3) ?? starts.map((_, i) => i)).map((axis) => axisOf(call, Number(axis), x.shape.length));
  const steps = list("steps", 4) ?? [];
  if (starts.length !== axes.length || ends.length !== axes.length)
    return refuse(
      call,
      `starts and ends of ${axes.length} axes`,
      `${starts.length} and ${ends.length}`,
      "Check the model",
    );
  return [
    axes.reduce<Tensor | Known>(
      (part, axis, i) => sliced(part, { axis, start: starts[i], end: ends[i], step: Number(steps[i] ?? 1) }, call),
      x,
    ),
  ];
}

interface Part {
  readonly axis: number;
  readonly start: Dim;
  readonly end: Dim;
  readonly step: number;
}

function sliced(x: Tensor | Known, { axis, start, end, step }: Part, call: Call): Tensor | Known {
  const size = x.shape[axis];
  if (step === 0) return refuse(call, "a step other than 0", "0", "Check the step");
  // Backwards from `start` down to, without, `end`: forwards in the axis turned round.
  const from = step > 0 ? bound(start, size) : subtractDims(size, addDims(bound(start, size, -1), 1));
  const to = step > 0 ? bound(end, size) : subtractDims(size, addDims(bound(end, size, -1), 1));
  const stop = typeof from === "number" && typeof to === "number" ? Math.max(from, to) : to;
  const width = Math.abs(step);
  if (isKnown(x) && [from, stop].every((one) => typeof one === "number")) {
    const [length, first, last] = [Number(size), Number(from), Number(stop)];
    const places = Array.from({ length: Math.ceil((last - first) / width) }, (_, i) => first + i * width);
    return alongAxis(x, axis, step > 0 ? places : places.map((place) => length - 1 - place));
  }
  const own = tensorOf(x, call.where);
  return slice(step > 0 ? own : reverse(own, axis), axis, from, stop, width);
}

/** A bound within the axis, `lowest` to its size (less 1 backwards); below 0 it counts from the end. */
function bound(at: Dim, size: Dim, lowest = 0): Dim {
  const highest = addDims(size, lowest);
  if (typeof at !== "number") return at;
  // More than any axis has: to the end, or the beginning.
  if (at >= 2 ** 30) return highest;
  if (at <= -(2 ** 30)) return lowest;
  const counted = at < 0 ? addDims(size, at) : at;
  if (typeof counted !== "number" || typeof highest !== "number") return counted;
  return Math.min(Math.max(counted, lowest), highest);
}

/** Parts of one axis, equal ones if nothing is said of their sizes. */
function splitRule(call: Call): readonly Value[] {
  const x = value(call, 0);
  const axis = axisOf(call, int(call, "axis", 0), x.shape.length);
  const count = call.node.outputs.length;
  const sizes = intsOf(call, "split", 1);
  const size = x.shape[axis];
  if (sizes === undefined && !isKnown(x) && typeof size === "number" && size % count === 0)
    return split(x, count, axis);
  if (sizes === undefined && isSymbolic(size)) return refuse(call, "an axis of a fixed size", size.key);
  const width = Math.ceil(Number(size) / count);
  const own = sizes ?? Array.from({ length: count }, (_, i) => Math.max(0, Math.min(width, Number(size) - i * width)));
  let at = 0;
  return own.map((length) => {
    const start = at;
    at += length;
    return sliced(x, { axis, start, end: at, step: 1 }, call);
  });
}

/** Elements around; attributes up to opset 10, inputs later. */
function padRule(call: Call): readonly Value[] {
  const x = tensor(call, 0);
  const mode = text(call, "mode", "constant");
  const pads = attribute(call, "pads", "ints") ?? attribute(call, "paddings", "ints") ?? dims(call, 1);
  const axes = has(call, 3)
    ? dims(call, 3).map((axis) => axisOf(call, Number(axis), x.rank))
    : x.shape.map((_, i) => i);
  if (pads.length !== 2 * axes.length)
    return refuse(call, `${2 * axes.length} widths`, `${pads.length}`, "Check the model");
  const around = x.shape.map((_, axis): readonly [Dim, Dim] => {
    const i = axes.indexOf(axis);
    return i < 0 ? [0, 0] : [pads[i], pads[i + axes.length]];
  });
  if (around.flat().every((width) => width === 0)) return [x];
  if (mode !== "constant") return refuse(call, 'the mode "constant"', `"${mode.slice(0, 80)}"`);
  const element = has(call, 2) ? Number(dims(call, 2)[0]) : float(call, "value", 0);
  // What is below 0 is cut off.
  const cut = around.reduce((part, [before, after], axis) => {
    const [from, to] = [before, after].map((width) => (typeof width === "number" && width < 0 ? -width : 0));
    return from + to === 0 ? part : slice(part, axis, from, subtractDims(part.shape[axis], to));
  }, x);
  const positive = (width: Dim): Dim => (typeof width === "number" ? Math.max(0, width) : width);
  const widths = around.map(([before, after]): readonly [Dim, Dim] => [positive(before), positive(after)]);
  return [pad(cut, widths, element)];
}

/** Each row's first steps in opposite order; the others stay. */
function reverseSequence(call: Call): readonly Value[] {
  const [timeAxis, batchAxis] = [int(call, "time_axis", 0), int(call, "batch_axis", 1)];
  const given = tensor(call, 0);
  const x = timeAxis === 0 && batchAxis === 1 ? given : timeAxis === 1 && batchAxis === 0 ? swap(given) : undefined;
  if (x === undefined) return refuse(call, "time and batch as the first two axes", `${timeAxis} and ${batchAxis}`);
  const [t, b] = x.shape;
  const lengths = expandDims(cast(tensor(call, 1), "int32"), 0);
  const steps = expandDims(range(t), 1);
  const from = select(less(steps, lengths), add(add(mul(steps, -1), -1), lengths), steps);
  const rows = add(mul(from, dimension(b, "int32")), expandDims(range(b), 0));
  const turned = take(reshape(x, [sizeOf([t, b]), ...x.shape.slice(2)]), rows);
  return [timeAxis === 0 ? turned : swap(turned)];
}

function swap(x: Tensor): Tensor {
  return transpose(x, [1, 0, ...x.shape.slice(2).map((_, i) => i + 2)]);
}

export const moveRules: Rules = {
  Transpose: transposeRule,
  Gather: gather,
  Slice: sliceRule,
  Split: splitRule,
  Pad: padRule,
  ReverseSequence: reverseSequence,
};
