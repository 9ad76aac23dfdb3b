/** Files of PyTorch that break one rule each, or would run code in Python, made here; and good ones to be damaged. */
import { readFileSync } from "node:fs";
import { decodeTorch, stateDictOf } from "../../../src/io/torch/file.ts";
import { modelFromStateDict } from "../../../src/io/torch/infer.ts";
import { inspectTorch } from "../../../src/io/torch/inspect.ts";
import { encodeZip } from "../../../src/io/zip.ts";

interface Named {
  readonly name: string;
  readonly bytes: Uint8Array;
}

type Code = number | readonly number[];

const text = (value: string): number[] => [...new TextEncoder().encode(value)];
const u32 = (value: number): number[] => [0, 8, 16, 24].map((shift) => (value >>> shift) & 255);
const u64 = (value: bigint): number[] => Array.from({ length: 8 }, (_, i) => Number((value >> BigInt(8 * i)) & 255n));

/** The instructions that are used here, by their names in Python's pickletools. */
const op = {
  mark: 0x28,
  stop: 0x2e,
  none: 0x4e,
  reduce: 0x52,
  build: 0x62,
  append: 0x61,
  setItem: 0x73,
  setItems: 0x75,
  tuple: 0x74,
  object: 0x6f,
  emptyDict: 0x7d,
  emptyList: 0x5d,
  emptyTuple: 0x29,
  tuple1: 0x85,
  tuple2: 0x86,
  stackGlobal: 0x93,
  persistent: 0x51,
  false: 0x89,
  string: (value: string): number[] => [0x58, ...u32(text(value).length), ...text(value)],
  global: (module: string, name: string): number[] => [0x63, ...text(`${module}\n${name}\n`)],
  inst: (module: string, name: string): number[] => [0x69, ...text(`${module}\n${name}\n`)],
  int: (value: number): number[] => [0x4a, ...u32(value)],
  long: (value: bigint): number[] => [0x8a, 8, ...u64(value)],
  put: (place: number): number[] => [0x71, place],
  get: (place: number): number[] => [0x68, place],
} as const;

const data = new Uint8Array(64).fill(63);

/** An archive with this pickle, and one storage "0" of 64 bytes. */
function archive(...codes: readonly Code[]): Uint8Array {
  return encodeZip([
    ["a/data.pkl", Uint8Array.from([0x80, 2, ...codes.flat(), op.stop])],
    ["a/data/0", data],
    ["a/version", Uint8Array.from(text("3\n"))],
  ]);
}

const storage = (key = "0", count = 16, type = "FloatStorage"): number[] => [
  op.mark,
  ...op.string("storage"),
  ...op.global("torch", type),
  ...op.string(key),
  ...op.string("cpu"),
  ...op.int(count),
  op.tuple,
  op.persistent,
];

const sizes = (values: readonly bigint[]): number[] => [op.mark, ...values.flatMap((one) => op.long(one)), op.tuple];

interface TensorSpec {
  readonly storage?: readonly number[];
  readonly offset?: bigint;
  readonly shape?: readonly bigint[];
  readonly strides?: readonly bigint[];
}

/** A dict with one tensor. */
function tensor({ storage: own = storage(), offset = 0n, shape = [16n], strides = [1n] }: TensorSpec): number[] {
  const call = [...op.global("torch._utils", "_rebuild_tensor_v2"), op.mark, ...own, ...op.long(offset)];
  const rest = [...sizes(shape), ...sizes(strides), op.false, op.emptyDict, op.tuple, op.reduce];
  return [op.emptyDict, ...op.string("w"), ...call, ...rest, op.setItem];
}

const legacyMagic = [0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, op.stop];
const pickle = (...codes: readonly Code[]): number[] => [0x80, 2, ...codes.flat(), op.stop];
const legacy = (count: bigint): Uint8Array =>
  Uint8Array.from([
    ...legacyMagic,
    ...pickle(op.int(1001)),
    ...pickle(op.emptyDict),
    ...pickle(tensor({})),
    ...pickle(op.emptyList, op.string("0"), op.append),
    ...u64(count),
    ...data,
  ]);

const nested = Array.from({ length: 2000 }, () => op.tuple1);
/** `l = []; l.append(l)`, several times over: a value that is endless when it is walked. */
const loop = [op.emptyList, ...op.put(1), ...Array.from({ length: 50 }, () => [...op.get(1), op.append]).flat()];
/** Lists of two that are the same list: 2 to the 60 values in 600 bytes. */
const doubling = Array.from({ length: 60 }, (_, i) => [...op.put(i), op.tuple1, ...op.get(i), op.tuple2]).flat();
/** A key of a megabyte before two hundred dicts. */
const longKeys = [
  op.emptyDict,
  ...Array.from({ length: 200 }, (_, i) => [
    ...(i === 0 ? [...op.string("k".repeat(1_000_000)), ...op.put(2)] : op.string(String(i))),
    op.emptyDict,
    ...op.get(2),
    ...op.int(i),
    op.setItem,
    op.setItem,
  ]).flat(),
];

/** A list of five thousand pairs, and two thousand ordered dicts of it. */
const repeated = [
  op.emptyList,
  ...op.put(3),
  op.mark,
  ...Array.from({ length: 5000 }, () => [op.none, op.none, op.tuple2]).flat(),
  0x65,
  ...Array.from({ length: 2000 }, () => [
    ...op.global("collections", "OrderedDict"),
    ...op.get(3),
    op.tuple1,
    op.reduce,
  ]).flat(),
];

export const hostile: readonly Named[] = [
  { name: "no bytes", bytes: new Uint8Array(0) },
  { name: "a call of os.system", bytes: archive(op.global("os", "system"), op.string("true"), op.tuple1, op.reduce) },
  {
    name: "the same by names on the stack",
    bytes: archive(op.string("posix"), op.string("system"), op.stackGlobal, op.string("true"), op.tuple1, op.reduce),
  },
  { name: "the same by INST", bytes: archive(op.mark, op.string("true"), op.inst("os", "system")) },
  { name: "the same by OBJ", bytes: archive(op.mark, op.global("os", "system"), op.string("true"), op.object) },
  { name: "eval", bytes: archive(op.global("builtins", "eval"), op.string("1"), op.tuple1, op.reduce) },
  {
    name: "getattr of what is allowed",
    bytes: archive(
      op.global("builtins", "getattr"),
      op.global("collections", "OrderedDict"),
      op.string("x"),
      op.tuple2,
      op.reduce,
    ),
  },
  {
    name: "a function of torch that loads code",
    bytes: archive(op.global("torch.hub", "load"), op.emptyTuple, op.reduce),
  },
  { name: "a class of the user's own", bytes: archive(op.global("__main__", "Net"), op.emptyTuple, op.reduce) },
  { name: "a call of what is no name", bytes: archive(op.int(1), op.emptyTuple, op.reduce) },
  { name: "attributes for what is no dict", bytes: archive(tensor({}), op.emptyTuple, op.emptyDict, op.build) },
  { name: "an unknown instruction", bytes: archive(0xff) },
  { name: "an extension code", bytes: archive(0x82, 1) },
  { name: "a value from an empty stack", bytes: archive(op.reduce) },
  { name: "a place in the memo that was never filled", bytes: archive(op.get(9)) },
  { name: "a text of 2 GB", bytes: archive(0x58, u32(2 ** 31)) },
  { name: "a text of 2^62 bytes", bytes: archive(0x8d, u64(2n ** 62n)) },
  { name: "a whole number of a million bytes", bytes: archive(0x8b, u32(1_000_000)) },
  { name: "a pickle without an end", bytes: encodeZip([["a/data.pkl", Uint8Array.of(0x80, 2, op.none)]]) },
  { name: "tuples two thousand deep", bytes: archive(op.none, nested) },
  { name: "a list inside of itself", bytes: archive(loop) },
  { name: "a value twice, sixty times over", bytes: archive(op.none, doubling) },
  { name: "a long key before many values", bytes: archive(longKeys) },
  { name: "a long list that is made an ordered dict again and again", bytes: archive(repeated) },
  { name: "a storage that is not there", bytes: archive(tensor({ storage: storage("7") })) },
  { name: "a storage longer than its bytes", bytes: archive(tensor({ storage: storage("0", 17) })) },
  { name: "a storage of an unknown type", bytes: archive(tensor({ storage: storage("0", 16, "QInt8Storage") })) },
  { name: "a shape beyond its storage", bytes: archive(tensor({ shape: [17n] })) },
  { name: "a shape beyond all numbers", bytes: archive(tensor({ shape: [2n ** 40n, 2n ** 40n], strides: [0n, 0n] })) },
  {
    name: "strides of zero that make 2^40 numbers of one",
    bytes: archive(tensor({ shape: [2n ** 40n], strides: [0n] })),
  },
  { name: "a stride past the end", bytes: archive(tensor({ shape: [2n], strides: [2n ** 50n] })) },
  { name: "a negative offset", bytes: archive(tensor({ offset: -4n })) },
  { name: "a negative size", bytes: archive(tensor({ shape: [-1n] })) },
  { name: "more sizes than strides", bytes: archive(tensor({ shape: [4n, 4n] })) },
  { name: "an archive without a pickle", bytes: encodeZip([["a/version", data]]) },
  {
    name: "a TorchScript program",
    bytes: encodeZip([
      ["a/data.pkl", Uint8Array.of(0x80, 2, op.none, op.stop)],
      ["a/constants.pkl", data],
    ]),
  },
  { name: "an old file with a storage of 2^60 numbers", bytes: legacy(2n ** 60n) },
  { name: "an old file with a shorter storage than its tensor", bytes: legacy(3n) },
  { name: "an old file that ends after its number", bytes: Uint8Array.from(legacyMagic) },
];

/** How a file is read: its tensors, its report, and the model of its state dict if the report says that there is one. */
export async function read(bytes: Uint8Array): Promise<unknown> {
  const file = await decodeTorch(bytes, "hostile.pt");
  const { missing } = await inspectTorch(bytes, "hostile.pt");
  return missing.length > 0 ? file : modelFromStateDict(stateDictOf(file), { where: "hostile.pt" });
}

function fixture(name: string): Uint8Array {
  return new Uint8Array(readFileSync(new URL(`../fixtures/torch/${name}`, import.meta.url)));
}

export const seeds: readonly Named[] = [
  "lstm.pt",
  "classifier.pt",
  "legacy.pt",
  "views-legacy.pt",
  "convolution.pt",
].map((name) => ({ name, bytes: fixture(name) }));
