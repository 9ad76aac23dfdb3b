/** Datasets: arrays in one stretch, within the header, or in chunks that may be compressed. */
import type { DType, HostArray } from "../../base/dtypes.ts";
import type { ByteReader } from "../bytes.ts";
import { decodeElements, viewElements } from "../elements.ts";
import type { HostTensor } from "../hostTensor.ts";
import { shortened } from "../quoted.ts";
import type { Hdf5File } from "./bounds.ts";
import { readChunks } from "./chunks.ts";
import { readFilters } from "./filters.ts";
import { type Message, messageTypes } from "./header.ts";
import { countOf, type Hdf5Type, readSpace, readType } from "./types.ts";

export interface DatasetFacts {
  readonly shape: readonly number[];
  readonly type: Hdf5Type;
  readonly layout: () => ByteReader;
  readonly messages: readonly Message[];
}

/** What a dataset is; undefined for an object that is none. Nothing of its data is read. */
export function readFacts(file: Hdf5File, path: string, messages: readonly Message[]): DatasetFacts | undefined {
  const find = (type: number): Message | undefined => messages.find((message) => message.type === type);
  const layout = find(messageTypes.layout);
  const type = find(messageTypes.datatype);
  const space = find(messageTypes.dataspace);
  if (layout === undefined) return undefined;
  if (type === undefined || space === undefined)
    return file.damaged(`a type and a shape of "${shortened(path)}"`, "none");
  if (type.isShared) return file.unsupported(path, "a type of its own", "a named type");
  if (find(messageTypes.externalFiles) !== undefined) {
    return file.unsupported(path, "data in the file", "data in other files");
  }
  const shape = readSpace(file, space.body());
  if (shape === undefined) return file.unsupported(path, "an array", "an empty dataspace");
  countOf(file, shape);
  return { shape, type: readType(file, type.body()), layout: layout.body, messages };
}

/** The name of a dataset's element type. */
export function typeName({ type }: DatasetFacts): string {
  if (type.kind === "number") return type.type;
  return type.kind === "other" ? type.name : "text";
}

/** All elements; a view of the file where that can be. */
export function readDataset(file: Hdf5File, path: string, facts: DatasetFacts): HostTensor {
  const { shape, type } = facts;
  if (type.kind !== "number") return file.unsupported(path, "an array of numbers", typeName(facts));
  const where = `${file.where}: "${shortened(path)}"`;
  const bytes = readBytes(file, path, facts, countOf(file, shape) * type.size, type.size);
  const read: { dtype: DType; data: HostArray } = bytes.isOwn
    ? viewElements(type.type, bytes.data, where, type.bigEndian)
    : decodeElements(type.type, bytes.data, where, type.bigEndian);
  return { shape, ...read };
}

interface Data {
  readonly data: Uint8Array;
  /** Whether it may be handed out as it is. */
  readonly isOwn: boolean;
}

function readBytes(file: Hdf5File, path: string, facts: DatasetFacts, size: number, elementSize: number): Data {
  const reader = facts.layout();
  const version = reader.u8();
  if (version === 3 || version === 4) {
    const kind = reader.u8();
    if (kind === 0) return exactly(file, path, reader.part(reader.u16()), size);
    if (kind === 1) return contiguous(file, path, reader, size);
    if (kind === 2 && version === 3) {
      const filters = readFilters(file, path, facts.messages);
      return { data: readChunks(file, path, reader, facts.shape, elementSize, filters), isOwn: true };
    }
    if (kind === 2) return file.unsupported(path, "chunks in the older index", "one of libver latest");
    return file.unsupported(path, "data in the file", "a virtual dataset");
  }
  return file.unsupported(path, "a layout of version 3 or 4", `version ${version}`);
}

function contiguous(file: Hdf5File, path: string, reader: ByteReader, size: number): Data {
  const address = file.address(reader);
  const stored = file.length(reader);
  // Nothing was ever written: all are the fill value, zero.
  if (address === undefined && size <= file.bytes.length) return { data: new Uint8Array(size), isOwn: true };
  if (address === undefined) return file.damaged(`data of "${shortened(path)}"`, "none");
  if (stored < size) return file.damaged(`${size} bytes of "${shortened(path)}"`, String(stored));
  return exactly(file, path, file.at(address, `"${shortened(path)}"`), size);
}

function exactly(file: Hdf5File, path: string, reader: ByteReader, size: number): Data {
  if (reader.left < size) return file.damaged(`${size} bytes of "${shortened(path)}"`, String(reader.left));
  return { data: reader.take(size), isOwn: true };
}
