/** Dataspaces and datatypes: how many elements there are, and what each is. */
import type { ByteReader } from "../bytes.ts";
import type { ElementType } from "../elements.ts";
import type { Hdf5File } from "./bounds.ts";

/** What an element is. */
export type Hdf5Type =
  | { readonly kind: "number"; readonly type: ElementType; readonly bigEndian: boolean; readonly size: number }
  /** Text of so many bytes; what follows the first zero (or trailing spaces) is none of it. */
  | { readonly kind: "text"; readonly size: number }
  /** Text in the global heap. */
  | { readonly kind: "heapText"; readonly size: number }
  | { readonly kind: "other"; readonly name: string; readonly size: number };

const classNames = [
  "whole numbers",
  "floating-point numbers",
  "times",
  "texts",
  "bit fields",
  "opaque bytes",
  "records",
  "references",
  "enumerations",
  "lists of variable length",
  "arrays",
];

/** Reads a datatype message. */
export function readType(file: Hdf5File, reader: ByteReader, depth = 0): Hdf5Type {
  const first = reader.u8();
  const kind = first & 15;
  const bits = [reader.u8(), reader.u8(), reader.u8()];
  const size = reader.u32();
  const other = { kind: "other", name: classNames[kind] ?? `class ${kind}`, size } as const;
  if (depth > 8) file.damaged("a datatype that ends", "one within one without end");
  const bigEndian = (bits[0] & 1) !== 0;
  switch (kind) {
    case 0: {
      const name = `${(bits[0] & 8) !== 0 ? "int" : "uint"}${8 * size}`;
      return isElement(name) ? { kind: "number", type: name, bigEndian, size } : other;
    }
    case 1: {
      const type = floatType(size, reader);
      return type === undefined || (bits[0] & 64) !== 0 ? other : { kind: "number", type, bigEndian, size };
    }
    case 3:
      return { kind: "text", size };
    case 8: {
      // h5py keeps truth values as an enumeration of two whole numbers.
      const base = readType(file, reader, depth + 1);
      return base.kind === "number" && size === 1 ? { ...base, type: "bool" } : other;
    }
    case 9:
      return (bits[0] & 15) === 1 ? { kind: "heapText", size } : other;
    default:
      return other;
  }
}

const integers: readonly string[] = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"];

function isElement(name: string): name is ElementType {
  return integers.includes(name);
}

/** Told apart by size and by the bits of the exponent: bfloat16 is float32 cut in half. */
function floatType(size: number, reader: ByteReader): ElementType | undefined {
  const exponent = reader.skip(5).u8();
  if (size === 2) return exponent === 8 ? "bfloat16" : "float16";
  return size === 4 ? "float32" : size === 8 ? "float64" : undefined;
}

/** Sizes of a dataspace message: [] for one element, undefined for none at all. */
export function readSpace(file: Hdf5File, reader: ByteReader): number[] | undefined {
  const version = reader.u8();
  if (version !== 1 && version !== 2) file.damaged("a dataspace of version 1 or 2", `version ${version}`);
  const rank = reader.u8();
  const flags = reader.u8();
  const kind = reader.u8();
  if (version === 1) reader.skip(4);
  else if (kind === 2) return undefined;
  if (rank > 32) file.damaged("at most 32 axes", String(rank));
  void flags;
  return Array.from({ length: rank }, () => file.length(reader));
}

/** Elements of a shape. Raises FormatError for more than a file can count. */
export function countOf(file: Hdf5File, shape: readonly number[]): number {
  const count = shape.reduce((product, size) => product * size, 1);
  return Number.isSafeInteger(count)
    ? count
    : file.damaged("a shape of fewer than 2^53 elements", `[${shape.join(", ")}]`);
}
