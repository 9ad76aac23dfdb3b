/** ONNX files that break one rule each, made here; and good ones to be damaged. */
import { readFileSync } from "node:fs";
import { RecurveError } from "../../../src/base/errors.ts";
import { decodeOnnx, onnxDataFiles } from "../../../src/io/onnx/decode.ts";
import { inspectOnnx } from "../../../src/io/onnx/inspect.ts";
import { toModel } from "../../../src/io/onnx/lift/toModel.ts";
import { MessageWriter } from "../../../src/io/protobuf.ts";

interface Named {
  readonly name: string;
  readonly bytes: Uint8Array;
}

type Write = (writer: MessageWriter) => void;

/** A model with what a graph holds. */
function model(graph: Write, rest: Write = () => {}): Uint8Array {
  const writer = new MessageWriter();
  writer.varint(1, 8).message(7, graph);
  writer.message(8, (own) => own.varint(2, 17));
  rest(writer);
  return writer.finish();
}

const tensor =
  (dims: readonly (number | bigint)[], type: number, data: Write): Write =>
  (graph) =>
    graph.message(5, (own) => {
      for (const size of dims) own.varint(1, size);
      own.varint(2, type).string(8, "w");
      data(own);
    });

const node =
  (op: string, inputs: readonly string[], attributes: Write = () => {}): Write =>
  (graph) =>
    graph.message(1, (own) => {
      for (const name of inputs) own.string(1, name);
      own.string(2, "y").string(4, op);
      attributes(own);
    });

/** Graphs in graphs. */
function nested(depth: number): Write {
  return node("If", ["c"], (own) =>
    own.message(5, (attribute) => {
      attribute.string(1, "then_branch");
      if (depth > 0) attribute.message(6, nested(depth - 1));
      attribute.varint(20, 5);
    }),
  );
}

/** Elements that are said to lie in another file. */
const beside =
  (entries: Readonly<Record<string, string>>): Write =>
  (own) => {
    for (const [key, value] of Object.entries(entries)) own.message(13, (one) => one.string(1, key).string(2, value));
    own.varint(14, 1);
  };

const places: readonly Readonly<Record<string, string>>[] = [
  { location: "../../etc/passwd" },
  { location: "w.bin", offset: "99999999999999999999" },
  { location: "w.bin", offset: "-16" },
  { location: "w.bin", length: "1e3" },
  { location: "w.bin", offset: "4090", length: "16" },
];

const bytes =
  (length: number): Write =>
  (own) =>
    own.bytes(9, new Uint8Array(length));

export const hostile: readonly Named[] = [
  { name: "no bytes", bytes: new Uint8Array() },
  { name: "text", bytes: new TextEncoder().encode("<html>not found</html>") },
  { name: "no graph", bytes: new MessageWriter().varint(1, 8).finish() },
  { name: "a length past the end", bytes: Uint8Array.of(8, 8, 0x3a, 0xff, 0xff, 0xff, 0x7f, 1, 2) },
  { name: "a number of eleven bytes", bytes: Uint8Array.of(8, ...new Array<number>(11).fill(0xff)) },
  { name: "a graph that is a number", bytes: new MessageWriter().varint(1, 8).varint(7, 3).finish() },
  { name: "graphs 200 deep", bytes: model(nested(200)) },
  { name: "a tensor of 2^62 elements", bytes: model(tensor([2n ** 31n, 2n ** 31n], 1, bytes(16))) },
  { name: "a tensor of 10^9 elements and no bytes", bytes: model(tensor([1_000_000_000], 1, () => {})) },
  {
    name: "a tensor of 10^9 varints and few bytes",
    bytes: model(tensor([1_000_000_000], 7, (own) => own.bytes(7, new Uint8Array(9)))),
  },
  { name: "a tensor with a negative size", bytes: model(tensor([-1, 4], 1, bytes(16))) },
  { name: "more bytes than the shape says", bytes: model(tensor([2], 1, bytes(16))) },
  { name: "more varints than the shape says", bytes: model(tensor([2], 7, (own) => own.bytes(7, new Uint8Array(9)))) },
  { name: "an element type that is none", bytes: model(tensor([4], 99, bytes(16))) },
  { name: "text as a weight", bytes: model(tensor([1], 8, (own) => own.bytes(6, new Uint8Array(3)))) },
  { name: "data in another file without a name", bytes: model(tensor([4], 1, (own) => own.varint(14, 1))) },
  ...places.map((entries) => ({
    name: `data in another file: ${JSON.stringify(entries)}`,
    bytes: model(tensor([4], 1, beside(entries))),
  })),
  { name: "an operator of the file's own", bytes: model(node("__proto__", ["x"])) },
  { name: "an operator called constructor", bytes: model(node("constructor", ["x"])) },
  {
    name: "an attribute without its tensor",
    bytes: model(node("Constant", [], (own) => own.message(5, (a) => a.string(1, "value").varint(20, 4)))),
  },
  { name: "names that are no text", bytes: model((graph) => graph.bytes(2, Uint8Array.of(0xff, 0xfe))) },
  {
    name: "opset 3",
    bytes: new MessageWriter()
      .varint(1, 3)
      .message(7, (graph) => graph.string(2, "g"))
      .message(8, (own) => own.varint(2, 3))
      .finish(),
  },
  {
    name: "600 000 nodes",
    bytes: model(
      (graph) => graph.string(2, "g"),
      (writer) => {
        const many = new Uint8Array(1_200_000);
        for (let i = 0; i < many.length; i += 2) many[i] = 10;
        writer.bytes(7, many);
      },
    ),
  },
];

const file = (name: string): Uint8Array =>
  new Uint8Array(readFileSync(new URL(`../fixtures/onnx/${name}.onnx`, import.meta.url)));

export const seeds: readonly Named[] = [
  "classifier-script",
  "lstm-dynamo",
  "loop-for",
  "scan",
  "function",
  "operators-18",
  "lstm-activations",
  "beside",
].map((name) => ({ name, bytes: file(name) }));

/** Everything that is done with a file before it runs. */
export function read(bytes: Uint8Array): void {
  inspectOnnx(bytes, "hostile.onnx");
  const files = onnxDataFiles(bytes, "hostile.onnx").map((name) => [name, new Uint8Array(4096)] as const);
  const graph = decodeOnnx(bytes, "hostile.onnx", new Map(files));
  graph.encode();
  try {
    toModel(graph);
  } catch (error) {
    // Most graphs are no layers, which is no fault of the file.
    if (!(error instanceof RecurveError)) throw error;
  }
}
