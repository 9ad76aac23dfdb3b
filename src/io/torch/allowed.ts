/**
 * The closed list of what a pickle of PyTorch may ask for: storages, tensors over them, ordered dicts, sets and the names
 * of element types. Nothing else is imported or called; the error names it and says what to do.
 */
import { FormatError, UnsupportedError } from "../../base/errors.ts";
import type { ElementType } from "../elements.ts";
import { shortened } from "../quoted.ts";
import { isDict, isList, isName, type Pickled, type PickleRules } from "./pickle.ts";

/** Numbers that lie elsewhere in the file. */
export interface TorchStorage {
  readonly kind: "storage";
  readonly key: string;
  /** The type of its elements; undefined where only each tensor says it. */
  readonly type: ElementType | undefined;
  /** Elements of that type, bytes if there is none. */
  readonly count: number;
  /** Of old files: a storage that begins within another one, so many elements from its start. */
  readonly start: number;
}

/** A tensor over a storage, strides and offset in elements. */
export interface TorchTensor {
  readonly kind: "tensor";
  readonly storage: TorchStorage;
  readonly type: ElementType;
  readonly offset: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
}

export type TorchObject = TorchStorage | TorchTensor;
export type TorchValue = Pickled<TorchObject>;

const elementTypes: ReadonlyMap<string, ElementType> = new Map<string, ElementType>([
  ["float32", "float32"],
  ["float", "float32"],
  ["float64", "float64"],
  ["double", "float64"],
  ["float16", "float16"],
  ["half", "float16"],
  ["bfloat16", "bfloat16"],
  ["int8", "int8"],
  ["int16", "int16"],
  ["int32", "int32"],
  ["int64", "int64"],
  ["uint8", "uint8"],
  ["uint16", "uint16"],
  ["uint32", "uint32"],
  ["uint64", "uint64"],
  ["bool", "bool"],
]);

const storageTypes: ReadonlyMap<string, ElementType | undefined> = new Map<string, ElementType | undefined>([
  ["FloatStorage", "float32"],
  ["DoubleStorage", "float64"],
  ["HalfStorage", "float16"],
  ["BFloat16Storage", "bfloat16"],
  ["CharStorage", "int8"],
  ["ShortStorage", "int16"],
  ["IntStorage", "int32"],
  ["LongStorage", "int64"],
  ["ByteStorage", "uint8"],
  ["BoolStorage", "bool"],
  ["UntypedStorage", undefined],
]);

type Arguments = readonly TorchValue[];

/** What is called, by its name in Python. */
const calls: ReadonlyMap<string, (where: string, args: Arguments) => TorchValue> = new Map<
  string,
  (where: string, args: Arguments) => TorchValue
>([
  [
    "torch._utils._rebuild_tensor",
    (where, [storage, offset, shape, strides]) => tensor(where, { storage, offset, shape, strides }),
  ],
  [
    "torch._utils._rebuild_tensor_v2",
    (where, [storage, offset, shape, strides]) => tensor(where, { storage, offset, shape, strides }),
  ],
  [
    "torch._utils._rebuild_tensor_v3",
    (where, [storage, offset, shape, strides, , , type]) => tensor(where, { storage, offset, shape, strides, type }),
  ],
  ["torch._utils._rebuild_parameter", (where, [data]) => expectTensor(where, data)],
  ["torch._utils._rebuild_parameter_with_state", (where, [data]) => expectTensor(where, data)],
  ["torch.Size", (where, [sizes]) => items(where, "tuple", sizes)],
  ["torch.device", (_, args) => args.filter((arg) => typeof arg !== "object").join(":")],
  ["collections.OrderedDict", (where, [pairs]) => dictOf(where, pairs)],
  ["collections.defaultdict", (where, [, pairs]) => dictOf(where, pairs)],
  ["collections.Counter", (where, [pairs]) => dictOf(where, pairs)],
  ["builtins.set", (where, [list]) => items(where, "set", list)],
  ["builtins.frozenset", (where, [list]) => items(where, "set", list)],
]);

/** Names that stand for themselves: arguments of the calls above. */
const words = ["builtins.dict", "builtins.list", "builtins.int", "builtins.float", "torch.Tensor", "torch.strided"];

/** How many items of lists all calls of a file may be given. */
const mostItems = 4_000_000;

/** The rules for one file, whose name begins the sentences of errors. */
export function torchRules(where: string): PickleRules<TorchObject> {
  let read = 0;
  return {
    expectKnown(name) {
      const known = modern(name);
      if (!calls.has(known) && !words.includes(known) && !isTypeName(known)) throw unknown(where, name);
    },
    call(name, args) {
      const make = calls.get(modern(name));
      if (make === undefined) throw unknown(where, name);
      // A long list can be an argument again and again.
      read += args.reduce<number>((sum, arg) => sum + (isList(arg) ? arg.items.length : 0), 0);
      if (read > mostItems) throw damaged(where, `at most ${mostItems} items as arguments`, "more");
      return make(where, args);
    },
    persistent: (id) => storage(where, id),
  };
}

/** Names of Python 2 and of older PyTorch as they are today. */
function modern(name: string): string {
  return name
    .replace(/^__builtin__\./, "builtins.")
    .replace(/^torch\.storage\._?/, "torch.")
    .replace(/^torch\._UntypedStorage$/, "torch.UntypedStorage");
}

function isTypeName(name: string): boolean {
  const own = name.startsWith("torch.") ? name.slice("torch.".length) : "";
  return elementTypes.has(own) || storageTypes.has(own);
}

/** The persistent id `("storage", torch.FloatStorage, "0", "cpu", 12)`; files before PyTorch 1.6 may end it with a view. */
function storage(where: string, id: TorchValue): TorchValue {
  const [word, type, key, , count, view] = isList(id) ? id.items : [];
  const own = isName(type ?? null) ? modern((type as { name: string }).name).slice("torch.".length) : "";
  if (word !== "storage" || typeof key !== "string" || !isSize(count) || !storageTypes.has(own)) {
    throw damaged(where, "a storage with its type, key and size", "something else");
  }
  const [viewKey, start] = isList(view ?? null) ? (view as { items: TorchValue[] }).items : [undefined, 0];
  if (viewKey !== undefined && !isSize(start)) throw damaged(where, "where a storage begins", "something else");
  const value: TorchStorage = {
    kind: "storage",
    key,
    type: storageTypes.get(own),
    count,
    start: isSize(start) ? start : 0,
  };
  return { kind: "made", value };
}

interface TensorArguments {
  readonly storage: TorchValue;
  readonly offset: TorchValue;
  readonly shape: TorchValue;
  readonly strides: TorchValue;
  readonly type?: TorchValue;
}

function tensor(where: string, given: TensorArguments): TorchValue {
  const storage = madeOf(given.storage ?? null, "storage");
  const [shape, strides] = [sizesOf(given.shape ?? null), sizesOf(given.strides ?? null)];
  const { offset } = given;
  const type = given.type === undefined ? storage?.type : typeNamed(where, given.type);
  const fits = shape !== undefined && strides !== undefined && shape.length === strides.length && shape.length <= 64;
  if (storage === undefined || type === undefined || !fits || !isSize(offset)) {
    throw damaged(where, "a tensor with storage, offset, shape and strides", "something else");
  }
  return { kind: "made", value: { kind: "tensor", storage, type, offset, shape, strides } };
}

function typeNamed(where: string, value: TorchValue): ElementType {
  const type = isName(value) ? elementTypes.get(value.name.replace("torch.", "")) : undefined;
  if (type === undefined) throw damaged(where, "an element type", "something else");
  return type;
}

function expectTensor(where: string, value: TorchValue | undefined): TorchValue {
  if (value !== undefined && madeOf(value, "tensor") !== undefined) return value;
  throw damaged(where, "a tensor", "something else");
}

/** The storage or tensor that a value is. */
export function madeOf<K extends TorchObject["kind"]>(
  value: TorchValue,
  kind: K,
): Extract<TorchObject, { kind: K }> | undefined {
  if (typeof value !== "object" || value === null || !("kind" in value) || value.kind !== "made") return undefined;
  return isMade(value.value, kind) ? value.value : undefined;
}

function isMade<K extends TorchObject["kind"]>(made: TorchObject, kind: K): made is Extract<TorchObject, { kind: K }> {
  return made.kind === kind;
}

function sizesOf(value: TorchValue): number[] | undefined {
  const list = isList(value) ? value.items : undefined;
  return list?.every(isSize) ? list : undefined;
}

function isSize(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function items(where: string, kind: "tuple" | "set", value: TorchValue | undefined): TorchValue {
  if (value === undefined) return { kind, items: [] };
  if (isList(value)) return { kind, items: value.items };
  throw damaged(where, `what a ${kind} is made of`, "something else");
}

function dictOf(where: string, pairs: TorchValue | undefined): TorchValue {
  const entries = new Map<TorchValue, TorchValue>();
  if (pairs === undefined) return { kind: "dict", entries };
  if (isDict(pairs)) return pairs;
  if (!isList(pairs)) throw damaged(where, "the pairs of a dict", "something else");
  for (const pair of pairs.items) {
    if (!isList(pair) || pair.items.length !== 2) throw damaged(where, "the pairs of a dict", "something else");
    entries.set(pair.items[0], pair.items[1]);
  }
  return { kind: "dict", entries };
}

/** Modules of Python whose functions reach out of the pickle. */
const reaching =
  /^(os|posix|nt|sys|subprocess|shutil|socket|builtins|__builtin__|importlib|runpy|pty|platform|webbrowser|ctypes|code|pickle|_pickle|operator|functools|commands|http|urllib|requests)(\.|$)/;

/** What a pickle asks for and will not get. */
function unknown(where: string, name: string): UnsupportedError {
  const shown = shortened(name);
  const module = name.slice(0, Math.max(0, name.lastIndexOf(".")));
  const own = name.slice(module.length + 1);
  if (reaching.test(module)) {
    return new UnsupportedError(
      `${where}: expected tensors and plain values, got a call of ${shown}: this file would run ${shown} when opened in Python. Do not open it there; ask its author for a .safetensors file.`,
      { name },
    );
  }
  const isClass = /^_*[A-Z]/.test(own);
  const advice = isClass
    ? "Save the weights alone: torch.save(model.state_dict(), path)."
    : "Save tensors and plain values alone: torch.save(model.state_dict(), path).";
  const got = isClass ? `an object of the Python class ${shown}` : `a call of the Python function ${shown}`;
  return new UnsupportedError(`${where}: expected tensors and plain values, got ${got}. ${advice}`, { name });
}

export function damaged(where: string, expected: string, got: string): FormatError {
  return new FormatError(
    `${where}: expected ${expected}, got ${got}. The file is damaged; save or download it again.`,
    { expected, got },
  );
}

/** A key of a dict as a part of a dotted path. */
export function partOf(key: TorchValue): string {
  if (typeof key === "string") return key;
  if (typeof key === "number" || typeof key === "bigint" || typeof key === "boolean") return String(key);
  return key === null ? "None" : "(key)";
}
