/** The number of rows and steps may change at every call, and nothing is compiled again. */
import { expect, test } from "vitest";
import { createTrainer, dense, gru, sequential } from "../../src/index.ts";
import { random } from "./data.ts";
import { oneProgram, watchModules } from "./modules.ts";

const sizes = Array.from({ length: 50 }, (_, i) => ({ b: 1 + (i % 7), t: 1 + ((i * 11) % 50) }));
const network = () =>
  sequential([gru({ units: 3, returnSequences: true }), dense({ units: 2 })], {
    input: { shape: [null, 2] },
    seed: 1,
  });

test("fifty kinds of batches run with one program", () => {
  const model = network();
  const { modules } = watchModules(() => {
    for (const { b, t } of sizes) expect(model.run(random([b, t, 2])).outputs.shape).toEqual([b, t, 2]);
  });
  expect(model.programs).toBe(1);
  expect(modules.length).toBe(oneProgram);
});

test("fifty kinds of batches are trained on with one program", () => {
  const trainer = createTrainer(network(), { loss: "meanSquaredError" });
  const { modules } = watchModules(() => {
    for (const { b, t } of sizes) trainer.step({ x: random([b, t, 2]), y: random([b, t, 2], 2) });
  });
  expect(trainer.steps).toBe(50);
  expect(modules.length).toBe(oneProgram);
});
