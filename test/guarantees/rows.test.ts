/**
 * Rows of a batch do not know of each other: what a row gives does not depend, to the last bit, on how many
 * rows lie beside it and which.
 */
import { expect, test } from "vitest";
import { concat, dense, embedding, gru, lstm, sequential, type Tensor } from "../../src/index.ts";
import { cells, modelOf, names } from "../cells/cells.ts";
import { distance, random, randomIds, rowsOf } from "./data.ts";

const row = (x: Tensor, i: number): Tensor => rowsOf(x, i, i + 1);

test.each(names)("%s: a row alone, among four and among eight others", (name) => {
  const model = modelOf(cells[name]());
  const x = random([9, 12, 2], 3);
  const alone = model.run(row(x, 0)).outputs;
  for (const b of [2, 5, 9]) expect(distance(row(model.run(rowsOf(x, 0, b)).outputs, 0), alone)).toBe(0);
});

test.each(names)("%s: among as many others, and in another place", (name) => {
  const model = modelOf(cells[name]());
  const x = random([5, 12, 2], 3);
  const other = random([5, 12, 2], 4);
  const mixed = concat([rowsOf(other, 1, 5), row(x, 0)], 0);
  expect(distance(row(model.run(mixed).outputs, 4), row(model.run(x).outputs, 0))).toBe(0);
});

test("wide layers, where products run in tiles: a row alone is the row among others", () => {
  const model = sequential(
    [
      embedding({ inputDim: 30, outputDim: 19 }),
      lstm({ units: 64, returnSequences: true }),
      gru({ units: 50 }),
      dense({ units: 5 }),
    ],
    { input: { shape: [null], dtype: "int32" }, seed: 6 },
  );
  const x = randomIds([33, 20], 30);
  const together = model.run(x).outputs;
  for (const i of [0, 5, 32]) expect(distance(row(together, i), model.run(row(x, i)).outputs)).toBe(0);
  expect(distance(rowsOf(together, 0, 5), model.run(rowsOf(x, 0, 5)).outputs)).toBe(0);
});
