/**
 * Characters (Unicode code points) as symbols of a language model. Symbol 0 stands for every character that is not
 * in the vocabulary; a model never writes it.
 */
import { FormatError } from "../../base/errors.ts";

export interface Vocabulary {
  /** Character of each symbol from 1 on, most frequent first. */
  readonly characters: readonly string[];
  /** How many symbols there are: the characters and the unknown one. */
  readonly size: number;
}

export const unknownSymbol = 0;
/** How the unknown symbol is shown. */
export const unknownMark = "\ufffd";

/** The characters that occur at least `minimumCount` times, most frequent first (then by code point). */
export function buildVocabulary(text: string, minimumCount: number): Vocabulary {
  const counts = new Map<string, number>();
  for (const character of text) counts.set(character, (counts.get(character) ?? 0) + 1);
  const kept = [...counts].filter(([, count]) => count >= minimumCount);
  kept.sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
  return vocabularyOf(kept.map(([character]) => character));
}

/** The symbols of a text, and how many of its characters are unknown. */
export function encodeText(vocabulary: Vocabulary, text: string): { symbols: Int32Array; unknown: number } {
  const index = new Map(vocabulary.characters.map((character, i) => [character, i + 1]));
  const symbols: number[] = [];
  let unknown = 0;
  for (const character of text) {
    const symbol = index.get(character) ?? unknownSymbol;
    if (symbol === unknownSymbol) unknown++;
    symbols.push(symbol);
  }
  return { symbols: Int32Array.from(symbols), unknown };
}

export function decodeSymbol(vocabulary: Vocabulary, symbol: number): string {
  return symbol === unknownSymbol ? unknownMark : vocabulary.characters[symbol - 1];
}

/** The form that model files hold: one text with every character once. */
export function vocabularyToText(vocabulary: Vocabulary): string {
  return vocabulary.characters.join("");
}

/** The inverse of `vocabularyToText`; `where` (the file) begins the sentence of an error. */
export function vocabularyFromText(text: string, where: string): Vocabulary {
  const characters = [...text];
  if (new Set(characters).size === characters.length && characters.length > 0) return vocabularyOf(characters);
  throw new FormatError(
    `${where}: expected a vocabulary of different characters, got a repeated or missing one. The file is damaged; train again, or use another copy.`,
    {
      length: characters.length,
    },
  );
}

function vocabularyOf(characters: readonly string[]): Vocabulary {
  return { characters, size: characters.length + 1 };
}
