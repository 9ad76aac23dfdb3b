/** Graphs of Keras 3 that are not plain chains: how they are drawn, and what is refused where Recurve has other numbers. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { UnsupportedError } from "../../../src/base/errors.ts";
import {
  decodeKeras,
  decodeKerasH5,
  encodeKeras,
  encodeKerasH5,
  encodeKerasWeights,
  inspectKeras,
  inspectKerasH5,
  type KerasModel,
  type KerasOwn,
  modelFromKerasConfig,
  readKerasWeights,
} from "../../../src/io/keras/index.ts";
import { encodeZip } from "../../../src/io/zip.ts";
import {
  bidirectional,
  call,
  conv1D,
  defineCell,
  dense,
  input,
  lstm,
  masking,
  model,
  sequential,
} from "../../../src/nn/index.ts";
import { add, concrete, mul, type Tensor } from "../../../src/trace/index.ts";

type Json = Readonly<Record<string, unknown>>;

const tensor = (layer: string, node = 0): Json => ({
  class_name: "__keras_tensor__",
  config: { shape: [null, null, 3], dtype: "float32", keras_history: [layer, node, 0] },
});

const one = (className: string, name: string, config: Json, ...calls: readonly Json[]): Json => ({
  module: "keras.layers",
  class_name: className,
  name,
  config: { name, trainable: true, ...config },
  inbound_nodes: calls,
});

const reads = (from: unknown, kwargs: Json = {}): Json => ({ args: [from], kwargs });
const source = (name: string, dtype = "float32"): Json =>
  one("InputLayer", name, { batch_shape: [null, null, 3], dtype });

/** A functional model that begins at x and y and ends at a layer. */
function functional(output: readonly unknown[], ...layers: readonly Json[]): KerasModel {
  return functionalWith({}, output, ...layers);
}

function functionalWith(own: KerasOwn, output: readonly unknown[], ...layers: readonly Json[]): KerasModel {
  const inputs = layers.filter(({ class_name: className }) => className === "InputLayer").map(({ name }) => name);
  const config = { name: "m", layers, input_layers: inputs.map((name) => [name, 0, 0]), output_layers: output };
  const zeros =
    () =>
    ({ shape }: { readonly shape: readonly number[] }) =>
      ({ dtype: "float32", shape, data: new Float32Array(shape.reduce((a, b) => a * b, 1)) }) as const;
  const facts = { version: "3.15.1", dialect: "keras3" } as const;
  return modelFromKerasConfig({ class_name: "Functional", config }, zeros, "m.keras", facts, own);
}

test("a layer may read what was made of its own earlier output", () => {
  const { model: drawn } = functional(
    ["d", 1, 0],
    source("x"),
    one("Dense", "d", { units: 3 }, reads(tensor("x")), reads(tensor("e"))),
    one("Dense", "e", { units: 3 }, reads(tensor("d"))),
  );
  const { connections, outputs } = drawn.definition();
  expect(connections.map(({ layer, from, to }) => [layer, from, to])).toEqual([
    ["d", ["x"], "d"],
    ["e", ["d"], "e"],
    ["d", ["e"], "d#2"],
  ]);
  expect(outputs).toBe("d#2");
});

test("layers of a file may be in any order", () => {
  const { model: drawn } = functional(
    ["b", 0, 0],
    one("Dense", "b", { units: 2 }, reads(tensor("a"))),
    one("Dense", "a", { units: 4 }, reads(tensor("x"))),
    source("x"),
  );
  expect(drawn.definition().connections.map(({ layer }) => layer)).toEqual(["a", "b"]);
});

const maskedX = one("Masking", "masked", {}, reads(tensor("x")));
const other = one("Masking", "other", {}, reads(tensor("y")));
const both = (a: string, b: string): Json => reads([tensor(a), tensor(b)]);

const refused: Readonly<Record<string, () => KerasModel>> = {
  "a mask that is an input": () =>
    functional(
      ["l", 0, 0],
      source("x"),
      source("y", "bool"),
      one("LSTM", "l", { units: 2 }, reads(tensor("x"), { mask: tensor("y") })),
    ),
  "a mask that compares what no layer has masked": () =>
    functional(
      ["l", 0, 0],
      source("x"),
      { ...one("NotEqual", "n", {}, { args: [tensor("x"), 7], kwargs: {} }), module: "keras.src.ops.numpy" },
      one("LSTM", "l", { units: 2 }, reads(tensor("x"), { mask: tensor("n") })),
    ),
  "training=True": () =>
    functional(["d", 0, 0], source("x"), one("Dropout", "d", { rate: 0.5 }, reads(tensor("x"), { training: true }))),
  "Multiply of one masked value": () =>
    functional(["p", 0, 0], source("x"), source("y"), maskedX, one("Multiply", "p", {}, both("masked", "y"))),
  "Add of values with masks of several layers": () =>
    functional(["p", 0, 0], source("x"), source("y"), maskedX, other, one("Add", "p", {}, both("masked", "other"))),
};

test.each(Object.entries(refused))("%s is refused", (_, read) => {
  expect(read).toThrow(UnsupportedError);
});

test("Add of one masked value has no mask, as in Keras", () => {
  const { model: drawn } = functional(
    ["l", 0, 0],
    source("x"),
    source("y"),
    maskedX,
    one("Add", "p", {}, both("masked", "y")),
    one("LSTM", "l", { units: 2 }, reads(tensor("p"))),
  );
  const value = drawn.network.calls.find(({ name }) => name === "p");
  expect(value?.from).toHaveLength(2);
  expect(drawn.definition().connections.map(({ layer }) => layer)).toEqual([
    "masked",
    "masked_unmasked",
    "masked_unmasked_1",
    "p",
    "l",
  ]);
});

test("the parts of an initial state are written in Keras' order, in whichever they are named", async () => {
  const x = input({ name: "x", shape: [4, 3] });
  const [h, c] = ["h", "c"].map((name) => input({ name, shape: [2] }));
  const drawn = model({
    inputs: [x, h, c],
    outputs: call(lstm({ name: "l", units: 2 }), x, { initialState: { c, h } }),
  });
  const { model: again } = await decodeKeras(encodeKeras(drawn));
  const numbers = [0.5, -3, 1, 0.25, 2, -1, 4, -0.5, 3, -2, 0.75, 1.5];
  const give = (shape: readonly number[], from: number): Tensor => {
    const size = shape.reduce((a, b) => a * b);
    return concrete({ dtype: "float32", shape: [...shape] }, Float32Array.from(numbers.slice(from, from + size)));
  };
  const given = [give([1, 4, 3], 0), give([1, 2], 1), give([1, 2], 5)];
  const [before, after] = [drawn.run(given).outputs, again.run(given).outputs as Tensor];
  expect(after.data()).toEqual(before.data());
});

test("a model whose masks go elsewhere in Keras is refused, but for its weights alone", () => {
  const x = input({ name: "x", shape: [4, 3] });
  const masked = call(masking({ name: "masked" }), x);
  const drawn = model({ inputs: x, outputs: call(conv1D({ filters: 2, kernelSize: 2, padding: "same" }), masked) });
  expect(() => encodeKeras(drawn)).toThrow(UnsupportedError);
  expect(() => encodeKerasH5(drawn)).toThrow(UnsupportedError);
  const other = model({
    inputs: x,
    outputs: call(conv1D({ filters: 2, kernelSize: 2, padding: "same" }), call(masking(), x)),
    seed: 4,
  });
  readKerasWeights(encodeKerasWeights(drawn), other);
  const [ours, theirs] = [drawn, other].map((one) => Object.values(one.weights()).map((w) => [...w.data()]));
  expect(theirs).toEqual(ours);
});

test("both directions under a mask are written where they give zeros there, as Keras does", () => {
  const x = input({ name: "x", shape: [null, 3] });
  const drawn = (zeroOutputForMask: boolean) =>
    model({
      inputs: x,
      outputs: call(
        bidirectional(lstm({ units: 2, returnSequences: true, zeroOutputForMask }), { name: "both" }),
        call(masking(), x),
      ),
    });
  expect(() => encodeKeras(drawn(false))).toThrow(/layer "both": expected zeroOutputForMask: true in both directions/);
  expect(encodeKeras(drawn(true)).length).toBeGreaterThan(0);
});

test("a layer that is called like something that every object has gets another name", () => {
  const drawn = (name: string) =>
    functional([[name, 0, 0]], source("x"), one("GRU", name, { units: 2 }, reads(tensor("x")))).model;
  const names = ["constructor", "__proto__"].map((name) => drawn(name).layers[0].name);
  expect(names).toEqual(["layer_constructor", "layer___proto__"]);
});

test("an axis that is not the last is refused where the file says how many there are", () => {
  const normalised = (axis: number) =>
    functional([["norm", 0, 0]], source("x"), {
      ...one("LayerNormalization", "norm", { axis: [axis] }, reads(tensor("x"))),
      build_config: { input_shape: [null, 3, 3] },
    });
  expect(normalised(2).model.layers[0].kind).toBe("layerNormalization");
  expect(() => normalised(1)).toThrow(/norm.*axis: expected the last axis, got \[1\]/);
});

test("names that one attribute of HDF5 can not hold are written in several, as Keras does", () => {
  const names = Array.from({ length: 300 }, (_, i) => `${"a-long-name-".repeat(20)}${i}`);
  const drawn = sequential(
    names.map((name) => dense({ units: 1, name })),
    { input: { shape: [2] }, seed: 2 },
  );
  const { model: again } = decodeKerasH5(encodeKerasH5(drawn));
  expect(again.weights()).toEqual(drawn.weights());
  const endless = sequential([dense({ units: 1, name: "n".repeat(1001) })], { input: { shape: [2] } });
  expect(() => encodeKeras(endless)).toThrow(/names of at most 1000 letters in a file of Keras, got 1001/);
});

const fixture = (name: string): Uint8Array =>
  new Uint8Array(readFileSync(new URL(`../fixtures/keras/${name}`, import.meta.url)));

test("a report counts the numbers of every layer, and misses nothing where operations only make masks", async () => {
  for (const report of [
    await inspectKeras(fixture("mask-by-name.keras")),
    inspectKerasH5(fixture("mask-by-name.h5")),
  ]) {
    expect(report.missing).toEqual([]);
    const counts = report.parts.filter(({ parameters = 0 }) => parameters > 0);
    expect(counts.map(({ kind, parameters }) => [kind, parameters])).toEqual([
      ["Embedding", 27],
      ["LSTM", 84],
      ["GRU", 42],
    ]);
  }
});

test("a report says what is refused, in the sentence of the refusal", async () => {
  const config = {
    class_name: "Sequential",
    config: { layers: [source("x"), one("Lambda", "l", {})] },
  };
  const bytes = encodeZip([["config.json", new TextEncoder().encode(JSON.stringify(config))]]);
  const { missing, parts } = await inspectKeras(bytes, "m.keras");
  expect(missing).toEqual([
    expect.stringMatching(/^m\.keras: layer "l": expected a layer that Recurve has, got "Lambda"/),
  ]);
  expect(parts.map(({ path, kind }) => [path, kind])).toEqual([
    ["x", "InputLayer"],
    ["l", "Lambda"],
  ]);
});

/** h' = (h + w x) of 3 features, as in a class of the user's own in Python. */
const leaky = ({ rate }: { readonly rate: number }) =>
  defineCell({
    name: "leaky",
    options: { rate },
    params: () => ({ w: [3] }),
    state: { h: [3] },
    step({ params: { w }, state: { h }, x }) {
      const next = add(mul(h, rate), mul(x, w));
      return { y: next, state: { h: next } };
    },
  });

test("a cell of the user's own is made of its configuration, and has weights and state as any other", () => {
  const own: KerasOwn = { cells: { LeakyCell: ({ rate }) => leaky({ rate: Number(rate) }) } };
  const cell = { class_name: "LeakyCell", registered_name: "mine>LeakyCell", config: { rate: 0.5 } };
  const { model: drawn } = functionalWith(
    own,
    ["r", 0, 1],
    source("x"),
    one("RNN", "r", { cell, return_state: true }, reads(tensor("x"))),
  );
  expect(drawn.definition().outputs).toBe("r.state.h");
  expect(Object.keys(drawn.weights())).toEqual(["r.w"]);
});
