/**
 * What a model's bits per character are worth: the same held-out text under methods that need no training by
 * gradient. All are fitted or primed on the training text only; each result says how.
 */
import { promisify } from "node:util";
import { brotliCompress, constants, deflateRaw } from "node:zlib";
import { countNgrams } from "./ngram.ts";

export interface Yardstick {
  readonly name: string;
  /** How the method got to know the training text. */
  readonly how: string;
  readonly bitsPerCharacter: number;
}

export interface YardstickInput {
  readonly training: string;
  readonly heldOut: string;
  /** The same texts as symbols from 0 to `symbols - 1`, where 0 stands for characters outside of the vocabulary. */
  readonly trainingSymbols: Int32Array;
  readonly heldOutSymbols: Int32Array;
  readonly symbols: number;
}

/** Naming a character that the vocabulary lacks costs as much as one of all 1 114 112 code points, for every method over symbols. */
export const escapeBits = Math.log2(0x110000);

/** DEFLATE looks back no further than this, so that a longer dictionary would not help it. */
const deflateWindow = 32 * 1024;

/** Bits per character that the unknown characters of a text add to any method that predicts symbols. */
export function escapeCost(symbols: Int32Array): number {
  return (
    (symbols.reduce((count, symbol) => count + (symbol === 0 ? 1 : 0), 0) * escapeBits) / Math.max(1, symbols.length)
  );
}

/** All yardsticks, worst first. */
export async function measureYardsticks(input: YardstickInput): Promise<Yardstick[]> {
  return startYardsticks(input)();
}

/**
 * Starts the compressors, which run on Node's thread pool beside whatever the caller does; the returned function
 * counts the n-grams and waits for all.
 */
export function startYardsticks(input: YardstickInput): () => Promise<Yardstick[]> {
  const compressors = Promise.all([gzipBits(input), brotliBits(input)]);
  // A failure is the waiting caller's to see, not the process's where nobody waits.
  compressors.catch(() => {});
  return async () => {
    const rows = [...symbolYardsticks(input), ...(await compressors)];
    return rows.sort((a, b) => b.bitsPerCharacter - a.bitsPerCharacter);
  };
}

/** The yardsticks over symbols. */
export function symbolYardsticks({ trainingSymbols, heldOutSymbols, symbols }: YardstickInput): Yardstick[] {
  const escapes = escapeCost(heldOutSymbols);
  const model = countNgrams(trainingSymbols, symbols, 4);
  const ngram = (order: number, name: string): Yardstick => ({
    name,
    how: order === 0 ? "counts, Laplace" : "counts, Witten-Bell",
    bitsPerCharacter: model.bits(heldOutSymbols, order) + escapes,
  });
  return [
    { name: "uniform", how: `log2 of ${symbols} symbols`, bitsPerCharacter: Math.log2(symbols) + escapes },
    ngram(0, "unigram"),
    ngram(2, "3-gram"),
    ngram(4, "5-gram"),
  ];
}

/** gzip's method at level 9 without gzip's header; primed with a preset dictionary. */
async function gzipBits({ training, heldOut }: YardstickInput): Promise<Yardstick> {
  const dictionary = Buffer.from(training).subarray(-deflateWindow);
  const packed = await promisify(deflateRaw)(Buffer.from(heldOut), {
    level: 9,
    memLevel: 9,
    ...(dictionary.length > 0 ? { dictionary } : {}),
  });
  return {
    name: "gzip -9",
    how: "primed: last 32 KiB, its window",
    bitsPerCharacter: (8 * packed.length) / countCharacters(heldOut),
  };
}

/** brotli has no preset dictionary in Node: the cost is what the held-out text adds behind the training text. */
async function brotliBits({ training, heldOut }: YardstickInput): Promise<Yardstick> {
  // One after the other: the second core is theirs, the first one trains.
  const both = await brotliSize(training + heldOut);
  const before = await brotliSize(training);
  return {
    name: "brotli -q 11 -w 24",
    how: "primed: all text - training",
    bitsPerCharacter: (8 * (both - before)) / countCharacters(heldOut),
  };
}

async function brotliSize(text: string): Promise<number> {
  const bytes = Buffer.from(text);
  const params = {
    [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
    [constants.BROTLI_PARAM_LGWIN]: constants.BROTLI_MAX_WINDOW_BITS,
    [constants.BROTLI_PARAM_MODE]: constants.BROTLI_MODE_TEXT,
    [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
  };
  return (await promisify(brotliCompress)(bytes, { params })).length;
}

function countCharacters(text: string): number {
  let count = 0;
  for (const _ of text) count++;
  return Math.max(1, count);
}
