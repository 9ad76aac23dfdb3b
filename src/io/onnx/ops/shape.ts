/** Operators on shapes: asking for them, giving others, making tensors of a shape. What is known stays known. */
import { type Dim, isSymbolic, subtractDims } from "../../../base/dims.ts";
import { broadcastShapes, formatShape, product, type Shape, sizeOf } from "../../../base/shapes.ts";
import {
  add,
  broadcastTo,
  cast,
  concat,
  dimension,
  equal,
  full,
  less,
  mul,
  range,
  reshape,
  where as select,
  slice,
  type Tensor,
} from "../../../trace/index.ts";
import type { Call } from "../evaluate.ts";
import {
  atLeastVector,
  isKnown,
  type Known,
  knownList,
  knownScalar,
  mostFolded,
  numbersOf,
  tensorOf,
  type Value,
} from "../value.ts";
import {
  attribute,
  axisOf,
  dims,
  flag,
  int,
  intsOf,
  knownAttribute,
  missing,
  type Rules,
  refuse,
  tensor,
  value,
} from "./call.ts";
import { broadcasted, joined } from "./fold.ts";

function shapeOf(call: Call): readonly Value[] {
  const { shape } = value(call, 0);
  const bound = (name: string, usual: number): number => {
    const at = int(call, name, usual);
    return Math.min(Math.max(at < 0 ? at + shape.length : at, 0), shape.length);
  };
  return [knownList(shape.slice(bound("start", 0), bound("end", shape.length)))];
}

/** A value with its elements in another shape. */
function reshaped(x: Tensor | Known, shape: Shape, { where }: Call): Tensor | Known {
  const isFixed = shape.every((size) => typeof size === "number" && size >= 0);
  if (isKnown(x) && isFixed && product(shape as number[]) === x.elements.length) {
    return { ...x, shape: shape as number[] };
  }
  return reshape(tensorOf(x, where), shape);
}

/** 0 keeps a size, -1 is worked out. */
function reshapeRule(call: Call): readonly Value[] {
  const x = value(call, 0);
  const given = attribute(call, "shape", "ints") ?? dims(call, 1);
  const keeps = !flag(call, "allowzero");
  const shape = given.map((size, i) => (size === 0 && keeps ? (x.shape[i] ?? missing(call, `an axis ${i}`)) : size));
  const unknown = shape.indexOf(-1);
  if (!isKnown(x) || unknown < 0) return [reshaped(x, shape, call)];
  const rest = sizeOf(shape.filter((_, i) => i !== unknown));
  const size = typeof rest === "number" && rest > 0 ? x.elements.length / rest : -1;
  return [
    reshaped(
      x,
      shape.map((dim, i) => (i === unknown ? size : dim)),
      call,
    ),
  ];
}

/** All axes before one become one, and all from it on. */
function flatten(call: Call): readonly Value[] {
  const { shape } = value(call, 0);
  const axis = int(call, "axis", 1);
  const at = axis < 0 ? axis + shape.length : axis;
  return [reshaped(value(call, 0), [sizeOf(shape.slice(0, at)), sizeOf(shape.slice(at))], call)];
}

function squeeze(call: Call): readonly Value[] {
  const x = value(call, 0);
  const rank = x.shape.length;
  const axes = intsOf(call, "axes", 1)?.map((axis) => axisOf(call, axis, rank));
  // Without axes those of size 1 go: a size that is free is not one of them.
  const shape = x.shape.filter((size, i) => (axes === undefined ? size !== 1 : !axes.includes(i)));
  return [reshaped(x, shape, call)];
}

function unsqueeze(call: Call): readonly Value[] {
  const x = value(call, 0);
  const given = intsOf(call, "axes", 1) ?? missing(call, "axes");
  const rank = x.shape.length + given.length;
  const axes = new Set(given.map((axis) => axisOf(call, axis, rank)));
  if (axes.size !== given.length) return refuse(call, "each axis once", "one twice", "Check the model");
  const rest = [...x.shape];
  const shape = Array.from({ length: rank }, (_, i) => (axes.has(i) ? 1 : (rest.shift() as Dim)));
  return [reshaped(x, shape, call)];
}

/** Repeated to a shape, by broadcasting in both directions. */
function expand(call: Call): readonly Value[] {
  const x = value(call, 0);
  const given = dims(call, 1);
  const shape = broadcastShapes(x.shape, given);
  if (shape === undefined)
    return refuse(call, `a shape that ${formatShape(x.shape)} broadcasts to`, formatShape(given), "Check the shapes");
  return [expanded(x, shape, call)];
}

export function expanded(x: Tensor | Known, shape: Shape, { where }: Call): Tensor | Known {
  const isFixed = shape.every((size) => typeof size === "number") && product(shape as number[]) <= mostFolded;
  return isKnown(x) && isFixed ? broadcasted(x, shape as number[]) : broadcastTo(tensorOf(x, where), shape);
}

/** Each axis so many times over. */
function tile(call: Call): readonly Value[] {
  const x = tensor(call, 0);
  const repeats = dims(call, 1);
  // [a, b] -> [1, a, 1, b] -> [r, a, s, b] -> [r a, s b]
  const apart = reshape(
    x,
    x.shape.flatMap((size) => [1, size]),
  );
  const wide = broadcastTo(
    apart,
    x.shape.flatMap((size, i) => [repeats[i] ?? 1, size]),
  );
  return [
    reshape(
      wide,
      x.shape.map((size, i) => sizeOf([repeats[i] ?? 1, size])),
    ),
  ];
}

function constantOfShape(call: Call): readonly Value[] {
  const shape = dims(call, 0);
  const { dtype, elements } = knownAttribute(call, "value") ?? knownScalar(0, "float32");
  const element = Number(elements[0]);
  const count = sizeOf(shape);
  if (typeof count === "number" && count <= mostFolded && shape.length < 2)
    return [{ dtype, shape: shape as number[], elements: Array.from({ length: count }, () => element) }];
  return [full(shape, element, dtype)];
}

/** The value of the one attribute that the node has. */
function constant(call: Call): readonly Value[] {
  const [whole, wholes] = [attribute(call, "value_int", "int"), attribute(call, "value_ints", "ints")];
  if (whole !== undefined) return [knownScalar(whole)];
  if (wholes !== undefined) return [knownList(wholes)];
  const [number, numbers] = [attribute(call, "value_float", "float"), attribute(call, "value_floats", "floats")];
  if (number !== undefined) return [knownScalar(number, "float32")];
  if (numbers !== undefined) return [{ ...knownList(numbers), dtype: "float32" }];
  return [knownAttribute(call, "value") ?? refuse(call, "a constant of numbers", "another one")];
}

/** start, start + delta, ... below limit. */
function rangeRule(call: Call): readonly Value[] {
  const [first, second, third] = [0, 1, 2].map((i) => value(call, i));
  const { dtype } = first;
  const [[start], [limit], [delta]] = [0, 1, 2].map((i) => dims(call, i)) as (readonly Dim[])[];
  const all = [first, second, third].flatMap((one) => (isKnown(one) ? (numbersOf(one) ?? []) : []));
  if (all.length === 3) {
    const count = Math.max(0, Math.ceil((all[1] - all[0]) / all[2]));
    if (count <= mostFolded)
      return [{ dtype, shape: [count], elements: Array.from({ length: count }, (_, i) => all[0] + i * all[2]) }];
  }
  if (isSymbolic(delta)) return refuse(call, "a step that is known", delta.key, "Give it a fixed value");
  const type = dtype === "bool" ? "int32" : dtype;
  const isWhole = delta === 1;
  const count = isWhole ? subtractDims(limit, start) : Math.max(0, Math.ceil((Number(limit) - Number(start)) / delta));
  const steps = isWhole ? range(count, type) : mul(range(count, type), delta);
  return [start === 0 ? steps : add(steps, dimension(start, type))];
}

function concatRule(call: Call): readonly Value[] {
  const all = call.ins.map((_, i) => value(call, i));
  const axis = axisOf(call, int(call, "axis", 0), all[0].shape.length);
  const known = all.filter(isKnown);
  const short = known.reduce((sum, { elements }) => sum + elements.length, 0) <= mostFolded;
  const fits = all.every(
    ({ shape }) =>
      shape.length === all[0].shape.length && shape.every((size, i) => i === axis || size === all[0].shape[i]),
  );
  if (known.length === all.length && short && fits) return [joined(known, axis)];
  const tensors = all.map((one) => tensorOf(one, call.where));
  // Exporters write an empty vector for "nothing there".
  const full = tensors.filter(({ rank, shape }) => rank > 1 || shape[0] !== 0);
  if (full.length === 0) return [tensors[0]];
  const dtype = full.some((one) => one.dtype === "float32") ? "float32" : full[0].dtype;
  return [
    concat(
      full.map((one) => cast(one, dtype)),
      axis,
    ),
  ];
}

function sizeRule(call: Call): readonly Value[] {
  return [knownScalar(sizeOf(value(call, 0).shape))];
}

/** 1 at each index, else 0, or two other values. */
function oneHot(call: Call): readonly Value[] {
  const indices = cast(tensor(call, 0), "int32");
  const [depth] = dims(call, 1);
  const values = tensor(call, 2);
  const rank = indices.rank + 1;
  const axis = axisOf(call, int(call, "axis", -1), rank);
  const places = range(depth);
  const along = reshape(
    places,
    Array.from({ length: rank }, (_, i) => (i === axis ? depth : 1)),
  );
  const apart = reshape(indices, [...indices.shape.slice(0, axis), 1, ...indices.shape.slice(axis)]);
  // Indices below 0 count from the end.
  const counted = select(less(apart, 0), add(apart, dimension(depth, "int32")), apart);
  const [off, on] = [0, 1].map((i) => squeezed(slice(atLeastVector(values), 0, i, i + 1)));
  return [select(equal(counted, along), on, off)];
}

function squeezed(x: Tensor): Tensor {
  return reshape(x, []);
}

export const shapeRules: Rules = {
  Shape: shapeOf,
  Size: sizeRule,
  Reshape: reshapeRule,
  Flatten: flatten,
  Squeeze: squeeze,
  Unsqueeze: unsqueeze,
  Expand: expand,
  Tile: tile,
  Constant: constant,
  ConstantOfShape: constantOfShape,
  Range: rangeRule,
  Concat: concatRule,
  OneHot: oneHot,
};
