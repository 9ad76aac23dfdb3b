/** The text generator of every tutorial: trained on windows of 100 ids, then asked for one id at a time. */
import { expect, test } from "vitest";
import type { State } from "../../src/index.ts";
import { createTrainer, dense, embedding, gru, reshape, sequential } from "../../src/index.ts";
import { distance, randomIds, stepOf } from "./data.ts";

test("trained at 16 rows of 100 steps, used at one row and one step, with no rebuild and no copy of weights", () => {
  const model = sequential(
    [
      embedding({ inputDim: 20, outputDim: 8 }),
      gru({ units: 16, returnSequences: true, recurrentInitializer: "glorotUniform" }),
      dense({ units: 20 }),
    ],
    { input: { shape: [null], dtype: "int32" }, seed: 1 },
  );
  const trainer = createTrainer(model, { loss: "sparseCategoricalCrossentropy" });
  for (let i = 0; i < 3; i++) trainer.step({ x: randomIds([16, 100], 20, i), y: randomIds([16, 100], 20, i + 50) });
  const x = randomIds([1, 40], 20, 7);
  const whole = model.run(x);
  let state: State | undefined;
  for (let t = 0; t < 40; t++) {
    const id = stepOf(x, t);
    // As a sequence of length one, and as a step: the same model, the same weights, the same numbers.
    const asSequence = model.run(reshape(id, [1, 1]), { state });
    const asStep = model.step(id, { state });
    const want = stepOf(whole.outputs, t);
    expect(distance(stepOf(asSequence.outputs, 0), want)).toBe(0);
    expect(distance(asStep.outputs, want)).toBe(0);
    state = asSequence.state;
  }
});
