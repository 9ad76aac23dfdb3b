/**
 * Values while a graph of ONNX is traced: tensors of the trace, or known elements, among which may be sizes that are free
 * until the call. What exporters compute with shapes stays known to the end, so that it can be the shape of something.
 */
import { type Dim, isSymbolic } from "../../base/dims.ts";
import { allocate, type DType } from "../../base/dtypes.ts";
import { UnsupportedError } from "../../base/errors.ts";
import { product } from "../../base/shapes.ts";
import { concrete, dimension, expandDims, reshape, stack, Tensor } from "../../trace/index.ts";
import { hostTensorOf, type OnnxTensor } from "./messages.ts";

/** Elements that are known while tracing, row-major. Whole numbers may be larger than int32, as "to the end" in Slice is. */
export interface Known {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly elements: ArrayLike<Dim>;
}

/** ONNX's list of tensors: those that are known one by one, or all steps of a loop in one tensor [n, ...]. */
export interface Sequence {
  readonly items: readonly Value[];
  readonly stacked?: Tensor;
}

/** What a name of a graph stands for. */
export type Value = Tensor | Known | Sequence;

export function isKnown(value: Value | undefined): value is Known {
  return value !== undefined && !(value instanceof Tensor) && "elements" in value;
}

export function isSequence(value: Value | undefined): value is Sequence {
  return value !== undefined && !(value instanceof Tensor) && "items" in value;
}

/** More elements than this are computed with as tensors: what is folded are shapes and numbers. */
export const mostFolded = 4096;

/** Whole numbers in a list. */
export function knownList(elements: readonly Dim[]): Known {
  return { dtype: "int32", shape: [elements.length], elements };
}

export function knownScalar(element: Dim, dtype: DType = "int32"): Known {
  return { dtype, shape: [], elements: [element] };
}

/** A tensor of the file. */
export function knownOf(tensor: OnnxTensor, where: string): Known {
  const { elementType, data, dims } = tensor;
  if (elementType !== "int64" || tensor.external !== undefined) {
    const { dtype, shape, data: elements } = hostTensorOf(tensor, where);
    return { dtype, shape, elements };
  }
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  const elements = new Float64Array(data.length / 8);
  for (let i = 0; i < elements.length; i++) elements[i] = Number(view.getBigInt64(8 * i, true));
  return { dtype: "int32", shape: dims, elements };
}

const made = new WeakMap<Known, Tensor>();

/** Known elements as a tensor of the trace. */
export function tensorOf(value: Tensor | Known, where: string): Tensor {
  if (!isKnown(value)) return value;
  const known = made.get(value);
  if (known !== undefined) return known;
  const { dtype, shape, elements } = value;
  if (Array.isArray(elements) && elements.some((element) => typeof element !== "number")) return sizes(value);
  const tensor = concrete({ dtype, shape }, hostArray(value, where));
  made.set(value, tensor);
  return tensor;
}

/** Sizes that are free until the call, as int32. */
function sizes({ dtype, shape, elements }: Known): Tensor {
  const type = dtype === "bool" ? "int32" : dtype;
  const all = Array.from(elements, (element) => dimension(element, type));
  return shape.length === 0 ? all[0] : reshape(stack(all), shape);
}

function hostArray({ dtype, shape, elements }: Known, where: string) {
  if (dtype === "float32" && elements instanceof Float32Array) return elements;
  if (dtype !== "float32" && elements instanceof Int32Array) return elements;
  const out = allocate(dtype, product(shape));
  for (let i = 0; i < out.length; i++) {
    const element = Number(elements[i]);
    out[i] = element;
    if (dtype === "float32" || out[i] === element) continue;
    throw new UnsupportedError(
      `${where}: expected whole numbers of 32 bits, got ${element}. Recurve computes with int32: use smaller numbers.`,
      { got: element },
    );
  }
  return out;
}

/** The elements as plain numbers; undefined if one is a free size. */
export function numbersOf({ elements }: Known): readonly number[] | undefined {
  const all = Array.from(elements);
  return all.some((element) => isSymbolic(element)) ? undefined : all.map(Number);
}

/** A vector for a scalar. */
export function atLeastVector(x: Tensor): Tensor {
  return x.rank === 0 ? expandDims(x, 0) : x;
}

/** The same elements under other indices: element i of the result is element `from(i)`. */
export function picked({ dtype, elements }: Known, shape: readonly number[], from: (i: number) => number): Known {
  return { dtype, shape, elements: Array.from({ length: product(shape) }, (_, i) => elements[from(i)]) };
}
