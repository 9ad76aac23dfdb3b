/**
 * A count-based model of symbols: the strongest yardstick that fits on a page. Predicts a symbol from up to `order`
 * symbols before it, shorter contexts mixed in after Witten and Bell (1991). Not adaptive: held-out text adds no counts.
 */
import { IntMap } from "./intMap.ts";

/** What was counted on a training text. */
export interface NgramModel {
  /** Bits per symbol of a text that follows the training text. Order 0 is the unigram model with Laplace's +1. */
  bits(heldOut: Int32Array, order: number): number;
}

/** Counts symbols after contexts of up to `order` symbols. */
export function countNgrams(training: Int32Array, symbols: number, order: number): NgramModel {
  const counts = new Counts(training, symbols, order);
  return {
    bits: (heldOut, upTo) => {
      // The held-out text follows the training text, as it does for a model that carries its state.
      const history = training.subarray(Math.max(0, training.length - upTo));
      const all = new Int32Array(history.length + heldOut.length);
      all.set(history);
      all.set(heldOut, history.length);
      let bits = 0;
      for (let at = history.length; at < all.length; at++) bits -= Math.log2(counts.probability(all, at, upTo));
      return bits / Math.max(1, heldOut.length);
    },
  };
}

const root = 0;

/**
 * A trie of contexts, read backwards: the child `c` of a context is that context with `c` before it. Entries are
 * numbered from the root on; maps are keyed by `context * symbols + symbol`.
 */
class Counts {
  readonly #symbols: number;
  readonly #order: number;
  readonly #children = new IntMap();
  /** How often a symbol followed a context. */
  readonly #followers = new IntMap();
  /** How many symbols followed a context, and how many different ones. */
  readonly #totals: number[] = [0];
  readonly #kinds: number[] = [0];

  constructor(text: Int32Array, symbols: number, order: number) {
    this.#symbols = symbols;
    this.#order = order;
    for (let at = 0; at < text.length; at++) this.#count(text, at);
  }

  /**
   * Order 0: (count + 1) / (total + symbols). Order n, with `kinds` the number of different followers:
   * p_n = (count + kinds * p_{n-1}) / (total + kinds).
   */
  probability(text: Int32Array, at: number, order: number): number {
    let context: number | undefined = root;
    let p = (this.#follower(root, text[at]) + 1) / (this.#totals[root] + this.#symbols);
    for (let n = 1; n <= order && n <= at; n++) {
      context = this.#children.get(context * this.#symbols + text[at - n]);
      if (context === undefined) break;
      const kinds = this.#kinds[context];
      p = (this.#follower(context, text[at]) + kinds * p) / (this.#totals[context] + kinds);
    }
    return p;
  }

  #follower(context: number, symbol: number): number {
    return this.#followers.get(context * this.#symbols + symbol) ?? 0;
  }

  #count(text: Int32Array, at: number): void {
    let context = root;
    for (let n = 0; ; n++) {
      const key = context * this.#symbols + text[at];
      const count = this.#followers.get(key) ?? 0;
      this.#followers.set(key, count + 1);
      this.#totals[context]++;
      if (count === 0) this.#kinds[context]++;
      if (n === this.#order || n === at) return;
      context = this.#child(context, text[at - n - 1]);
    }
  }

  #child(context: number, symbol: number): number {
    const key = context * this.#symbols + symbol;
    const known = this.#children.get(key);
    if (known !== undefined) return known;
    const made = this.#totals.push(0) - 1;
    this.#kinds.push(0);
    this.#children.set(key, made);
    return made;
  }
}
