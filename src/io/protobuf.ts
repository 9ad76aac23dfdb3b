/**
 * The wire format of protocol buffers (https://protobuf.dev/programming-guides/encoding/): fields in the order in which
 * they come, and a writer. What the fields mean is said by the tables of each format.
 */
import { FormatError } from "../base/errors.ts";
import { ByteReader } from "./bytes.ts";

/** One field as the wire has it: a number of type 0 (varint), 1 (8 bytes), 5 (4 bytes), or bytes of type 2. */
export type WireField =
  | { readonly number: number; readonly wire: 0; readonly value: bigint }
  | { readonly number: number; readonly wire: 1 | 5; readonly bytes: Uint8Array }
  | { readonly number: number; readonly wire: 2; readonly bytes: Uint8Array };

/** The fields of a message. Raises FormatError for what is no message: unknown wire types, lengths past the end. */
export function* readFields(bytes: Uint8Array, where: string): Generator<WireField> {
  const reader = new ByteReader(bytes, where);
  while (reader.left > 0) {
    const key = readVarint(reader);
    const number = Number(key >> 3n);
    if (number === 0 || number > 0x1fffffff) refuse(where, "a field number from 1 to 536870911", String(number));
    switch (Number(key & 7n)) {
      case 0:
        yield { number, wire: 0, value: readVarint(reader) };
        break;
      case 1:
        yield { number, wire: 1, bytes: reader.take(8) };
        break;
      case 2:
        yield { number, wire: 2, bytes: reader.take(readLength(reader)) };
        break;
      case 5:
        yield { number, wire: 5, bytes: reader.take(4) };
        break;
      default:
        refuse(where, "a field of wire type 0, 1, 2 or 5", `type ${Number(key & 7n)}`);
    }
  }
}

/** Packed varints: the bytes of one field of type 2, as signed 64-bit numbers. */
export function readPackedVarints(bytes: Uint8Array, where: string): bigint[] {
  const reader = new ByteReader(bytes, where);
  const values: bigint[] = [];
  while (reader.left > 0) values.push(signed(readVarint(reader)));
  return values;
}

/** A varint as the two's complement number that int32 and int64 fields hold. */
export function signed(value: bigint): bigint {
  return BigInt.asIntN(64, value);
}

/** Unsigned, at most ten bytes. */
export function readVarint(reader: ByteReader): bigint {
  // The first 28 bits as a plain number: nearly all varints are that short.
  let low = 0;
  for (let shift = 0; shift < 28; shift += 7) {
    const byte = reader.u8();
    low |= (byte & 127) << shift;
    if (byte < 128) return BigInt(low);
  }
  let value = BigInt(low);
  for (let shift = 28n; shift < 70n; shift += 7n) {
    const byte = reader.u8();
    value |= BigInt(byte & 127) << shift;
    if (byte < 128) return BigInt.asUintN(64, value);
  }
  return refuse(reader.where, "a number of at most ten bytes", "a longer one");
}

function readLength(reader: ByteReader): number {
  const length = readVarint(reader);
  if (length > BigInt(reader.left)) refuse(reader.where, `at most ${reader.left} bytes in a field`, `${length}`);
  return Number(length);
}

function refuse(where: string, expected: string, got: string): never {
  throw new FormatError(
    `${where}: expected ${expected}, got ${got}. The file is damaged or of another format; save or download it again.`,
    { expected, got },
  );
}

/** Writes one message. Fields of messages in it are written by a function. */
export class MessageWriter {
  readonly #chunks: Uint8Array[] = [];
  #length = 0;

  /** An int32, int64, uint64, bool or enum field. */
  varint(number: number, value: number | bigint | boolean): this {
    this.#key(number, 0);
    return this.#varint(BigInt.asUintN(64, BigInt(value)));
  }

  float(number: number, value: number): this {
    this.#key(number, 5);
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setFloat32(0, value, true);
    return this.#push(bytes);
  }

  /** Bytes are kept, not copied. */
  bytes(number: number, value: Uint8Array): this {
    this.#key(number, 2);
    this.#varint(BigInt(value.length));
    return this.#push(value);
  }

  string(number: number, value: string): this {
    return this.bytes(number, new TextEncoder().encode(value));
  }

  message(number: number, write: (writer: MessageWriter) => void): this {
    const inner = new MessageWriter();
    write(inner);
    this.#key(number, 2);
    this.#varint(BigInt(inner.#length));
    for (const chunk of inner.#chunks) this.#push(chunk);
    return this;
  }

  /** The whole message. */
  finish(): Uint8Array {
    const bytes = new Uint8Array(this.#length);
    let at = 0;
    for (const chunk of this.#chunks) {
      bytes.set(chunk, at);
      at += chunk.length;
    }
    return bytes;
  }

  #key(number: number, wire: number): void {
    this.#varint(BigInt(number * 8 + wire));
  }

  #varint(value: bigint): this {
    const bytes: number[] = [];
    let rest = value;
    while (rest >= 128n) {
      bytes.push(Number(rest & 127n) | 128);
      rest >>= 7n;
    }
    bytes.push(Number(rest));
    return this.#push(Uint8Array.from(bytes));
  }

  #push(bytes: Uint8Array): this {
    this.#chunks.push(bytes);
    this.#length += bytes.length;
    return this;
  }
}
