/** A loss at each of 300 steps of 128 rows over 38 classes: a multilayer network that reads text character by character. */
import { expect, test } from "vitest";
import { createTrainer, dense, lstmCell, oneHot, rnn, sequential, stackCells, tensor } from "../../src/index.ts";
import { randomIds } from "./data.ts";

test("the loss of a stack of two on [128, 300, 38] begins at the entropy of an even guess, and falls", () => {
  const [rows, steps, classes] = [128, 300, 38];
  const text = randomIds([rows, steps + 1], classes, 5).data();
  const window = (shift: number): Int32Array =>
    Int32Array.from(
      { length: rows * steps },
      (_, i) => text[Math.floor(i / steps) * (steps + 1) + (i % steps) + shift],
    );
  const model = sequential(
    [
      rnn(stackCells([lstmCell({ units: 6 }), lstmCell({ units: 5 })]), { returnSequences: true }),
      dense({ units: classes }),
    ],
    { input: { shape: [null, classes] }, seed: 1 },
  );
  const trainer = createTrainer(model, { loss: "sparseCategoricalCrossentropy", learningRate: 0.01 });
  const batch = {
    x: oneHot(tensor(window(0), { shape: [rows, steps] }), classes),
    y: tensor(window(1), { shape: [rows, steps] }),
  };
  const first = trainer.step(batch);
  // Outputs of a tanh scaled by Glorot's weights are far below 1, so the first guess is even to a few hundredths.
  expect(Math.abs(first.loss - Math.log(classes))).toBeLessThan(0.1);
  expect(first.gradientNorm).toBeGreaterThan(0);
  trainer.step(batch);
  expect(trainer.step(batch).loss).toBeLessThan(first.loss);
});
