/** Where an HDF5 file keeps texts: the local heap of a group's names, and global heaps of texts of variable length. */
import type { ByteReader } from "../bytes.ts";
import type { Hdf5File } from "./bounds.ts";

const longestName = 65536;

/** The names of an old group, by their offsets. */
export function readLocalHeap(file: Hdf5File, address: number): (offset: number) => string {
  const reader = file.signed(address, "HEAP").skip(4);
  const size = file.length(reader);
  file.length(reader);
  const data = file.at(file.place(reader), "the names of a group").part(size);
  const start = data.at;
  return (offset) => {
    if (offset >= size) file.damaged(`a name within ${size} bytes`, `one at ${offset}`);
    const end = file.bytes.indexOf(0, start + offset);
    if (end < 0 || end >= start + size || end - start - offset > longestName)
      file.damaged("a name that ends", "one that does not");
    return data.seek(start + offset).text(end - start - offset);
  };
}

/** Texts of variable length. Each collection is read once. */
export class GlobalHeaps {
  readonly #file: Hdf5File;
  readonly #collections = new Map<number, ReadonlyMap<number, Uint8Array>>();

  constructor(file: Hdf5File) {
    this.#file = file;
  }

  /** The text that a reference of an element stands for: its length, a collection, and a number in it. */
  text(reader: ByteReader): string {
    const length = reader.u32();
    const address = this.#file.address(reader);
    const index = reader.u32();
    if (length === 0 || address === undefined || address === 0) return "";
    const known = this.#collections.get(address) ?? readCollection(this.#file, address);
    this.#collections.set(address, known);
    const bytes = known.get(index) ?? this.#file.damaged(`text ${index} of a global heap`, "none");
    if (length > bytes.length) this.#file.damaged(`a text of ${length} bytes`, String(bytes.length));
    return new TextDecoder().decode(bytes.subarray(0, length));
  }
}

function readCollection(file: Hdf5File, address: number): Map<number, Uint8Array> {
  const start = file.signed(address, "GCOL");
  if (start.u8() !== 1) file.damaged("a global heap of version 1", "another");
  const size = file.length(start.skip(3));
  const reader = file
    .at(address, "a global heap")
    .part(size)
    .skip(8 + file.lengthSize);
  const found = new Map<number, Uint8Array>();
  while (reader.left >= 8 + file.lengthSize) {
    const index = reader.u16();
    const length = file.length(reader.skip(6));
    if (index === 0) break;
    found.set(index, reader.take(length));
    reader.skip(Math.min(reader.left, (8 - (length % 8)) % 8));
  }
  return found;
}
