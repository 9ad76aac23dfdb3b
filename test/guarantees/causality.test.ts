/** What happens at a step changes no output before it: to the last bit, for every cell and in a deep model. */
import { expect, test } from "vitest";
import { dense, embedding, gru, lstm, type Model, sequential, type Tensor, tensor } from "../../src/index.ts";
import { cells, modelOf, names } from "../cells/cells.ts";
import { random, randomIds } from "./data.ts";

const [b, t] = [3, 17];

/** The first step at which two outputs [b, t, ...] differ, or t. */
function firstDifference(x: Tensor, y: Tensor): number {
  const width = x.data().length / (b * t);
  const [p, q] = [x.data(), y.data()];
  let first = t;
  for (let i = 0; i < p.length; i++) if (!Object.is(p[i], q[i])) first = Math.min(first, Math.floor(i / width) % t);
  return first;
}

function changedAt(x: Tensor, step: number, change: (value: number) => number): Tensor {
  const data = x.data().slice();
  const width = data.length / (b * t);
  data.forEach((value, i) => {
    if (Math.floor(i / width) % t === step) data[i] = change(value);
  });
  return tensor(data, { shape: x.shape as number[] });
}

function expectCausal(model: Model<Tensor>, x: Tensor, change: (value: number) => number): void {
  const before = model.run(x).outputs;
  for (const step of [0, 1, 8, t - 1])
    expect(firstDifference(before, model.run(changedAt(x, step, change)).outputs)).toBe(step);
}

test.each(names)("%s: an output depends on its own step and earlier ones", (name) => {
  expectCausal(modelOf(cells[name]()), random([b, t, 2]), (value) => value + 0.5);
});

test("so it is through an embedding, two layers and a head", () => {
  const model = sequential(
    [
      embedding({ inputDim: 7, outputDim: 3, embeddingsInitializer: "glorotUniform" }),
      lstm({ units: 4, returnSequences: true }),
      gru({ units: 3, returnSequences: true }),
      dense({ units: 2 }),
    ],
    { input: { shape: [null], dtype: "int32" }, seed: 4 },
  );
  expectCausal(model, randomIds([b, t], 7), (id) => (id + 1) % 7);
});
