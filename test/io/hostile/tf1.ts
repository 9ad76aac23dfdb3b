/** Index files of TensorFlow checkpoints that break one rule each, made here; and good ones to be damaged. */
import { readFileSync } from "node:fs";
import { MessageWriter } from "../../../src/io/protobuf.ts";
import { decodeTf1 } from "../../../src/io/tf1/bundle.ts";
import { maskedCrc32c } from "../../../src/io/tf1/crc32c.ts";
import { modelFromTf1 } from "../../../src/io/tf1/infer.ts";
import { inspectTf1 } from "../../../src/io/tf1/inspect.ts";

interface Named {
  readonly name: string;
  readonly bytes: Uint8Array;
}

type Entry = readonly [key: string, value: Uint8Array];

/** A whole number as protocol buffers and tables have it. */
function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  return [...bytes, rest];
}

function u32(value: number): number[] {
  return [0, 8, 16, 24].map((shift) => (value >>> shift) & 255);
}

/** The contents of a block; keys are whole unless `shared` says otherwise. */
function contents(entries: readonly Entry[], { shared = 0, restarts = 1 } = {}): number[] {
  const bytes = entries.flatMap(([key, value]) => {
    const own = [...new TextEncoder().encode(key)];
    return [...varint(shared), ...varint(own.length), ...varint(value.length), ...own, ...value];
  });
  return [...bytes, ...u32(0), ...u32(restarts)];
}

/** A block with its type and checksum. */
function sealed(bytes: readonly number[], type = 0): number[] {
  const checked = Uint8Array.from([...bytes, type]);
  return [...checked, ...u32(maskedCrc32c(checked))];
}

interface Block {
  readonly bytes: readonly number[];
  readonly type?: number;
}

/** A table of these blocks, each named by the index `times` times. */
export function table(blocks: readonly Block[], times = 1): Uint8Array {
  const out: number[] = [];
  const handles: Entry[] = [];
  for (const [i, { bytes, type }] of blocks.entries()) {
    const handle = Uint8Array.from([...varint(out.length), ...varint(bytes.length)]);
    for (let n = 0; n < times; n++) handles.push([`block${i}`, handle]);
    out.push(...sealed(bytes, type));
  }
  const metaindex = [...varint(out.length), ...varint(8)];
  out.push(...sealed(contents([])));
  const at = out.length;
  const index = contents(handles);
  out.push(...sealed(index));
  const footer = [...metaindex, ...varint(at), ...varint(index.length)];
  const magic = [0x57, 0xfb, 0x80, 0x8b, 0x24, 0x75, 0x47, 0xdb];
  return Uint8Array.from([...out, ...footer, ...new Array<number>(40 - footer.length).fill(0), ...magic]);
}

const header: Entry = ["", new MessageWriter().varint(1, 1).finish()];

interface Described {
  readonly shape?: readonly number[];
  readonly shard?: number;
  readonly offset?: number;
  readonly size?: number;
  readonly slices?: number;
}

/** A variable of float32 in the index. */
function variable(name: string, { shape = [2], shard = 0, offset = 0, size = 8, slices = 0 }: Described = {}): Entry {
  const writer = new MessageWriter().varint(1, 1);
  writer.message(2, (inner) => {
    for (const one of shape) inner.message(2, (dim) => void dim.varint(1, one));
  });
  writer.varint(3, shard).varint(4, offset).varint(5, size);
  for (let i = 0; i < slices; i++)
    writer.message(7, (slice) => void slice.message(1, (extent) => void extent.varint(2, 1)));
  return [name, writer.finish()];
}

const indexOf = (...entries: readonly Entry[]): Uint8Array => table([{ bytes: contents([header, ...entries]) }]);
const good = indexOf(variable("w"));
const changed = (bytes: Uint8Array, at: number, value: number): Uint8Array => {
  const copy = bytes.slice();
  copy[at < 0 ? copy.length + at : at] = value;
  return copy;
};

function fixture(name: string): Uint8Array {
  return new Uint8Array(readFileSync(new URL(`../fixtures/tf1/${name}`, import.meta.url)));
}

/** The data of the two good files: one is in one shard, the other in two. */
const shards: Readonly<Record<string, Uint8Array>> = {
  "0 of 1": fixture("gru-words.data-00000-of-00001"),
  "0 of 2": fixture("sharded.data-00000-of-00002"),
  "1 of 2": fixture("sharded.data-00001-of-00002"),
};

/** How a file is read, with the model of its variables. */
export function read(bytes: Uint8Array): unknown {
  inspectTf1(bytes, "hostile.index");
  const data = (shard: number, of: number): Uint8Array => shards[`${shard} of ${of}`] ?? new Uint8Array(0);
  const without = ["dense"];
  return modelFromTf1(decodeTf1(bytes, data, "hostile.index"), { where: "hostile.index", without });
}

export const hostile: readonly Named[] = [
  { name: "no bytes", bytes: new Uint8Array(0) },
  { name: "a footer without its magic number", bytes: changed(good, -1, 0) },
  { name: "a footer alone", bytes: good.subarray(good.length - 48) },
  { name: "a footer that points past the end", bytes: changed(good, -48 + 2, 0xff) },
  { name: "a block of another checksum", bytes: changed(good, 5, 77) },
  {
    name: "a block with more restarts than bytes",
    bytes: table([{ bytes: contents([header], { restarts: 2 ** 30 }) }]),
  },
  { name: "a key that shares more than there is", bytes: table([{ bytes: contents([header], { shared: 9 }) }]) },
  { name: "a key longer than its block", bytes: table([{ bytes: [0, ...varint(2 ** 31), 0, ...u32(0), ...u32(1)] }]) },
  { name: "one block named many times", bytes: table([{ bytes: contents([header]) }], 1000) },
  { name: "a block of an unknown compression", bytes: table([{ bytes: contents([header]), type: 7 }]) },
  { name: "Snappy that promises 4 GB", bytes: table([{ bytes: [...varint(2 ** 32 - 1), 0, 65], type: 1 }]) },
  { name: "Snappy that copies from before its beginning", bytes: table([{ bytes: [8, 0, 65, 0b1101, 9], type: 1 }]) },
  { name: "Snappy that copies from nowhere", bytes: table([{ bytes: [8, 0, 65, 0b1101, 0], type: 1 }]) },
  { name: "no header", bytes: table([{ bytes: contents([variable("w")]) }]) },
  { name: "a header of version 1", bytes: table([{ bytes: contents([["", Uint8Array.of(10, 0)]]) }]) },
  {
    name: "more shards than can be",
    bytes: table([{ bytes: contents([["", Uint8Array.of(8, 255, 255, 255, 127)]]) }]),
  },
  { name: "a variable of a shard that is not there", bytes: indexOf(variable("w", { shard: 3 })) },
  { name: "a shape of other bytes", bytes: indexOf(variable("w", { shape: [3] })) },
  { name: "a shape beyond all numbers", bytes: indexOf(variable("w", { shape: [2 ** 40, 2 ** 40] })) },
  { name: "a negative size", bytes: indexOf(variable("w", { shape: [-2], size: -8 })) },
  { name: "data past the end", bytes: indexOf(variable("w", { offset: 2 ** 20 })) },
  { name: "data of another checksum", bytes: good },
  {
    name: "a shape of a thousand axes",
    bytes: indexOf(variable("w", { shape: new Array<number>(1000).fill(1), size: 4 })),
  },
  { name: "parts that are not there", bytes: indexOf(variable("w", { shape: [2 ** 30], slices: 3, size: 0 })) },
];

export const seeds: readonly Named[] = ["gru-words", "sharded"].map((name) => ({
  name,
  bytes: fixture(`${name}.index`),
}));
