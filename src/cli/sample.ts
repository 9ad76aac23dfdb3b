/** Draws the next symbol from a model's logits. Pure: the random number comes in as an argument. */
import { OptionError } from "../base/errors.ts";

export interface SamplingOptions {
  /** 0 takes the most probable symbol; 1 draws from the model's own distribution; above 1 evens it out. */
  readonly temperature?: number;
  /** Only the k most probable symbols can be drawn. */
  readonly topK?: number;
  /** Only the most probable symbols that together reach this probability can be drawn. */
  readonly topP?: number;
  /** Symbols that are never drawn. */
  readonly never?: readonly number[];
}

/**
 * The symbol for `random`, a number in [0, 1). Ties go to the lower symbol. Top-k is applied before top-p, both to
 * the distribution after the temperature.
 */
export function sampleSymbol(logits: ArrayLike<number>, random: number, options: SamplingOptions = {}): number {
  const { temperature = 1, topK, topP, never = [] } = checkSampling(options);
  const order = Array.from({ length: logits.length }, (_, symbol) => symbol)
    .filter((symbol) => !never.includes(symbol))
    .sort((a, b) => logits[b] - logits[a] || a - b);
  if (temperature === 0) return order[0];
  const kept = order.slice(0, topK ?? order.length);
  // p ~ exp((z - max z) / temperature): never overflows.
  const weights = kept.map((symbol) => Math.exp((logits[symbol] - logits[kept[0]]) / temperature));
  const count = topP === undefined ? kept.length : nucleus(weights, topP);
  let rest = random * sum(weights.slice(0, count));
  for (let i = 0; i < count; i++) {
    rest -= weights[i];
    if (rest < 0) return kept[i];
  }
  return kept[count - 1];
}

/** The options, if they make sense; else an OptionError. */
export function checkSampling(options: SamplingOptions): SamplingOptions {
  const { temperature = 1, topK = 1, topP = 1 } = options;
  const refuse = (name: string, expected: string, got: number): never => {
    throw new OptionError(`sampling: expected ${name} to be ${expected}, got ${got}. Give another ${name}.`, {
      name,
      got,
    });
  };
  if (!(temperature >= 0 && temperature < Number.POSITIVE_INFINITY))
    refuse("temperature", "0 or a positive number", temperature);
  if (!(Number.isInteger(topK) && topK >= 1)) refuse("topK", "a whole number from 1 on", topK);
  if (!(topP > 0 && topP <= 1)) refuse("topP", "above 0 and at most 1", topP);
  return options;
}

/** How many of the leading weights reach the share `topP` of all. */
function nucleus(weights: readonly number[], topP: number): number {
  const target = topP * sum(weights);
  let reached = 0;
  for (let i = 0; i < weights.length; i++) {
    reached += weights[i];
    if (reached >= target) return i + 1;
  }
  return weights.length;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
