/** The entry `recurve/node`: what is saved to a file is loaded from it. */
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { decodeTorch, stateDictOf } from "../../src/io/torch/index.ts";
import { dense, gru, type Model, sequential } from "../../src/nn/index.ts";
import {
  load,
  loadCheckpoint,
  loadModel,
  loadModelFile,
  readNpz,
  readSafetensors,
  saveCheckpoint,
  saveModel,
  saveModelAs,
  writeNpz,
  writeSafetensors,
} from "../../src/node.ts";
import { tensor } from "../../src/trace/index.ts";
import { createTrainer } from "../../src/train/index.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "recurve-node-"));
});
afterAll(() => rm(folder, { recursive: true }));

const model = sequential([gru({ units: 3 }), dense({ units: 1 })], { input: { shape: [null, 2] }, seed: 1 });
const x = tensor([[[1, 2], [3, 4]]]); // biome-ignore format: one line shows the shape

test("a model file gives the same outputs, and its metadata", async () => {
  const path = join(folder, "model.safetensors");
  await saveModel(model, path, { unit: "volts" });
  expect((await loadModel(path)).run(x).outputs).toEqual(model.run(x).outputs);
  expect((await loadModelFile(path)).metadata).toEqual({ unit: "volts" });
});

test("load takes a path or the bytes of a file", async () => {
  const path = join(folder, "either.safetensors");
  await saveModel(model, path);
  for (const source of [path, await readFile(path)]) {
    expect((await load(source)).model?.run(x).outputs).toEqual(model.run(x).outputs);
  }
  await expect(load(new Uint8Array([1, 2, 3]), { where: "upload" })).rejects.toThrow(/^upload: /);
});

test("a state_dict is written again under the names of its modules", async () => {
  const path = fileURLToPath(new URL("fixtures/torch/classifier.pt", import.meta.url));
  const { model: read, modules } = await load(path, { assume: { output: "last" } });
  const again = join(folder, "again.pt");
  await saveModelAs(read as Model, again, modules);
  const namesIn = async (file: string) => Object.keys(stateDictOf(await decodeTorch(await readFile(file)))).sort();
  expect(await namesIn(again)).toEqual(await namesIn(path));
  const x = tensor([[1, 2, 3]], { dtype: "int32" });
  expect((await load(again, { assume: { output: "last" } })).model?.run(x)).toEqual(read?.run(x));
  await expect(saveModelAs(model, join(folder, "m.onnx"), modules)).rejects.toThrow(/"layers"/);
});

test("a checkpoint file gives the training's state", async () => {
  const path = join(folder, "training.checkpoint");
  const trainer = createTrainer(model, { loss: "meanSquaredError" });
  trainer.step({ x, y: tensor([[1]]) });
  await saveCheckpoint(trainer, path);
  const { state, definition } = await loadCheckpoint(path);
  expect(state).toEqual(trainer.snapshot());
  expect(definition).toEqual(model.definition());
});

test("arrays go through .npz and safetensors unchanged, and no temporary file stays", async () => {
  const arrays = { a: tensor([[1.5, 2]]), n: tensor([1, 2], { dtype: "int32" }), flags: tensor([true, false]) };
  await writeNpz(join(folder, "a.npz"), arrays);
  await writeSafetensors(join(folder, "a.safetensors"), arrays, { by: "test" });
  expect(await readNpz(join(folder, "a.npz"))).toEqual(arrays);
  expect(await readSafetensors(join(folder, "a.safetensors"))).toEqual({ tensors: arrays, metadata: { by: "test" } });
  expect((await readdir(folder)).filter((name) => name.startsWith("."))).toEqual([]);
});
