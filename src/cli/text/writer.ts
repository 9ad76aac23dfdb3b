/** Writes text with a language model, one character at a time, by a stream that carries the state. */
import { keyFromSeed, uniformAt } from "../../base/random.ts";
import type { Model } from "../../nn/index.ts";
import { concrete, type Tensor } from "../../trace/index.ts";
import { type SamplingOptions, sampleSymbol } from "../sample.ts";
import { decodeSymbol, encodeText, unknownSymbol, type Vocabulary } from "./vocabulary.ts";

export interface WritingOptions extends SamplingOptions {
  /** What the model reads before it writes. At least one character. */
  readonly seedText: string;
  readonly length: number;
  readonly seed: number;
}

/** The characters that follow `seedText`, as they are drawn. The unknown symbol is read but never written. */
export function* writeText(model: Model, vocabulary: Vocabulary, options: WritingOptions): Generator<string, void> {
  const { seedText, length, seed, ...sampling } = options;
  const stream = model.stream();
  const key = keyFromSeed(seed);
  let logits: ArrayLike<number> = [];
  const push = (symbol: number): void => {
    logits = (stream.push(concrete({ dtype: "int32", shape: [1] }, Int32Array.of(symbol))) as Tensor).data();
  };
  for (const symbol of encodeText(vocabulary, seedText).symbols) push(symbol);
  for (let i = 0; i < length; i++) {
    const symbol = sampleSymbol(logits, uniformAt(key, i), { ...sampling, never: [unknownSymbol] });
    yield decodeSymbol(vocabulary, symbol);
    if (i + 1 < length) push(symbol);
  }
}
