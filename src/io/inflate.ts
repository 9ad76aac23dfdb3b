/**
 * Decompression of DEFLATE (RFC 1951) into memory of known size. There is no compressor here: Recurve writes
 * archives uncompressed.
 */
import { FormatError } from "../base/errors.ts";

/** A canonical Huffman code: how many codes each length has, and the symbols in order of their codes. */
interface Huffman {
  readonly counts: Uint16Array;
  readonly symbols: Uint16Array;
}

const maximumBits = 15;
const lengthBase = [
  3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258,
];
const lengthExtra = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0];
const distanceBase = [
  1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145,
  8193, 12289, 16385, 24577,
];
const distanceExtra = [
  0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13,
];
const codeLengthOrder = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/** Exactly `size` bytes from a raw DEFLATE stream; FormatError for anything else. */
export function inflate(source: Uint8Array, size: number, where: string): Uint8Array {
  const stream = new Inflater(source, size, where);
  while (stream.block());
  return stream.finish();
}

/** The position in the input and the output of one stream. */
class Inflater {
  private position = 0;
  private bitBuffer = 0;
  private bitCount = 0;
  private length = 0;
  private readonly out: Uint8Array;
  private readonly source: Uint8Array;
  private readonly where: string;

  constructor(source: Uint8Array, size: number, where: string) {
    this.source = source;
    this.out = new Uint8Array(size);
    this.where = where;
  }

  /** Reads one block; false after the last. */
  block(): boolean {
    const last = this.bits(1) === 1;
    const kind = this.bits(2);
    if (kind === 0) this.stored();
    else if (kind === 1) this.compressed(fixedLengths, fixedDistances);
    else if (kind === 2) this.dynamic();
    else this.damaged("an unknown block type");
    return !last;
  }

  finish(): Uint8Array {
    if (this.length !== this.out.length) this.damaged(`${this.length} bytes instead of ${this.out.length}`);
    return this.out;
  }

  private bits(count: number): number {
    while (this.bitCount < count) {
      if (this.position >= this.source.length) this.damaged("an end in the middle");
      this.bitBuffer |= this.source[this.position++] << this.bitCount;
      this.bitCount += 8;
    }
    const value = this.bitBuffer & ((1 << count) - 1);
    this.bitBuffer >>>= count;
    this.bitCount -= count;
    return value;
  }

  private stored(): void {
    this.bitBuffer = 0;
    this.bitCount = 0;
    const count = this.bits(16);
    if ((this.bits(16) ^ 0xffff) !== count) this.damaged("a stored block whose length check fails");
    if (this.position + count > this.source.length) this.damaged("an end in the middle");
    this.room(count);
    this.out.set(this.source.subarray(this.position, this.position + count), this.length);
    this.position += count;
    this.length += count;
  }

  private dynamic(): void {
    const literals = this.bits(5) + 257;
    const distances = this.bits(5) + 1;
    const order = this.bits(4) + 4;
    const meta = new Uint8Array(19);
    for (let i = 0; i < order; i++) meta[codeLengthOrder[i]] = this.bits(3);
    const code = this.huffman(meta);
    const lengths = new Uint8Array(literals + distances);
    for (let at = 0; at < lengths.length; ) {
      const symbol = this.symbol(code);
      if (symbol < 16) {
        lengths[at++] = symbol;
        continue;
      }
      if (symbol === 16 && at === 0) this.damaged("a repeated code length without a first one");
      const value = symbol === 16 ? lengths[at - 1] : 0;
      const repeat = symbol === 16 ? 3 + this.bits(2) : symbol === 17 ? 3 + this.bits(3) : 11 + this.bits(7);
      if (at + repeat > lengths.length) this.damaged("too many code lengths");
      lengths.fill(value, at, at + repeat);
      at += repeat;
    }
    this.compressed(this.huffman(lengths.subarray(0, literals)), this.huffman(lengths.subarray(literals)));
  }

  private compressed(literals: Huffman, distances: Huffman): void {
    for (let symbol = this.symbol(literals); symbol !== 256; symbol = this.symbol(literals)) {
      if (symbol < 256) {
        this.room(1);
        this.out[this.length++] = symbol;
        continue;
      }
      if (symbol > 285) this.damaged("an unknown length code");
      const count = lengthBase[symbol - 257] + this.bits(lengthExtra[symbol - 257]);
      const code = this.symbol(distances);
      if (code > 29) this.damaged("an unknown distance code");
      const distance = distanceBase[code] + this.bits(distanceExtra[code]);
      if (distance > this.length) this.damaged("a copy from before the beginning");
      this.room(count);
      // Byte by byte: the source of a copy may overlap its target.
      for (let i = 0; i < count; i++, this.length++) this.out[this.length] = this.out[this.length - distance];
    }
  }

  /** A code whose lengths came from the stream: more codes than fit are refused. */
  private huffman(lengths: Uint8Array): Huffman {
    let room = 1 << maximumBits;
    for (const length of lengths) room -= length === 0 ? 0 : 1 << (maximumBits - length);
    if (room < 0) this.damaged("a code with too many symbols");
    return huffman(lengths);
  }

  private symbol(code: Huffman): number {
    let value = 0;
    let first = 0;
    let index = 0;
    for (let length = 1; length <= maximumBits; length++) {
      value |= this.bits(1);
      const count = code.counts[length];
      if (value - count < first) return code.symbols[index + value - first];
      index += count;
      first = (first + count) << 1;
      value <<= 1;
    }
    return this.damaged("a code that stands for nothing");
  }

  private room(count: number): void {
    if (this.length + count > this.out.length)
      this.damaged(`more than the ${this.out.length} bytes that were announced`);
  }

  private damaged(got: string): never {
    throw new FormatError(
      `${this.where}: expected compressed data of ${this.out.length} bytes, got ${got}. The file is damaged.`,
      {
        size: this.out.length,
      },
    );
  }
}

function huffman(lengths: Uint8Array): Huffman {
  const counts = new Uint16Array(maximumBits + 1);
  for (const length of lengths) counts[length]++;
  counts[0] = 0;
  const next = new Uint16Array(maximumBits + 2);
  for (let length = 1; length <= maximumBits; length++) next[length + 1] = next[length] + counts[length];
  const symbols = new Uint16Array(lengths.length);
  lengths.forEach((length, symbol) => {
    if (length > 0) symbols[next[length]++] = symbol;
  });
  return { counts, symbols };
}

const fixedLengths = huffman(Uint8Array.from({ length: 288 }, (_, i) => (i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8)));
const fixedDistances = huffman(new Uint8Array(30).fill(5));
