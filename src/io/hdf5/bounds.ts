/**
 * The bytes of an HDF5 file as all its readers see them: sizes of addresses, checked places, and a budget that a damaged
 * file uses up before time or memory run out. Format: HDF5 File Format Specification, version 3.0.
 */
import { FormatError, UnsupportedError } from "../../base/errors.ts";
import { ByteReader } from "../bytes.ts";
import { shortened } from "../quoted.ts";

/** Structures that are read in one file at most: real files of weights have a few thousand. */
const mostStructures = 200_000;

/** What stands for no address. */
const undefinedAddress = -1;

/** One open file. */
export class Hdf5File {
  readonly bytes: Uint8Array;
  readonly where: string;
  /** Bytes of an address, and of a length. */
  readonly offsetSize: number;
  readonly lengthSize: number;
  #left = mostStructures;

  constructor(bytes: Uint8Array, where: string, offsetSize: number, lengthSize: number) {
    this.bytes = bytes;
    this.where = where;
    this.offsetSize = offsetSize;
    this.lengthSize = lengthSize;
  }

  /** A cursor at an address. */
  at(address: number, what: string): ByteReader {
    if (--this.#left < 0) this.damaged(`at most ${mostStructures} structures`, "more");
    if (address === undefinedAddress || address > this.bytes.length)
      this.damaged(`${what} inside the file`, "one outside");
    return new ByteReader(this.bytes, this.where).seek(address);
  }

  /** The same, behind a signature of four letters. */
  signed(address: number, signature: string): ByteReader {
    const reader = this.at(address, `"${signature}"`);
    if (reader.left < 4 || letters(reader) !== signature)
      this.damaged(`"${signature}" at ${address}`, "something else");
    return reader;
  }

  /** An address; undefined where there is none. */
  address(reader: ByteReader): number | undefined {
    const isNone = reader.bytes.subarray(reader.at, reader.at + this.offsetSize).every((byte) => byte === 255);
    if (!isNone) return reader.size(this.offsetSize);
    reader.skip(this.offsetSize);
    return undefined;
  }

  /** An address that must be there. */
  place(reader: ByteReader): number {
    return this.address(reader) ?? this.damaged("an address", "none");
  }

  length(reader: ByteReader): number {
    return reader.size(this.lengthSize);
  }

  damaged(expected: string, got: string): never {
    throw new FormatError(
      `${this.where}: expected ${expected}, got ${got}. The HDF5 file is truncated or damaged; save or download it again.`,
    );
  }

  unsupported(path: string, expected: string, got: string): never {
    throw new UnsupportedError(
      `${this.where}: "${shortened(path)}": expected ${expected}, got ${got}. Save the model again with Keras or h5py and their own settings.`,
      { path: shortened(path), got },
    );
  }
}

/** Four letters. */
export function letters(reader: ByteReader): string {
  return String.fromCharCode(...reader.take(4));
}
