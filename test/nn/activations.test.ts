/** Activations: values computed with Keras 3's formulas in float64, and gradients that stay finite. */
import { expect, test } from "vitest";
import { type Activation, activation, activationOf } from "../../src/nn/index.ts";
import { grad, sum, tensor } from "../../src/trace/index.ts";
import { random } from "../cells/cells.ts";
import { expectGradients, masked, maskOf } from "./layers.ts";

const xs = [-4, -1, -0.25, 0.5, 3];
const selu = (x: number) => 1.0507009873554805 * (x > 0 ? x : 1.6732632423543772 * (Math.exp(x) - 1));
const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
// Φ(x) to 10 digits, from a table of the normal distribution.
const phi = new Map([
  [-4, 0.00003167124184],
  [-1, 0.1586552539],
  [-0.25, 0.4012936743],
  [0.5, 0.6914624613],
  [3, 0.998650102],
]);

const formulas: readonly (readonly [Activation, (x: number) => number])[] = [
  ["linear", (x) => x],
  ["tanh", Math.tanh],
  ["relu", (x) => Math.max(x, 0)],
  ["sigmoid", sigmoid],
  ["softplus", (x) => Math.log(1 + Math.exp(x))],
  ["softsign", (x) => x / (1 + Math.abs(x))],
  ["elu", (x) => (x > 0 ? x : Math.exp(x) - 1)],
  [{ name: "elu", alpha: 0.5 }, (x) => (x > 0 ? x : 0.5 * (Math.exp(x) - 1))],
  ["selu", selu],
  ["gelu", (x) => x * (phi.get(x) as number)],
  ["silu", (x) => x * sigmoid(x)],
  ["swish", (x) => x * sigmoid(x)],
  ["hardSigmoid", (x) => Math.min(Math.max(x / 6 + 0.5, 0), 1)],
  ["leakyRelu", (x) => (x > 0 ? x : 0.2 * x)],
  [{ name: "leakyRelu", negativeSlope: 0.01 }, (x) => (x > 0 ? x : 0.01 * x)],
  ["exponential", Math.exp],
  ["mish", (x) => x * Math.tanh(Math.log(1 + Math.exp(x)))],
  ["relu6", (x) => Math.min(Math.max(x, 0), 6)],
  ["hardTanh", (x) => Math.min(Math.max(x, -1), 1)],
  ["hardSilu", (x) => (x * Math.min(Math.max(x + 3, 0), 6)) / 6],
  ["logSigmoid", (x) => Math.log(sigmoid(x))],
];

test.each(formulas.map(([activation, formula]) => [JSON.stringify(activation), activation, formula] as const))(
  "%s is its formula",
  (_name, activation, formula) => {
    const got = activationOf(activation)(tensor(xs)).data();
    xs.forEach((x, i) => {
      expect(got[i]).toBeCloseTo(formula(x), 5);
    });
  },
);

test("softmax is over the last axis", () => {
  const [a, b] = activationOf("softmax")(
    tensor([
      [0, Math.log(3)],
      [5, 5],
    ]),
  ).toArray() as number[][];
  expect(a[0]).toBeCloseTo(0.25, 6);
  expect(b).toEqual([0.5, 0.5]);
});

test("log-softmax is the logarithm of softmax, also where that is too small for a number", () => {
  const x = tensor([[1, 2, 3], [-200, 0, 5]]); // biome-ignore format: two rows
  const [a, b] = activationOf("logSoftmax")(x).toArray() as number[][];
  const softmax = activationOf("softmax")(x).toArray() as number[][];
  a.forEach((value, i) => {
    expect(value).toBeCloseTo(Math.log(softmax[0][i]), 5);
  });
  expect(b[0]).toBeCloseTo(-205 - Math.log(1 + Math.exp(-5)), 4);
});

test.each(
  ([...formulas.map(([one]) => one), "softmax", "logSoftmax"] as Activation[]).map((one) => [
    JSON.stringify(one),
    one,
  ]) as [string, Activation][],
)("gradients of %s are finite differences", (_name, chosen) => {
  expectGradients(masked(activation(chosen, { name: "layer" }), 3), [random([2, 4, 3], 1), maskOf([4, 2], 4)]);
});

test.each(formulas.filter(([one]) => one !== "exponential").map(([one]) => [JSON.stringify(one), one] as const))(
  "%s has finite gradients far out, where exponentials overflow",
  (_name, activation) => {
    const far = grad((x: ReturnType<typeof tensor>) => sum(activationOf(activation)(x)))(tensor([-1000, 1000]));
    expect([...far.data()].every(Number.isFinite)).toBe(true);
  },
);
