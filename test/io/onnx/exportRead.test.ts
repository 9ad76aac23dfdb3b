/** Files that Recurve has written, read by its own import: their graphs give what the models gave, within 1e-6. */
import { describe, expect, test } from "vitest";
import { leavesOf, mapTree } from "../../../src/base/trees.ts";
import { encodeOnnx } from "../../../src/io/onnx/export/encode.ts";
import { decodeOnnx } from "../../../src/io/onnx/index.ts";
import { lstm, rnn, type State, sequential } from "../../../src/nn/index.ts";
import { concat, slice, squeeze, type Tensor, zerosLike } from "../../../src/trace/index.ts";
import { cases } from "./export/cases.ts";
import { mgu } from "./export/cells.ts";
import { drawing, fill } from "./export/draw.ts";
import { write } from "./export/written.ts";

test.each(cases.map((one) => [one.name, one] as const))("%s", (name, one) => {
  const { bytes, arrays } = write(one);
  const graph = decodeOnnx(bytes, name);
  const given = graph.inputs.map((input) => [input.name, arrays[`in.${input.name}`]] as const);
  const got = graph.run(Object.fromEntries(given));
  for (const { name: output } of graph.outputs) {
    const expected = arrays[`out.${output}`];
    expect([output, got[output].dtype, got[output].shape]).toEqual([output, expected.dtype, expected.shape]);
    // A time divided by a period is rounded as often as it is computed.
    expectClose(got[output], expected, name === "phased" ? 1e-5 : 1e-6);
  }
});

describe("states", () => {
  const draw = drawing(7);
  const layers = [
    lstm({ units: 4, name: "low", returnSequences: true }),
    rnn(mgu({ units: 3 }), { name: "high", returnSequences: true }),
  ];
  const small = sequential(layers, { input: { name: "x", shape: [null, 3] } });
  fill(small, draw);
  const x = draw([2, 6, 3]);
  const whole = small.run(x);
  const zeros = (state: State): Record<string, Tensor> => byName(mapTree<Tensor, Tensor>(state, zerosLike) as State);

  test("that a call gives are where the next one goes on", () => {
    const graph = decodeOnnx(encodeOnnx(small), "small");
    const first = graph.run({ x: slice(x, 1, 0, 2), ...zeros(whole.state) });
    const second = graph.run({ x: slice(x, 1, 2, 6), ...asInputs(first) });
    expectClose(concat([first.high, second.high], 1), whole.outputs);
    expectClose(second["low.next.c"], whole.state.low.c);
  });

  test("go through one step after the other as through a whole sequence", () => {
    const graph = decodeOnnx(encodeOnnx(small, { step: true }), "small");
    let state = zeros(whole.state);
    for (let t = 0; t < 6; t++) {
      const step = graph.run({ x: squeeze(slice(x, 1, t, t + 1), 1), ...state });
      expectClose(step.high, squeeze(slice(whole.outputs, 1, t, t + 1), 1));
      state = asInputs(step);
    }
  });
});

/** What a call gave of states, as the next one takes it. */
function asInputs(outputs: Readonly<Record<string, Tensor>>): Record<string, Tensor> {
  const states = Object.entries(outputs).filter(([name]) => name.includes(".next."));
  return Object.fromEntries(states.map(([name, x]) => [name.replace(".next.", ".state."), x]));
}

function byName(state: State): Record<string, Tensor> {
  const parts = Object.entries(state).flatMap(([layer, tree]) =>
    leavesOf<Tensor>(tree).map(({ path, leaf }) => [`${layer}.state.${path}`, leaf] as const),
  );
  return Object.fromEntries(parts);
}

function expectClose(got: Tensor, expected: Tensor, limit = 1e-6): void {
  expect(got.shape).toEqual(expected.shape);
  const differences = Array.from(got.data(), (value, i) => Math.abs(value - expected.data()[i]));
  expect(Math.max(...differences)).toBeLessThanOrEqual(limit);
}
