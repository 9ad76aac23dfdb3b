/** The small models and data that tests of training share. */
import { keyFromSeed, uniformAt } from "../../src/base/random.ts";
import { dense, dropout, embedding, gru, type Model, sequential } from "../../src/nn/index.ts";
import { type Tensor, tensor } from "../../src/trace/index.ts";

/** Ids 0..classes-1 in random order. */
export function randomIds(seed: number, length: number, classes: number): Int32Array {
  const key = keyFromSeed(seed);
  return Int32Array.from({ length }, (_, i) => Math.floor(uniformAt(key, i) * classes));
}

/** Embedding, GRU, dropout, and logits for the next id. */
export function idModel(options: { classes: number; units?: number; rate?: number; seed?: number }): Model<Tensor> {
  const { classes, units = 6, rate = 0, seed = 1 } = options;
  return sequential(
    [
      embedding({ inputDim: classes, outputDim: 4 }),
      gru({ units, returnSequences: true, name: "reader" }),
      dropout({ rate }),
      dense({ units: classes, name: "logits" }),
    ],
    { input: { shape: [null], dtype: "int32", name: "ids" }, seed },
  );
}

/** A GRU over rows of features, and one number (or more) at the end. */
export function rowModel(
  options: { features?: number; units?: number; outputs?: number; seed?: number } = {},
): Model<Tensor> {
  const { features = 2, units = 4, outputs = 1, seed = 1 } = options;
  return sequential([gru({ units, name: "reader" }), dense({ units: outputs, name: "head" })], {
    input: { shape: [null, features], name: "rows" },
    seed,
  });
}

/** n sequences of random rows, and the mean of their first feature as target. */
export function meansTask(seed: number, n: number, steps = 5): { x: Tensor; y: Tensor } {
  const key = keyFromSeed(seed);
  const x = Float32Array.from({ length: n * steps * 2 }, (_, i) => uniformAt(key, i) * 2 - 1);
  const y = Float32Array.from({ length: n }, (_, i) => {
    let total = 0;
    for (let t = 0; t < steps; t++) total += x[(i * steps + t) * 2];
    return total / steps;
  });
  return { x: tensor(x, { shape: [n, steps, 2] }), y: tensor(y, { shape: [n, 1] }) };
}

/** The weights of a model as plain arrays, for comparison to the last bit. */
export function weightsOf(model: Model): Record<string, number[]> {
  return Object.fromEntries(Object.entries(model.weights()).map(([path, value]) => [path, [...value.data()]]));
}
