/**
 * DEFLATE (RFC 1951) and its zlib envelope (RFC 1950), undone at once and within a bound: for readers that can not wait for
 * a stream. Zip archives are inflated by the platform instead.
 */
import { FormatError } from "../base/errors.ts";

/** Contents of zlib data, at most `limit` bytes. `where` begins the sentence of an error. */
export function inflateZlib(bytes: Uint8Array, limit: number, where: string): Uint8Array {
  if (bytes.length < 2 || (bytes[0] & 15) !== 8 || (bytes[0] * 256 + bytes[1]) % 31 !== 0 || (bytes[1] & 32) !== 0) {
    throw broken(where, "zlib data");
  }
  return inflateRaw(bytes.subarray(2), limit, where);
}

/** Contents of raw deflate data, at most `limit` bytes. */
export function inflateRaw(bytes: Uint8Array, limit: number, where: string): Uint8Array {
  const bits = new Bits(bytes, where);
  const out = new Output(limit, where);
  let isLast = false;
  while (!isLast) {
    isLast = bits.take(1) === 1;
    const kind = bits.take(2);
    if (kind === 0) copyStored(bits, out);
    else if (kind === 1) copyCoded(bits, out, fixedTables());
    else if (kind === 2) copyCoded(bits, out, readTables(bits));
    else throw broken(where, "a block of kind 0, 1 or 2");
  }
  return out.done();
}

/** Bits, lowest first. */
class Bits {
  readonly where: string;
  readonly #bytes: Uint8Array;
  #at = 0;
  #kept = 0;
  #count = 0;

  constructor(bytes: Uint8Array, where: string) {
    this.#bytes = bytes;
    this.where = where;
  }

  take(count: number): number {
    while (this.#count < count) {
      if (this.#at >= this.#bytes.length) throw broken(this.where, "compressed data that ends in its last block");
      this.#kept |= this.#bytes[this.#at++] << this.#count;
      this.#count += 8;
    }
    const value = this.#kept & ((1 << count) - 1);
    this.#kept >>>= count;
    this.#count -= count;
    return value;
  }

  /** Whole bytes, after the rest of the present one. */
  bytes(count: number): Uint8Array {
    if (this.#at + count > this.#bytes.length) throw broken(this.where, `${count} stored bytes`);
    this.#at += count;
    return this.#bytes.subarray(this.#at - count, this.#at);
  }

  /** Drops the rest of the present byte, and gives whole bytes back that were taken ahead. */
  align(): void {
    this.#at -= this.#count >> 3;
    this.#kept = 0;
    this.#count = 0;
  }
}

/** What has been written, which grows up to its limit. */
class Output {
  readonly #limit: number;
  readonly #where: string;
  #bytes: Uint8Array;
  #length = 0;

  constructor(limit: number, where: string) {
    this.#limit = limit;
    this.#where = where;
    this.#bytes = new Uint8Array(Math.min(limit, 1 << 16));
  }

  byte(value: number): void {
    this.#reserve(1);
    this.#bytes[this.#length++] = value;
  }

  all(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  /** Repeats what was written `distance` bytes ago; what it writes may be repeated too. */
  repeat(distance: number, count: number): void {
    if (distance > this.#length) throw broken(this.#where, `a distance of at most ${this.#length}`);
    this.#reserve(count);
    for (let i = 0; i < count; i++, this.#length++) this.#bytes[this.#length] = this.#bytes[this.#length - distance];
  }

  done(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  #reserve(count: number): void {
    const needed = this.#length + count;
    if (needed > this.#limit) throw broken(this.#where, `at most ${this.#limit} bytes of contents`);
    if (needed <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.min(this.#limit, Math.max(needed, 2 * this.#bytes.length)));
    grown.set(this.#bytes);
    this.#bytes = grown;
  }
}

/** A canonical code: how many codes of each length there are, and their symbols in order. */
interface Code {
  readonly counts: Uint16Array;
  readonly symbols: Uint16Array;
}

function codeOf(lengths: ArrayLike<number>): Code {
  const counts = new Uint16Array(16);
  for (let i = 0; i < lengths.length; i++) counts[lengths[i]]++;
  counts[0] = 0;
  const offsets = new Uint16Array(16);
  for (let length = 1; length < 16; length++) offsets[length] = offsets[length - 1] + counts[length - 1];
  const symbols = new Uint16Array(lengths.length);
  for (let i = 0; i < lengths.length; i++) if (lengths[i] > 0) symbols[offsets[lengths[i]]++] = i;
  return { counts, symbols };
}

function symbolOf(bits: Bits, { counts, symbols }: Code): number {
  let [code, first, index] = [0, 0, 0];
  for (let length = 1; length < 16; length++) {
    code |= bits.take(1);
    const count = counts[length];
    if (code - count < first) return symbols[index + (code - first)];
    index += count;
    first = (first + count) << 1;
    code <<= 1;
  }
  throw broken(bits.where, "a code that is known");
}

interface Tables {
  readonly literals: Code;
  readonly distances: Code;
}

let fixed: Tables | undefined;

function fixedTables(): Tables {
  const length = (i: number): number => (i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8);
  fixed ??= {
    literals: codeOf(Uint8Array.from({ length: 288 }, (_, i) => length(i))),
    distances: codeOf(new Uint8Array(30).fill(5)),
  };
  return fixed;
}

/** The order in which the lengths of the code of code lengths come. */
const lengthOrder = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

function readTables(bits: Bits): Tables {
  const { where } = bits;
  const literalCount = bits.take(5) + 257;
  const distanceCount = bits.take(5) + 1;
  const own = new Uint8Array(19);
  for (let i = 0, count = bits.take(4) + 4; i < count; i++) own[lengthOrder[i]] = bits.take(3);
  const code = codeOf(own);
  const lengths = new Uint8Array(literalCount + distanceCount);
  for (let i = 0; i < lengths.length; ) {
    const symbol = symbolOf(bits, code);
    if (symbol < 16) {
      lengths[i++] = symbol;
      continue;
    }
    if (symbol === 16 && i === 0) throw broken(where, "a length to repeat");
    const value = symbol === 16 ? lengths[i - 1] : 0;
    const times = symbol === 16 ? 3 + bits.take(2) : symbol === 17 ? 3 + bits.take(3) : 11 + bits.take(7);
    if (i + times > lengths.length) throw broken(where, `${lengths.length} lengths`);
    lengths.fill(value, i, i + times);
    i += times;
  }
  return { literals: codeOf(lengths.subarray(0, literalCount)), distances: codeOf(lengths.subarray(literalCount)) };
}

const lengthBases = [
  3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258,
];
const lengthBits = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0];

/** Distances begin at 1 and double every other symbol. */
function distanceOf(bits: Bits, distances: Code): number {
  const symbol = symbolOf(bits, distances);
  if (symbol > 29) throw broken(bits.where, "a distance that is known");
  if (symbol < 4) return symbol + 1;
  const extra = (symbol >> 1) - 1;
  return 1 + ((2 + (symbol & 1)) << extra) + bits.take(extra);
}

function copyStored(bits: Bits, out: Output): void {
  bits.align();
  const [low, high] = bits.bytes(4).subarray(0, 2);
  out.all(bits.bytes(low | (high << 8)));
}

function copyCoded(bits: Bits, out: Output, { literals, distances }: Tables): void {
  for (;;) {
    const symbol = symbolOf(bits, literals);
    if (symbol === 256) return;
    if (symbol < 256) {
      out.byte(symbol);
      continue;
    }
    const row = symbol - 257;
    if (row >= lengthBases.length) throw broken(bits.where, "a length that is known");
    const count = lengthBases[row] + bits.take(lengthBits[row]);
    out.repeat(distanceOf(bits, distances), count);
  }
}

function broken(where: string, expected: string): FormatError {
  return new FormatError(
    `${where}: expected ${expected}, got something else. The file is truncated or damaged; save or download it again.`,
  );
}
