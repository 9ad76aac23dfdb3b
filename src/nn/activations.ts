/** Activation functions by name, with Keras's definitions. Each is a composition of tensor operations. */
import {
  abs,
  add,
  div,
  erf,
  exp,
  greater,
  logSoftmax,
  maximum,
  minimum,
  mul,
  neg,
  relu,
  where as select,
  sigmoid,
  softmax,
  softplus,
  sub,
  type Tensor,
  tanh,
} from "../trace/index.ts";
import { type Choice, choice, finiteNumber, type OptionRule, readChoice } from "./options.ts";

/** The names, and the rules of their options. */
export const activationRules = {
  linear: {},
  tanh: {},
  relu: {},
  sigmoid: {},
  softmax: {},
  softplus: {},
  softsign: {},
  elu: { alpha: finiteNumber(1) },
  selu: {},
  gelu: {},
  silu: {},
  swish: {},
  hardSigmoid: { slope: finiteNumber(1 / 6) },
  leakyRelu: { negativeSlope: finiteNumber(0.2) },
  exponential: {},
  mish: {},
  relu6: {},
  hardTanh: {},
  hardSilu: {},
  logSoftmax: {},
  logSigmoid: {},
} as const;

export type ActivationName = keyof typeof activationRules;

/** A name, or a name with options: `"relu"`, `{ name: "leakyRelu", negativeSlope: 0.1 }`. */
export type Activation = Choice<ActivationName>;

type Numbers = Readonly<Record<string, number>>;

// Klambauer et al. 2017, "Self-normalizing neural networks", section 2.
const seluAlpha = 1.6732632423543772;
const seluScale = 1.0507009873554805;

const functions: { readonly [K in ActivationName]: (x: Tensor, options: Numbers) => Tensor } = {
  linear: (x) => x,
  tanh,
  relu,
  sigmoid,
  softmax: (x) => softmax(x, -1),
  softplus,
  softsign: (x) => div(x, add(abs(x), 1)),
  elu: (x, { alpha }) => elu(x, alpha),
  selu: (x) => mul(elu(x, seluAlpha), seluScale),
  // x Φ(x), exact
  gelu: (x) => mul(mul(x, 0.5), add(erf(mul(x, Math.SQRT1_2)), 1)),
  silu: (x) => mul(x, sigmoid(x)),
  swish: (x) => mul(x, sigmoid(x)),
  // Keras 3, PyTorch. Keras 2 and TensorFlow.js mean clip(0.2 x + 0.5) by the same name: slope 0.2.
  hardSigmoid: (x, { slope }) => within(add(slope === 1 / 6 ? div(x, 6) : mul(x, slope), 0.5), 0, 1),
  leakyRelu: (x, { negativeSlope }) => select(greater(x, 0), x, mul(x, negativeSlope)),
  exponential: exp,
  // Misra 2019: x tanh(log(1 + e^x))
  mish: (x) => mul(x, tanh(softplus(x))),
  relu6: (x) => within(x, 0, 6),
  hardTanh: (x) => within(x, -1, 1),
  // Howard et al. 2019, "Searching for MobileNetV3", who call it hard swish: x relu6(x + 3) / 6
  hardSilu: (x) => mul(x, within(add(div(x, 6), 0.5), 0, 1)),
  logSoftmax: (x) => logSoftmax(x, -1),
  // log(1 / (1 + e^-x)) = -log(1 + e^-x)
  logSigmoid: (x) => neg(softplus(neg(x))),
};

/** The function that an activation stands for; the option's rule has checked it. */
export function activationOf(activation: Activation): (x: Tensor) => Tensor {
  const { name, options } = readChoice(activation, activationRules);
  return (x) => functions[name](x, options as Numbers);
}

/** The rule of an option that takes an activation. */
export function activationOption(fallback?: Activation): OptionRule<Activation> {
  return choice("activation", activationRules, fallback);
}

function within(x: Tensor, lowest: number, highest: number): Tensor {
  return minimum(maximum(x, lowest), highest);
}

// x > 0: x, else alpha (e^x - 1); the exponential sees no positive x, so that it can not overflow into the gradient.
function elu(x: Tensor, alpha: number): Tensor {
  return select(greater(x, 0), x, mul(sub(exp(minimum(x, 0)), 1), alpha));
}
