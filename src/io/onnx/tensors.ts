/**
 * Tensors of ONNX files. On the wire the elements lie in one of six fields, by their type; here they are always
 * little-endian bytes, row-major, a view of the file where they lie there so.
 */
import { FormatError, UnsupportedError } from "../../base/errors.ts";
import { formatShape } from "../../base/shapes.ts";
import { type GivenArray, RawFloats } from "../../nn/index.ts";
import { concrete, filled, type Tensor } from "../../trace/index.ts";
import { ByteReader } from "../bytes.ts";
import { type ElementType, elementBytes, floatsAt, isElementType, viewElements } from "../elements.ts";
import type { HostTensor } from "../hostTensor.ts";
import { readVarint } from "../protobuf.ts";
import { quoted, shortened } from "../quoted.ts";
import { bytes, chunks, type Fields, int, ints, type Message, many, mapped, message, text } from "./fields.ts";

/** By number, as in TensorProto.DataType. */
export const elementNames = [
  "undefined",
  "float32",
  "uint8",
  "int8",
  "uint16",
  "int16",
  "int32",
  "int64",
  "string",
  "bool",
  "float16",
  "float64",
  "uint32",
  "uint64",
  "complex64",
  "complex128",
  "bfloat16",
  "float8e4m3fn",
  "float8e4m3fnuz",
  "float8e5m2",
  "float8e5m2fnuz",
  "uint4",
  "int4",
  "float4e2m1",
  "float8e8m0",
  "uint2",
  "int2",
] as const;

export type OnnxElementType = (typeof elementNames)[number];

export interface OnnxTensor {
  readonly name: string;
  readonly elementType: OnnxElementType;
  readonly dims: readonly number[];
  /** Little-endian bytes; as many as type and dims say, or none for types that Recurve does not read and for `external`. */
  readonly data: Uint8Array;
  /** Where the elements lie, if that is in another file (`external.ts`). */
  readonly external?: OnnxPlace;
}

/** A stretch of bytes in another file; to its end without a length. */
export interface OnnxPlace {
  readonly location: string;
  readonly offset: number;
  readonly length: number | undefined;
}

/** The name of an element type's number. */
export function elementName(number: number, where: string): OnnxElementType {
  const name = elementNames[number];
  if (name !== undefined) return name;
  throw new FormatError(
    `${where}: expected an element type from 0 to ${elementNames.length - 1}, got ${number}. The file is damaged, or newer than Recurve; update Recurve.`,
    { type: number },
  );
}

/** The tensor as Recurve has it. Raises UnsupportedError for types that it has not, and for data in other files. */
export function hostTensorOf({ name, elementType, dims, data, external }: OnnxTensor, where: string): HostTensor {
  const what = `${where}: tensor "${shortened(name)}"`;
  if (external !== undefined)
    throw new UnsupportedError(
      `${what}: expected its elements, got the name ${quoted(external.location)} of the file that they lie in. Load the model by its path, or give that file too.`,
      { tensor: name, location: external.location },
    );
  if (!isElementType(elementType))
    throw new UnsupportedError(
      `${what}: expected a type of numbers that Recurve has, got ${elementType}. Convert it to float32 or int32 before the export.`,
      { tensor: name, type: elementType },
    );
  return { shape: dims, ...viewElements(elementType, data, what) };
}

/** The same with numbers of float32 where they lie in the file, at any byte: nothing is copied. */
export function givenArrayOf(tensor: OnnxTensor, where: string): GivenArray {
  const { elementType, dims, data, external } = tensor;
  const floats = elementType === "float32" && external === undefined ? floatsAt(data) : undefined;
  return floats === undefined ? hostTensorOf(tensor, where) : { shape: dims, data: floats };
}

/** The same as a tensor of a program; what is copied is copied when somebody asks for the numbers. */
export function weightOf(tensor: OnnxTensor, where: string): Tensor {
  const { shape, data } = givenArrayOf(tensor, where);
  if (data instanceof RawFloats) {
    return filled({ dtype: "float32", shape }, (elements) => data.copyTo(elements as Float32Array));
  }
  if (data instanceof Float32Array) return concrete({ dtype: "float32", shape }, data);
  const { dtype, data: elements } = hostTensorOf(tensor, where);
  return concrete({ dtype, shape }, elements);
}

/** The fields of TensorProto. */
interface Wire {
  readonly dims: readonly number[];
  readonly type: number;
  readonly floats: readonly Uint8Array[];
  readonly narrow: readonly Uint8Array[];
  readonly wide: readonly Uint8Array[];
  readonly name: string;
  readonly raw: Uint8Array | undefined;
  readonly doubles: readonly Uint8Array[];
  readonly unsigned: readonly Uint8Array[];
  readonly location: number;
  readonly external: readonly OnnxEntry[];
}

/** A text by name: in the metadata of a model, and in what says where elements lie. */
export type OnnxEntry = readonly [key: string, value: string];

export const entryMessage: Message<OnnxEntry> = mapped(
  message((): Fields<{ readonly key: string; readonly value: string }> => ({ key: text(1), value: text(2) })),
  ({ key, value }) => [key, value] as const,
  ([key, value]) => ({ key, value }),
);

const wire: Message<Wire> = message(
  (): Fields<Wire> => ({
    dims: ints(1),
    type: int(2),
    floats: chunks(4),
    narrow: chunks(5),
    wide: chunks(7),
    name: text(8),
    raw: bytes(9),
    doubles: chunks(10),
    unsigned: chunks(11),
    external: many(13, () => entryMessage),
    location: int(14),
  }),
);

const none = { floats: [], narrow: [], wide: [], doubles: [], unsigned: [] };

export const tensorMessage: Message<OnnxTensor> = mapped(wire, open, ({ name, elementType, dims, data, external }) => ({
  ...none,
  dims,
  type: elementNames.indexOf(elementType),
  name,
  raw: external === undefined ? data : undefined,
  location: external === undefined ? 0 : 1,
  external: external === undefined ? [] : entriesOf(external),
}));

function open(tensor: Wire, where: string): OnnxTensor {
  const { name, dims, type, location } = tensor;
  const elementType = elementName(type, where);
  const empty = new Uint8Array();
  const count = dims.reduce((product, size) => product * size, 1);
  if (!dims.every((size) => size >= 0) || !Number.isSafeInteger(count)) return refuseShape(tensor, where);
  if (location === 1) return { name, elementType, dims, data: empty, external: placeIn(tensor, where) };
  if (!isElementType(elementType)) return { name, elementType, dims, data: empty };
  const data = dataOf(tensor, elementType, count, where);
  if (data.length === count * elementBytes(elementType)) return { name, elementType, dims, data };
  throw new FormatError(
    `${where}: tensor "${shortened(name)}": expected ${count * elementBytes(elementType)} bytes for ${elementType} ${formatShape(dims.slice(0, 8))}, got ${data.length}. The file is damaged; save or download it again.`,
    { tensor: name, shape: dims },
  );
}

/** Keys of ExternalDataProto: location, offset and length as texts. Others, such as a checksum, are not looked at. */
function placeIn({ name, external }: Wire, where: string): OnnxPlace {
  const entries = new Map(external);
  const number = (key: string): number | undefined => {
    const given = entries.get(key);
    if (given === undefined || given === "") return undefined;
    const value = /^\d{1,16}$/.test(given) ? Number(given) : Number.NaN;
    if (Number.isSafeInteger(value)) return value;
    throw new FormatError(
      `${where}: tensor "${shortened(name)}": expected a whole number of bytes as ${key} of its elements, got ${quoted(given)}. The file is damaged; save or download it again.`,
      { tensor: name },
    );
  };
  return { location: entries.get("location") ?? "", offset: number("offset") ?? 0, length: number("length") };
}

function entriesOf({ location, offset, length }: OnnxPlace): OnnxEntry[] {
  const bytes = length === undefined ? [] : [["length", String(length)] as const];
  return [["location", location], ["offset", String(offset)], ...bytes];
}

function refuseShape({ name, dims }: Wire, where: string): never {
  throw new FormatError(
    `${where}: tensor "${shortened(name)}": expected sizes of 0 or more, got ${formatShape(dims.slice(0, 8))}. The file is damaged; save or download it again.`,
    { tensor: name, shape: dims },
  );
}

/** Of the fields the one that is used. `count` elements are expected; more memory than for those is never taken. */
function dataOf(tensor: Wire, type: ElementType, count: number, where: string): Uint8Array {
  const { raw, floats, narrow, wide, doubles, unsigned } = tensor;
  if (raw !== undefined) return raw;
  if (type === "float32") return joined(floats);
  if (type === "float64") return joined(doubles);
  const source = type === "int64" ? wide : type === "uint32" || type === "uint64" ? unsigned : narrow;
  return varints(source, elementBytes(type), count, where);
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  if (parts.length === 1) return parts[0];
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** Varints as numbers of a width in bytes; none if they are not `count`. */
function varints(parts: readonly Uint8Array[], width: number, count: number, where: string): Uint8Array {
  const available = parts.reduce((sum, part) => sum + part.length, 0);
  if (available < count) return new Uint8Array(available * width);
  const out = new Uint8Array(count * width);
  let at = 0;
  for (const part of parts) {
    const reader = new ByteReader(part, where);
    while (reader.left > 0) {
      if (at === out.length) return new Uint8Array(at + width);
      let value = readVarint(reader);
      for (let i = 0; i < width; i++, value >>= 8n) out[at++] = Number(value & 255n);
    }
  }
  return out.subarray(0, at);
}
