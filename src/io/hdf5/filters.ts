/** What was done to each chunk before it was stored, undone: shuffle, deflate, Fletcher's checksum. */
import { inflateZlib } from "../inflate.ts";
import { shortened } from "../quoted.ts";
import type { Hdf5File } from "./bounds.ts";
import { type Message, messageTypes } from "./header.ts";

/** Undoes one filter; `size` is that of the whole chunk when all is undone. */
type Undo = (bytes: Uint8Array, size: number) => Uint8Array;

const deflate = 1;
const shuffle = 2;
const fletcher32 = 3;

/** The filters of a dataset in the order in which they are undone, each with its number among the filters. */
export interface Filter {
  readonly index: number;
  readonly undo: Undo;
}

/** Reads the pipeline of a dataset; none where there is no message of it. */
export function readFilters(file: Hdf5File, path: string, messages: readonly Message[]): Filter[] {
  const message = messages.find(({ type }) => type === messageTypes.filters);
  if (message === undefined) return [];
  const reader = message.body();
  const version = reader.u8();
  if (version !== 1 && version !== 2) file.damaged("a filter pipeline of version 1 or 2", `version ${version}`);
  const count = reader.u8();
  if (count > 32) file.damaged("at most 32 filters", String(count));
  if (version === 1) reader.skip(6);
  const filters = Array.from({ length: count }, (_, index): Filter => {
    const id = reader.u16();
    const nameSize = version === 1 || id >= 256 ? reader.u16() : 0;
    reader.skip(2);
    const valueCount = reader.u16();
    reader.skip(version === 1 ? Math.ceil(nameSize / 8) * 8 : nameSize);
    const values = Array.from({ length: Math.min(valueCount, 64) }, () => reader.u32());
    if (version === 1 && valueCount % 2 === 1) reader.skip(4);
    return { index, undo: undoOf(file, path, id, values) };
  });
  return filters.reverse();
}

function undoOf(file: Hdf5File, path: string, id: number, values: readonly number[]): Undo {
  switch (id) {
    case deflate:
      return (bytes, size) => inflateZlib(bytes, size, `${file.where}: "${shortened(path)}"`);
    case shuffle:
      return (bytes) => unshuffle(bytes, values[0] ?? 1);
    case fletcher32:
      return (bytes) => bytes.subarray(0, Math.max(0, bytes.length - 4));
    default:
      return file.unsupported(path, "chunks with gzip, shuffle or fletcher32", `filter ${id}`);
  }
}

/** First bytes of all elements come first, then second ones, and so on; what is no whole element stays behind. */
function unshuffle(bytes: Uint8Array, size: number): Uint8Array {
  if (size < 2 || size > bytes.length) return bytes;
  const count = Math.floor(bytes.length / size);
  const out = new Uint8Array(bytes.length);
  for (let part = 0; part < size; part++) {
    for (let i = 0; i < count; i++) out[i * size + part] = bytes[part * count + i];
  }
  out.set(bytes.subarray(count * size), count * size);
  return out;
}
