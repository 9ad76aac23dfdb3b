/**
 * A count-based model of symbols: the strongest yardstick that fits on a page. Predicts a symbol from up to `order`
 * symbols before it, shorter contexts mixed in after Witten and Bell (1991). Not adaptive: held-out text adds no counts.
 */

/** One context: how often each symbol followed it, and how often it was seen at all. */
interface Context {
  readonly counts: Map<number, number>;
  total: number;
}

/** Bits per symbol of `heldOut` under a model counted on `training`. Order 0 is the unigram model with Laplace's +1. */
export function ngramBits(training: Int32Array, heldOut: Int32Array, symbols: number, order: number): number {
  const contexts = countContexts(training, symbols, order);
  // The held-out text follows the training text, as it does for a model that carries its state.
  const history = training.subarray(Math.max(0, training.length - order));
  const all = Int32Array.from([...history, ...heldOut]);
  let bits = 0;
  for (let at = history.length; at < all.length; at++) bits -= Math.log2(probability(contexts, all, at, symbols));
  return bits / Math.max(1, heldOut.length);
}

/** `contexts[n]` maps the key of the n symbols before a position to what followed them. */
function countContexts(text: Int32Array, symbols: number, order: number): Map<number, Context>[] {
  const contexts = Array.from({ length: order + 1 }, () => new Map<number, Context>());
  for (let at = 0; at < text.length; at++) {
    for (let n = 0; n <= order && n <= at; n++) {
      const key = contextKey(text, at, n, symbols);
      let context = contexts[n].get(key);
      if (context === undefined) contexts[n].set(key, (context = { counts: new Map(), total: 0 }));
      context.counts.set(text[at], (context.counts.get(text[at]) ?? 0) + 1);
      context.total++;
    }
  }
  return contexts;
}

/**
 * Order 0: (count + 1) / (total + symbols). Order n, with `kinds` the number of different followers:
 * p_n = (count + kinds * p_{n-1}) / (total + kinds).
 */
function probability(contexts: readonly Map<number, Context>[], text: Int32Array, at: number, symbols: number): number {
  const unigram = contexts[0].get(0);
  let p = ((unigram?.counts.get(text[at]) ?? 0) + 1) / ((unigram?.total ?? 0) + symbols);
  for (let n = 1; n < contexts.length && n <= at; n++) {
    const context = contexts[n].get(contextKey(text, at, n, symbols));
    if (context === undefined) break;
    const kinds = context.counts.size;
    p = ((context.counts.get(text[at]) ?? 0) + kinds * p) / (context.total + kinds);
  }
  return p;
}

/** The n symbols before `at` as one number: exact while symbols^n stays below 2^53. */
function contextKey(text: Int32Array, at: number, n: number, symbols: number): number {
  let key = 0;
  for (let i = at - n; i < at; i++) key = key * symbols + text[i];
  return key;
}
