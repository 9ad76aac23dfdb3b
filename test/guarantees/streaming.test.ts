/**
 * Streamed one step at a time = run as a whole, to the last bit: a product sums in one order, in a tile of rows for a
 * whole sequence as in the single row of a push.
 */
import { expect, test } from "vitest";
import { dense, embedding, gru, lstm, sequential } from "../../src/index.ts";
import { cells, modelOf, names } from "../cells/cells.ts";
import { distance, random, randomIds, stepOf } from "./data.ts";

test.each(names)("%s: fifty pushes give the whole sequence's outputs and state, whatever the batch", (name) => {
  const model = modelOf(cells[name]());
  for (const batch of [1, 3, 8]) {
    const x = random([batch, 50, 2], batch);
    const whole = model.run(x);
    const stream = model.stream({ batch });
    for (let t = 0; t < 50; t++) {
      const y = stream.push(stepOf(x, t));
      expect(distance(y, stepOf(whole.outputs, t))).toBe(0);
    }
    // The state continues a whole run as well as its own does.
    const more = random([batch, 3, 2], 99);
    const a = model.run(more, { state: stream.state }).outputs;
    expect(distance(a, model.run(more, { state: whole.state }).outputs)).toBe(0);
  }
});

test("wide layers: 64 and 50 units, where products run in tiles", () => {
  const model = sequential(
    [
      embedding({ inputDim: 30, outputDim: 19 }),
      lstm({ units: 64, returnSequences: true }),
      gru({ units: 50, returnSequences: true, resetAfter: false }),
      dense({ units: 30, activation: "softmax" }),
    ],
    { input: { shape: [null], dtype: "int32" }, seed: 6 },
  );
  for (const batch of [1, 5]) {
    const x = randomIds([batch, 30], 30);
    const whole = model.run(x).outputs;
    const stream = model.stream({ batch });
    for (let t = 0; t < 30; t++) expect(distance(stream.push(stepOf(x, t)), stepOf(whole, t))).toBe(0);
  }
});
