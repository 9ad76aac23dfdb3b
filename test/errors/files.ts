/** What is wrong with files. Each is given a folder with an empty "model.safetensors" in it. */
import { join } from "node:path";
import * as io from "../../src/io/index.ts";
import { decodeNpz, encodeNpz } from "../../src/io/node/npz.ts";
import { dense, embedding, gru, gruCell, rnn, sequential } from "../../src/nn/index.ts";
import { loadModel, readNpz, saveModel } from "../../src/node.ts";
import { createTrainer } from "../../src/train/index.ts";
import { brokenNpy, brokenSafetensors } from "../io/broken.ts";
import type { Provocations } from "./provocations.ts";

const model = sequential([embedding({ inputDim: 3, outputDim: 2 }), gru({ units: 2 }), dense({ units: 3 })], {
  input: { shape: [null], dtype: "int32" },
  name: "text",
});
const own = sequential([rnn({ ...gruCell({ units: 2 }), kind: "mine" })], { input: { shape: [null, 2] } });
const bytes = io.encodeModel(model);
const { tensors, metadata } = io.decodeSafetensors(bytes);
const { "dense.bias": _, ...without } = tensors;
const wider = { ...tensors, "dense.bias": { dtype: "float32", shape: [4], data: new Float32Array(4) } } as const;
const trainer = createTrainer(model, { loss: "sparseCategoricalCrossentropy" });
const checkpoint = io.encodeCheckpoint({ definition: model.definition(), state: trainer.snapshot() });
const read = (given: io.HostTensors, facts: Record<string, string> = metadata) =>
  io.decodeModel(io.encodeSafetensors(given, facts), {}, "model.safetensors");

export const files: Provocations = {
  ...Object.fromEntries(
    Object.entries(brokenSafetensors).map(([name, [file]]) => [
      `safetensors: ${name}`,
      () => io.decodeSafetensors(file, "w.safetensors"),
    ]),
  ),
  ...Object.fromEntries(
    Object.entries(brokenNpy).map(([name, [file]]) => [`npy: ${name}`, () => io.decodeNpy(file, "x.npy")]),
  ),
  "npz: not an archive": () => decodeNpz(new Uint8Array(100), "x.npz"),
  "npz: cut off": () => decodeNpz(encodeNpz(tensors).subarray(0, -30), "x.npz"),
  "model: cut off": () => io.decodeModel(bytes.subarray(0, -5), {}, "model.safetensors"),
  "model: tensors alone": () => read(tensors, {}),
  "model: a checkpoint": () => io.decodeModel(checkpoint, {}, "model.checkpoint"),
  "model: without a weight": () => read(without),
  "model: with a weight of another shape": () => read(wider),
  "model: from the future": () => read(tensors, { ...metadata, "recurve.format": "99" }),
  "model: a definition that is no JSON": () => read(tensors, { ...metadata, "recurve.model": "{" }),
  "model: a definition of something else": () => read(tensors, { ...metadata, "recurve.model": "{}" }),
  "model: with a cell of one's own": () => io.decodeModel(io.encodeModel(own), {}, "model.safetensors"),
  "model: metadata with a reserved name": () => io.encodeModel(model, { "recurve.note": "" }),
  "checkpoint: a model": () => io.decodeCheckpoint(bytes, "model.safetensors"),
  "checkpoint: other facts": () =>
    io.decodeCheckpoint(io.encodeSafetensors(tensors, { ...metadata, "recurve.checkpoint": "{}" }), "model.checkpoint"),
  "file: missing": (folder) => loadModel(join(folder, "missing.safetensors")),
  "file: missing, with one of nearly that name": (folder) => loadModel(join(folder, "modle.safetensors")),
  "file: a folder": (folder) => readNpz(folder),
  "file: written to a folder": (folder) => saveModel(model, folder),
  "file: written below a file": (folder) => saveModel(model, join(folder, "model.safetensors", "x")),
};
