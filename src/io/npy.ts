/**
 * NumPy's `.npy`: one array. Reads format versions 1, 2 and 3, both byte orders, C and Fortran order, and every
 * element type of `elements.ts`; writes version 1, little-endian, C order. No pickled objects, no records.
 */
import type { HostArray } from "../base/dtypes.ts";
import { FormatError, UnsupportedError } from "../base/errors.ts";
import { formatShape } from "../base/shapes.ts";
import { type ElementType, elementBytes, encodeElements, viewElements } from "./elements.ts";
import { checkHostTensor, type HostTensor } from "./hostTensor.ts";

const magic = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59]; // \x93NUMPY

const elementTypes: Readonly<Record<string, ElementType>> = {
  f2: "float16",
  f4: "float32",
  f8: "float64",
  i1: "int8",
  i2: "int16",
  i4: "int32",
  i8: "int64",
  u1: "uint8",
  u2: "uint16",
  u4: "uint32",
  u8: "uint64",
  b1: "bool",
};

const writtenNames = { float32: "<f4", int32: "<i4", bool: "|b1" } as const;

/** Bytes of a `.npy` file. */
export function encodeNpy(tensor: HostTensor): Uint8Array {
  checkHostTensor(tensor, "npy");
  const shape = tensor.shape.length === 1 ? `(${tensor.shape[0]},)` : `(${tensor.shape.join(", ")})`;
  const header = `{'descr': '${writtenNames[tensor.dtype]}', 'fortran_order': False, 'shape': ${shape}, }`;
  // The header ends in a newline and is padded so that the data begins at a multiple of 64.
  const total = Math.ceil((10 + header.length + 1) / 64) * 64;
  const data = encodeElements(tensor.dtype, tensor.data);
  const bytes = new Uint8Array(total + data.length);
  bytes.set([...magic, 1, 0, (total - 10) & 255, (total - 10) >> 8]);
  bytes.set(new TextEncoder().encode(`${header.padEnd(total - 11)}\n`), 10);
  bytes.set(data, total);
  return bytes;
}

/**
 * Reads a whole `.npy` file. Float32 and int32 data is a view of `bytes` where these are aligned. `where` (its name)
 * begins the sentences of its errors.
 */
export function decodeNpy(bytes: Uint8Array, where = "npy"): HostTensor {
  const { header, data } = split(bytes, where);
  const { type, bigEndian } = readElementType(header, where);
  const shape = readShape(header, where);
  const needed = shape.reduce((product, size) => product * size, elementBytes(type));
  if (needed !== data.length) {
    throw new FormatError(
      `${where}: expected ${needed} bytes of data for shape ${formatShape(shape)}, got ${data.length}. The file is ${data.length < needed ? "truncated" : "damaged"}; save it again.`,
      { shape, needed, got: data.length },
    );
  }
  const { dtype, data: elements } = viewElements(type, data, where, bigEndian);
  const fortran = /['"]fortran_order['"]\s*:\s*True/.test(header);
  return { dtype, shape, data: fortran ? toRowMajor(elements, shape) : elements };
}

function split(bytes: Uint8Array, where: string): { header: string; data: Uint8Array } {
  if (bytes.length < 10 || magic.some((byte, i) => bytes[i] !== byte)) {
    throw new FormatError(
      `${where}: expected a .npy file that begins with \\x93NUMPY, got something else. Save the array with numpy.save.`,
      { length: bytes.length },
    );
  }
  const version = bytes[6];
  if (version < 1 || version > 3) {
    throw new UnsupportedError(
      `${where}: expected .npy version 1, 2 or 3, got ${version}. Save the array with a current NumPy.`,
      {
        version,
      },
    );
  }
  const start = version === 1 ? 10 : 12;
  const wide = version > 1 && bytes.length >= 12;
  const length = bytes[8] + bytes[9] * 256 + (wide ? bytes[10] * 65536 + bytes[11] * 2 ** 24 : 0);
  if (start + length > bytes.length) {
    throw new FormatError(
      `${where}: expected a header of ${length} bytes, got ${Math.max(0, bytes.length - start)}. The file is truncated; save it again.`,
      { length },
    );
  }
  return {
    header: String.fromCharCode(...bytes.subarray(start, start + Math.min(length, 10_000))),
    data: bytes.subarray(start + length),
  };
}

function readElementType(header: string, where: string): { type: ElementType; bigEndian: boolean } {
  const descr = /['"]descr['"]\s*:\s*['"]([<>|=]?)([a-zA-Z]\d{0,3})['"]/.exec(header);
  if (descr !== null && Object.hasOwn(elementTypes, descr[2])) {
    return { type: elementTypes[descr[2]], bigEndian: descr[1] === ">" };
  }
  const got = /['"]descr['"]\s*:\s*(\[[^\]]{1,60}\]?|[^,}]{1,40})/.exec(header)?.[1].trim() ?? "none";
  throw new UnsupportedError(
    `${where}: expected float, int, uint or bool elements, got ${got}. Convert the array with .astype("float32") or .astype("int32").`,
    { descr: got },
  );
}

function readShape(header: string, where: string): number[] {
  const inside = /['"]shape['"]\s*:\s*\(([\d\s,L]*)\)/.exec(header)?.[1];
  const sizes = inside?.split(",").map((part) => part.trim().replace(/L$/, ""));
  if (sizes?.at(-1) === "") sizes.pop();
  const shape = sizes?.map(Number);
  if (shape?.every((size, i) => Number.isSafeInteger(size) && sizes?.[i] !== "") && /fortran_order/.test(header))
    return shape;
  throw new FormatError(
    `${where}: expected a header with descr, fortran_order and shape, got ${JSON.stringify(header.slice(0, 60))}. The file is damaged; save it again.`,
    {},
  );
}

/** The first index of Fortran order runs fastest. */
function toRowMajor(source: HostArray, shape: readonly number[]): HostArray {
  const data = source.slice();
  const index = new Array<number>(shape.length).fill(0);
  for (let from = 0; from < source.length; from++) {
    let to = 0;
    for (let axis = 0; axis < shape.length; axis++) to = to * shape[axis] + index[axis];
    data[to] = source[from];
    for (let axis = 0; axis < shape.length && ++index[axis] === shape[axis]; axis++) index[axis] = 0;
  }
  return data;
}
