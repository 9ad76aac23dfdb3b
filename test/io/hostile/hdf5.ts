/** Crafted HDF5 files: loops, links to elsewhere, lying lengths and bombs. Each must be refused. And good ones to begin from. */
import { readFileSync } from "node:fs";
import { encodeHdf5 } from "../../../src/io/hdf5/index.ts";
import type { Seed } from "./mutate.ts";

const fixture = (name: string): Uint8Array =>
  new Uint8Array(readFileSync(new URL(`../fixtures/hdf5/${name}.h5`, import.meta.url)));

const small = encodeHdf5({
  attributes: { text: "x", names: ["a", "b"] },
  groups: { g: { datasets: { w: { dtype: "float32", shape: [2, 3], data: new Float32Array(6) } } } },
});

export const seeds: readonly Seed[] = [
  { name: "small.h5", bytes: small },
  ...["types", "chunks", "deep", "latest", "shared"].map((name) => ({ name: `${name}.h5`, bytes: fixture(name) })),
];

/** Where a signature of four letters stands for the nth time. */
function find(bytes: Uint8Array, letters: string, nth = 0): number {
  const wanted = new TextEncoder().encode(letters);
  let left = nth;
  for (let at = 0; at < bytes.length; at++) {
    if (wanted.every((byte, i) => bytes[at + i] === byte) && left-- === 0) return at;
  }
  throw new Error(`no ${letters}`);
}

function changed(bytes: Uint8Array, at: number, value: number, width = 8): Uint8Array {
  const out = bytes.slice();
  for (let i = 0; i < width; i++) out[at + i] = i < 4 ? (value >>> (8 * i)) & 255 : 0;
  return out;
}

const node = find(small, "SNOD");
const lastNode = find(small, "SNOD", 1);
const tree = find(small, "TREE", 1);
const heap = find(small, "GCOL");
const root = Number(new DataView(small.buffer).getBigUint64(64, true));
const messages = [...objectMessages(small)];

/** Type and place of every message of every object header that begins where an entry points. */
function* objectMessages(bytes: Uint8Array): Generator<{ type: number; body: number }> {
  const view = new DataView(bytes.buffer);
  const headers = [root, ...[node, lastNode].map((at) => Number(view.getBigUint64(at + 16, true)))];
  for (const header of headers) {
    const count = view.getUint16(header + 2, true);
    for (let i = 0, at = header + 16; i < count; i++) {
      yield { type: view.getUint16(at, true), body: at + 8 };
      at += 8 + view.getUint16(at + 2, true);
    }
  }
}

function body(type: number): number {
  const found = messages.find((one) => one.type === type);
  if (found === undefined) throw new Error(`no message ${type}`);
  return found.body;
}

const [space, layout, attribute] = [body(1), body(8), body(12)];

export const hostile: readonly Seed[] = [
  { name: "a group inside of itself", bytes: changed(small, lastNode + 16, root) },
  { name: "a tree whose child is itself", bytes: changed(changed(small, tree + 5, 1, 1), tree + 32, tree) },
  { name: "a soft link", bytes: changed(small, node + 24, 2, 4) },
  { name: "a header that goes on in itself", bytes: changed(changed(small, space - 8, 0x10, 2), space, space) },
  { name: "data in other files", bytes: changed(small, body(5) - 8, 7, 2) },
  { name: "a virtual dataset", bytes: changed(changed(small, layout, 4, 1), layout + 1, 3, 1) },
  { name: "a shape larger than the data", bytes: changed(small, space + 8, 1000) },
  { name: "a shape of 2^64 elements", bytes: changed(changed(small, space + 8, 0xffffffff), space + 16, 0xffffffff) },
  { name: "a shape of 200 axes", bytes: changed(small, space + 1, 200, 1) },
  { name: "data behind the end of the file", bytes: changed(small, layout + 2, 0x7fffffff) },
  { name: "a text behind the end of its heap", bytes: changed(small, heap + 24, 0x7fffffff) },
  { name: "an attribute longer than its message", bytes: changed(small, attribute + 2, 0xffff, 2) },
  { name: "a root outside of the file", bytes: changed(small, 64, 0x7fffffff) },
  { name: "addresses of 3 bytes", bytes: changed(small, 13, 3, 1) },
  { name: "a superblock of version 9", bytes: changed(small, 8, 9, 1) },
];
