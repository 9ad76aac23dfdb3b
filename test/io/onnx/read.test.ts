/** Messages of ONNX files, reports of them, and what is refused in which words. */
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { FormatError, OptionError, ShapeError, UnsupportedError } from "../../../src/base/errors.ts";
import { decodeOnnx } from "../../../src/io/onnx/decode.ts";
import { inspectOnnx } from "../../../src/io/onnx/inspect.ts";
import {
  decodeOnnxProto,
  encodeOnnxProto,
  type OnnxAttribute,
  type OnnxModelProto,
  type OnnxNode,
} from "../../../src/io/onnx/messages.ts";
import { zeros } from "../../../src/trace/index.ts";

const folder = new URL("../fixtures/onnx/", import.meta.url);
const read = (name: string): Uint8Array => new Uint8Array(readFileSync(new URL(`${name}.onnx`, folder)));
const names = readdirSync(folder).flatMap((file) => (file.endsWith(".onnx") ? [file.slice(0, -5)] : []));

/** A model of one node x -> y. */
function model(node: Partial<OnnxNode>, version = 17): Uint8Array {
  const value = (name: string) => ({ name, elementType: "float32" as const, shape: ["n", 3] });
  const whole = { name: "node", opType: "Neg", domain: "", inputs: ["x"], outputs: ["y"], attributes: [], ...node };
  const proto: OnnxModelProto = {
    irVersion: 8,
    producerName: "",
    producerVersion: "",
    opsets: [{ domain: "", version }],
    metadata: [],
    functions: [],
    graph: {
      name: "g",
      nodes: [whole],
      initializers: [],
      inputs: [value("x")],
      outputs: [value("y")],
      values: [],
    },
  };
  return encodeOnnxProto(proto);
}

describe("messages", () => {
  test.each(names)("%s is the same when it is written and read again", (name) => {
    const proto = decodeOnnxProto(read(name), name);
    expect(decodeOnnxProto(encodeOnnxProto(proto), name)).toEqual(proto);
  });

  test("every kind of attribute, and the limits of int64", () => {
    const attributes: OnnxAttribute[] = [
      { name: "a", value: { kind: "float", value: 0.5 } },
      { name: "b", value: { kind: "int", value: -(2 ** 63) } },
      { name: "c", value: { kind: "ints", value: [2 ** 63, -1, 0] } },
      { name: "d", value: { kind: "string", value: "é" } },
      { name: "e", value: { kind: "strings", value: ["", "x"] } },
      { name: "f", value: { kind: "floats", value: [1, Number.POSITIVE_INFINITY] } },
      { name: "g", value: { kind: "reference", value: "alpha" } },
      { name: "h", value: { kind: "int", value: 0 } },
    ];
    expect(decodeOnnxProto(model({ attributes })).graph.nodes[0].attributes).toEqual(attributes);
  });

  test("weights are views of the file where they are aligned, and never more than the file holds", () => {
    const bytes = read("classifier-script");
    const [weight] = decodeOnnxProto(bytes).graph.initializers;
    expect(weight.data.buffer).toBe(bytes.buffer);
  });
});

describe("refusals", () => {
  test("unknown operators are named together, with their nodes", () => {
    const bytes = model({ opType: "Resize", name: "up" });
    expect(() => decodeOnnx(bytes, "m.onnx")).toThrow(UnsupportedError);
    expect(() => decodeOnnx(bytes, "m.onnx")).toThrow(
      'm.onnx: expected operators that Recurve has, got Resize of opset 17 (node "up"). Export the model without them, or compute that part outside of it.',
    );
  });

  test("an operator of another domain", () => {
    expect(() => decodeOnnx(model({ domain: "com.microsoft", opType: "FusedMatMul" }))).toThrow(
      /domain "com.microsoft"/,
    );
  });

  test("an opset that is too old", () => {
    expect(() => decodeOnnx(model({}, 5), "m.onnx")).toThrow(/opset 7 to 25, got 5/);
  });

  test("a value that no node makes", () => {
    expect(() => decodeOnnx(model({ inputs: ["nobody"] }), "m.onnx").run({ x: zeros([2, 3]) })).toThrow(FormatError);
  });

  test("inputs are checked by name and shape", () => {
    const graph = decodeOnnx(model({}), "m.onnx");
    expect(() => graph.run({ z: zeros([2, 3]) })).toThrow(OptionError);
    expect(() => graph.run({})).toThrow('m.onnx: expected a tensor for input "x", got none. Give { "x" }.');
    expect(() => decodeOnnx(read("classifier-script")).setWeights({ "fc.bias": zeros([9]) })).toThrow(ShapeError);
  });
});

test("a report names gates, directions and free sizes, and what can not be run", () => {
  const report = inspectOnnx(read("lstm-lengths-bidirectional"), "m.onnx");
  expect(report.parts.map(({ kind, notes }) => [kind, ...notes])).toEqual([
    ["LSTM", "gates i, o, f, c", "3 units", "both directions", 'lengths "lengths"'],
  ]);
  expect(report.facts).toContainEqual(["free sizes", "t, b"]);
  expect(report.missing).toEqual([]);
  expect(inspectOnnx(model({ opType: "Resize" })).missing).toHaveLength(1);
});
