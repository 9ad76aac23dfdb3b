/**
 * Tables of fields: how a message of protocol buffers is read into plain data and written back, one table for both
 * directions. Knows the wire, not ONNX: its tables are in `messages.ts`.
 */
import { FormatError } from "../../base/errors.ts";
import { type MessageWriter, readFields, readPackedVarints, signed, type WireField } from "../protobuf.ts";

/** Where a message is being read: the file's name, how deep it lies, and how many messages the file may still hold. */
export interface Place {
  readonly where: string;
  readonly depth: number;
  readonly budget: { left: number };
}

/** One field of a message: its number, its value before anything is read, and both directions. */
export interface Field<V> {
  readonly number: number;
  start(): V;
  read(before: V, field: WireField, place: Place): V;
  write(writer: MessageWriter, value: V): void;
}

/** A field for each property of a message. */
export type Fields<M> = { readonly [K in keyof M]-?: Field<M[K]> };

/** What reads and writes one kind of message. */
export interface Message<M> {
  read(bytes: Uint8Array, place: Place): M;
  write(writer: MessageWriter, message: M): void;
}

const [deepest, mostMessages] = [64, 500_000];

/** The place of a whole file. */
export function placeOf(where: string): Place {
  return { where, depth: 0, budget: { left: mostMessages } };
}

/** A message by its table. Fields that the table does not name are left out. */
export function message<M extends object>(fields: () => Fields<M>): Message<M> {
  // Messages lie in each other, so that a table is made when it is first needed.
  let made: readonly (readonly [keyof M & string, Field<unknown>])[] | undefined;
  const entries = () => {
    made ??= Object.entries(fields()) as [keyof M & string, Field<unknown>][];
    return made;
  };
  return {
    read(bytes, place) {
      const table = entries();
      const values: Record<string, unknown> = {};
      for (const [name, field] of table) values[name] = field.start();
      for (const one of readFields(bytes, place.where)) {
        const entry = table.find(([, field]) => field.number === one.number);
        if (entry !== undefined) values[entry[0]] = entry[1].read(values[entry[0]], one, place);
      }
      return values as M;
    },
    write(writer, value) {
      for (const [name, field] of entries()) field.write(writer, value[name]);
    },
  };
}

/** A message that is kept in another form than the wire has it. */
export function mapped<M, V>(
  inner: Message<M>,
  open: (message: M, where: string) => V,
  close: (value: V) => M,
): Message<V> {
  return {
    read: (bytes, place) => open(inner.read(bytes, place), place.where),
    write: (writer, value) => inner.write(writer, close(value)),
  };
}

/** Text; "" is not written. */
export const text = (number: number): Field<string> => ({
  number,
  start: () => "",
  read: (_, field, { where }) => textOf(bytesOf(field, where), where),
  write: (writer, value) => {
    if (value !== "") writer.string(number, value);
  },
});

/** A whole number; 0 is not written. Those of 64 bits are rounded to what a number holds. */
export const int = (number: number): Field<number> => ({
  number,
  start: () => 0,
  read: (_, field, { where }) => Number(signed(varintOf(field, where))),
  write: (writer, value) => {
    if (value !== 0) writer.varint(number, int64Of(value));
  },
});

/** A float32; 0 is not written. */
export const float = (number: number): Field<number> => ({
  number,
  start: () => 0,
  read: (_, field, { where }) => (field.wire === 5 ? floatAt(field.bytes, 0) : refuse(where, field.number)),
  write: (writer, value) => {
    if (value !== 0) writer.float(number, value);
  },
});

/** Bytes, not copied; undefined where there are none. Several are one after another. */
export const bytes = (number: number): Field<Uint8Array | undefined> => ({
  number,
  start: () => undefined,
  read: (_, field, { where }) => bytesOf(field, where),
  write: (writer, value) => {
    if (value !== undefined) writer.bytes(number, value);
  },
});

export const texts = (number: number): Field<readonly string[]> =>
  list(
    number,
    (field, { where }) => [textOf(bytesOf(field, where), where)],
    (writer, value) => writer.string(number, value),
  );

export const ints = (number: number): Field<readonly number[]> =>
  list(number, readInts, (writer, value) => writer.varint(number, int64Of(value)));

export const floats = (number: number): Field<readonly number[]> =>
  list(number, readFloats, (writer, value) => writer.float(number, value));

export const one = <M>(number: number, inner: () => Message<M>): Field<M | undefined> => ({
  number,
  start: () => undefined,
  read: (_, field, place) => inner().read(bytesOf(field, place.where), inside(place)),
  write: (writer, value) => {
    if (value !== undefined) writer.message(number, (own) => inner().write(own, value));
  },
});

export const many = <M>(number: number, inner: () => Message<M>): Field<readonly M[]> =>
  list(
    number,
    (field, place) => [inner().read(bytesOf(field, place.where), inside(place))],
    (writer, value) => writer.message(number, (own) => inner().write(own, value)),
  );

/** Every chunk of packed data as it is on the wire, and each number that came alone as the chunk that it would be. */
export const chunks = (number: number): Field<readonly Uint8Array[]> => ({
  number,
  start: () => [],
  read: (before, field) => {
    (before as Uint8Array[]).push(field.wire === 0 ? varintBytes(field.value) : field.bytes);
    return before;
  },
  write: (writer, value) => {
    for (const chunk of value) writer.bytes(number, chunk);
  },
});

function list<V>(
  number: number,
  read: (field: WireField, place: Place) => readonly V[],
  write: (writer: MessageWriter, value: V) => void,
): Field<readonly V[]> {
  return {
    number,
    start: () => [],
    read: (before, field, place) => {
      // Begun by `start` a moment ago, and nobody else has it yet.
      for (const value of read(field, place)) (before as V[]).push(value);
      return before;
    },
    write: (writer, values) => {
      for (const value of values) write(writer, value);
    },
  };
}

function readInts(field: WireField, { where }: Place): readonly number[] {
  if (field.wire === 0) return [Number(signed(field.value))];
  return readPackedVarints(bytesOf(field, where), where).map(Number);
}

function readFloats(field: WireField, { where }: Place): readonly number[] {
  if (field.wire !== 5 && field.wire !== 2) return refuse(where, field.number);
  if (field.bytes.length % 4 !== 0) return refuse(where, field.number);
  return Array.from({ length: field.bytes.length / 4 }, (_, i) => floatAt(field.bytes, 4 * i));
}

function inside({ where, depth, budget }: Place): Place {
  if (depth >= deepest) tooMuch(where, `messages at most ${deepest} deep`, "deeper ones");
  if (budget.left-- <= 0) tooMuch(where, `at most ${mostMessages} messages`, "more");
  return { where, depth: depth + 1, budget };
}

function tooMuch(where: string, expected: string, got: string): never {
  throw new FormatError(`${where}: expected ${expected}, got ${got}. Give a smaller model.`, { expected, got });
}

function bytesOf(field: WireField, where: string): Uint8Array {
  return field.wire === 2 ? field.bytes : refuse(where, field.number);
}

function varintOf(field: WireField, where: string): bigint {
  return field.wire === 0 ? field.value : refuse(where, field.number);
}

function textOf(bytes: Uint8Array, where: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new FormatError(
      `${where}: expected UTF-8 text, got other bytes. The file is damaged; save or download it again.`,
    );
  }
}

function floatAt(bytes: Uint8Array, at: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getFloat32(at, true);
}

/** The limits of int64 are no numbers, so that what lies past them stands for them. */
function int64Of(value: number): bigint {
  if (value >= 2 ** 63) return 2n ** 63n - 1n;
  return value <= -(2 ** 63) ? -(2n ** 63n) : BigInt(value);
}

function varintBytes(value: bigint): Uint8Array {
  const all: number[] = [];
  let rest = value;
  for (; rest >= 128n; rest >>= 7n) all.push(Number(rest & 127n) | 128);
  return Uint8Array.from([...all, Number(rest)]);
}

function refuse(where: string, number: number): never {
  throw new FormatError(
    `${where}: expected an ONNX model, got a field ${number} of another type. The file is damaged or of another format; save or download it again.`,
    { field: number },
  );
}
