/** Files of torch.save: tensors that are views, both containers, what is beside the tensors, and what is refused. */
import { expect, test } from "vitest";
import { UnsupportedError } from "../../../src/base/errors.ts";
import type { HostTensors } from "../../../src/io/hostTensor.ts";
import { decodeNpz } from "../../../src/io/node/npz.ts";
import { encodeTorch } from "../../../src/io/torch/encode.ts";
import { decodeTorch, stateDictOf } from "../../../src/io/torch/file.ts";
import { inspectTorch } from "../../../src/io/torch/inspect.ts";
import { fixture } from "./cases.ts";

test.each(["views.pt", "views-legacy.pt"])(
  "%s: transposed, sliced, repeated and shared tensors are what PyTorch shows",
  async (name) => {
    const { tensors } = await decodeTorch(fixture(name), name);
    const expected = decodeNpz(fixture("views.npz"));
    expect(Object.keys(tensors)).toEqual(Object.keys(expected));
    for (const [key, { shape, data }] of Object.entries(expected)) {
      expect(tensors[key].shape, key).toEqual(shape);
      expect([...tensors[key].data], key).toEqual([...data]);
    }
    expect(tensors.flags.dtype).toBe("bool");
    expect(tensors.long.dtype).toBe("int32");
  },
);

test("a contiguous float32 tensor is a view of the file, a transposed one is not", async () => {
  const bytes = fixture("views.pt");
  const { tensors } = await decodeTorch(bytes);
  expect(tensors.whole.data.buffer).toBe(bytes.buffer);
  expect(tensors.rows.data.buffer).toBe(bytes.buffer);
  expect(tensors.transposed.data.buffer).not.toBe(bytes.buffer);
});

test("a training's file has its values, and its state dict is found without the prefix of DataParallel", async () => {
  const file = await decodeTorch(fixture("classifier.pt"));
  expect(file.values).toMatchObject({ epoch: 3, loss: 0.25, best: true, name: "checkpoint" });
  expect(file.values["optimizer.param_groups.0.lr"]).toBe(0.01);
  expect(Object.keys(file.tensors)[0]).toBe("model.module.embedding.weight");
  expect(Object.keys(stateDictOf(file))[0]).toBe("embedding.weight");
});

test.each([
  [
    "module.pt",
    /an object of the Python class torch\.nn\.modules\.rnn\.GRU.*torch\.save\(model\.state_dict\(\), path\)/,
  ],
  ["script.pt", /TorchScript program.*state_dict/],
])("%s is refused with what to do, and its report says the same", async (name, sentence) => {
  await expect(decodeTorch(fixture(name), name)).rejects.toThrow(UnsupportedError);
  await expect(decodeTorch(fixture(name), name)).rejects.toThrow(sentence);
  expect((await inspectTorch(fixture(name), name)).missing.join()).toMatch(sentence);
});

const sample: HostTensors = {
  "rnn.weight_ih_l0": { dtype: "float32", shape: [2, 3], data: Float32Array.of(1, -2.5, 3, Number.NaN, Infinity, -0) },
  "größe.步": { dtype: "int32", shape: [], data: Int32Array.of(-2147483648) },
  mask: { dtype: "bool", shape: [3], data: Int32Array.of(1, 0, 1) },
  empty: { dtype: "float32", shape: [0, 4], data: new Float32Array(0) },
};

test("decode(encode(tensors)) gives back every tensor bit for bit, and encode is deterministic", async () => {
  const bytes = encodeTorch(sample);
  expect((await decodeTorch(bytes)).tensors).toEqual(sample);
  expect(encodeTorch(sample)).toEqual(bytes);
});

test("the report names modules, gates, layers and directions", async () => {
  const { facts, parts, missing } = await inspectTorch(fixture("lstm-two-bidirectional.pt"), "a.pt");
  expect(facts).toEqual([
    ["tensors", "16"],
    ["numbers", String(4 * 4 * (2 * (3 + 4 + 2) + 2 * (8 + 4 + 2)))],
  ]);
  expect(parts).toEqual([
    {
      path: "",
      kind: "LSTM",
      parameters: 4 * 4 * (2 * (3 + 4 + 2) + 2 * (8 + 4 + 2)),
      notes: ["input 3, units 4", "gates i, f, g, o", "2 layers", "bidirectional"],
    },
  ]);
  expect(missing).toEqual([]);
  const training = await inspectTorch(fixture("classifier.pt"), "b.pt");
  expect(training.facts).toContainEqual(["epoch", "3"]);
  expect(training.parts.map(({ kind }) => kind)).toEqual(["Embedding or Linear", "GRU", "Linear"]);
});
