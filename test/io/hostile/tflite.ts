/** TensorFlow Lite files that break one rule each, made here; and good ones to be damaged. */
import { readFileSync } from "node:fs";
import { decodeTflite } from "../../../src/io/tflite/decode.ts";
import { inspectTflite } from "../../../src/io/tflite/inspect.ts";

interface Named {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** A part of a FlatBuffer: a number in place, a table by slots, or a vector. */
type Part =
  | number
  | { readonly table: Readonly<Record<number, Part>> }
  | { readonly tables: readonly Part[] }
  | { readonly wholes: readonly number[]; readonly length?: number }
  | { readonly bytes: readonly number[]; readonly length?: number };

/** The bytes of a file with this root. Every field takes four bytes; parts follow the table that points to them. */
export function flat(root: Part, identifier = "TFL3"): Uint8Array {
  const out = new Array<number>(4).fill(0).concat([...identifier].map((letter) => letter.charCodeAt(0)));
  const put = (at: number, value: number): void => {
    for (let i = 0; i < 4; i++) out[at + i] = (value >>> (8 * i)) & 255;
  };
  const take = (count: number): number => {
    while (out.length % 4 !== 0) out.push(0);
    const at = out.length;
    for (let i = 0; i < count; i++) out.push(0);
    return at;
  };
  const vector = (count: number, width: number, length = count): number => {
    const at = take(4 + count * width);
    put(at, length);
    return at;
  };
  const write = (part: Exclude<Part, number>): number => {
    if ("bytes" in part) {
      const at = vector(part.bytes.length, 1, part.length);
      for (const [i, byte] of part.bytes.entries()) out[at + 4 + i] = byte;
      return at;
    }
    if ("wholes" in part) {
      const at = vector(part.wholes.length, 4, part.length);
      part.wholes.forEach((value, i) => void put(at + 4 + 4 * i, value));
      return at;
    }
    if ("tables" in part) {
      const at = vector(part.tables.length, 4);
      part.tables.forEach((one, i) => void point(at + 4 + 4 * i, one));
      return at;
    }
    const slots = Object.keys(part.table).map(Number);
    const count = Math.max(-1, ...slots) + 1;
    const fields = take(4 + 2 * count);
    const at = take(4 + 4 * count);
    out[fields] = 4 + 2 * count;
    out[fields + 2] = 4 + 4 * count;
    for (const slot of slots) out[fields + 4 + 2 * slot] = 4 + 4 * slot;
    put(at, at - fields);
    for (const slot of slots) point(at + 4 + 4 * slot, part.table[slot]);
    return at;
  };
  const point = (at: number, part: Part): void => put(at, typeof part === "number" ? part : write(part) - at);
  point(0, root);
  return Uint8Array.from(out);
}

const letters = (value: string): Part => ({ bytes: [...value].map((letter) => letter.charCodeAt(0)) });
const tensor = (shape: Part, rest: Readonly<Record<number, Part>> = {}): Part => ({
  table: { 0: shape, 1: 0, 2: 0, 3: letters("x"), ...rest },
});

interface Pieces {
  readonly tensors?: readonly Part[];
  readonly operators?: readonly Part[];
  readonly inputs?: readonly number[];
  readonly outputs?: readonly number[];
  readonly codes?: readonly Part[];
  readonly buffers?: readonly Part[];
}

const row = tensor({ wholes: [1, 2] });
const operator = (inputs: readonly number[], outputs: readonly number[], code = 0): Part => ({
  table: { 0: code, 1: { wholes: inputs }, 2: { wholes: outputs } },
});

/** x [1, 2] -> tanh(x), where nothing else is said. */
export function model(pieces: Pieces = {}): Uint8Array {
  const { tensors = [row, row], operators = [operator([0], [1])], inputs = [0], outputs = [1] } = pieces;
  const { codes = [{ table: { 3: 28 } }], buffers = [{ table: {} }] } = pieces;
  const graph: Part = {
    table: { 0: { tables: tensors }, 1: { wholes: inputs }, 2: { wholes: outputs }, 3: { tables: operators } },
  };
  return flat({ table: { 0: 3, 1: { tables: codes }, 2: { tables: [graph] }, 4: { tables: buffers } } });
}

const good = model();
const changed = (at: number, ...values: readonly number[]): Uint8Array => {
  const copy = good.slice();
  copy.set(values, at);
  return copy;
};
/** Where the root table is. */
const rootAt = good[0] + 256 * good[1];
const weights = tensor({ wholes: [2, 2] }, { 2: 1 });
const dense = { codes: [{ table: { 3: 9 } }], operators: [operator([0, 2, -1], [1])] };

export const hostile: readonly Named[] = [
  { name: "no bytes", bytes: new Uint8Array(0) },
  { name: "another identifier", bytes: flat({ table: {} }, "TFL2") },
  { name: "a root past the end", bytes: changed(0, 255, 255, 255, 127) },
  { name: "a table whose fields are listed before the beginning", bytes: changed(rootAt, 255, 255, 255, 127) },
  { name: "a table whose fields are listed past the end", bytes: changed(rootAt, 0, 0, 0, 128) },
  { name: "an empty model", bytes: flat({ table: {} }) },
  { name: "a graph without tensors", bytes: model({ tensors: [], operators: [], inputs: [], outputs: [] }) },
  { name: "a tensor that is not there", bytes: model({ operators: [operator([9], [1])] }) },
  { name: "an input of index -7", bytes: model({ inputs: [-7] }) },
  { name: "a kind of operator that is not there", bytes: model({ operators: [operator([0], [1], 5)] }) },
  { name: "a buffer that is not there", bytes: model({ tensors: [row, tensor({ wholes: [1, 2] }, { 2: 9 })] }) },
  { name: "a shape of 2^30 axes", bytes: model({ tensors: [tensor({ wholes: [1], length: 2 ** 30 }), row] }) },
  { name: "a shape of 40 axes", bytes: model({ tensors: [tensor({ wholes: new Array<number>(40).fill(1) }), row] }) },
  { name: "a negative size", bytes: model({ tensors: [tensor({ wholes: [1, -2] }), row] }) },
  { name: "an output that nothing computes", bytes: model({ tensors: [row, row, row], outputs: [2] }) },
  { name: "an operator that reads what nothing computes", bytes: model({ operators: [operator([1], [1])] }) },
  { name: "an unknown operator", bytes: model({ codes: [{ table: { 3: 120 } }] }) },
  {
    name: "weights of other bytes than their shape says",
    bytes: model({
      ...dense,
      tensors: [row, row, weights],
      buffers: [{ table: {} }, { table: { 0: { bytes: [1, 2, 3, 4] } } }],
    }),
  },
  {
    name: "weights whose bytes go past the end",
    bytes: model({
      ...dense,
      tensors: [row, row, weights],
      buffers: [{ table: {} }, { table: { 0: { bytes: [], length: 2 ** 31 } } }],
    }),
  },
  {
    name: "weights behind the file",
    bytes: model({ ...dense, tensors: [row, row, weights], buffers: [{ table: {} }, { table: { 1: 5000, 2: 16 } }] }),
  },
  {
    name: "weights of 2^60 numbers",
    bytes: model({
      ...dense,
      tensors: [row, row, tensor({ wholes: [2 ** 30, 2 ** 30] }, { 2: 1 })],
      buffers: [{ table: {} }, { table: { 0: { bytes: [1, 2, 3, 4] } } }],
    }),
  },
];

/** How a file is read: its report, then its model. */
export function read(bytes: Uint8Array): unknown {
  inspectTflite(bytes, "hostile.tflite");
  return decodeTflite(bytes, "hostile.tflite");
}

function fixture(name: string): Uint8Array {
  return new Uint8Array(readFileSync(new URL(`../fixtures/tflite/${name}`, import.meta.url)));
}

export const seeds: readonly Named[] = [
  "lstm-classifier",
  "bidirectional-two-outputs",
  "bidirectional-turned",
  "words-flat",
  "dense-half",
].map((name) => ({
  name,
  bytes: fixture(`${name}.tflite`),
}));
