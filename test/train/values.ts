/** What the tests of training share: numbers of Keras as tensors, and comparison by the larger of 1 and the size. */
import { readFileSync } from "node:fs";
import { expect } from "vitest";
import { type Tensor, tensor } from "../../src/trace/index.ts";

export interface FixtureArray {
  readonly shape: readonly number[];
  readonly data: readonly number[];
}

export function fixture(name: string): Record<string, unknown> {
  return JSON.parse(readFileSync(new URL(`../parity/fixtures/${name}.json`, import.meta.url), "utf8"));
}

export function fromFixture({ shape, data }: FixtureArray, dtype: "float32" | "int32" = "float32"): Tensor {
  return tensor(Float64Array.from(data), { shape, dtype });
}

/** float32 keeps 7 digits; a few operations lose part of the last one. */
export function expectClose(got: ArrayLike<number>, expected: ArrayLike<number>, tolerance = 2e-6): void {
  expect(got.length).toBe(expected.length);
  for (let i = 0; i < expected.length; i++) {
    const difference = Math.abs(got[i] - expected[i]) / Math.max(1, Math.abs(expected[i]));
    if (!(difference <= tolerance)) expect.fail(`element ${i}: expected ${expected[i]}, got ${got[i]}`);
  }
}
