/** Sentiment of film reviews: 80 ids below 2000, batches of 32; the shape on which SimpleRNN is said to be slow. */
import { expect, test } from "vitest";
import {
  accuracy,
  cast,
  createTrainer,
  dense,
  embedding,
  greater,
  lstm,
  sequential,
  simpleRNN,
} from "../../src/index.ts";
import { random, randomIds } from "./data.ts";

test.each([
  { layer: simpleRNN({ units: 8 }), parameters: 256_000 + 1_096 + 9 },
  { layer: lstm({ units: 8 }), parameters: 256_000 + 4_384 + 9 },
])(
  "Embedding(2000, 128), $layer.kind of 8 units and one output train on 32 rows of 80 steps",
  ({ layer, parameters }) => {
    const model = sequential([embedding({ inputDim: 2000, outputDim: 128 }), layer, dense({ units: 1 })], {
      input: { shape: [null], dtype: "int32" },
      seed: 1,
    });
    // As Keras counts them.
    expect(model.parameterCount).toBe(parameters);
    const trainer = createTrainer(model, { loss: "binaryCrossentropy", metrics: [accuracy] });
    const batch = { x: randomIds([32, 80], 2000), y: cast(greater(random([32, 1]), 0), "float32") };
    const first = trainer.step(batch).loss;
    expect(Math.abs(first - Math.LN2)).toBeLessThan(0.1);
    for (let i = 0; i < 10; i++) trainer.step(batch);
    expect(trainer.step(batch).loss).toBeLessThan(first);
  },
);
