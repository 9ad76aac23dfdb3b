/**
 * ONNX files that Recurve writes. ONNX Runtime has run each (`test/io/fixtures/onnx-written/verify.py`); the results are
 * recorded with the SHA-256 of the bytes, so that a file which is not the one that was checked is found here.
 * With RECURVE_WRITTEN=folder the files are written there, for the script.
 */
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { FormatError, OptionError, RecurveError, UnsupportedError } from "../../../src/base/errors.ts";
import type { Graph } from "../../../src/graph/graph.ts";
import { encodeOnnx, onnxProto } from "../../../src/io/onnx/export/encode.ts";
import { readExportedModel } from "../../../src/io/onnx/export/readBack.ts";
import { onnxRules } from "../../../src/io/onnx/export/spell.ts";
import { traceModel } from "../../../src/io/onnx/export/traceModel.ts";
import { encodeOnnxProto, type OnnxGraph, type OnnxNode } from "../../../src/io/onnx/messages.ts";
import {
  bidirectional,
  call,
  conv1D,
  dense,
  gru,
  input,
  type Layer,
  lstm,
  type Model,
  maxPooling1D,
  model,
  rnn,
  sequential,
} from "../../../src/nn/index.ts";
import { add, randomKey, uniform } from "../../../src/trace/index.ts";
import { cases } from "./export/cases.ts";
import { learningCell, loopCell, mgu, movingCell, oddCell } from "./export/cells.ts";
import { write } from "./export/written.ts";

interface Results {
  readonly limit: number;
  readonly files: Readonly<Record<string, { readonly sha256: string; readonly difference: number }>>;
}

const path = new URL("../fixtures/onnx-written/results.json", import.meta.url);
const results: Results = JSON.parse(readFileSync(path, "utf8"));
const folder = process.env.RECURVE_WRITTEN;
const cells = { mgu, odd: oddCell, learning: learningCell, loops: loopCell, moving: movingCell } as never;

describe("a written file", () => {
  test.each(cases.map((one) => [one.name, one] as const))(
    "%s is the one that ONNX Runtime has checked",
    (name, one) => {
      const { bytes, npz, model, options } = write(one);
      if (folder !== undefined) {
        mkdirSync(folder, { recursive: true });
        writeFileSync(`${folder}/${name}.onnx`, bytes);
        writeFileSync(`${folder}/${name}.npz`, npz);
        return;
      }
      expect(createHash("sha256").update(bytes).digest("hex")).toBe(results.files[name]?.sha256);
      expect(results.files[name].difference).toBeLessThanOrEqual(results.limit);
      const { graph } = onnxProto(model, options);
      expect(unread(graph)).toEqual([]);
      expectSame(readExportedModel(bytes, name, { cells }), model);
    },
  );

  test("has nothing recorded that is not written", () => {
    expect(Object.keys(results.files).sort()).toEqual(cases.map(({ name }) => name).sort());
  });
});

test("every op that a model can hold when it runs is in some written file", () => {
  const seen = new Set<string>();
  const visit = ({ nodes }: Graph): void => {
    for (const node of nodes) {
      seen.add(node.op);
      if (node.op === "scan") visit(node.params.body);
    }
  };
  for (const { model, options: { state = true, step = false } = {} } of cases) {
    visit(traceModel(model(), { state, step }).graph);
  }
  // What is drawn at random is refused, and passes have dropped what only says something to people.
  expect(Object.keys(onnxRules).filter((op) => !seen.has(op))).toEqual(["random", "stopGradient", "named"]);
});

describe("recurrent layers", () => {
  const given = { input: { name: "x", shape: [null, 3] } } as const;
  const sequence = { returnSequences: true } as const;

  test("are one node each, named after the layer, and axes are exchanged only where the stack begins and ends", () => {
    const layers = [
      lstm({ units: 5, name: "low", ...sequence }),
      bidirectional(gru({ units: 4, ...sequence }), { name: "high" }),
      dense({ units: 2, name: "head", activation: "softmax" }),
    ];
    const { graph } = onnxProto(sequential(layers, given), { state: false });
    expect(graph.nodes.map(({ name, opType }) => `${name}: ${opType}`)).toEqual([
      "low/Transpose: Transpose",
      "low: LSTM",
      "low/Squeeze: Squeeze",
      "high: GRU",
      "high/Transpose: Transpose",
      "head/Reshape: Reshape",
      "head/MatMul: MatMul",
      "head/Add: Add",
      "head/Softmax: Softmax",
    ]);
  });

  test.each([
    ["cellClip", lstm({ units: 5, cellClip: 1 })],
    ["projectionUnits", lstm({ units: 5, projectionUnits: 2 })],
    ["layerNorm", gru({ units: 5, layerNorm: true })],
    ["an activation that ONNX has not", gru({ units: 5, activation: "gelu" })],
    ["a cell of one's own", rnn(mgu({ units: 4 }))],
  ])("with %s are a Scan", (_, layer) => {
    const { graph } = onnxProto(sequential([layer], given));
    const ops = graph.nodes.map(({ opType }) => opType);
    expect(ops).toContain("Scan");
    expect(ops.filter((op) => ["LSTM", "GRU", "RNN"].includes(op))).toEqual([]);
  });

  test("of one step are the same node over a sequence of one", () => {
    const { graph } = onnxProto(sequential([lstm({ units: 5, name: "encoder" })], given), { step: true });
    expect(graph.inputs.map(({ name }) => name)).toEqual(["x", "encoder.state.h", "encoder.state.c"]);
    expect(graph.outputs.map(({ name }) => name)).toEqual(["encoder", "encoder.next.h", "encoder.next.c"]);
    expect(graph.nodes.filter(({ opType }) => opType === "LSTM")).toHaveLength(1);
  });
});

describe("free sizes", () => {
  const shapesOf = (shape: readonly (string | null | number)[], more: readonly (string | null | number)[]) => {
    const [x, y] = [input({ name: "x", shape }), input({ name: "y", shape: more })];
    const last = [x, y].map((one, i) => call(gru({ units: 2, name: `read${i}` }), one));
    const { graph } = onnxProto(model({ inputs: [x, y], outputs: last }), { state: false });
    return graph.inputs.map((one) => one.shape);
  };

  test("are called batch and time, and by their own names if they have any", () => {
    expect(shapesOf([null, 3], ["steps", 2])).toEqual([
      ["batch", "time", 3],
      ["batch", "steps", 2],
    ]);
  });

  test("keep apart a size that the user has called time", () => {
    expect(shapesOf([null, 3], ["time", 2])).toEqual([
      ["batch", "t", 3],
      ["batch", "time", 2],
    ]);
  });

  test("are in outputs what becomes of them", () => {
    const shorter = sequential([conv1D({ filters: 2, kernelSize: 3 }), maxPooling1D()], {
      input: { shape: [null, 3] },
    });
    expect(onnxProto(shorter).graph.outputs.map(({ shape }) => shape)).toEqual([["batch", "floor((time - 2)/2)", 2]]);
  });
});

describe("refusals", () => {
  const small = sequential([lstm({ units: 2, name: "encoder" })], { input: { name: "x", shape: [null, 3] } });

  test("name what is wrong with an option", () => {
    expect(() => encodeOnnx(small, { opset: 11 })).toThrow(OptionError);
    expect(() => encodeOnnx(small, { opset: 11 })).toThrow(/opset from 17 to 22, got 11/);
    expect(() => encodeOnnx(small, { states: true } as never)).toThrow(OptionError);
  });

  test("name the layer that draws at random", () => {
    expect(() => encodeOnnx(sequential([noisy()], { input: { shape: [null, 3] } }))).toThrow(UnsupportedError);
    expect(() => encodeOnnx(sequential([noisy()], { input: { shape: [null, 3] } }))).toThrow(/"noise"/);
  });

  test("name the layer that can not take one step", () => {
    const both = sequential([bidirectional(gru({ units: 2 }), { name: "both" })], { input: { shape: [null, 3] } });
    expect(() => encodeOnnx(both, { step: true })).toThrow(/bidirectional "both"/);
  });

  test("of a damaged file begin with its name, whatever byte is wrong", () => {
    const bytes = encodeOnnx(small);
    for (let at = 0; at < bytes.length; at += 3) {
      const broken = bytes.slice();
      broken[at] ^= 0x55;
      try {
        readExportedModel(broken, "broken.onnx");
      } catch (error) {
        expect(error).toBeInstanceOf(RecurveError);
        expect((error as RecurveError).message).toMatch(/^broken\.onnx/);
      }
    }
    expect(() => readExportedModel(bytes.slice(0, bytes.length / 2), "cut.onnx")).toThrow(FormatError);
  });

  test("of a file without a weight say which", () => {
    const proto = onnxProto(small);
    const graph = { ...proto.graph, initializers: proto.graph.initializers.filter(({ name }) => name !== "encoder.R") };
    expect(() => readExportedModel(encodeOnnxProto({ ...proto, graph }), "cut.onnx")).toThrow(/cut\.onnx.*R/);
  });
});

/** A layer that draws although it is not trained. */
function noisy(): Layer {
  const apply: Layer["apply"] = ({ inputs: [x], state }) => ({ y: add(x, uniform(randomKey(1), x.shape)), state });
  return {
    kind: "noise",
    name: "noise",
    options: {},
    params: () => ({}),
    state: () => ({}),
    output: ([x]) => x,
    apply,
    stepping: { run: apply },
  };
}

/** Results and initialisers that nobody reads. */
function unread({ nodes, initializers, outputs }: OnnxGraph): string[] {
  const read = new Set(outputs.map(({ name }) => name));
  const visit = (all: readonly OnnxNode[]): void => {
    for (const { inputs, attributes } of all) {
      for (const name of inputs) read.add(name);
      for (const { value } of attributes) {
        if (value.kind !== "graph") continue;
        for (const { name } of value.value.outputs) read.add(name);
        visit(value.value.nodes);
      }
    }
  };
  visit(nodes);
  const made = nodes.filter((node) => !node.outputs.some((name) => read.has(name))).map(({ name }) => name);
  return [...made, ...initializers.map(({ name }) => name).filter((name) => !read.has(name))];
}

function expectSame(again: Model | undefined, model: Model): void {
  expect(again?.definition()).toEqual(model.definition());
  const bits = ({ weights }: { readonly weights: ReturnType<Model["weights"]> }) =>
    Object.entries(weights).map(([name, x]) => [name, x.shape, new Uint8Array(Float32Array.from(x.data()).buffer)]);
  expect(bits({ weights: again?.weights() ?? {} })).toEqual(bits({ weights: model.weights() }));
}
