/** Long short-term memory: Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000. One step. */
import { add, matmul, mul, split } from "../../trace/index.ts";
import { type Activation, activationOf, activationOption } from "../activations.ts";
import { type Initializer, initializerOption } from "../initializers.ts";
import { weight } from "../layer.ts";
import { flag, type Options, readOptions, wholeNumber } from "../options.ts";
import type { Cell } from "./cell.ts";
import { defineCell } from "./define.ts";
import type { SimpleRNNOptions } from "./simpleRNN.ts";

export interface LstmOptions extends SimpleRNNOptions {
  /** Of the three gates. */
  readonly recurrentActivation?: Activation;
  /** The forget gate's bias starts at one, whatever `biasInitializer` says of the others. */
  readonly unitForgetBias?: boolean;
}

/** The gates in order of memory, Keras's. */
const gates = ["input", "forget", "cell", "output"] as const;

/** The rules of the options, which the layer shares. */
export const lstmRules = {
  units: wholeNumber(),
  activation: activationOption("tanh"),
  recurrentActivation: activationOption("sigmoid"),
  useBias: flag(true),
  unitForgetBias: flag(true),
  kernelInitializer: initializerOption("glorotUniform", gates),
  recurrentInitializer: initializerOption("orthogonal", gates),
  biasInitializer: initializerOption("zeros", gates),
};

/**
 * With x [b, in], h and c [b, units], and `[i, f, g, o] = split(x W + h U + bias)`:
 *   `c' = σ(f) c + σ(i) tanh(g)`
 *   `h' = σ(o) tanh(c')`; the output is h'.
 * σ is `recurrentActivation`, tanh `activation`. Weights: kernel W [in, 4 units], recurrentKernel U [units, 4 units], bias [4 units].
 */
export function lstmCell(given: LstmOptions): Cell {
  const options = readOptions("lstmCell", given, lstmRules);
  const { units, useBias } = options;
  const activation = activationOf(options.activation);
  const gate = activationOf(options.recurrentActivation);
  return defineCell({
    name: "lstm",
    options: options as Options,
    params: (inputSize) => ({
      kernel: weight([inputSize, 4 * units], { initializer: options.kernelInitializer, gates }),
      recurrentKernel: weight([units, 4 * units], { initializer: options.recurrentInitializer, gates }),
      ...(useBias ? { bias: weight([4 * units], { initializer: firstBias(options), gates }) } : {}),
    }),
    state: { h: [units], c: [units] },
    step({ params: { kernel, recurrentKernel, bias }, state: { h, c }, x }) {
      const input = bias === undefined ? matmul(x, kernel) : add(matmul(x, kernel), bias);
      const [i, f, g, o] = split(add(input, matmul(h, recurrentKernel)), 4);
      const memory = add(mul(gate(f), c), mul(gate(i), activation(g)));
      const y = mul(gate(o), activation(memory));
      return { y, state: { h: y, c: memory } };
    },
  });
}

function firstBias({
  unitForgetBias,
  biasInitializer,
}: {
  unitForgetBias: boolean;
  biasInitializer: Initializer;
}): Initializer {
  if (!unitForgetBias) return biasInitializer;
  if (typeof biasInitializer === "object" && !("name" in biasInitializer))
    return { ...biasInitializer, forget: "ones" };
  return { forget: "ones", rest: biasInitializer as "zeros" };
}
