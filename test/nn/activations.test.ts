/** Activations: values computed with Keras 3's formulas in float64, and gradients that stay finite. */
import { expect, test } from "vitest";
import { type Activation, activationOf } from "../../src/nn/index.ts";
import { grad, sum, tensor } from "../../src/trace/index.ts";

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

test.each(formulas.filter(([one]) => one !== "exponential").map(([one]) => [JSON.stringify(one), one] as const))(
  "%s has finite gradients far out, where exponentials overflow",
  (_name, activation) => {
    const far = grad((x: ReturnType<typeof tensor>) => sum(activationOf(activation)(x)))(tensor([-1000, 1000]));
    expect([...far.data()].every(Number.isFinite)).toBe(true);
  },
);
