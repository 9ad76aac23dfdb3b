/** From the weights of Keras and PyTorch, by their names, to Recurve's: one tree for each layer and direction. */
import { type Tensor, tensor } from "../../src/trace/index.ts";

export interface ArrayJson {
  readonly shape: number[];
  readonly data: number[];
}

export type Arrays = { readonly [name: string]: ArrayJson };

export interface Config {
  readonly kind: "lstm" | "gru" | "rnn";
  readonly batch: number;
  readonly units: number;
  readonly layers: number;
  readonly bidirectional: boolean;
  readonly goBackwards: boolean;
  readonly activation: "tanh" | "relu";
  readonly resetAfter?: boolean;
}

export interface Fixture {
  readonly framework: "keras" | "torch";
  readonly case: string;
  readonly config: Config;
  readonly weights: Arrays;
  readonly x: ArrayJson;
  readonly initialState: Arrays | null;
  readonly mask?: ArrayJson | null;
  readonly lengths?: number[] | null;
  readonly outputs: ArrayJson;
  readonly finalState: Arrays;
  readonly r: ArrayJson;
  readonly s: Arrays;
  readonly loss: number;
  readonly grads: { readonly weights: Arrays; readonly x: ArrayJson; readonly initialState: Arrays | null };
}

export type Params = { readonly kernel: Tensor; readonly recurrentKernel: Tensor; readonly bias: Tensor };

type Layout = (config: Config, weights: Arrays, what: "values" | "gradients") => Params[];

/** `what` matters where two biases of PyTorch are one of ours: values add up, gradients are equal. */
export const layouts: { readonly keras: Layout; readonly torch: Layout } = {
  keras: ({ layers, bidirectional }, weights) => {
    const prefixes = bidirectional
      ? ["forward/", "backward/"]
      : layers === 1
        ? [""]
        : Array.from({ length: layers }, (_, i) => `layer${i}/`);
    return prefixes.map((prefix) => ({
      kernel: read(weights[`${prefix}kernel`]),
      recurrentKernel: read(weights[`${prefix}recurrent_kernel`]),
      bias: read(weights[`${prefix}bias`]),
    }));
  },
  torch: (config, weights, what) => {
    const directions = config.bidirectional ? ["", "_reverse"] : [""];
    const suffixes = Array.from({ length: config.layers }, (_, i) => directions.map((d) => `_l${i}${d}`)).flat();
    return suffixes.map((suffix) => {
      const input = weights[`bias_ih${suffix}`];
      const recurrent = weights[`bias_hh${suffix}`];
      return {
        kernel: fromRows(config, weights[`weight_ih${suffix}`]),
        recurrentKernel: fromRows(config, weights[`weight_hh${suffix}`]),
        bias: torchBias(config, input, recurrent, what),
      };
    });
  },
};

function torchBias(config: Config, input: ArrayJson, recurrent: ArrayJson, what: "values" | "gradients"): Tensor {
  const [a, b] = [input, recurrent].map(({ data }) => inOurOrder(config, data));
  if (config.kind === "gru") return tensor([...a, ...b], { shape: [2, a.length] });
  return tensor(what === "gradients" ? a : a.map((x, i) => x + b[i]));
}

/** [gates * units, in] -> [in, gates * units]. */
function fromRows(config: Config, { shape: [rows, columns], data }: ArrayJson): Tensor {
  const byRow = Array.from({ length: rows }, (_, i) => data.slice(i * columns, (i + 1) * columns));
  const ordered = inOurOrder(config, byRow);
  return tensor(Array.from({ length: columns }, (_, j) => ordered.map((row) => row[j])));
}

/** PyTorch's GRU has its blocks as r, z, n; ours as z, r, n. Its LSTM has ours: i, f, g, o. */
function inOurOrder<T>({ kind, units }: Config, blocks: readonly T[]): T[] {
  if (kind !== "gru") return [...blocks];
  return [...blocks.slice(units, 2 * units), ...blocks.slice(0, units), ...blocks.slice(2 * units)];
}

function read({ shape, data }: ArrayJson): Tensor {
  return tensor(data, { shape });
}
