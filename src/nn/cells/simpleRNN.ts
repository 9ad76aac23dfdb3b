/** The simple recurrent cell of Elman 1990, "Finding structure in time". One step; the loop is in `rnn.ts`. */
import { add, matmul } from "../../trace/index.ts";
import { type Activation, activationOf, activationOption } from "../activations.ts";
import { type Initializer, initializerOption } from "../initializers.ts";
import { weight } from "../layer.ts";
import { flag, type Options, readOptions, wholeNumber } from "../options.ts";
import type { Cell } from "./cell.ts";
import { defineCell } from "./define.ts";

export interface SimpleRNNOptions {
  /** The width of state and output. */
  readonly units: number;
  readonly activation?: Activation;
  readonly useBias?: boolean;
  readonly kernelInitializer?: Initializer;
  readonly recurrentInitializer?: Initializer;
  readonly biasInitializer?: Initializer;
}

/** The rules of the options, which the layer shares. */
export const simpleRNNRules = {
  units: wholeNumber(),
  activation: activationOption("tanh"),
  useBias: flag(true),
  kernelInitializer: initializerOption("glorotUniform"),
  recurrentInitializer: initializerOption("orthogonal"),
  biasInitializer: initializerOption("zeros"),
};

/**
 * With x [b, in] and h [b, units]: `h' = activation(x W + h U + bias)`; the output is h'.
 * Weights: kernel W [in, units], recurrentKernel U [units, units], bias [units].
 */
export function simpleRNNCell(given: SimpleRNNOptions): Cell {
  const options = readOptions("simpleRNNCell", given, simpleRNNRules);
  const { units, useBias } = options;
  const activation = activationOf(options.activation);
  return defineCell({
    name: "simpleRNN",
    options: options as Options,
    params: (inputSize) => ({
      kernel: weight([inputSize, units], { initializer: options.kernelInitializer }),
      recurrentKernel: weight([units, units], { initializer: options.recurrentInitializer }),
      ...(useBias ? { bias: weight([units], { initializer: options.biasInitializer }) } : {}),
    }),
    state: { h: [units] },
    step({ params: { kernel, recurrentKernel, bias }, state: { h }, x }) {
      const input = bias === undefined ? matmul(x, kernel) : add(matmul(x, kernel), bias);
      const y = activation(add(input, matmul(h, recurrentKernel)));
      return { y, state: { h: y } };
    },
  });
}
