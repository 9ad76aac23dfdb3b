/** Arrays that are stored in chunks, put together. The index is a B-tree of version 1. */
import type { ByteReader } from "../bytes.ts";
import { shortened } from "../quoted.ts";
import type { Hdf5File } from "./bounds.ts";
import type { Filter } from "./filters.ts";
import { entriesOfTree } from "./group.ts";
import { countOf } from "./types.ts";

/** A dataset may be this many times as large as the file: what deflate can make of it, and no more. */
const mostExpansion = 1040;
/** The largest array that is put together; larger ones would not fit into memory twice. */
const largest = 2 ** 28;

/** The bytes of the whole array, from a layout message of version 3 whose class has been read. */
export function readChunks(
  file: Hdf5File,
  path: string,
  layout: ByteReader,
  shape: readonly number[],
  elementSize: number,
  filters: readonly Filter[],
): Uint8Array {
  const rank = layout.u8() - 1;
  const root = file.address(layout);
  const chunk = Array.from({ length: Math.max(0, rank) }, () => layout.u32());
  const name = `"${shortened(path)}"`;
  if (rank !== shape.length || rank < 1 || chunk.some((size) => size === 0) || layout.u32() !== elementSize) {
    return file.damaged(`chunks of ${shape.length} axes in ${name}`, "others");
  }
  const size = countOf(file, shape) * elementSize;
  const chunkSize = countOf(file, chunk) * elementSize;
  // Chunks at the edges are stored whole, but no axis is much longer in them.
  const limit = Math.min(largest, file.bytes.length * mostExpansion);
  if (size > limit || chunkSize > limit)
    return file.damaged(`at most ${limit} bytes in ${name}`, `${Math.max(size, chunkSize)}`);
  const out = new Uint8Array(size);
  if (root === undefined) return out;
  let total = 0;
  // A key: stored size, mask of filters left out, the position on each axis, and one of the element that is zero.
  for (const { key, child } of entriesOfTree(file, root, 1, 8 + 8 * (rank + 1))) {
    total += chunkSize;
    if (total > limit + 64 * chunkSize) file.damaged(`chunks of ${size} bytes together in ${name}`, "more");
    const stored = key.u32();
    const mask = key.u32();
    const start = chunk.map(() => key.size());
    const raw = file.at(child, `a chunk of ${name}`).take(stored);
    const undone = filters
      .filter(({ index }) => (mask & (1 << index)) === 0)
      .reduce((bytes, { undo }) => undo(bytes, chunkSize + 4), raw);
    if (undone.length < chunkSize) file.damaged(`a chunk of ${chunkSize} bytes in ${name}`, String(undone.length));
    place(out, shape, undone, chunk, start, elementSize);
  }
  return out;
}

/** Copies the rows of a chunk that lie inside the array. */
function place(
  out: Uint8Array,
  shape: readonly number[],
  bytes: Uint8Array,
  chunk: readonly number[],
  start: readonly number[],
  elementSize: number,
): void {
  const last = shape.length - 1;
  const inside = chunk.map((size, axis) => Math.min(size, shape[axis] - start[axis]));
  if (inside.some((size) => size <= 0)) return;
  const row = inside[last] * elementSize;
  const index = new Array<number>(last).fill(0);
  const offset = (sizes: readonly number[], at: readonly number[]): number =>
    at.reduce((sum, i, axis) => sum * sizes[axis] + i, 0);
  do {
    const from = offset(chunk, [...index, 0]) * elementSize;
    const to = offset(shape, [...index.map((i, axis) => start[axis] + i), start[last]]) * elementSize;
    out.set(bytes.subarray(from, from + row), to);
  } while (next(index, inside));
}

/** The next index, last axis first; false after the last one. */
function next(index: number[], sizes: readonly number[]): boolean {
  for (let axis = index.length - 1; axis >= 0; axis--) {
    index[axis]++;
    if (index[axis] < sizes[axis]) return true;
    index[axis] = 0;
  }
  return false;
}
