/**
 * Views: where an element of a materialised value lies, as a buffer, an offset and a stride for each axis. Slices,
 * transposes and the like of a view are views. Pure functions.
 */
import { addDims, type Dim, divideDims, equalDims, multiplyDims, subtractDims } from "../../base/dims.ts";
import { type Shape, sizeOf, stridesOf } from "../../base/shapes.ts";
import type { OpParams } from "../../graph/ops.ts";
import { type Affine, affine, rebuild, scale, sum } from "../affine.ts";
import { add, i32, mul, size } from "../build.ts";
import type { Buffer, Expr } from "../ir.ts";

export interface View {
  readonly buffer: Buffer;
  /** In elements; may hold the counters of enclosing loops. */
  readonly offset: Expr;
  readonly strides: readonly Dim[];
}

/** A whole buffer in row-major order. */
export function wholeView(buffer: Buffer, shape: Shape): View {
  return { buffer, offset: i32(0), strides: stridesOf(shape) };
}

/** The index of an element in the buffer of a view. */
export function indexOf(view: View, index: readonly Expr[]): Expr {
  let form: Affine = affine(view.offset);
  view.strides.forEach((stride, axis) => {
    form = sum(form, scale(affine(index[axis]), stride));
  });
  return rebuild(form);
}

/** Whether the elements lie in row-major order without gaps. Axes of size 1 do not count. */
export function isContiguous(view: View, shape: Shape): boolean {
  const dense = stridesOf(shape);
  return view.strides.every((stride, i) => shape[i] === 1 || equalDims(stride, dense[i]));
}

/** Whether two views are the same elements in the same order, as far as their texts tell. */
export function equalViews(a: View, b: View): boolean {
  const text = ({ offset, strides }: View): string => JSON.stringify([offset, strides]);
  return a.buffer === b.buffer && text(a) === text(b);
}

/** Whether a view is all of its buffer in row-major order. */
export function isWhole(view: View, shape: Shape): boolean {
  const fromStart = view.offset.kind === "const" && view.offset.value === 0;
  return fromStart && isContiguous(view, shape) && equalDims(view.buffer.size, sizeOf(shape));
}

/** The view of one position of the leading axis. */
export function row(view: View, at: Expr): View {
  return {
    buffer: view.buffer,
    offset: add(view.offset, mul(at, size(view.strides[0]))),
    strides: view.strides.slice(1),
  };
}

export function sliceView(view: View, { start, step }: OpParams["slice"]): View {
  return shifted({ ...view, strides: view.strides.map((s, i) => multiplyDims(s, step[i])) }, view.strides, start);
}

/** The part of a view that begins at `start`. */
export function partView(view: View, start: readonly Dim[]): View {
  return shifted(view, view.strides, start);
}

export function transposeView(view: View, { permutation }: OpParams["transpose"]): View {
  return { ...view, strides: permutation.map((axis) => view.strides[axis]) };
}

export function broadcastView(view: View, shape: Shape, { shape: to, axes }: OpParams["broadcast"]): View {
  const strides: Dim[] = to.map(() => 0);
  axes.forEach((axis, i) => {
    if (shape[i] !== 1) strides[axis] = view.strides[i];
  });
  return { ...view, strides };
}

export function reverseView(view: View, shape: Shape, { axes }: OpParams["reverse"]): View {
  const start = shape.map((dim, i): Dim => (axes.includes(i) ? subtractDims(dim, 1) : 0));
  const strides = view.strides.map((s, i) => (axes.includes(i) ? multiplyDims(s, -1) : s));
  return shifted({ ...view, strides }, view.strides, start);
}

/** The same elements in another shape; undefined where that takes more than strides. */
export function reshapeView(view: View, from: Shape, to: Shape): View | undefined {
  const strides = reshapeStrides(from, view.strides, to);
  return strides === undefined ? undefined : { ...view, strides };
}

/** Strides of `to` for elements that lie with `strides` in `from`. */
export function reshapeStrides(from: Shape, strides: readonly Dim[], to: Shape): Dim[] | undefined {
  const blocks = blocksOf(from, strides);
  // One run: no need to divide sizes, which need not be products.
  if (blocks.length === 1) return stridesOf(to).map((stride) => multiplyDims(stride, blocks[0].stride));
  const out: Dim[] = new Array(to.length);
  let block = blocks.pop();
  let left: Dim = block?.size ?? 1;
  let stride: Dim = block?.stride ?? 1;
  for (let axis = to.length - 1; axis >= 0; axis--) {
    out[axis] = stride;
    if (to[axis] === 1) continue;
    if (left === 1) {
      block = blocks.pop();
      if (block === undefined) return undefined;
      ({ size: left, stride } = block);
    }
    const rest = divideDims(left, to[axis]);
    if (rest === undefined) return undefined;
    out[axis] = stride;
    stride = multiplyDims(stride, to[axis]);
    left = rest;
  }
  return left === 1 && blocks.length === 0 ? out : undefined;
}

/** Runs of axes that lie one behind the other, as one axis each; outermost first. */
function blocksOf(shape: Shape, strides: readonly Dim[]): { size: Dim; stride: Dim }[] {
  const blocks: { size: Dim; stride: Dim }[] = [];
  for (let axis = 0; axis < shape.length; axis++) {
    if (shape[axis] === 1) continue;
    const last = blocks.at(-1);
    if (last !== undefined && equalDims(last.stride, multiplyDims(strides[axis], shape[axis]))) {
      blocks[blocks.length - 1] = { size: multiplyDims(last.size, shape[axis]), stride: strides[axis] };
    } else blocks.push({ size: shape[axis], stride: strides[axis] });
  }
  return blocks;
}

function shifted(view: View, strides: readonly Dim[], start: readonly Dim[]): View {
  const by = start.reduce<Dim>((total, dim, i) => addDims(total, multiplyDims(dim, strides[i])), 0);
  return { ...view, offset: add(view.offset, size(by)) };
}
