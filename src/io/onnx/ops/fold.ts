/** Computing with known elements, among which may be free sizes, so that what exporters do with shapes stays known. */
import {
  addDims,
  type Dim,
  divideDims,
  equalDims,
  floorDivideDim,
  isSymbolic,
  multiplyDims,
  subtractDims,
} from "../../../base/dims.ts";
import type { DType } from "../../../base/dtypes.ts";
import { broadcastShapes, product } from "../../../base/shapes.ts";
import { type Known, mostFolded, picked } from "../value.ts";

/** What two elements give; undefined where that is not known. */
export type Fold = (a: Dim, b: Dim, dtype: DType) => Dim | undefined;

/** A function of two numbers, for elements that are both numbers. */
export function onNumbers(apply: (a: number, b: number) => number | boolean): Fold {
  return (a, b, dtype) => {
    if (isSymbolic(a) || isSymbolic(b)) return undefined;
    const result = Number(apply(a, b));
    return dtype === "float32" ? Math.fround(result) : result;
  };
}

export const folds = {
  add: (a, b, dtype) => (dtype === "float32" ? onNumbers((x, y) => x + y)(a, b, dtype) : addDims(a, b)),
  sub: (a, b, dtype) => (dtype === "float32" ? onNumbers((x, y) => x - y)(a, b, dtype) : subtractDims(a, b)),
  mul: (a, b, dtype) => (dtype === "float32" ? onNumbers((x, y) => x * y)(a, b, dtype) : multiplyDims(a, b)),
  div: foldDivide,
  equal: (a, b) => (equalDims(a, b) ? 1 : isSymbolic(a) || isSymbolic(b) ? unlessSize(a, b) : 0),
} as const satisfies Readonly<Record<string, Fold>>;

/** A size is never -1, which is what exporters compare it with. */
function unlessSize(a: Dim, b: Dim): Dim | undefined {
  return (typeof a === "number" && a < 0) || (typeof b === "number" && b < 0) ? 0 : undefined;
}

/** Of whole numbers it is cut towards zero; sizes are never below. */
function foldDivide(a: Dim, b: Dim, dtype: DType): Dim | undefined {
  if (typeof a === "number" && typeof b === "number") {
    if (dtype === "float32") return Math.fround(a / b);
    return b === 0 ? undefined : Math.trunc(a / b) + 0;
  }
  const exact = divideDims(a, b);
  if (exact !== undefined || dtype === "float32") return exact;
  return typeof b === "number" && b > 0 ? floorDivideDim(a, b) : undefined;
}

/** Elements of two that are known, with the shapes broadcast; undefined where the result is not known, or too long. */
export function foldTwo(a: Known, b: Known, dtype: DType, fold: Fold): Known | undefined {
  const shape = broadcastShapes(a.shape, b.shape) as readonly number[] | undefined;
  if (shape === undefined || product(shape) > mostFolded) return undefined;
  const [left, right] = [a, b].map((one) => broadcasted(one, shape));
  const elements: Dim[] = [];
  for (let i = 0; i < left.elements.length; i++) {
    const one = fold(left.elements[i], right.elements[i], a.dtype);
    if (one === undefined) return undefined;
    elements.push(one);
  }
  return { dtype, shape, elements };
}

/** Each element by itself. */
export function foldOne(x: Known, dtype: DType, fold: (a: Dim) => Dim | undefined): Known | undefined {
  if (x.elements.length > mostFolded) return undefined;
  const elements: Dim[] = [];
  for (let i = 0; i < x.elements.length; i++) {
    const one = fold(x.elements[i]);
    if (one === undefined) return undefined;
    elements.push(one);
  }
  return { dtype, shape: x.shape, elements };
}

/** Repeated to a shape that it fits. */
export function broadcasted(x: Known, shape: readonly number[]): Known {
  const offset = shape.length - x.shape.length;
  const strides = stridesOf(x.shape);
  return picked(x, shape, (i) => {
    let [rest, at] = [i, 0];
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const place = rest % shape[axis];
      rest = Math.floor(rest / shape[axis]);
      const own = axis - offset;
      if (own >= 0 && x.shape[own] !== 1) at += place * strides[own];
    }
    return at;
  });
}

/** The elements at these places of one axis. */
export function alongAxis(x: Known, axis: number, places: readonly number[]): Known {
  const shape = x.shape.map((size, i) => (i === axis ? places.length : size));
  const inner = product(x.shape.slice(axis + 1));
  const size = x.shape[axis];
  return picked(x, shape, (i) => {
    const [outer, rest] = [Math.floor(i / (inner * places.length)), i % (inner * places.length)];
    return (outer * size + places[Math.floor(rest / inner)]) * inner + (rest % inner);
  });
}

/** Axes in another order. */
export function transposed(x: Known, order: readonly number[]): Known {
  const shape = order.map((axis) => x.shape[axis]);
  const strides = stridesOf(x.shape);
  return picked(x, shape, (i) => {
    let [rest, at] = [i, 0];
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      at += (rest % shape[axis]) * strides[order[axis]];
      rest = Math.floor(rest / shape[axis]);
    }
    return at;
  });
}

/** One after another along an axis; all of them agree on the others. */
export function joined(all: readonly Known[], axis: number): Known {
  const [first] = all;
  const inner = product(first.shape.slice(axis + 1));
  const outer = product(first.shape.slice(0, axis));
  const elements: Dim[] = [];
  for (let row = 0; row < outer; row++)
    for (const { elements: own, shape } of all) {
      const length = shape[axis] * inner;
      for (let i = 0; i < length; i++) elements.push(own[row * length + i]);
    }
  const shape = first.shape.map((size, i) => (i === axis ? all.reduce((sum, one) => sum + one.shape[axis], 0) : size));
  return { dtype: first.dtype, shape, elements };
}

function stridesOf(shape: readonly number[]): readonly number[] {
  return shape.map((_, i) => product(shape.slice(i + 1)));
}
