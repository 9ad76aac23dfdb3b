/** Comparing numbers with those of another program. */
import { expect } from "vitest";
import type { HostTensor } from "../../src/io/hostTensor.ts";
import { concrete, type Tensor } from "../../src/trace/index.ts";

/** The largest difference, which must be below 1e-5; of values above 1 it is the part of them that counts. */
export function expectClose(got: ArrayLike<number>, expected: ArrayLike<number>, what: string): number {
  expect(got.length, what).toBe(expected.length);
  let largest = 0;
  for (let i = 0; i < got.length; i++) {
    largest = Math.max(largest, Math.abs(got[i] - expected[i]) / Math.max(1, Math.abs(expected[i])));
  }
  expect(largest, what).toBeLessThan(1e-5);
  return largest;
}

export function tensorOf({ dtype, shape, data }: HostTensor): Tensor {
  return concrete({ dtype, shape }, data);
}
