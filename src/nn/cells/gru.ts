/** The gated recurrent unit: Cho et al. 2014; `resetAfter` is the form of cuDNN, Keras and PyTorch. One step. */
import { add, matmul, mul, slice, split, sub, type Tensor } from "../../trace/index.ts";
import { type Activation, activationOf, activationOption } from "../activations.ts";
import { initializerOption } from "../initializers.ts";
import { weight } from "../layer.ts";
import { flag, type Options, readOptions, wholeNumber } from "../options.ts";
import type { Cell } from "./cell.ts";
import { defineCell } from "./define.ts";
import type { SimpleRNNOptions } from "./simpleRNN.ts";

export interface GruOptions extends SimpleRNNOptions {
  /** Of the two gates. */
  readonly recurrentActivation?: Activation;
  /** Whether the reset gate acts after the recurrent product (default) or before it. */
  readonly resetAfter?: boolean;
}

/** z, r and h, in order of memory, Keras's. */
const gates = ["update", "reset", "candidate"] as const;

/** The rules of the options, which the layer shares. */
export const gruRules = {
  units: wholeNumber(),
  activation: activationOption("tanh"),
  recurrentActivation: activationOption("sigmoid"),
  useBias: flag(true),
  resetAfter: flag(true),
  kernelInitializer: initializerOption("glorotUniform", gates),
  recurrentInitializer: initializerOption("orthogonal", gates),
  biasInitializer: initializerOption("zeros", gates),
};

/**
 * With x [b, in], h [b, units], and W, U in blocks z, r, h:
 *   `z = σ(x Wz + h Uz + bz)`, `r = σ(x Wr + h Ur + br)`
 *   `n = tanh(x Wh + bh + r (h Uh + b'h))` if resetAfter, else `tanh(x Wh + (r h) Uh + bh)`
 *   `h' = z h + (1 - z) n`; the output is h'.
 * Weights: kernel [in, 3 units], recurrentKernel [units, 3 units], bias [2, 3 units] (row 0 of the input, row 1
 * recurrent) if resetAfter, else [3 units].
 */
export function gruCell(given: GruOptions): Cell {
  const options = readOptions("gruCell", given, gruRules);
  const { units, useBias, resetAfter } = options;
  const activation = activationOf(options.activation);
  const gate = activationOf(options.recurrentActivation);
  const biasShape = resetAfter ? [2, 3 * units] : [3 * units];
  return defineCell({
    name: "gru",
    options: options as Options,
    params: (inputSize) => ({
      kernel: weight([inputSize, 3 * units], { initializer: options.kernelInitializer, gates }),
      recurrentKernel: weight([units, 3 * units], { initializer: options.recurrentInitializer, gates }),
      ...(useBias ? { bias: weight(biasShape, { initializer: options.biasInitializer, gates }) } : {}),
    }),
    state: { h: [units] },
    step({ params: { kernel, recurrentKernel, bias }, state: { h }, x }) {
      const biases = bias === undefined ? [] : resetAfter ? split(bias, 2, 0) : [bias];
      const [xz, xr, xn] = split(plus(matmul(x, kernel), biases[0]), 3);
      const mixed = (z: Tensor, n: Tensor): Tensor => add(mul(z, h), mul(sub(1, z), n));
      if (resetAfter) {
        const [hz, hr, hn] = split(plus(matmul(h, recurrentKernel), biases[1]), 3);
        const y = mixed(gate(add(xz, hz)), activation(add(xn, mul(gate(add(xr, hr)), hn))));
        return { y, state: { h: y } };
      }
      const [hz, hr] = split(matmul(h, slice(recurrentKernel, 1, 0, 2 * units)), 2);
      const reset = mul(gate(add(xr, hr)), h);
      const y = mixed(gate(add(xz, hz)), activation(add(xn, matmul(reset, slice(recurrentKernel, 1, 2 * units)))));
      return { y, state: { h: y } };
    },
  });
}

function plus(x: Tensor, bias: Tensor | undefined): Tensor {
  return bias === undefined ? x : add(x, bias);
}
