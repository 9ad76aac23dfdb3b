/** Graphs of exporters as models of layers: the same numbers, and what layers can do. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { UnsupportedError } from "../../../src/base/errors.ts";
import { decodeNpz } from "../../../src/io/node/npz.ts";
import { decodeOnnx } from "../../../src/io/onnx/decode.ts";
import { toModel } from "../../../src/io/onnx/lift/toModel.ts";
import { Tensor, transpose } from "../../../src/trace/index.ts";
import { expectClose, tensorOf } from "../closeness.ts";
import { cases as written } from "./export/cases.ts";
import { write } from "./export/written.ts";

const folder = new URL("../fixtures/onnx/", import.meta.url);
const read = (file: string): Uint8Array => new Uint8Array(readFileSync(new URL(file, folder)));
const lifted = (name: string) => toModel(decodeOnnx(read(`${name}.onnx`), `${name}.onnx`));
const arraysOf = (name: string) =>
  Object.fromEntries(Object.entries(decodeNpz(read(`${name}.npz`))).map(([key, one]) => [key, tensorOf(one)]));

/** The kinds of layers, in order, and the output that the model gives. */
const cases: readonly (readonly [name: string, kinds: string, input: string, output: string])[] = [
  ["classifier-script", "embedding lstm dense", "tokens", "logits"],
  ["classifier-dynamo", "embedding lstm dense", "tokens", "logits"],
  ["lstm-opset9-script", "embedding lstm dense", "tokens", "logits"],
  ["classifier-fixed-script", "embedding lstm dense", "tokens", "logits"],
  ["classifier-fixed-dynamo", "embedding gru dense", "tokens", "logits"],
  ["conv-script", "conv1D activation maxPooling1D gru dense", "x", "y"],
  ["conv-dynamo", "conv1D activation maxPooling1D gru dense", "x", "y"],
  ["tagger-script", "gru addLayer layerNormalization dense activation", "x", "p"],
  ["tagger-dynamo", "gru addLayer layerNormalization dense activation", "x", "p"],
  ["last-of-both-script", "bidirectional lastStep dense activation", "x", "y"],
  ["last-of-both-dynamo", "bidirectional lastStep dense activation", "x", "y"],
  ["deep-script", "bidirectional bidirectional concatenate", "x", "y"],
  ["deep-dynamo", "bidirectional bidirectional concatenate", "x", "y"],
  [
    "activations-script",
    "dense activation dense activation activation multiplyLayer dense activation activation",
    "x",
    "y",
  ],
];

test.each(cases)("%s is %s", (name, kinds, input, output) => {
  const model = lifted(name);
  expect(model.layers.map(({ layer }) => layer.kind).join(" ")).toBe(kinds);
  const arrays = arraysOf(name);
  for (const prefix of ["", "again."]) {
    const x = arrays[`${prefix}in.${input}`];
    if (x === undefined) continue;
    expectClose((model.run(x).outputs as Tensor).data(), arrays[`${prefix}out.${output}`].data(), `${name} ${prefix}`);
  }
});

test.each(["lstm-two-bidirectional-script", "lstm-two-bidirectional-dynamo"])(
  "%s: two layers of two directions, whose states are the model's own",
  (name) => {
    const model = lifted(name);
    expect(model.layers.map(({ layer }) => layer.kind)).toEqual(["bidirectional", "bidirectional"]);
    const graph = decodeOnnx(read(`${name}.onnx`));
    const arrays = arraysOf(name);
    const none = tensorOf({ dtype: "float32", shape: [4, 2, 4], data: new Float32Array(32) });
    const wanted = graph.run({ x: arrays["in.x"], h: none, c: none });
    expectClose((model.run(arrays["in.x"]).outputs as Tensor).data(), wanted.y.data(), name);
  },
);

/** Models of a source and a target, and where the states of the decoder's layers begin. */
const handedOn: readonly (readonly [name: string, kinds: string, begins: readonly unknown[]])[] = [
  [
    "translator-script",
    "lstm lstm lstm lstm",
    ["encoder", "encoder_1"].map((name) => ({ h: `${name}.state.h`, c: `${name}.state.c` })),
  ],
  ["bridge-script", "bidirectional concatenate dense activation gru", [{ h: "activation" }]],
  ["bridge-dynamo", "bidirectional concatenate dense activation gru", [{ h: "activation" }]],
  [
    "both-script",
    "bidirectional bidirectional",
    [{ forward: { h: "encoder.state.forward.h" }, backward: { h: "encoder.state.backward.h" } }],
  ],
];

test.each(handedOn)(
  "%s: states begin where the graph lets them, and each input has a length of its own",
  (name, kinds, begins) => {
    const model = lifted(name);
    expect(model.layers.map(({ layer }) => layer.kind).join(" ")).toBe(kinds);
    const { connections } = model.definition();
    expect(connections.flatMap(({ initialState }) => (initialState === undefined ? [] : [initialState]))).toEqual(
      begins,
    );
    const arrays = arraysOf(name);
    const { outputs } = model.run({ source: arrays["in.source"], target: arrays["in.target"] });
    expectClose((outputs as Tensor).data(), arrays["out.y"].data(), name);
  },
);

test.each(["packed-last-script", "packed-mean-script"])(
  "%s: steps past the end count in the graph, where a layer would leave them out",
  (name) => {
    expect(() => lifted(name)).toThrow(
      "expected a sequence without lengths, got one with sequence_lens, whose steps past the end count here.",
    );
  },
);

test("a graph with time first is batch first as a model", () => {
  const graph = decodeOnnx(read("lstm-script.onnx"));
  const model = toModel(graph);
  const x = arraysOf("lstm-script")["in.x"];
  const none = tensorOf({ dtype: "float32", shape: [1, 2, 4], data: new Float32Array(8) });
  const wanted = transpose(graph.run({ x, h: none, c: none }).y, [1, 0, 2]);
  expectClose((model.run(transpose(x, [1, 0, 2])).outputs as Tensor).data(), wanted.data(), "y");
});

test("lengths are a mask, and packed sequences with them", () => {
  const model = lifted("packed-script");
  expect(model.layers.map(({ layer }) => layer.kind)).toEqual(["lengthsMask", "bidirectional"]);
  const arrays = arraysOf("packed-script");
  for (const prefix of ["", "again."]) {
    const inputs = { x: arrays[`${prefix}in.x`], lengths: arrays[`${prefix}in.lengths`] };
    expectClose((model.run(inputs).outputs as Tensor).data(), arrays[`${prefix}out.y`].data(), prefix);
  }
});

/** Models of Recurve whose files are graphs of such layers, and the output that is the first one of both. */
const own = ["lstm-plain", "lstm-clip", "lstm-coupled", "lstm-peepholes", "lstm-no-bias", "lstm-activations"].concat(
  ["gru-plain", "gru-before", "gru-no-bias", "rnn-plain", "rnn-linear", "stack-of-layers", "bidirectional-concat"],
  ["bidirectional-sum", "bidirectional-mul", "bidirectional-last", "last-step", "text", "lstm-backwards-last"],
);

test.each(own)("%s is the same from its graph alone", (name) => {
  const one = written.find((given) => given.name === name);
  if (one === undefined) throw new Error(name);
  const { model, bytes, arrays } = write({ ...one, options: { ...one.options, state: false } });
  const graph = toModel(decodeOnnx(bytes, name));
  const inputs = Object.fromEntries(graph.inputs.map((input) => [input.name, arrays[`in.${input.name}`]]));
  const first = (outputs: Tensor | readonly Tensor[]): Tensor => (outputs instanceof Tensor ? outputs : outputs[0]);
  const wanted = first(model.run(inputs).outputs as Tensor);
  expectClose(first(graph.run(inputs).outputs).data(), wanted.data(), name);
});

test("a graph of which a part is no layer is refused in the name of that node", () => {
  expect(() => lifted("attention-script")).toThrow(UnsupportedError);
  expect(() => lifted("attention-script")).toThrow(/node ".*" \(\w+\)/);
});
