/**
 * Tensors as users hold them: concrete, with data in managed memory, or traced, standing for a value of a graph that
 * is being built. Immutable either way; there is nothing to dispose. Operations are functions, in the files beside.
 */

import type { Dim } from "../base/dims.ts";
import { symbol } from "../base/dims.ts";
import { allocate, type DType, type HostArray } from "../base/dtypes.ts";
import { OptionError, ShapeError } from "../base/errors.ts";
import { formatShape, type Shape } from "../base/shapes.ts";
import type { Value } from "../graph/graph.ts";
import type { Trace } from "./context.ts";

/** What a tensor is, without its data. Sizes may be symbols that are free until a call. */
export interface TensorSpec {
  readonly dtype: DType;
  readonly shape: Shape;
}

type Source = { readonly data: HostArray } | { readonly trace: Trace; readonly value: Value };

/** A multi-dimensional array of float32, int32 or bool. */
export class Tensor {
  readonly shape: Shape;
  readonly dtype: DType;
  /** @internal */
  readonly source: Source;

  /** @internal Use `tensor()`. */
  constructor(spec: TensorSpec, source: Source) {
    this.shape = spec.shape;
    this.dtype = spec.dtype;
    this.source = source;
  }

  /** The number of axes. */
  get rank(): number {
    return this.shape.length;
  }

  /** The elements in row-major order; the tensor's own memory, not to be written to. bool is 0 and 1. */
  data(): HostArray {
    if ("data" in this.source) return this.source.data;
    throw new OptionError(
      `tensor: expected a tensor with data, got one that is being traced, of shape ${formatShape(this.shape)}. Return it from the compiled function and read it there; inside, only operations know it.`,
    );
  }

  /** The elements as nested arrays; a number (or boolean) for a scalar. */
  toArray(): NestedArray {
    const data = this.data();
    const shape = concreteShape(this);
    let next = 0;
    const build = (axis: number): NestedArray => {
      if (axis === shape.length) return this.dtype === "bool" ? data[next++] !== 0 : data[next++];
      return Array.from({ length: shape[axis] }, () => build(axis + 1));
    };
    return build(0);
  }

  /** The only element. */
  item(): number {
    const data = this.data();
    if (data.length === 1) return data[0];
    throw new ShapeError(
      `item: expected a tensor of one element, got shape ${formatShape(this.shape)}. Use toArray() or data().`,
      {
        shapes: [this.shape],
      },
    );
  }

  toString(): string {
    const what = `${this.dtype} ${formatShape(this.shape)}`;
    if (!("data" in this.source)) return `Tensor(${what}, traced)`;
    const shown = Array.from(this.source.data.subarray(0, 6), (x) => String(x)).join(", ");
    return `Tensor(${what}: ${shown}${this.source.data.length > 6 ? ", ..." : ""})`;
  }

  /** Optional: concrete tensors live in managed memory, so there is nothing that must be freed. */
  [Symbol.dispose](): void {}
}

export type NestedArray = number | boolean | readonly NestedArray[];

/** A tensor, or a number that takes part as a scalar of the other operand's type. */
export type Tensorlike = Tensor | number;

export interface TensorOptions {
  /** Row-major shape; taken from the nesting of the arrays if not given. */
  readonly shape?: readonly number[];
  /** float32 for numbers, bool for booleans, int32 for Int32Array if not given. */
  readonly dtype?: DType;
}

/**
 * A tensor with data: `tensor([[1, 2], [3, 4]])`, `tensor(new Float32Array(6), { shape: [2, 3] })`.
 * The elements are copied. Raises ShapeError for ragged arrays or a shape of another number of elements.
 */
export function tensor(data: NestedArray | HostArray | Float64Array | Uint8Array, options: TensorOptions = {}): Tensor {
  const flat: (number | boolean)[] = [];
  const nested = ArrayBuffer.isView(data) ? [data.length] : flatten(data, flat, []);
  const elements: ArrayLike<number | boolean> = ArrayBuffer.isView(data) ? data : flat;
  const shape = options.shape ?? nested;
  const dtype = options.dtype ?? inferDType(data, elements);
  const count = shape.reduce((product, size) => product * size, 1);
  if (count !== elements.length) {
    throw new ShapeError(
      `tensor: expected ${count} elements for shape ${formatShape(shape)}, got ${elements.length}. Give data and shape of the same size.`,
      { shapes: [shape], length: elements.length },
    );
  }
  const out = allocate(dtype, count);
  for (let i = 0; i < count; i++) out[i] = dtype === "bool" ? Number(Boolean(elements[i])) : Number(elements[i]);
  return concrete({ dtype, shape: [...shape] }, out);
}

/** Wraps an array without copying. The caller gives the array away. */
export function concrete(spec: TensorSpec, data: HostArray): Tensor {
  return new Tensor(spec, { data });
}

export function isConcrete(x: Tensor): boolean {
  return "data" in x.source;
}

/** The sizes of a tensor with data, which are numbers. */
export function concreteShape(x: Tensor): readonly number[] {
  return x.shape as readonly number[];
}

/**
 * The description of an argument: `spec(["b", "t", 12])` is float32 with two free sizes. Equal names are equal sizes;
 * `null` is a free size of its own.
 */
export function spec(shape: readonly (Dim | string | null)[], dtype: DType = "float32"): TensorSpec {
  return {
    dtype,
    shape: shape.map((size, axis) =>
      size === null ? symbol(`axis${axis}`) : typeof size === "string" ? symbol(size) : size,
    ),
  };
}

function flatten(data: NestedArray, out: (number | boolean)[], path: readonly number[]): number[] {
  if (!Array.isArray(data)) {
    out.push(data as number | boolean);
    return [];
  }
  let inner: number[] | undefined;
  data.forEach((child: NestedArray, i: number) => {
    const shape = flatten(child, out, [...path, i]);
    if (inner === undefined) inner = shape;
    else if (shape.join() !== inner.join()) {
      throw new ShapeError(
        `tensor: expected rows of one shape, got ${formatShape(shape)} at [${[...path, i].join("][")}] after ${formatShape(inner)}. Pad the rows to one length.`,
        { path: [...path, i], shapes: [inner, shape] },
      );
    }
  });
  return [data.length, ...(inner ?? [])];
}

function inferDType(data: unknown, elements: ArrayLike<number | boolean>): DType {
  if (data instanceof Int32Array) return "int32";
  return elements.length > 0 && typeof elements[0] === "boolean" ? "bool" : "float32";
}
