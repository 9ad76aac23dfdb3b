/**
 * The safetensors format: 8 bytes of header length, a JSON header, then the bytes of all tensors without a gap.
 * Reads every element type of `elements.ts`; writes F32, I32 and BOOL. Decoding trusts nothing: each rule of the
 * format that a file breaks is a FormatError with a sentence.
 */
import { FormatError, OptionError } from "../base/errors.ts";
import { formatShape } from "../base/shapes.ts";
import { type ElementType, elementBytes, encodeElements, viewElements } from "./elements.ts";
import { checkHostTensor, type HostTensor, type HostTensors } from "./hostTensor.ts";
import { quoted } from "./quoted.ts";

export interface SafetensorsFile {
  readonly tensors: HostTensors;
  /** The free text entries of the header (`__metadata__`). */
  readonly metadata: Readonly<Record<string, string>>;
}

/** The limit of the reference implementation: a larger header is refused by every reader. */
const maximumHeader = 100_000_000;

const elementTypes: Readonly<Record<string, ElementType>> = {
  F16: "float16",
  BF16: "bfloat16",
  F32: "float32",
  F64: "float64",
  I8: "int8",
  I16: "int16",
  I32: "int32",
  I64: "int64",
  U8: "uint8",
  U16: "uint16",
  U32: "uint32",
  U64: "uint64",
  BOOL: "bool",
};

const writtenNames = { float32: "F32", int32: "I32", bool: "BOOL" } as const;

/** Bytes of a safetensors file. Tensors keep their order, except that four-byte types come before bool: so all data is aligned. */
export function encodeSafetensors(tensors: HostTensors, metadata: Readonly<Record<string, string>> = {}): Uint8Array {
  const entries = Object.entries(tensors);
  const ordered = [...entries.filter(([, t]) => t.dtype !== "bool"), ...entries.filter(([, t]) => t.dtype === "bool")];
  // Without a prototype: a tensor may be named "__proto__".
  const header: Record<string, unknown> = Object.create(null);
  if (Object.keys(metadata).length > 0) header.__metadata__ = metadata;
  const parts: Uint8Array[] = [];
  let end = 0;
  for (const [name, tensor] of ordered) {
    if (name === "__metadata__") {
      throw new OptionError(`safetensors: a tensor can not be named "__metadata__". Rename it.`, { name });
    }
    checkHostTensor(tensor, `safetensors "${name}"`);
    const bytes = encodeElements(tensor.dtype, tensor.data);
    header[name] = { dtype: writtenNames[tensor.dtype], shape: tensor.shape, data_offsets: [end, end + bytes.length] };
    end += bytes.length;
    parts.push(bytes);
  }
  return assemble(new TextEncoder().encode(JSON.stringify(header)), parts, end);
}

/**
 * Reads a whole file. Float32 and int32 tensors are views of `bytes` where these are aligned: leave the bytes as they
 * are while the tensors are in use. `where` (a file's name) begins the sentences of its errors. */
export function decodeSafetensors(bytes: Uint8Array, where = "safetensors"): SafetensorsFile {
  const { header, data } = readHeader(bytes, where);
  const metadata = readMetadata(header.__metadata__, where);
  const entries = Object.entries(header)
    .filter(([name]) => name !== "__metadata__")
    .map(([name, value]) => readEntry(name, value, where))
    .sort((a, b) => a.begin - b.begin || a.end - b.end);
  checkLayout(entries, data.length, where);
  const tensors = entries.map(({ name, type, shape, begin, end }): [string, HostTensor] => [
    name,
    { shape, ...viewElements(type, data.subarray(begin, end), `${where}: tensor ${quoted(name)}`) },
  ]);
  return { tensors: Object.fromEntries(tensors), metadata };
}

interface Entry {
  readonly name: string;
  readonly type: ElementType;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

function assemble(json: Uint8Array, parts: readonly Uint8Array[], dataLength: number): Uint8Array {
  // The header is padded with spaces so that the data begins at a multiple of 8.
  const headerLength = Math.ceil(json.length / 8) * 8;
  const bytes = new Uint8Array(8 + headerLength + dataLength);
  new DataView(bytes.buffer).setUint32(0, headerLength, true);
  bytes.fill(0x20, 8, 8 + headerLength);
  bytes.set(json, 8);
  let at = 8 + headerLength;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

function readHeader(bytes: Uint8Array, where: string): { header: Record<string, unknown>; data: Uint8Array } {
  if (bytes.length < 8) {
    refuse(
      where,
      `expected at least the 8 bytes of a header length, got ${bytes.length} bytes`,
      "The file is truncated or empty; save it again",
      { length: bytes.length },
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, 8);
  const length = view.getUint32(0, true) + view.getUint32(4, true) * 2 ** 32;
  if (length > maximumHeader) {
    refuse(
      where,
      `expected a header of at most ${maximumHeader} bytes, got a length of ${length}`,
      "This is not a safetensors file; give one",
      { length },
    );
  }
  if (length > bytes.length - 8) {
    refuse(
      where,
      `expected a header of ${length} bytes, got ${bytes.length - 8}`,
      "The file is truncated, or not a safetensors file; save or download it again",
      { length, got: bytes.length - 8 },
    );
  }
  const header = parseJson(bytes.subarray(8, 8 + length), where);
  if (!isRecord(header))
    refuse(
      where,
      "expected the header to be a JSON object, got something else",
      "This is not a safetensors file; give one",
      {},
    );
  return { header, data: bytes.subarray(8 + length) };
}

function parseJson(bytes: Uint8Array, where: string): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    refuse(
      where,
      `expected ${bytes.length} bytes of JSON as header, got something else`,
      "The file is damaged, or not a safetensors file; save or download it again",
      { length: bytes.length },
    );
  }
}

function readMetadata(value: unknown, where: string): Record<string, string> {
  if (value === undefined) return {};
  if (!isRecord(value) || !Object.values(value).every((v) => typeof v === "string")) {
    refuse(
      where,
      `expected "__metadata__" to map names to text, got something else`,
      "The file is damaged; save or download it again",
      {},
    );
  }
  return value as Record<string, string>;
}

function readEntry(name: string, value: unknown, file: string): Entry {
  const where = `${file}: tensor ${quoted(name)}`;
  if (!isRecord(value))
    refuse(
      where,
      "expected an object with dtype, shape and data_offsets, got something else",
      "The file is damaged; save or download it again",
      {
        name,
      },
    );
  const { dtype, shape, data_offsets: offsets } = value;
  const type = typeof dtype === "string" && Object.hasOwn(elementTypes, dtype) ? elementTypes[dtype] : undefined;
  if (type === undefined) {
    refuse(
      where,
      `expected one of the element types ${Object.keys(elementTypes).join(", ")}, got ${show(dtype)}`,
      "Convert the tensor before saving it",
      { name, dtype },
    );
  }
  if (!isSizes(shape))
    refuse(
      where,
      `expected a shape of whole numbers, got ${show(shape)}`,
      "The file is damaged; save or download it again",
      { name, shape },
    );
  if (!isSizes(offsets) || offsets.length !== 2 || offsets[0] > offsets[1]) {
    refuse(
      where,
      `expected data_offsets [begin, end], got ${show(offsets)}`,
      "The file is damaged; save or download it again",
      { name, offsets },
    );
  }
  const [begin, end] = offsets;
  const needed = shape.reduce((product, size) => product * size, elementBytes(type));
  if (needed !== end - begin) {
    refuse(
      where,
      `expected ${needed} bytes for ${dtype} of shape ${formatShape(shape)}, got ${end - begin}`,
      "The file is damaged; save or download it again",
      { name, shape, needed, got: end - begin },
    );
  }
  return { name, type, shape, begin, end };
}

function checkLayout(entries: readonly Entry[], length: number, where: string): void {
  let at = 0;
  for (const { name, begin, end } of entries) {
    if (end > length) {
      refuse(
        where,
        `expected ${end} bytes of data up to tensor ${quoted(name)}, got ${length}`,
        "The file is truncated; save or download it again",
        { name, expected: end, got: length },
      );
    }
    if (begin !== at) {
      const what = begin < at ? "overlaps the tensor before it" : "leaves a gap after the tensor before it";
      refuse(
        where,
        `expected tensor ${quoted(name)} to begin at byte ${at}, got ${begin}, which ${what}`,
        "The file is damaged; save or download it again",
        { name, expected: at, got: begin },
      );
    }
    at = end;
  }
  if (at !== length) {
    refuse(
      where,
      `expected ${at} bytes of data, got ${length}`,
      "The file has bytes that belong to no tensor; save it again",
      { expected: at, got: length },
    );
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((x) => Number.isSafeInteger(x) && x >= 0);
}

/** A value of a header in a sentence, never longer than a line. */
function show(value: unknown): string {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

function refuse(where: string, what: string, remedy: string, data: Record<string, unknown>): never {
  throw new FormatError(`${where}: ${what}. ${remedy}.`, data);
}
