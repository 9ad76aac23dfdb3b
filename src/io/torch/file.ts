/**
 * Files of `torch.save`: the zip archives of PyTorch 1.6 and later, and the older format of pickles one after the other.
 * Gives tensors by dotted path and the plain values beside them. Not here: what a pickle may hold (`allowed.ts`), what
 * the names of tensors mean (`modules.ts`).
 */
import { UnsupportedError } from "../../base/errors.ts";
import { ByteReader } from "../bytes.ts";
import { elementBytes } from "../elements.ts";
import type { HostTensor, HostTensors } from "../hostTensor.ts";
import { listZip, readZip } from "../zip.ts";
import {
  damaged,
  madeOf,
  partOf,
  type TorchObject,
  type TorchStorage,
  type TorchValue,
  torchRules,
} from "./allowed.ts";
import { isDict, isList, isName, type PickleRules, readPickle } from "./pickle.ts";
import { readTensor, type StorageBytes, storageBytes } from "./tensors.ts";

/** A plain value of a file. */
export type TorchPlain = null | boolean | number | string;

export interface TorchFile {
  /** By dotted path, in the file's order: `rnn.weight_ih_l0`, `model.rnn.weight_ih_l0`. */
  readonly tensors: HostTensors;
  /** Numbers, texts and flags by dotted path: `epoch`, `optimizer.param_groups.0.lr`. */
  readonly values: Readonly<Record<string, TorchPlain>>;
  /** The path of each dict that holds tensors itself, `""` for the whole file, with their names in it. */
  readonly groups: ReadonlyMap<string, readonly string[]>;
  /** Which of the two formats it is. */
  readonly container: "zip" | "legacy";
}

/** Reads a file of `torch.save`. Float32 tensors are views of `bytes`. `where` (its name) begins the sentences of errors. */
export async function decodeTorch(bytes: Uint8Array, where = "torch file"): Promise<TorchFile> {
  return bytes[0] === 0x50 && bytes[1] === 0x4b ? decodeArchive(bytes, where) : decodeLegacy(bytes, where);
}

async function decodeArchive(bytes: Uint8Array, where: string): Promise<TorchFile> {
  const names = listZip(bytes, where).map(({ name }) => name);
  const main = names.find((name) => name === "data.pkl" || name.endsWith("/data.pkl"));
  if (main === undefined) throw damaged(where, "an archive of torch.save with a data.pkl", "another zip archive");
  const prefix = main.slice(0, -"data.pkl".length);
  if (names.some((name) => name === `${prefix}constants.pkl` || name.startsWith(`${prefix}code/`))) {
    throw new UnsupportedError(
      `${where}: expected tensors of torch.save, got a TorchScript program (torch.jit.save). Load it in Python and save its weights: torch.save(torch.jit.load(path).state_dict(), "weights.pt").`,
    );
  }
  const isWanted = (name: string): boolean =>
    name === main || name === `${prefix}byteorder` || name.startsWith(`${prefix}data/`);
  const members = await readZip(bytes, where, isWanted);
  const reader = new ByteReader(members.get(main) ?? new Uint8Array(), where);
  const root = readPickle<TorchObject>(reader, torchRules(where));
  const order = members.get(`${prefix}byteorder`);
  const bigEndian = order !== undefined && new TextDecoder().decode(order.subarray(0, 8)).startsWith("big");
  const storages = storageBytes(where, bytes.length, (key) => members.get(`${prefix}data/${key}`), bigEndian);
  return { ...flatten(root, storages), container: "zip" };
}

/** The number with which files before PyTorch 1.6 begin. */
const magic = 0x1950a86a20f9469cfc6cn;

/** Five pickles (magic, protocol, the system, the value, the storages' keys), then each storage: its length, its bytes. */
function decodeLegacy(bytes: Uint8Array, where: string): TorchFile {
  const reader = new ByteReader(bytes, where);
  const needed = new Map<string, TorchStorage>();
  const rules = noting(torchRules(where), needed);
  if (readPickle<TorchObject>(reader, rules) !== magic) {
    throw damaged(where, "a file of torch.save", "a pickle of something else");
  }
  readPickle<TorchObject>(reader, rules);
  const system = readPickle<TorchObject>(reader, rules);
  const bigEndian = isDict(system) && system.entries.get("little_endian") === false;
  const root = readPickle<TorchObject>(reader, rules);
  const keys = readPickle<TorchObject>(reader, rules);
  if (!isList(keys)) throw damaged(where, "a list of storages", "something else");
  const data = new Map<string, Uint8Array>();
  for (const key of keys.items) {
    const storage = typeof key === "string" ? needed.get(key) : undefined;
    if (storage === undefined) throw damaged(where, "the key of a storage", "something else");
    const width = storage.type === undefined ? 1 : elementBytes(storage.type);
    const count = reader.size();
    if (!Number.isSafeInteger(count * width)) throw damaged(where, "the length of a storage", `${count}`);
    data.set(storage.key, reader.take(count * width));
  }
  return {
    ...flatten(
      root,
      storageBytes(where, bytes.length, (key) => data.get(key), bigEndian),
    ),
    container: "legacy",
  };
}

/** The same rules, which also write down every storage that they meet. */
function noting(rules: PickleRules<TorchObject>, met: Map<string, TorchStorage>): PickleRules<TorchObject> {
  return {
    ...rules,
    persistent(id) {
      const value = rules.persistent(id);
      const storage = madeOf(value, "storage");
      if (storage !== undefined) met.set(storage.key, storage);
      return value;
    },
  };
}

/** How deep dicts and lists may lie in each other, and how many values a file may hold. */
const deepest = 64;
const mostValues = 1_000_000;
/** The letters of all paths together: one long key may stand before many values. */
const mostLetters = 50_000_000;

interface Flat {
  readonly storages: StorageBytes;
  readonly tensors: Map<string, HostTensor>;
  readonly values: Map<string, TorchPlain>;
  readonly groups: Map<string, string[]>;
  visited: number;
  letters: number;
}

function flatten(root: TorchValue, storages: StorageBytes): Omit<TorchFile, "container"> {
  const flat: Flat = { storages, tensors: new Map(), values: new Map(), groups: new Map(), visited: 0, letters: 0 };
  visit(flat, root, []);
  return {
    tensors: Object.fromEntries(flat.tensors),
    values: Object.fromEntries(flat.values),
    groups: flat.groups,
  };
}

/** Notes a value and what is in it. The path is joined where it is needed: a loop of values would make it endless. */
function visit(flat: Flat, value: TorchValue, path: readonly string[]): void {
  const { where } = flat.storages;
  flat.visited++;
  if (flat.visited > mostValues || path.length > deepest) {
    throw damaged(where, `at most ${mostValues} values, ${deepest} deep`, "more, or a value inside of itself");
  }
  const tensor = madeOf(value, "tensor");
  if (tensor !== undefined) addTensor(flat, path, (name) => readTensor(flat.storages, name, tensor));
  else if (isDict(value)) for (const [key, inner] of value.entries) visit(flat, inner, [...path, partOf(key)]);
  else if (isList(value)) value.items.forEach((inner, i) => void visit(flat, inner, [...path, String(i)]));
  else if (isName(value)) addValue(flat, path, value.name);
  else if (typeof value === "bigint") addValue(flat, path, String(value));
  else if (value === null || typeof value !== "object") addValue(flat, path, value);
}

function addValue(flat: Flat, path: readonly string[], value: TorchPlain): void {
  flat.values.set(joined(flat, path), value);
}

function addTensor(flat: Flat, path: readonly string[], read: (name: string) => HostTensor): void {
  const { tensors, groups, storages } = flat;
  const name = path.length === 0 ? "tensor" : joined(flat, path);
  if (tensors.has(name))
    throw damaged(storages.where, "every tensor under a path of its own", `two at ${name.slice(0, 80)}`);
  tensors.set(name, read(name));
  const parent = path.slice(0, -1).join(".");
  const names = groups.get(parent) ?? [];
  names.push(path.at(-1) ?? name);
  groups.set(parent, names);
}

function joined(flat: Flat, path: readonly string[]): string {
  flat.letters += path.reduce((sum, part) => sum + part.length + 1, 0);
  if (flat.letters <= mostLetters) return path.join(".");
  throw damaged(flat.storages.where, `at most ${mostLetters} letters in all paths`, "more");
}

/** Where checkpoints keep a model's weights, most usual first. */
const usualGroups = ["state_dict", "model_state_dict", "model_state", "model", "net", "network", "weights", "params"];

/**
 * The weights of a model in a file: those of the whole file if it is a state dict, else of the dict whose name or
 * contents say so (`{ model: ..., optimizer: ... }`). Names lose what wrappers put before all of them (`module.` of
 * DataParallel, `_orig_mod.` of torch.compile).
 */
export function stateDictOf(file: Pick<TorchFile, "tensors" | "groups">): HostTensors {
  const { tensors, groups } = file;
  const group = ["", ...usualGroups].find((name) => groups.has(name)) ?? largestGroup(file);
  const start = group === undefined || group === "" ? "" : `${group}.`;
  const names = group === undefined ? [] : (groups.get(group) ?? []);
  return withoutWrappers(names.map((name) => [name, tensors[start + name]]));
}

/** The dict with the most tensors that are named like weights. */
function largestGroup({ groups }: Pick<TorchFile, "groups">): string | undefined {
  const count = (names: readonly string[]): number => names.filter((name) => /weight/.test(name)).length;
  const sorted = [...groups].sort(([, a], [, b]) => count(b) - count(a) || b.length - a.length);
  return sorted[0]?.[0];
}

function withoutWrappers(entries: readonly (readonly [string, HostTensor])[]): HostTensors {
  const prefix = ["module.", "_orig_mod."].find((one) => entries.every(([name]) => name.startsWith(one)));
  if (prefix === undefined || entries.length === 0) return Object.fromEntries(entries);
  return withoutWrappers(entries.map(([name, tensor]) => [name.slice(prefix.length), tensor]));
}
