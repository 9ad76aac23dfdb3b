/** Data that tests of guarantees share: any size, the same for the same seed. */
import { foldIn, keyFromSeed, uniformAt } from "../../src/base/random.ts";
import { type Tensor, tensor } from "../../src/index.ts";
import { sliceRows } from "../../src/train/data.ts";

/** Uniform numbers in [-1, 1). */
export function random(shape: readonly number[], seed = 1): Tensor {
  const key = foldIn(keyFromSeed(17), seed);
  const length = shape.reduce((product, size) => product * size, 1);
  return tensor(
    Float32Array.from({ length }, (_, i) => 2 * uniformAt(key, i) - 1),
    { shape },
  );
}

/** Whole numbers 0..below-1. */
export function randomIds(shape: readonly number[], below: number, seed = 1): Tensor {
  const key = foldIn(keyFromSeed(18), seed);
  const length = shape.reduce((product, size) => product * size, 1);
  return tensor(
    Int32Array.from({ length }, (_, i) => Math.floor(uniformAt(key, i) * below)),
    { shape },
  );
}

/** The largest difference between two tensors of one shape. */
export function distance(a: Tensor, b: Tensor): number {
  const [x, y] = [a.data(), b.data()];
  if (x.length !== y.length) return Number.POSITIVE_INFINITY;
  return Array.from(x, (value, i) => Math.abs(value - y[i])).reduce((most, value) => Math.max(most, value), 0);
}

/** Step t of x [b, t, ...] as [b, ...], cut on the host: no program is compiled for it. */
export function stepOf(x: Tensor, t: number): Tensor {
  const [b, steps, ...rest] = x.shape as number[];
  const width = rest.reduce((product, size) => product * size, 1);
  const data = x.data();
  const out = data.slice(0, b * width);
  for (let i = 0; i < b; i++) out.set(data.subarray((i * steps + t) * width, (i * steps + t + 1) * width), i * width);
  return tensor(out, { shape: [b, ...rest] });
}

/** Rows start..stop-1. */
export const rowsOf = (x: Tensor, start: number, stop: number): Tensor => sliceRows(x, start, stop);
