/** The same seed gives the same bits: weights, training with dropout and shuffling, and what is generated after it. */
import { expect, test } from "vitest";
import { batches, dense, dropout, embedding, fit, lstm, sequential, type Tensor } from "../../src/index.ts";
import { randomIds } from "./data.ts";

async function train(seed: number): Promise<{ weights: Record<string, number[]>; losses: number[] }> {
  const model = sequential(
    [
      embedding({ inputDim: 6, outputDim: 3 }),
      lstm({ units: 4, returnSequences: true }),
      dropout({ rate: 0.3 }),
      dense({ units: 6 }),
    ],
    { input: { shape: [null], dtype: "int32" }, seed },
  );
  const data = batches(randomIds([12, 9], 6, 1), randomIds([12, 9], 6, 2), { batchSize: 5, seed });
  const { rows } = await fit(model, data, { loss: "sparseCategoricalCrossentropy", epochs: 3, seed });
  const weights = Object.entries(model.weights()).map(([path, w]: [string, Tensor]) => [path, [...w.data()]]);
  return { weights: Object.fromEntries(weights), losses: rows.map(({ loss }) => loss) };
}

test("two fresh models with one seed train to the same weights, bit for bit", async () => {
  const [first, second] = [await train(3), await train(3)];
  expect(second).toEqual(first);
});

test("another seed gives other weights", async () => {
  expect((await train(4)).weights).not.toEqual((await train(3)).weights);
});
