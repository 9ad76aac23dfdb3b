/**
 * Tensors of PyTorch as tensors of a file: what a storage, an offset and strides select of the bytes. A contiguous tensor
 * of float32 is a view of the file; any other becomes a contiguous copy, and how much is copied in all is bounded.
 */
import type { HostArray } from "../../base/dtypes.ts";
import { FormatError, UnsupportedError } from "../../base/errors.ts";
import { formatShape } from "../../base/shapes.ts";
import { elementBytes, viewElements } from "../elements.ts";
import type { HostTensor } from "../hostTensor.ts";
import { quoted } from "../quoted.ts";
import type { TorchTensor } from "./allowed.ts";

/** The bytes of one file's storages. */
export interface StorageBytes {
  readonly where: string;
  readonly bigEndian: boolean;
  /** By key; undefined for one that the file does not have. */
  readonly bytesOf: (key: string) => Uint8Array | undefined;
  /** How many more elements may be copied: strides of zero let a small file speak of endless tensors. */
  left: number;
}

/** Bytes of storages, with a bound on what may be copied of them that honest files stay far below. */
export function storageBytes(
  where: string,
  fileLength: number,
  bytesOf: StorageBytes["bytesOf"],
  bigEndian: boolean,
): StorageBytes {
  return { where, bigEndian, bytesOf, left: 2 * fileLength + 1_000_000 };
}

/** The tensor of a path. Every size in it is checked against the bytes before memory is taken. */
export function readTensor(storages: StorageBytes, name: string, tensor: TorchTensor): HostTensor {
  const where = `${storages.where}: tensor ${quoted(name)}`;
  const { shape, type } = tensor;
  const count = shape.reduce((product, size) => product * size, 1);
  const extent = count === 0 ? 0 : 1 + shape.reduce((last, size, i) => last + (size - 1) * tensor.strides[i], 0);
  const bytes = bytesOf(storages, where, tensor);
  const width = elementBytes(type);
  const end = (tensor.offset + extent) * width;
  if (!Number.isSafeInteger(count) || !Number.isSafeInteger(end) || end > bytes.length) {
    throw new FormatError(
      `${where}: expected ${end} bytes of storage "${tensor.storage.key.slice(0, 20)}" for ${type} of shape ${formatShape(shape.slice(0, 8))}, got ${bytes.length}. The file is truncated or damaged; save or download it again.`,
      { name, shape, expected: end, got: bytes.length },
    );
  }
  const contiguous = isContiguous(tensor);
  if (!contiguous || type !== "float32") spend(storages, where, contiguous ? count : count + extent);
  const own = bytes.subarray(tensor.offset * width, end);
  const { dtype, data } = viewElements(type, own, where, storages.bigEndian);
  return { dtype, shape, data: contiguous ? data : gathered(data, tensor, count) };
}

function bytesOf({ where: file, bytesOf }: StorageBytes, where: string, { storage }: TorchTensor): Uint8Array {
  const bytes = bytesOf(storage.key);
  const width = storage.type === undefined ? 1 : elementBytes(storage.type);
  const [start, end] = [storage.start * width, (storage.start + storage.count) * width];
  if (bytes !== undefined && Number.isSafeInteger(end) && end <= bytes.length) return bytes.subarray(start, end);
  const got = bytes === undefined ? "none" : `${bytes.length}`;
  throw new FormatError(
    `${where}: expected ${end} bytes in storage "${storage.key.slice(0, 20)}" of ${file}, got ${got}. The file is truncated or damaged; save or download it again.`,
    { key: storage.key, expected: end, got: bytes?.length },
  );
}

/** Whether the elements follow each other row by row; the stride of an axis of one element is never used. */
function isContiguous({ shape, strides }: TorchTensor): boolean {
  let expected = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis] === 0) return true;
    if (shape[axis] > 1 && strides[axis] !== expected) return false;
    expected *= shape[axis];
  }
  return true;
}

function spend(storages: StorageBytes, where: string, count: number): void {
  storages.left -= count;
  if (storages.left >= 0) return;
  throw new UnsupportedError(
    `${where}: expected tensors of about as many elements as the file holds, got far more: they repeat the same ones. Save them after tensor.clone().`,
  );
}

/** The elements in row-major order; axis 0 of `data` begins at the tensor's offset. */
function gathered(data: HostArray, { shape, strides }: TorchTensor, count: number): HostArray {
  const out = data instanceof Float32Array ? new Float32Array(count) : new Int32Array(count);
  const index = new Array<number>(shape.length).fill(0);
  const last = shape.length - 1;
  for (let to = 0, from = 0; to < count; to += shape[last]) {
    for (let i = 0; i < shape[last]; i++) out[to + i] = data[from + i * strides[last]];
    // The next row: like an odometer, an axis that is full goes back and carries into the one before.
    for (let axis = last - 1; axis >= 0; axis--) {
      from += strides[axis];
      if (++index[axis] < shape[axis]) break;
      from -= shape[axis] * strides[axis];
      index[axis] = 0;
    }
  }
  return out;
}
