/**
 * Reading numbers and strings from bytes that nobody vouches for: a cursor that refuses to pass the end of its range.
 * Little-endian unless said otherwise. Not here: what any format means by its bytes.
 */
import { FormatError } from "../base/errors.ts";

/** A place in bytes. Every read moves on; a read past the end raises FormatError in the name of the file. */
export class ByteReader {
  readonly bytes: Uint8Array;
  /** The file's name, or a part of it: begins the sentences of errors. */
  readonly where: string;
  readonly #view: DataView;
  readonly #end: number;
  #at: number;

  /** Reads `bytes` from `start` up to `end`, both of which are checked. */
  constructor(bytes: Uint8Array, where: string, start = 0, end = bytes.length) {
    this.bytes = bytes;
    this.where = where;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#at = 0;
    this.#end = bytes.length;
    if (!isWithin(start, end) || end > bytes.length) this.#refuse(`bytes ${start} to ${end}`);
    this.#at = start;
    this.#end = end;
  }

  /** The position in `bytes` of the next read. */
  get at(): number {
    return this.#at;
  }

  /** How many bytes are left. */
  get left(): number {
    return this.#end - this.#at;
  }

  seek(at: number): this {
    if (!isWithin(at, this.#end)) this.#refuse(`a position up to ${this.#end}`, at);
    this.#at = at;
    return this;
  }

  skip(count: number): this {
    this.#take(count);
    return this;
  }

  u8(): number {
    return this.#view.getUint8(this.#take(1));
  }

  u16(): number {
    return this.#view.getUint16(this.#take(2), true);
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4), true);
  }

  i32(): number {
    return this.#view.getInt32(this.#take(4), true);
  }

  f32(): number {
    return this.#view.getFloat32(this.#take(4), true);
  }

  f64(): number {
    return this.#view.getFloat64(this.#take(8), true);
  }

  u64(): bigint {
    return this.#view.getBigUint64(this.#take(8), true);
  }

  i64(): bigint {
    return this.#view.getBigInt64(this.#take(8), true);
  }

  /** An unsigned number of 1 to 8 bytes that counts or locates something: refused above 2^53 - 1. */
  size(width = 8): number {
    const at = this.#take(width);
    let value = 0;
    for (let i = width - 1; i >= 0; i--) value = value * 256 + this.bytes[at + i];
    if (!Number.isSafeInteger(value)) this.#refuse("a size or position below 2^53", value);
    return value;
  }

  /** The next bytes, not copied. */
  take(count: number): Uint8Array {
    const at = this.#take(count);
    return this.bytes.subarray(at, at + count);
  }

  /** The next bytes as UTF-8; bytes that are none are refused. */
  text(count: number): string {
    const bytes = this.take(count);
    try {
      return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    } catch {
      return this.#refuse(`${count} bytes of UTF-8 text`);
    }
  }

  /** A cursor of its own over the next bytes, which are passed. */
  part(count: number, where = this.where): ByteReader {
    const at = this.#take(count);
    return new ByteReader(this.bytes, where, at, at + count);
  }

  #take(count: number): number {
    const at = this.#at;
    if (!isWithin(count, this.#end - at)) this.#refuse(`${count} more bytes at position ${at}`, this.#end - at);
    this.#at = at + count;
    return at;
  }

  #refuse(expected: string, got?: number): never {
    throw new FormatError(
      `${this.where}: expected ${expected}, got ${got === undefined ? "something else" : got}. The file is truncated or damaged; save or download it again.`,
      { at: this.#at, end: this.#end },
    );
  }
}

function isWithin(value: number, limit: number): boolean {
  return Number.isSafeInteger(value) && value >= 0 && value <= limit;
}
