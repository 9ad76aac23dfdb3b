/** A character-level language model from its options: embedding, recurrent layers, and logits over the symbols. */
import type { Cell } from "../../nn/index.ts";
import {
  dense,
  dropout,
  embedding,
  gru,
  type Layer,
  lstm,
  type Model,
  rnn,
  sequential,
  simpleRNN,
} from "../../nn/index.ts";
import type { Tensor } from "../../trace/index.ts";

export interface LanguageModelOptions {
  readonly symbols: number;
  readonly units: number;
  readonly layers: number;
  readonly embedding: number;
  readonly dropout: number;
  readonly seed: number;
  /** A built-in kind, or a constructor of the user's own. */
  readonly cell: BuiltInCell | ((options: { units: number }) => Cell);
}

export const builtInCells = ["gru", "lstm", "rnn"] as const;
export type BuiltInCell = (typeof builtInCells)[number];

export function isBuiltInCell(name: string): name is BuiltInCell {
  return (builtInCells as readonly string[]).includes(name);
}

/** symbols int32 [b, t] -> logits [b, t, symbols] */
export function languageModel(options: LanguageModelOptions): Model<Tensor> {
  const recurrent = Array.from({ length: options.layers }, () => recurrentLayer(options));
  const layers = [
    embedding({ inputDim: options.symbols, outputDim: options.embedding }),
    ...recurrent,
    ...(options.dropout > 0 ? [dropout({ rate: options.dropout })] : []),
    dense({ units: options.symbols }),
  ];
  return sequential(layers, {
    input: { shape: [null], dtype: "int32", name: "symbols" },
    name: "text",
    seed: options.seed,
  });
}

function recurrentLayer({ cell, units }: LanguageModelOptions): Layer {
  if (typeof cell === "function") return rnn(cell({ units }), { returnSequences: true });
  const make = { gru, lstm, rnn: simpleRNN }[cell];
  return make({ units, returnSequences: true });
}
