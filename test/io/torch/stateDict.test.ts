/** State dicts into models of the user's own and out of them: which layer is which module, and what does not fit. */
import { expect, test } from "vitest";
import { OptionError, UnsupportedError } from "../../../src/base/errors.ts";
import type { HostTensor, HostTensors } from "../../../src/io/hostTensor.ts";
import { modelFromStateDict } from "../../../src/io/torch/infer.ts";
import { exportStateDict, importStateDict } from "../../../src/io/torch/stateDict.ts";
import {
  bidirectional,
  conv1D,
  dense,
  embedding,
  gru,
  highway,
  lstm,
  lstmCell,
  rnn,
  sequential,
} from "../../../src/nn/index.ts";
import { expectClose, tensorOf } from "../closeness.ts";
import { readCase, statesOf } from "./cases.ts";
import { written } from "./written.ts";

test("a model of the user's own takes a state dict by order and shapes, whatever its layers are called", async () => {
  const { weights, numbers } = await readCase("classifier.pt");
  const model = sequential(
    [
      embedding({ inputDim: 9, outputDim: 3, name: "words" }),
      bidirectional(gru({ units: 4 }), { name: "reader" }),
      dense({ units: 5, name: "answer" }),
    ],
    { input: { shape: [null], dtype: "int32" } },
  );
  importStateDict(model, weights);
  expectClose(model.run(tensorOf(numbers["in.x"])).outputs.data(), numbers["out.y"].data, "outputs");
});

test("an nn.LSTM of two layers fills two layers, or a stack of two cells", async () => {
  const { weights, numbers } = await readCase("language-model.safetensors");
  const end = { input: { shape: [null], dtype: "int32" } } as const;
  const separate = sequential(
    [
      embedding({ inputDim: 11, outputDim: 4 }),
      lstm({ units: 5, returnSequences: true }),
      lstm({ units: 5, returnSequences: true }),
      dense({ units: 11 }),
    ],
    end,
  );
  const stacked = sequential(
    [
      embedding({ inputDim: 11, outputDim: 4 }),
      rnn([lstmCell({ units: 5 }), lstmCell({ units: 5 })], { returnSequences: true }),
      dense({ units: 11 }),
    ],
    end,
  );
  importStateDict(separate, weights);
  importStateDict(stacked, weights, { layers: { rnn: "lstm" } });
  for (const model of [separate, stacked]) {
    expectClose(model.run(tensorOf(numbers["in.x"])).outputs.data(), numbers["out.y"].data, "outputs");
  }
});

test("a packed sequence is a sequence with lengths: outputs are zero behind each row's end, states are those at it", async () => {
  const { weights, numbers } = await readCase("lstm-lengths.pt");
  const layer = lstm({ units: 4, returnSequences: true, zeroOutputForMask: true });
  const model = sequential([bidirectional(layer)], { input: { shape: [null, 3], lengths: true } });
  importStateDict(model, weights);
  const { outputs, state } = model.run([tensorOf(numbers["in.x"]), tensorOf(numbers["lengths.x"])]);
  expectClose(outputs.data(), numbers["out.y"].data, "outputs");
  for (const part of ["h", "c"] as const) expectClose(statesOf(state, part), numbers[`state.${part}`].data, part);
});

test("layers says which module a layer is, and modules leaves out the rest", async () => {
  const { weights } = await readCase("legacy.pt");
  const twice = Object.fromEntries(
    Object.entries(weights).flatMap(([name, tensor]) => [
      [`encoder.${name}`, tensor],
      [`decoder.${name}`, { ...tensor, data: tensor.data.map((x) => -x) }],
    ]),
  );
  const model = sequential([gru({ units: 4, returnSequences: true }), dense({ units: 2, useBias: false })], {
    input: { shape: [null, 3] },
  });
  importStateDict(model, twice, {
    layers: { gru: "decoder.rnn", dense: "encoder.fc" },
    modules: ["decoder.rnn", "encoder.fc"],
  });
  const exported = exportStateDict(model, { layers: { gru: "decoder.rnn", dense: "encoder.fc" } });
  expect(exported["decoder.rnn.weight_hh_l0"].data).toEqual(twice["decoder.rnn.weight_hh_l0"].data);
  expect(exported["encoder.fc.weight"].data).toEqual(twice["encoder.fc.weight"].data);
});

const tensor = (...shape: number[]): HostTensor => ({
  dtype: "float32",
  shape,
  data: new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(0.5),
});
const lstmOf = (prefix: string, inputs: number, units: number): HostTensors => ({
  [`${prefix}weight_ih_l0`]: tensor(4 * units, inputs),
  [`${prefix}weight_hh_l0`]: tensor(4 * units, units),
  [`${prefix}bias_ih_l0`]: tensor(4 * units),
  [`${prefix}bias_hh_l0`]: tensor(4 * units),
});

test("a module of other sizes is named with its shapes, and so is one that has no layer", () => {
  const model = sequential([lstm({ units: 3, name: "encoder" })], { input: { shape: [null, 2] } });
  const wrong = (): void => importStateDict(model, lstmOf("rnn.", 2, 4), { where: "a.pt" });
  expect(wrong).toThrow(OptionError);
  expect(wrong).toThrow(
    /^a\.pt: expected a module for lstm "encoder" with weight_ih \[12, 2\], weight_hh \[12, 3\], got "rnn" \(weight_ih_l0 \[16, 2\]/,
  );
  const left = (): void => importStateDict(model, { ...lstmOf("rnn.", 2, 3), "fc.weight": tensor(5, 3) });
  expect(left).toThrow(/expected a layer for every module, got none for "fc"/);
  const unknown = (): void => importStateDict(model, lstmOf("rnn.", 2, 3), { layers: { encoder: "rnm" } });
  expect(unknown).toThrow(/expected the name of a module \("rnn"\), got "rnm"/);
});

test("where one module does not fit, nothing is written", () => {
  const layers = [lstm({ units: 3, name: "encoder" }), dense({ units: 2, name: "head" })];
  const model = sequential(layers, { input: { shape: [null, 2] } });
  const before = model.weights();
  const dict = { ...lstmOf("rnn.", 2, 3), "fc.weight": tensor(2, 3), "fc.bias": tensor(5) };
  const wrong = (): void => importStateDict(model, dict, { layers: { encoder: "rnn", head: "fc" } });
  expect(wrong).toThrow(/"fc\.bias" to be \[2\]/);
  expect(model.weights()).toEqual(before);
});

test("layers and cells that PyTorch does not have are refused by name", () => {
  const before = sequential([gru({ units: 3, resetAfter: false })], { input: { shape: [null, 2] } });
  expect(() => exportStateDict(before)).toThrow(UnsupportedError);
  expect(() => exportStateDict(before)).toThrow(/resetAfter/);
  const road = sequential([lstm({ units: 3 }), highway({ name: "road" })], { input: { shape: [null, 2] } });
  expect(() => exportStateDict(road)).toThrow(/got highway "road"/);
});

test("modules that do not chain, and tensors of unknown modules, are named", () => {
  const apart = { ...lstmOf("rnn.", 2, 3), "fc.weight": tensor(4, 7), "fc.bias": tensor(4) };
  expect(() => modelFromStateDict(apart, { where: "a.pt" })).toThrow(
    /^a\.pt: expected module "fc" to read the 3 numbers that "rnn" gives, got weight \[4, 7\], bias \[4\], which reads 7/,
  );
  const attention = { "attn.in_proj_weight": tensor(9, 3), "attn.out_proj.weight": tensor(3, 3) };
  expect(() => modelFromStateDict(attention)).toThrow(/got module "attn" with "in_proj_weight" \[9, 3\]/);
  const lame = { "rnn.weight_ih_l0": tensor(8, 3), "rnn.weight_hh_l0": tensor(8, 4) };
  expect(() => modelFromStateDict(lame)).toThrow(/weight_ih_l0 \[8, 3\] and weight_hh_l0 \[8, 4\]/);
  expect(() => modelFromStateDict({ ...lstmOf("", 2, 3), ...lstmOf("l.", 2, 3) })).toThrow(/chain|reads/);
});

test("a file that is sorted by name is put in order by its sizes; where several orders do, the caller is asked", () => {
  const sorted = {
    "a_head.weight": tensor(2, 5),
    "a_head.bias": tensor(2),
    ...lstmOf("b_rnn.", 4, 5),
    "c_table.weight": tensor(9, 4),
  };
  const { model, notes } = modelFromStateDict(sorted);
  expect(model.layers.map(({ name, kind }) => `${name} ${kind}`)).toEqual([
    "c_table embedding",
    "b_rnn lstm",
    "a_head dense",
  ]);
  expect(notes[0]).toMatch(/in the order "c_table", "b_rnn", "a_head", the only one/);
  const circle = { "a_fc.weight": tensor(4, 5), "a_fc.bias": tensor(4), ...lstmOf("b_rnn.", 4, 5) };
  expect(() => modelFromStateDict(circle)).toThrow(/several orders \("a_fc, b_rnn", "b_rnn, a_fc"\)/);
  const said = modelFromStateDict(circle, { modules: ["b_rnn", "a_fc"] }).model;
  expect(said.layers.map(({ kind }) => kind)).toEqual(["lstm", "dense"]);
});

test("what a state dict does not say is in the notes, and options say otherwise", () => {
  const weights = {
    "conv.weight": tensor(4, 2, 3),
    "conv.bias": tensor(4),
    "rnn.weight_ih_l0": tensor(5, 4),
    "rnn.weight_hh_l0": tensor(5, 5),
    "fc.weight": tensor(3, 5),
    "fc.bias": tensor(3),
  };
  expect(modelFromStateDict(weights).notes.join("\n")).toMatch(
    /output "sequence"[\s\S]*nonlinearity tanh[\s\S]*no activation after it[\s\S]*stride 1, padding 0/,
  );
  const { model, notes } = modelFromStateDict(weights, {
    output: "last",
    nonlinearity: "relu",
    padding: "causal",
    activations: { conv: "relu", fc: "softmax" },
  });
  expect(notes).toEqual([]);
  expect(model.layers.map(({ options }) => options.activation)).toEqual(["relu", "relu", "softmax"]);
  expect(model.outputs[0].shape).toHaveLength(2);
});

test("modules that are called by numbers, or like parts of an object, become layers with names of their own", () => {
  const weights = Object.fromEntries([
    ...Object.entries(lstmOf("__proto__.", 2, 3)),
    ["constructor.weight", tensor(4, 3)],
    ["constructor.bias", tensor(4)],
    ["0.weight", tensor(5, 4)],
    ["0.bias", tensor(5)],
  ]);
  const { model, layers } = modelFromStateDict(weights);
  expect(layers).toEqual({ layer___proto__: "__proto__", layer_constructor: "constructor", layer_0: "0" });
  expect(Object.keys(exportStateDict(model, { layers })).sort()).toEqual(Object.keys(weights).sort());
  expect(model.run(tensorOf(tensor(1, 2, 2))).outputs.shape).toEqual([1, 2, 5]);
});

test("an option that names no module, or no choice that there is, is refused", () => {
  const weights = lstmOf("rnn.", 2, 3);
  expect(() => modelFromStateDict(weights, { activations: { fc: "relu" } })).toThrow(
    /names of modules \("rnn"\).*got "fc"/,
  );
  expect(() => modelFromStateDict(weights, JSON.parse('{"output":"lst"}'))).toThrow(/one of sequence, last, got "lst"/);
  expect(() => modelFromStateDict(weights, JSON.parse('{"heads":2}'))).toThrow(OptionError);
});

test("import(export(model)) gives the same weights bit for bit", () => {
  const layers = () => [
    conv1D({ filters: 4, kernelSize: 2 }),
    bidirectional(lstm({ units: 3, returnSequences: true })),
    gru({ units: 5, returnSequences: true }),
    dense({ units: 2 }),
  ];
  const input = { shape: [null, 3] };
  const from = sequential(layers(), { input, seed: 1 });
  const to = sequential(layers(), { input, seed: 2 });
  importStateDict(to, exportStateDict(from));
  for (const [path, x] of Object.entries(from.weights())) expect(to.weights()[path].data(), path).toEqual(x.data());
});

test("what is written for PyTorch is the same at every run", () => {
  expect(written()).toEqual(written());
});
