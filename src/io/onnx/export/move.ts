/** How the ops that place elements without computing are spelled in ONNX. */
import { type Dim, equalDims, isSymbolic, subtractDims } from "../../../base/dims.ts";
import { UnsupportedError } from "../../../base/errors.ts";
import type { Shape } from "../../../base/shapes.ts";
import { castTo } from "./elementwise.ts";
import type { Operand, Place, Rule } from "./place.ts";
import { type Attributes, highest, lowest } from "./writer.ts";

export const constant: Rule<"constant"> = ({ params: { dtype, shape, data } }, at) => [
  at.writer.constant(dtype, shape, data),
];

export const dimSize: Rule<"dimSize"> = ({ params: { dim, dtype } }, at) => [at.sizes.scalar(dim, dtype)];

/** 0, 1, 2, ... as a Range, laid along its axis. */
export const iota: Rule<"iota"> = ({ params: { shape, axis, dtype } }, at) => {
  const { writer, sizes } = at;
  const [from, step] = [sizes.scalar(0, dtype), sizes.scalar(1, dtype)];
  const range = writer.one("Range", [from, sizes.scalar(shape[axis], dtype), step]);
  const after = shape.slice(axis + 1).map((_, i) => i + 1);
  const column = after.length === 0 ? range : writer.one("Unsqueeze", [range, writer.int64s(after)]);
  return [expand(column, [shape[axis], ...after.map(() => 1)], shape, at)];
};

export const broadcast: Rule<"broadcast"> = ({ outs: [out] }, at) => {
  const small = at.narrow(out);
  return [expand(small.name, small.shape, out.shape, at)];
};

/** x of one shape as another that it broadcasts to. Expand takes 1 for a size that is there already. */
function expand(name: string, from: Shape, to: Shape, at: Place): string {
  const own = (axis: number): Dim => from[axis - to.length + from.length] ?? 1;
  if (from.length === to.length && to.every((dim, axis) => equalDims(dim, own(axis)))) return name;
  const target = to.map((dim, axis) => (equalDims(dim, own(axis)) ? 1 : dim));
  return at.writer.one("Expand", [name, at.sizes.vector(target)]);
}

export const reshape: Rule<"reshape"> = ({ ins: [x], outs: [out] }, at) => [
  reshaped({ name: at.name(x), shape: x.shape }, out.shape, at),
];

/** As Squeeze or Unsqueeze where only axes of size 1 come or go; else with 0 for "as it was" and -1 for one free size. */
export function reshaped({ name, shape }: Operand, to: Shape, { writer, sizes }: Place): string {
  const added = axesBetween(shape, to);
  if (added !== undefined) return added.length === 0 ? name : writer.one("Unsqueeze", [name, writer.int64s(added)]);
  const dropped = axesBetween(to, shape);
  if (dropped !== undefined) return writer.one("Squeeze", [name, writer.int64s(dropped)]);
  const allowzero: Attributes = to.includes(0) ? { allowzero: { kind: "int", value: 1 } } : {};
  return writer.one("Reshape", [name, sizes.vector(staticTarget(shape, to) ?? to)], allowzero);
}

/** Whether a shape can be written down without asking for a size. */
export function isStaticReshape(from: Shape, to: Shape): boolean {
  const gone = axesBetween(from, to) ?? axesBetween(to, from) ?? staticTarget(from, to);
  return gone !== undefined;
}

function staticTarget(from: Shape, to: Shape): Shape | undefined {
  if (to.includes(0)) return undefined;
  const kept = to.map((dim, i) => (isSymbolic(dim) && equalDims(dim, from[i] ?? 1) ? 0 : dim));
  if (kept.filter(isSymbolic).length > 1) return undefined;
  return kept.map((dim) => (isSymbolic(dim) ? -1 : dim));
}

/** The positions in `long` of the axes of size 1 that `short` has not, if these are all the difference. */
function axesBetween(short: Shape, long: Shape): number[] | undefined {
  const extra: number[] = [];
  let next = 0;
  for (const [axis, dim] of long.entries()) {
    if (next < short.length && equalDims(dim, short[next])) next++;
    else if (dim === 1) extra.push(axis);
    else return undefined;
  }
  return next === short.length ? extra : undefined;
}

export const transpose: Rule<"transpose"> = ({ ins: [x], params: { permutation } }, at) => [
  at.writer.one("Transpose", [at.name(x)], { perm: { kind: "ints", value: permutation } }),
];

/** Bounds are counted from the end where that spares reading a size. */
export const slice: Rule<"slice"> = ({ ins: [x], params: { start, stop, step } }, at) => {
  const cut = x.shape.flatMap((dim, axis) =>
    start[axis] === 0 && equalDims(stop[axis], dim) && step[axis] === 1 ? [] : [axis],
  );
  if (cut.length === 0) return [at.name(x)];
  const starts = cut.map((axis) => bound(start[axis], x.shape[axis], true));
  const stops = cut.map((axis) => bound(stop[axis], x.shape[axis], false));
  const { writer } = at;
  const steps = cut.every((axis) => step[axis] === 1) ? [] : [writer.int64s(cut.map((axis) => step[axis]))];
  return [writer.one("Slice", [at.name(x), bounds(starts, at), bounds(stops, at), writer.int64s(cut), ...steps])];
};

/** A bound of a slice as a number where that is possible; a start at the very end has none from the end. */
function bound(at: Dim, size: Dim, isStart: boolean): Dim | bigint {
  if (!isSymbolic(at)) return at;
  const left = subtractDims(size, at);
  if (left === 0) return isStart ? at : highest;
  return typeof left === "number" && left > 0 ? -left : at;
}

function bounds(values: readonly (Dim | bigint)[], at: Place): string {
  const known = values.filter((one) => typeof one !== "object");
  if (known.length === values.length) return at.writer.int64s(known);
  return at.sizes.vector(values.map((one) => (typeof one === "bigint" ? Number.MAX_SAFE_INTEGER : one)));
}

export const pad: Rule<"pad"> = ({ ins: [x], outs: [out], params: { low, high, value } }, at) => {
  const { writer } = at;
  const name = x.dtype === "bool" ? castTo("int32", at.name(x), at) : at.name(x);
  const isFloat = out.dtype === "float32";
  const data = isFloat ? Float32Array.of(value) : Int32Array.of(value);
  const filled = writer.constant(isFloat ? "float32" : "int32", [], data);
  const padded = writer.one("Pad", [name, at.sizes.vector([...low, ...high]), filled]);
  return [x.dtype === "bool" ? castTo("bool", padded, at) : padded];
};

export const concat: Rule<"concat"> = ({ ins, params: { axis } }, at) => [
  at.writer.one(
    "Concat",
    ins.map((one) => at.name(one)),
    { axis: { kind: "int", value: axis } },
  ),
];

export const reverse: Rule<"reverse"> = ({ ins: [x], params: { axes } }, at) => {
  const { writer } = at;
  const all = (value: number | bigint): string => writer.int64s(axes.map(() => value));
  return [writer.one("Slice", [at.name(x), all(-1), all(lowest), writer.int64s(axes), all(-1)])];
};

export const gather: Rule<"gather"> = ({ ins: [table, indices] }, at) => [
  at.writer.one("Gather", [at.name(table), at.name(indices)], { axis: { kind: "int", value: 0 } }),
];

export const scatterAdd: Rule<"scatterAdd"> = ({ ins: [indices, updates], outs: [out] }, at) => {
  const { writer } = at;
  const zero = writer.constant(out.dtype, [], out.dtype === "float32" ? Float32Array.of(0) : Int32Array.of(0));
  const zeros = expand(zero, [], out.shape, at);
  const places = writer.one("Unsqueeze", [at.name(indices), writer.int64s([indices.shape.length])]);
  const wide = castTo("int64", places, at);
  return [writer.one("ScatterND", [zeros, wide, at.name(updates)], { reduction: { kind: "string", value: "add" } })];
};

export const random: Rule<"random"> = ({ scope }) => {
  throw new UnsupportedError(
    `ONNX export: expected a model that draws nothing at random when it runs, but "${scope}" does. Leave that layer out with model.view({ inputs, outputs }), or draw outside and give it as an input.`,
    { scope },
  );
};
