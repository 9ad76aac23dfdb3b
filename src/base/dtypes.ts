/** The element types of tensors and how host memory holds them. Every element is four bytes wide. */

export const dtypes = ["float32", "int32", "bool"] as const;

export type DType = (typeof dtypes)[number];

/** Host data of a tensor: `bool` is held as 0 and 1 in an `Int32Array`. The interpreter computes in `Float64Array`. */
export type HostArray = Float32Array | Int32Array;

export const bytesPerElement = 4;

/** A zero-filled host array for `count` elements. */
export function allocate(dtype: DType, count: number): HostArray {
  return dtype === "float32" ? new Float32Array(count) : new Int32Array(count);
}
