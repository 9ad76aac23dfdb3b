/**
 * HDF5 files as h5py and Keras read them: superblock 0, groups with symbol tables, arrays in one stretch. Equal trees give
 * equal bytes: no dates, no addresses of memory. Every part is laid out first, and then written in one pass.
 */
import { UnsupportedError } from "../../base/errors.ts";
import { encodeElements } from "../elements.ts";
import type { HostTensor } from "../hostTensor.ts";
import { shortened } from "../quoted.ts";
import type { Hdf5Attribute } from "./attributes.ts";
import { attributeBodies, message, spaceBody, type TextPlaces, typeBody } from "./messages.ts";
import { align, Bytes } from "./pages.ts";

type Attributes = Readonly<Record<string, Hdf5Attribute>>;

export interface Hdf5Tree {
  readonly attributes?: Attributes;
  readonly groups?: Readonly<Record<string, Hdf5Tree>>;
  readonly datasets?: Readonly<Record<string, HostTensor & { readonly attributes?: Attributes }>>;
}

/** Half the entries of a symbol table node: HDF5's own default. */
const leafK = 4;
const nodeEntries = 2 * leafK;
const nodeSize = 8 + nodeEntries * 40;
const superblockSize = 96;
const none = 0xffffffffffffffffn;

/** Bytes of a file. Texts alone are of variable length, as h5py writes them; lists of texts of one length, as Keras does. */
export function encodeHdf5(root: Hdf5Tree): Uint8Array {
  const internalK = Math.max(16, Math.ceil(widest(root) / nodeEntries / 2));
  const out = new Bytes();
  out.skip(superblockSize);
  const texts = writeTexts(out, root);
  const { header, tree, heap } = writeGroup(out, root, { internalK, texts }, "");
  const { length } = out;
  const view = out.at(0);
  view.bytes(Uint8Array.of(0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a));
  view.bytes(Uint8Array.of(0, 0, 0, 0, 0, 8, 8, 0));
  view.u16(leafK).u16(internalK).u32(0);
  view.u64(0n).u64(none).u64(BigInt(length)).u64(none);
  // The root's entry: no name, its header, and what a symbol table message says.
  view.u64(0n).u64(BigInt(header)).u32(1).u32(0).u64(BigInt(tree)).u64(BigInt(heap));
  return out.finish();
}

function widest(tree: Hdf5Tree): number {
  const own = Object.keys(tree.groups ?? {}).length + Object.keys(tree.datasets ?? {}).length;
  return Math.max(own, ...Object.values(tree.groups ?? {}).map(widest));
}

interface Plan {
  readonly internalK: number;
  readonly texts: TextPlaces;
}

/** All texts of attributes in global heap collections, each of which holds one. */
function writeTexts(
  out: Bytes,
  tree: Hdf5Tree,
  places = new Map<string, { address: number; length: number }>(),
): TextPlaces {
  const attributes = [tree.attributes ?? {}, ...Object.values(tree.datasets ?? {}).map((one) => one.attributes ?? {})];
  for (const value of attributes.flatMap((one) => Object.values(one))) {
    if (typeof value !== "string" || places.has(value)) continue;
    const bytes = new TextEncoder().encode(value);
    if (bytes.length === 0) continue;
    const size = Math.max(4096, 16 + 16 + align(bytes.length, 8) + 16);
    const address = out.skip(size);
    places.set(value, { address, length: bytes.length });
    const view = out.at(address);
    view.letters("GCOL").u32(1).u64(BigInt(size));
    view.u16(1).u16(1).u32(0).u64(BigInt(bytes.length)).bytes(bytes);
    const used = 32 + align(bytes.length, 8);
    if (size - used >= 16)
      out
        .at(address + used)
        .u16(0)
        .u16(0)
        .u32(0)
        .u64(BigInt(size - used));
  }
  for (const group of Object.values(tree.groups ?? {})) writeTexts(out, group, places);
  return places;
}

interface GroupPlaces {
  readonly header: number;
  readonly tree: number;
  readonly heap: number;
}

/** Members first, so that their addresses are known; a group is its names, its nodes, the tree over them and its header. */
function writeGroup(out: Bytes, group: Hdf5Tree, plan: Plan, path: string): GroupPlaces {
  const places: [string, number][] = [
    ...Object.entries(group.groups ?? {}).map(([name, one]): [string, number] => [
      name,
      writeGroup(out, one, plan, `${path}/${name}`).header,
    ]),
    ...Object.entries(group.datasets ?? {}).map(([name, one]): [string, number] => [
      name,
      writeDataset(out, one, plan, `${path}/${name}`),
    ]),
  ];
  const members = places
    .map(([name, header]) => ({ name: nameBytes(path, name), header }))
    .sort((a, b) => compareBytes(a.name, b.name));
  const twice = members.find(({ name }, i) => i > 0 && compareBytes(members[i - 1].name, name) === 0);
  if (twice !== undefined) throw refused(path, "members of different names", "two of one name");
  const { heap, offsets } = writeNames(
    out,
    members.map(({ name }) => name),
  );
  const entries = members.map(({ header }, i) => ({ header, offset: offsets[i] }));
  const tree = writeTree(out, entries, plan.internalK);
  const link = new Bytes();
  link.at(link.skip(16)).u64(BigInt(tree)).u64(BigInt(heap));
  const messages = [message(0x11, link.finish()), ...attributesOf(path, group.attributes, plan)];
  return { header: writeHeader(out, messages), tree, heap };
}

/** The local heap: names end in a zero and fill groups of eight bytes; the first is empty. */
function writeNames(out: Bytes, names: readonly Uint8Array[]): { heap: number; offsets: number[] } {
  let size = 8;
  const offsets = names.map((name) => {
    const offset = size;
    size += align(name.length + 1, 8);
    return offset;
  });
  const heap = out.skip(32);
  const data = out.skip(size);
  // No free block: 1 stands for the end of their list.
  out.at(heap).letters("HEAP").u32(0).u64(BigInt(size)).u64(1n).u64(BigInt(data));
  for (const [i, name] of names.entries()) out.at(data + offsets[i]).bytes(name);
  return { heap, offsets };
}

interface Entry {
  readonly header: number;
  readonly offset: number;
}

/** One level of a tree over nodes of eight entries; each key is the largest name up to there. */
function writeTree(out: Bytes, entries: readonly Entry[], internalK: number): number {
  const groups = Array.from({ length: Math.ceil(entries.length / nodeEntries) }, (_, i) =>
    entries.slice(i * nodeEntries, (i + 1) * nodeEntries),
  );
  const nodes = groups.map((group) => {
    const node = out.skip(nodeSize);
    const view = out.at(node).letters("SNOD").u8(1).u8(0).u16(group.length);
    for (const { offset, header } of group) view.u64(BigInt(offset)).u64(BigInt(header)).u32(0).u32(0).u64(0n).u64(0n);
    return node;
  });
  const tree = out.skip(24 + 8 * (4 * internalK + 1));
  const view = out.at(tree).letters("TREE").u8(0).u8(0).u16(nodes.length).u64(none).u64(none).u64(0n);
  for (const [i, node] of nodes.entries()) view.u64(BigInt(node)).u64(BigInt(groups[i].at(-1)?.offset ?? 0));
  return tree;
}

function writeDataset(
  out: Bytes,
  { dtype, shape, data, attributes }: HostTensor & { readonly attributes?: Attributes },
  plan: Plan,
  path: string,
): number {
  const bytes = encodeElements(dtype, data);
  const address = bytes.length === 0 ? none : BigInt(out.skip(bytes.length));
  if (address !== none) out.at(Number(address)).bytes(bytes);
  const layout = new Bytes();
  layout.at(layout.skip(18)).u8(3).u8(1).u64(address).u64(BigInt(bytes.length));
  const messages = [
    message(0x01, spaceBody(shape)),
    message(0x03, typeBody(dtype)),
    // The fill value: none is stored, space is taken when it is written.
    message(0x05, Uint8Array.of(2, 2, 2, 0)),
    message(0x08, layout.finish()),
    ...attributesOf(path, attributes, plan),
  ];
  return writeHeader(out, messages);
}

function attributesOf(path: string, attributes: Attributes | undefined, { texts }: Plan): Uint8Array[] {
  return attributeBodies(attributes ?? {}, texts).map(([name, body]) => {
    if (body.length <= 65_000) return message(0x0c, body);
    throw refused(`${path}@${name}`, "an attribute of at most 65000 bytes", `${body.length}`);
  });
}

function writeHeader(out: Bytes, messages: readonly Uint8Array[]): number {
  const size = messages.reduce((sum, { length }) => sum + length, 0);
  const header = out.skip(16 + size);
  const view = out.at(header).u8(1).u8(0).u16(messages.length).u32(1).u32(size).u32(0);
  for (const one of messages) view.bytes(one);
  return header;
}

function nameBytes(path: string, name: string): Uint8Array {
  if (name !== "" && name !== "." && !name.includes("/") && !name.includes("\0")) return new TextEncoder().encode(name);
  throw refused(`${path}/${name}`, 'a name without "/"', "another");
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  for (let i = 0; i < a.length && i < b.length; i++) if (a[i] !== b[i]) return a[i] - b[i];
  return a.length - b.length;
}

function refused(path: string, expected: string, got: string): UnsupportedError {
  return new UnsupportedError(
    `HDF5 "${shortened(path)}": expected ${expected}, got ${got}. Give it a shorter or other one.`,
  );
}
