/** A growing list of bytes with the number formats of WebAssembly. */

export class Bytes {
  #data = new Uint8Array(64);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  byte(value: number): void {
    if (this.#length === this.#data.length) this.#grow(1);
    this.#data[this.#length++] = value;
  }

  /** Unsigned LEB128 of a 32-bit number. */
  unsigned(value: number): void {
    let rest = value >>> 0;
    while (rest >= 0x80) {
      this.byte((rest & 0x7f) | 0x80);
      rest >>>= 7;
    }
    this.byte(rest);
  }

  /** Signed LEB128 of a 32-bit number. */
  signed(value: number): void {
    let rest = value | 0;
    for (;;) {
      const low = rest & 0x7f;
      rest >>= 7;
      if ((rest === 0 && (low & 0x40) === 0) || (rest === -1 && (low & 0x40) !== 0)) {
        this.byte(low);
        return;
      }
      this.byte(low | 0x80);
    }
  }

  /** The bits of 32-bit numbers. WebAssembly is little-endian; so is every engine that runs it. */
  words(data: Float32Array | Int32Array): void {
    this.#copy(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }

  /** The length of a text or list of bytes, then its bytes. */
  sized(content: Bytes | string): void {
    const data = typeof content === "string" ? new TextEncoder().encode(content) : content.view();
    this.unsigned(data.length);
    this.#copy(data);
  }

  append(content: Bytes): void {
    this.#copy(content.view());
  }

  /** A view of what has been written, valid until more is. */
  view(): Uint8Array<ArrayBuffer> {
    return this.#data.subarray(0, this.#length);
  }

  #copy(data: Uint8Array): void {
    if (this.#length + data.length > this.#data.length) this.#grow(data.length);
    this.#data.set(data, this.#length);
    this.#length += data.length;
  }

  #grow(by: number): void {
    const next = new Uint8Array(Math.max(this.#data.length * 2, this.#length + by));
    next.set(this.view());
    this.#data = next;
  }
}
