/** The cells that the suites of this folder run over, the built-in ones and a user's own, made by the same function. */
import { foldIn, keyFromSeed, uniformAt } from "../../src/base/random.ts";
import {
  type Cell,
  defineCell,
  gruCell,
  lstmCell,
  type Model,
  type RnnOptions,
  rnn,
  sequential,
  simpleRNNCell,
  stackCells,
} from "../../src/nn/index.ts";
import { add, matmul, mul, sigmoid, split, sub, type Tensor, tanh, tensor } from "../../src/trace/index.ts";

/** The minimal gated unit of Zhou et al. 2016: a cell of a user's own. */
export const mgu = ({ units }: { units: number }): Cell =>
  defineCell({
    name: "mgu",
    options: { units },
    params: (inputSize) => ({ w: [inputSize, 2 * units], u: [units, 2 * units], bias: [2 * units] }),
    state: { h: [units] },
    step({ params: { w, u, bias }, state: { h }, x }) {
      const [wf, wc] = split(add(matmul(x, w), bias), 2);
      const [uf, uc] = split(u, 2);
      const f = sigmoid(add(wf, matmul(h, uf)));
      const candidate = tanh(add(wc, matmul(mul(f, h), uc)));
      const next = add(mul(sub(1, f), h), mul(f, candidate));
      return { y: next, state: { h: next } };
    },
  });

/** A cell whose output is not its state: a leaky integrator, read through a matrix. */
export const reservoir = ({ units }: { units: number }): Cell =>
  defineCell({
    name: "reservoir",
    options: { units },
    params: (inputSize) => ({ w: [inputSize, 4], read: { kernel: [4, units], bias: [units] } }),
    state: { memory: { slow: [4] } },
    outputSize: units,
    step({ params: { w, read }, state: { memory }, x }) {
      const slow = tanh(add(mul(memory.slow, 0.9), matmul(x, w)));
      return { y: add(matmul(slow, read.kernel), read.bias), state: { memory: { slow } } };
    },
  });

/** Every cell, 3 units wide at the top. */
export const cells: { readonly [name: string]: () => Cell } = {
  "simple RNN": () => simpleRNNCell({ units: 3 }),
  "simple RNN with relu and no bias": () => simpleRNNCell({ units: 3, activation: "relu", useBias: false }),
  LSTM: () => lstmCell({ units: 3 }),
  "LSTM with softsign, hard sigmoid and no bias": () =>
    lstmCell({ units: 3, activation: "softsign", recurrentActivation: "hardSigmoid", useBias: false }),
  "GRU, reset after": () => gruCell({ units: 3 }),
  "GRU, reset before": () => gruCell({ units: 3, resetAfter: false }),
  "GRU, reset after, no bias": () => gruCell({ units: 3, useBias: false }),
  "a user's own cell": () => mgu({ units: 3 }),
  "a cell whose output is not its state": () => reservoir({ units: 3 }),
  "a stack of three": () => stackCells([lstmCell({ units: 4 }), mgu({ units: 2 }), gruCell({ units: 3 })]),
};

export const names = Object.keys(cells);

/** A model of one recurrent layer, called "layer", over 2 features; its weights are random, biases too. */
export function modelOf(cell: Cell, options: RnnOptions = {}): Model<Tensor> {
  const model = sequential([rnn(cell, { returnSequences: true, ...options, name: "layer" })], {
    input: { shape: [null, 2] },
  });
  const weights = Object.entries(model.weights());
  model.setWeights(
    Object.fromEntries(weights.map(([path, w], i) => [path, random(w.shape as number[], 100 + i, 0.8)])),
  );
  return model;
}

/** Uniform numbers in [-scale, scale] from a seed. */
export function random(shape: readonly number[], seed: number, scale = 1): Tensor {
  const key = foldIn(keyFromSeed(1), seed);
  const size = shape.reduce((product, n) => product * n, 1);
  return tensor(
    Float32Array.from({ length: size }, (_, i) => (2 * uniformAt(key, i) - 1) * scale),
    { shape },
  );
}
