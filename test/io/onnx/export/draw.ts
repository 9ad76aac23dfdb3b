/** Numbers for written files that are the same on every machine: multiples of 1/128 from a generator of whole numbers. */
import type { DType } from "../../../../src/base/dtypes.ts";
import { product } from "../../../../src/base/shapes.ts";
import type { Model } from "../../../../src/nn/index.ts";
import { concrete, type Tensor } from "../../../../src/trace/index.ts";

export type Draw = (shape: readonly number[], dtype?: DType, below?: number) => Tensor;

/** Tensors of numbers between -0.5 and 0.5; whole numbers from 0 to `below` - 1; truth values. */
export function drawing(seed: number): Draw {
  let state = seed >>> 0;
  const next = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state >>> 8;
  };
  return (shape, dtype = "float32", below = 2) => {
    const count = product(shape);
    const data =
      dtype === "float32"
        ? Float32Array.from({ length: count }, () => ((next() % 127) - 63) / 128)
        : Int32Array.from({ length: count }, () => next() % below);
    return concrete({ dtype, shape }, data);
  };
}

/** Gives every weight of a model numbers of its own. */
export function fill(model: Model, draw: Draw): void {
  const drawn = Object.entries(model.weights()).map(([path, { shape }]) => {
    const value = draw(shape as readonly number[]);
    // What is divided by, or a logarithm is taken of, is positive.
    const isPositive = /variance|ratioOn|scale$/i.test(path);
    return [path, isPositive ? concrete(value, value.data().map((x) => x + 1) as Float32Array) : value] as const;
  });
  model.setWeights(Object.fromEntries(drawn));
}
