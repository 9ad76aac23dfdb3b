/** Attributes: small named values of a group or dataset. Texts and numbers, alone or as lists. */
import type { ByteReader } from "../bytes.ts";
import { decodeElements } from "../elements.ts";
import { shortened } from "../quoted.ts";
import type { Hdf5File } from "./bounds.ts";
import { type Message, messageTypes } from "./header.ts";
import type { GlobalHeaps } from "./heaps.ts";
import { countOf, type Hdf5Type, readSpace, readType } from "./types.ts";

export type Hdf5Attribute = string | number | readonly string[] | readonly number[];

/** The attributes of an object. Those of kinds that no model file has (references, records) are left out. */
export function readAttributes(
  file: Hdf5File,
  path: string,
  messages: readonly Message[],
  heaps: GlobalHeaps,
): ReadonlyMap<string, Hdf5Attribute> {
  const found = new Map<string, Hdf5Attribute>();
  for (const { type, isShared, body } of messages) {
    if (type === messageTypes.attributeInfo) checkAttributeInfo(file, path, body());
    if (type !== messageTypes.attribute) continue;
    if (isShared) file.unsupported(path, "attributes of its own", "shared ones");
    const attribute = readAttribute(file, path, body(), heaps);
    if (attribute !== undefined) found.set(...attribute);
  }
  return found;
}

function readAttribute(
  file: Hdf5File,
  path: string,
  reader: ByteReader,
  heaps: GlobalHeaps,
): [string, Hdf5Attribute] | undefined {
  const version = reader.u8();
  if (version < 1 || version > 3) file.damaged("an attribute of version 1 to 3", `version ${version}`);
  const flags = reader.u8();
  const sizes = [reader.u16(), reader.u16(), reader.u16()];
  if (version === 3) reader.skip(1);
  // In version 1 each part fills whole groups of eight bytes.
  const [nameSize, typeSize, spaceSize] = version === 1 ? sizes.map((size) => Math.ceil(size / 8) * 8) : sizes;
  const name = new TextDecoder().decode(reader.take(nameSize)).replace(/\0.*$/s, "");
  if (version > 1 && (flags & 3) !== 0) return undefined;
  const type = readType(file, reader.part(typeSize));
  const shape = readSpace(file, reader.part(spaceSize));
  if (shape === undefined) return [name, []];
  const values = readValues(file, `${path}@${name}`, type, countOf(file, shape), reader, heaps);
  if (values === undefined) return undefined;
  return [name, shape.length === 0 ? (values as (string | number)[])[0] : values];
}

function readValues(
  file: Hdf5File,
  path: string,
  type: Hdf5Type,
  count: number,
  reader: ByteReader,
  heaps: GlobalHeaps,
): string[] | number[] | undefined {
  if (type.kind === "other") return undefined;
  if (count * type.size > reader.left || (type.size === 0 && count > 0)) {
    file.damaged(`${count} elements of ${type.size} bytes in "${shortened(path)}"`, `${reader.left} bytes`);
  }
  if (type.kind === "number") {
    const bytes = reader.take(count * type.size);
    return Array.from(decodeElements(type.type, bytes, `${file.where}: "${shortened(path)}"`, type.bigEndian).data);
  }
  const read =
    type.kind === "text" ? () => fixedText(reader.take(type.size)) : () => heaps.text(reader.part(type.size));
  return Array.from({ length: count }, read);
}

/** Up to the first zero; texts of Fortran end in spaces. */
export function fixedText(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end)).trimEnd();
}

function checkAttributeInfo(file: Hdf5File, path: string, reader: ByteReader): void {
  const flags = reader.skip(1).u8();
  if ((flags & 1) !== 0) reader.skip(2);
  if (file.address(reader) === undefined) return;
  file.unsupported(path, "attributes in the header", "attributes in dense storage (libver latest)");
}
