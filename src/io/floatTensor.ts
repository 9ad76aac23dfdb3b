/** Tensors of files as weights: float32, and with their axes turned round where another program keeps them so. */
import { concrete, type Tensor } from "../trace/index.ts";
import type { HostTensor } from "./hostTensor.ts";

/** A tensor of a file as one of a program: float32; nothing is copied if it is that already. */
export function floatTensor({ shape, data }: HostTensor): Tensor {
  return concrete({ dtype: "float32", shape }, data instanceof Float32Array ? data : Float32Array.from(data));
}

/** The same numbers with all axes in reverse order: a matrix is transposed. */
export function turnedRound({ dtype, shape, data }: HostTensor): HostTensor {
  const out = data instanceof Float32Array ? new Float32Array(data.length) : new Int32Array(data.length);
  const sizes = shape.toReversed();
  // Element [i, j, k] of the result is [k, j, i] of the source: the strides of the source, last axis first.
  const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((a, b) => a * b, 1)).reverse();
  const copy = (axis: number, from: number, to: number): number => {
    if (axis === sizes.length) {
      out[to] = data[from];
      return to + 1;
    }
    let at = to;
    for (let i = 0; i < sizes[axis]; i++) at = copy(axis + 1, from + i * strides[axis], at);
    return at;
  };
  copy(0, 0, 0);
  return { dtype, shape: sizes, data: out };
}
