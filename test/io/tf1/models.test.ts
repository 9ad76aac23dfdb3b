/** Models of TensorFlow 1 checkpoints compute what the graphs that were saved compute: outputs and final states. */
import { expect, test } from "vitest";
import { leavesOf, type Tree } from "../../../src/base/trees.ts";
import { modelFromTf1, type Tf1ModelOptions } from "../../../src/io/tf1/infer.ts";
import type { State } from "../../../src/nn/index.ts";
import type { Tensor } from "../../../src/trace/index.ts";
import { expectClose, tensorOf } from "../closeness.ts";
import { readCase } from "./cases.ts";

const cases: Readonly<Record<string, Tf1ModelOptions>> = {
  "basic-lstm": { output: "last" },
  "basic-rnn": {},
  "lstm-no-forget-bias": { forgetBias: 0 },
  "lstm-peepholes-projection": {},
  "gru-words": {},
  multi: {},
  bidirectional: {},
  "bidirectional-multi": {},
  "stack-bidirectional": {},
  "bidirectional-2017": {},
  "basic-lstm-2016": {},
  partitioned: {},
  sharded: {},
};

test.each(Object.entries(cases))("%s: outputs and final states are TensorFlow's", (name, options) => {
  const { variables, numbers } = readCase(name);
  const { model } = modelFromTf1(variables, { ...options, where: `${name}.index` });
  const { outputs, state } = model.run(tensorOf(numbers["in.x"]));
  expect(outputs.shape).toEqual(numbers["out.y"].shape);
  expectClose(outputs.data(), numbers["out.y"].data, "outputs");
  for (const part of ["h", "c"]) {
    const expected = Object.keys(numbers).filter((key) => key.startsWith("state.") && key.endsWith(`.${part}`));
    expectClose(
      statesOf(state, part),
      expected.flatMap((key) => [...numbers[key].data]),
      `states ${part}`,
    );
  }
});

/** Of all runs: layers bottom first, forward before backward, then the cells of a stack. */
function statesOf(state: State, part: string): number[] {
  const leaves = leavesOf<Tensor>(state as Tree<Tensor>).filter(({ path }) => path.split(".").at(-1) === part);
  return leaves.flatMap(({ leaf }) => [...leaf.data()]);
}
