/** The messages of object headers that the writer makes: types, shapes and attributes as bytes. */
import type { DType } from "../../base/dtypes.ts";
import type { Hdf5Attribute } from "./attributes.ts";
import { align, Bytes } from "./pages.ts";

/** Where the texts of attributes lie: each alone in a collection of the global heap. */
export type TextPlaces = ReadonlyMap<string, { readonly address: number; readonly length: number }>;

/** A message of a header of version 1; its body fills groups of eight bytes. */
export function message(type: number, body: Uint8Array): Uint8Array {
  const size = align(body.length, 8);
  const out = new Bytes();
  out
    .at(out.skip(8 + size))
    .u16(type)
    .u16(size)
    .u8(0)
    .u8(0)
    .u16(0)
    .bytes(body);
  return out.finish();
}

/** A dataspace of version 1. */
export function spaceBody(shape: readonly number[]): Uint8Array {
  const out = new Bytes();
  const view = out
    .at(out.skip(8 + 8 * shape.length))
    .u8(1)
    .u8(shape.length)
    .u8(0)
    .u8(0)
    .u32(0);
  for (const size of shape) view.u64(BigInt(size));
  return out.finish();
}

/** A datatype of version 1. */
export function typeBody(dtype: DType): Uint8Array {
  switch (dtype) {
    case "float32":
      return floatType();
    case "int32":
      return integerType(4);
    case "bool":
      return integerType(1);
  }
}

/** IEEE 754, 32 bits: the sign at 31, 8 bits of exponent from 23, 23 bits of fraction with an implied one. */
function floatType(): Uint8Array {
  const out = new Bytes();
  out.at(out.skip(20)).u8(0x11).u8(0x20).u8(31).u8(0).u32(4).u16(0).u16(32).u8(23).u8(8).u8(0).u8(23).u32(127);
  return out.finish();
}

function integerType(size: number): Uint8Array {
  const out = new Bytes();
  out
    .at(out.skip(12))
    .u8(0x10)
    .u8(size === 4 ? 8 : 0)
    .u8(0)
    .u8(0)
    .u32(size)
    .u16(0)
    .u16(8 * size);
  return out.finish();
}

/** 64-bit numbers of attributes. */
function numberType(isWhole: boolean): Uint8Array {
  const out = new Bytes();
  if (isWhole) out.at(out.skip(12)).u8(0x10).u8(8).u8(0).u8(0).u32(8).u16(0).u16(64);
  else out.at(out.skip(20)).u8(0x11).u8(0x20).u8(63).u8(0).u32(8).u16(0).u16(64).u8(52).u8(11).u8(0).u8(52).u32(1023);
  return out.finish();
}

/** Text of a fixed length, padded with zeros. */
function textType(size: number): Uint8Array {
  const out = new Bytes();
  out.at(out.skip(8)).u8(0x13).u8(0x11).u8(0).u8(0).u32(size);
  return out.finish();
}

/** UTF-8 text of variable length: 4 bytes of length, an address, a number in the heap. */
function heapTextType(): Uint8Array {
  const out = new Bytes();
  out.at(out.skip(16)).u8(0x19).u8(1).u8(1).u8(0).u32(16).u8(0x13).u8(0).u8(0).u8(0).u32(1);
  return out.finish();
}

/** Name and body of an attribute message of version 1. */
export function attributeBodies(
  attributes: Readonly<Record<string, Hdf5Attribute>>,
  texts: TextPlaces,
): [string, Uint8Array][] {
  return Object.entries(attributes).map(([name, value]) => [name, attributeBody(name, value, texts)]);
}

function attributeBody(name: string, value: Hdf5Attribute, texts: TextPlaces): Uint8Array {
  const { type, shape, data } = contents(value, texts);
  const label = new TextEncoder().encode(`${name}\0`);
  const space = spaceBody(shape);
  const out = new Bytes();
  const parts = [label, type, space];
  const head = 8 + parts.reduce((sum, { length }) => sum + align(length, 8), 0);
  const start = out.skip(head + data.length);
  out.at(start).u8(1).u8(0).u16(label.length).u16(type.length).u16(space.length);
  let at = start + 8;
  for (const part of parts) {
    out.at(at).bytes(part);
    at += align(part.length, 8);
  }
  out.at(at).bytes(data);
  return out.finish();
}

interface Contents {
  readonly type: Uint8Array;
  readonly shape: readonly number[];
  readonly data: Uint8Array;
}

function contents(value: Hdf5Attribute, texts: TextPlaces): Contents {
  if (typeof value === "string") return { type: heapTextType(), shape: [], data: heapReference(value, texts) };
  if (typeof value === "number") return { shape: [], ...numbers([value]) };
  if (isTexts(value)) return { shape: [value.length], ...fixedTexts(value) };
  return { shape: [value.length], ...numbers(value) };
}

function isTexts(value: readonly string[] | readonly number[]): value is readonly string[] {
  return typeof value[0] === "string";
}

function heapReference(text: string, texts: TextPlaces): Uint8Array {
  const place = texts.get(text);
  const out = new Bytes();
  out
    .at(out.skip(16))
    .u32(place?.length ?? 0)
    .u64(BigInt(place?.address ?? 0))
    .u32(place === undefined ? 0 : 1);
  return out.finish();
}

function numbers(values: readonly number[]): Omit<Contents, "shape"> {
  const isWhole = values.every(Number.isSafeInteger);
  const out = new Bytes();
  const start = out.skip(8 * values.length);
  const view = out.at(start);
  const bits = new DataView(new ArrayBuffer(8));
  for (const value of values) {
    if (isWhole) view.u64(BigInt.asUintN(64, BigInt(value)));
    else {
      bits.setFloat64(0, value, true);
      view.u64(bits.getBigUint64(0, true));
    }
  }
  return { type: numberType(isWhole), data: out.finish() };
}

function fixedTexts(values: readonly string[]): Omit<Contents, "shape"> {
  const encoded = values.map((value) => new TextEncoder().encode(value));
  const size = Math.max(1, ...encoded.map(({ length }) => length));
  const data = new Uint8Array(size * values.length);
  for (const [i, bytes] of encoded.entries()) data.set(bytes, i * size);
  return { type: textType(size), data };
}
