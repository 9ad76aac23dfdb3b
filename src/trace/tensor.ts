/**
 * Tensors as users hold them: concrete, with data in managed memory, or traced, standing for a value of a graph that
 * is being built. Immutable either way; there is nothing to dispose. Operations are functions, in the files beside.
 */

import { type Dim, equalDims, symbol } from "../base/dims.ts";
import { allocate, type DType, dtypes, type HostArray } from "../base/dtypes.ts";
import { DTypeError, OptionError, ShapeError } from "../base/errors.ts";
import { checkOptionNames } from "../base/names.ts";
import { formatShape, product, type Shape } from "../base/shapes.ts";
import type { Value } from "../graph/graph.ts";
import { isLent } from "../runtime/results.ts";
import type { Trace } from "./context.ts";

/** What a tensor is, without its data. Sizes may be symbols that are free until a call. */
export interface TensorSpec {
  readonly dtype: DType;
  readonly shape: Shape;
}

/** Writes every element of an array, whatever is in it. */
export type Fill = (elements: HostArray) => void;

/**
 * A short result of a program may lie in one block with others until somebody asks for its memory. What is still to be made
 * has no data, but says how.
 */
type Source =
  | { data: HostArray; isLent: boolean }
  | { data: HostArray | undefined; readonly fill: Fill; readonly isLent: false }
  | { readonly trace: Trace; readonly value: Value };

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
    const { source } = this;
    const elements = this.elements();
    if (!("data" in source) || !source.isLent) return elements;
    source.data = elements.slice();
    source.isLent = false;
    return source.data;
  }

  /** @internal The elements, for whoever reads them at once and lets go of the array. */
  elements(): HostArray {
    const { source } = this;
    if ("data" in source && source.data !== undefined) return source.data;
    if ("fill" in source) {
      const made = allocate(this.dtype, product(concreteShape(this)));
      source.fill(made);
      source.data = made;
      return made;
    }
    throw new OptionError(
      `tensor: expected a tensor with data, got one that is being traced, of shape ${formatShape(this.shape)}. Return it from the compiled function and read it there; inside, only operations know it.`,
    );
  }

  /** The elements as nested arrays; a number (or boolean) for a scalar. */
  toArray(): NestedArray {
    const data = this.elements();
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
    const data = this.elements();
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
    const elements = this.elements();
    const shown = Array.from(elements.subarray(0, 6), (x) => String(Number(x.toPrecision(6)))).join(", ");
    return `Tensor(${what}: ${shown}${elements.length > 6 ? ", ..." : ""})`;
  }

  /** What Node's console prints; other consoles show the fields. */
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toString();
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
 * The elements are copied. Raises ShapeError for ragged arrays or a shape of another number of elements, DTypeError
 * for an element that the type does not hold: use cast() to cut fractions off.
 */
export function tensor(data: NestedArray | HostArray | Float64Array | Uint8Array, options: TensorOptions = {}): Tensor {
  checkOptionNames("tensor", options, ["shape", "dtype"]);
  const flat: (number | boolean)[] = [];
  const nested = ArrayBuffer.isView(data) ? [data.length] : flatten(data, flat, []);
  const elements: ArrayLike<number | boolean> = ArrayBuffer.isView(data) ? data : flat;
  const shape = options.shape ?? nested;
  const dtype = options.dtype ?? inferDType(data, elements);
  const count = countOf("tensor", shape);
  if (count !== elements.length) {
    throw new ShapeError(
      `tensor: expected ${count} elements for shape ${formatShape(shape)}, got ${elements.length}. Give data and shape of the same size.`,
      { shapes: [shape], length: elements.length },
    );
  }
  const out = allocate(expectDType("tensor", dtype), count);
  for (let i = 0; i < count; i++) out[i] = elementOf("tensor", elements[i], dtype);
  return concrete({ dtype, shape: [...shape] }, out);
}

/** The number of elements of a shape whose sizes are known. */
export function countOf(where: string, shape: Shape): number {
  return shape.reduce<number>((product, size) => {
    if (typeof size === "number" && Number.isInteger(size) && size >= 0) return product * size;
    throw new ShapeError(
      `${where}: expected sizes that are whole numbers of 0 or more, got ${formatShape(shape)}. Check how they were computed.`,
      { shapes: [shape] },
    );
  }, 1);
}

/** The number that stands for an element in host data; what the type can not hold is refused, never cut or wrapped. */
export function elementOf(where: string, x: unknown, dtype: DType): number {
  const fits = dtype === "int32" ? x === Number(x) << 0 : typeof x === "number";
  if (fits || typeof x === "boolean") return dtype === "bool" ? Number(Boolean(x)) : Number(x);
  const whole = dtype === "int32" ? "whole numbers of 32 bits for int32" : "numbers or booleans";
  throw new DTypeError(
    `${where}: expected ${whole}, got ${describe(x)}. ${typeof x === "number" ? 'Use float32, or cast(x, "int32") to cut fractions off.' : "Convert the data to numbers first."}`,
    { dtype, got: x },
  );
}

/** A number as a scalar of a type. */
export function scalar(where: string, x: number, dtype: DType): Tensor {
  return concrete({ dtype, shape: [] }, allocate(dtype, 1).fill(elementOf(where, x, dtype)));
}

/** The element type, if it is one. */
export function expectDType(where: string, dtype: DType): DType {
  if (dtypes.includes(dtype)) return dtype;
  throw new DTypeError(`${where}: expected one of ${dtypes.join(", ")}, got "${dtype}". Choose one of these.`, {
    expected: dtypes,
    got: dtype,
  });
}

/** A value in error sentences: numbers as they are, else what kind of thing it is. */
export function describe(x: unknown): string {
  if (typeof x === "number") return String(x);
  return x === null ? "null" : Array.isArray(x) ? "an array" : typeof x;
}

/** Wraps an array without copying. The caller gives the array away. */
export function concrete(spec: TensorSpec, data: HostArray): Tensor {
  return new Tensor(spec, { data, isLent: false });
}

/**
 * A tensor whose elements are made when they are first asked for; a variable that begins as it has them made in its own
 * memory. `fill` may be called more than once.
 */
export function filled(spec: TensorSpec, fill: Fill): Tensor {
  return new Tensor(spec, { data: undefined, fill, isLent: false });
}

/** A tensor of a program's result. */
export function resultTensor(spec: TensorSpec, data: HostArray): Tensor {
  return new Tensor(spec, { data, isLent: isLent(data) });
}

/** The sizes of a tensor with data, which are numbers. */
export function concreteShape(x: Tensor): readonly number[] {
  return x.shape as readonly number[];
}

/**
 * The description of an argument: `spec(["b", "t", 12])` is float32 with two free sizes. Equal names are equal sizes;
 * `null` is a free size of its own. Names are made of letters, digits and underscores.
 */
export function spec(shape: readonly (Dim | string | null)[], dtype: DType = "float32"): TensorSpec {
  const sizes = shape.map((size) => (size === null ? anySize : typeof size === "string" ? symbol(size) : size));
  shape.forEach((size, i) => {
    const named = typeof size === "string" && /^[A-Za-z_]\w*$/.test(size);
    const known = typeof size === "number" && Number.isInteger(size) && size >= 0;
    if (named || known || size === null || typeof size === "object") return;
    throw new ShapeError(
      `spec: expected a whole number of 0 or more, a name or null for each size, got ${JSON.stringify(size)} for axis ${i}. Name free sizes as in spec(["b", "t", 12]).`,
      { axis: i, got: size },
    );
  });
  return { dtype: expectDType("spec", dtype), shape: sizes };
}

/** A free size without a name. */
const anySize = symbol("?");

/** Specs in which every size without a name has become one of its own. */
export function separateSizes(specs: readonly TensorSpec[]): TensorSpec[] {
  let next = 0;
  const separate = (dim: Dim): Dim => (equalDims(dim, anySize) ? symbol(`?${next++}`) : dim);
  return specs.map(({ dtype, shape }) => ({ dtype, shape: shape.map(separate) }));
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
