/** The last step of sequences: as a slice, under masks of any pattern, its gradient, and as a step of a stream. */
import { describe, expect, test } from "vitest";
import {
  bidirectional,
  call,
  context,
  gru,
  input,
  lastStep,
  masking,
  modelFromDefinition,
  sequential,
} from "../../src/nn/index.ts";
import { concat, reshape, slice, tensor, zeros } from "../../src/trace/index.ts";
import { random } from "../cells/cells.ts";
import { expectClose, expectGradients, masked, maskOf, withRandomWeights } from "./layers.ts";

const holes = tensor([[1, 0, 1, 0, 0], [0, 0, 0, 0, 0], [0, 1, 1, 1, 1]], { dtype: "bool" }); // biome-ignore format: rows

test("it is the last slice along time, of features of any shape", () => {
  for (const features of [[3], [2, 3]]) {
    const net = sequential([lastStep()], { input: { shape: [null, ...features] } });
    expect(net.outputs[0].shape.map(String)).toEqual(["b", ...features.map(String)]);
    const x = random([2, 4, ...features], 1);
    expect(net.run(x).outputs).toEqual(reshape(slice(x, 1, 3, 4), [2, ...features]));
  }
});

describe("under a mask", () => {
  test("it is the last step of each row that counts, and zeros where none does", () => {
    const x = random([3, 5, 2], 1);
    const { outputs } = masked(lastStep(), 2).run([x, holes]);
    const at = (row: number, t: number) => reshape(slice(slice(x, 0, row, row + 1), 1, t, t + 1), [1, 2]);
    expectClose(outputs, concat([at(0, 2), zeros([1, 2]), at(2, 4)], 0), 1e-12);
  });

  test("padded is unpadded, and padding of NaN is not seen", () => {
    const x = random([1, 5, 2], 3);
    const nan = tensor(new Float32Array(8).fill(Number.NaN), { shape: [1, 4, 2] });
    const net = masked(lastStep(), 2);
    expectClose(net.run([concat([x, nan], 1), maskOf([5], 9)]).outputs, net.run([x, maskOf([5], 5)]).outputs, 1e-12);
  });

  test("gradients are finite differences, with and without", () => {
    expectGradients(masked(lastStep(), 2), [random([3, 5, 2], 1), holes]);
    expectGradients(sequential([lastStep()], { input: { shape: [null, 2] } }), [random([2, 3, 2], 1)]);
  });

  test("over outputs of every step it is what returnSequences: false gives", () => {
    const whole = withRandomWeights(
      sequential([masking(), gru({ units: 3, returnSequences: true, name: "g" }), lastStep()], {
        input: { shape: [null, 2] },
      }),
    );
    const alone = sequential([masking(), gru({ units: 3, name: "g" })], { input: { shape: [null, 2] } });
    alone.setWeights(whole.weights());
    const x = concat([random([2, 3, 2], 1), zeros([2, 2, 2])], 1);
    expectClose(whole.run(x).outputs, alone.run(x).outputs, 1e-12);
  });

  test("its output has none", () => {
    const masks = call(masking(), input({ shape: [null, 2] }));
    expect([masks.mask, call(lastStep(), masks).mask].map((one) => one !== undefined)).toEqual([true, false]);
  });
});

test("in a stream it is the step itself, and zeros at a masked one, as of a sequence of that step alone", () => {
  const net = withRandomWeights(
    sequential([gru({ units: 3, returnSequences: true }), lastStep()], { input: { shape: [null, 2] } }),
  );
  const x = random([2, 4, 2], 1);
  const stream = net.stream({ batch: 2 });
  for (let t = 0; t < 4; t++) {
    const now = stream.push(reshape(slice(x, 1, t, t + 1), [2, 2]));
    expectClose(now, net.run(slice(x, 1, 0, t + 1)).outputs);
  }
  const under = masked(lastStep(), 2);
  const step = [random([2, 2], 1), tensor([1, 0], { dtype: "bool" })] as const;
  const sequence = [reshape(step[0], [2, 1, 2]), reshape(step[1], [2, 1])];
  expectClose(under.step(step).outputs, under.run(sequence).outputs, 1e-12);
});

test("of both directions it is that of the last step of each, which returnSequences: false is not", () => {
  const layer = () => bidirectional(gru({ units: 2, returnSequences: true }), { name: "both" });
  const net = withRandomWeights(sequential([layer(), lastStep()], { input: { shape: [null, 2] } }));
  const steps = sequential([layer()], { input: { shape: [null, 2] } });
  steps.setWeights(net.weights());
  const x = random([2, 4, 2], 1);
  expectClose(net.run(x).outputs, reshape(slice(steps.run(x).outputs, 1, 3, 4), [2, 4]), 1e-12);
});

test("it is stored, and says what it expects", () => {
  const net = sequential([lastStep({ name: "end" })], { input: { shape: [null, 2] } });
  const again = modelFromDefinition(JSON.parse(JSON.stringify(net.definition())));
  const x = random([1, 3, 2], 1);
  expect(again.forward({ params: {}, inputs: [x], context: context() }).outputs[0]).toEqual(net.run(x).outputs);
  const over = (shape: readonly number[]) => sequential([lastStep({ name: "end" })], { input: { shape } });
  expect(() => over([2])).toThrow(
    'lastStep "end": expected a sequence [batch, time, ...], got [b, 2]. If a recurrent layer is below, give it returnSequences: true.',
  );
  expect(() => call(lastStep(), input({ shape: [null, 1], dtype: "bool" }))).toThrow("expected a float32 input");
  expect(() => lastStep({ units: 2 } as never)).toThrow("units");
});
