/** Growing bytes with places in them that are filled later: what a file with addresses is written into. */

/** The next multiple of `size`. */
export function align(value: number, size: number): number {
  return Math.ceil(value / size) * size;
}

export class Bytes {
  #bytes = new Uint8Array(1024);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** Takes space of zeros that begins at a multiple of eight, and says where. */
  skip(count: number): number {
    const start = align(this.#length, 8);
    const end = start + count;
    if (end > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(end, 2 * this.#bytes.length));
      grown.set(this.#bytes);
      this.#bytes = grown;
    }
    this.#length = end;
    return start;
  }

  /** Writes at a place that was taken. */
  at(start: number): Cursor {
    return new Cursor(this.#bytes, start);
  }

  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }
}

/** Numbers one after the other, little-endian. Not to be kept while space is taken. */
export class Cursor {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at: number;

  constructor(bytes: Uint8Array, start: number) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer);
    this.#at = start;
  }

  u8(value: number): this {
    this.#view.setUint8(this.#at++, value);
    return this;
  }

  u16(value: number): this {
    this.#view.setUint16(this.#at, value, true);
    this.#at += 2;
    return this;
  }

  u32(value: number): this {
    this.#view.setUint32(this.#at, value, true);
    this.#at += 4;
    return this;
  }

  u64(value: bigint): this {
    this.#view.setBigUint64(this.#at, value, true);
    this.#at += 8;
    return this;
  }

  bytes(value: Uint8Array): this {
    this.#bytes.set(value, this.#at);
    this.#at += value.length;
    return this;
  }

  letters(text: string): this {
    return this.bytes(new TextEncoder().encode(text));
  }
}
