/** The activations that ONNX's recurrent operators have, with their numbers: what is missing here goes the general way. */
import type { Activation, ActivationName } from "../../../nn/index.ts";

/** An activation function of the operators RNN, GRU and LSTM. */
export interface OnnxActivation {
  readonly name: string;
  readonly alpha?: number;
  readonly beta?: number;
}

type Numbers = Readonly<Record<string, unknown>>;

const activations: { readonly [N in ActivationName]?: (options: Numbers) => OnnxActivation } = {
  tanh: () => ({ name: "Tanh" }),
  sigmoid: () => ({ name: "Sigmoid" }),
  relu: () => ({ name: "Relu" }),
  linear: () => ({ name: "Affine", alpha: 1, beta: 0 }),
  hardSigmoid: ({ slope = 1 / 6 }) => ({ name: "HardSigmoid", alpha: Number(slope), beta: 0.5 }),
  leakyRelu: ({ negativeSlope = 0.2 }) => ({ name: "LeakyRelu", alpha: Number(negativeSlope) }),
  elu: ({ alpha = 1 }) => ({ name: "Elu", alpha: Number(alpha) }),
  softsign: () => ({ name: "Softsign" }),
  softplus: () => ({ name: "Softplus" }),
};

/** The function of ONNX that an activation is; undefined where there is none. */
export function onnxActivation(activation: Activation): OnnxActivation | undefined {
  const { name, ...options } = typeof activation === "string" ? { name: activation } : activation;
  return activations[name]?.(options);
}
