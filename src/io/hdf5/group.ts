/**
 * What a group holds, by name: the symbol tables of old files and the link messages of new ones. Soft and external links
 * are refused where they are met: nothing outside of the bytes is ever read.
 */
import type { ByteReader } from "../bytes.ts";
import type { Hdf5File } from "./bounds.ts";
import { type Message, messageTypes } from "./header.ts";
import { readLocalHeap } from "./heaps.ts";

const deepest = 32;
const mostNodes = 100_000;

/** The addresses of a group's members by name; undefined for an object that is no group. */
export function readLinks(file: Hdf5File, path: string, messages: readonly Message[]): Map<string, number> | undefined {
  const links = new Map<string, number>();
  const add = (name: string, address: number): void => {
    if (links.has(name)) file.damaged(`one "${name}" in "${path}"`, "two");
    links.set(name, address);
  };
  let isGroup = false;
  for (const { type, body } of messages) {
    if (type === messageTypes.symbolTable) readSymbolTable(file, path, body(), add);
    else if (type === messageTypes.link) readLink(file, path, body(), add);
    else if (type === messageTypes.linkInfo) checkLinkInfo(file, path, body());
    else continue;
    isGroup = true;
  }
  return isGroup ? links : undefined;
}

type Add = (name: string, address: number) => void;

function readSymbolTable(file: Hdf5File, path: string, fields: ByteReader, add: Add): void {
  const tree = file.place(fields);
  const nameAt = readLocalHeap(file, file.place(fields));
  for (const { child } of entriesOfTree(file, tree, 0, file.lengthSize)) {
    const reader = file.signed(child, "SNOD");
    const count = reader.skip(2).u16();
    for (let i = 0; i < count; i++) {
      const name = nameAt(reader.size(file.offsetSize));
      const address = file.address(reader);
      const cacheType = reader.u32();
      reader.skip(20);
      if (cacheType === 2 || address === undefined) softLink(file, `${path}/${name}`);
      add(name, address);
    }
  }
}

/** The entries of the lowest nodes of a B-tree of version 1, each with a cursor at its key. Kind 0 is of groups, 1 of chunks. */
export function* entriesOfTree(
  file: Hdf5File,
  root: number,
  kind: 0 | 1,
  keySize: number,
): Generator<{ readonly key: ByteReader; readonly child: number }> {
  const seen = new Set<number>();
  const waiting = [{ address: root, level: deepest }];
  for (let one = waiting.pop(); one !== undefined; one = waiting.pop()) {
    if (seen.has(one.address)) file.damaged("a tree", "a loop");
    seen.add(one.address);
    if (seen.size > mostNodes) file.damaged(`at most ${mostNodes} nodes in a tree`, "more");
    const reader = file.signed(one.address, "TREE");
    const [type, level, count] = [reader.u8(), reader.u8(), reader.u16()];
    if (type !== kind) file.damaged(`a tree of kind ${kind}`, String(type));
    if (level >= one.level) file.damaged("a tree whose levels go down", `level ${level} below ${one.level}`);
    reader.skip(2 * file.offsetSize);
    const below: { address: number; level: number }[] = [];
    for (let i = 0; i < count; i++) {
      const key = reader.part(keySize);
      const child = file.place(reader);
      if (level > 0) below.push({ address: child, level });
      else yield { key, child };
    }
    waiting.push(...below.reverse());
  }
}

function readLink(file: Hdf5File, path: string, reader: ByteReader, add: Add): void {
  if (reader.u8() !== 1) file.damaged("a link of version 1", "another");
  const flags = reader.u8();
  const type = (flags & 8) !== 0 ? reader.u8() : 0;
  reader.skip(((flags & 4) !== 0 ? 8 : 0) + ((flags & 16) !== 0 ? 1 : 0));
  const name = reader.text(reader.size(1 << (flags & 3)));
  if (type !== 0) softLink(file, `${path}/${name}`);
  add(name, file.place(reader));
}

function softLink(file: Hdf5File, path: string): never {
  return file.unsupported(path, "an object in the file", "a link to another place or file");
}

function checkLinkInfo(file: Hdf5File, path: string, reader: ByteReader): void {
  const flags = reader.skip(1).u8();
  if ((flags & 1) !== 0) reader.skip(8);
  if (file.address(reader) === undefined) return;
  file.unsupported(path, "a group of the older kind or of few members", "one in dense storage (libver latest)");
}
