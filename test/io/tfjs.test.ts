/** Layers models that TensorFlow.js has saved (fixtures/tfjs/make.mjs): the same outputs, and what is refused. */
import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { FormatError, UnsupportedError } from "../../src/base/errors.ts";
import { loadBytes } from "../../src/io/load.ts";
import { decodeNpz } from "../../src/io/node/npz.ts";
import { decodeTfjs, inspectTfjs, tfjsShards } from "../../src/io/tfjs/index.ts";
import { cast, concrete, type Tensor } from "../../src/trace/index.ts";

const folder = new URL("fixtures/tfjs/", import.meta.url);
const cases = readdirSync(folder, { withFileTypes: true }).flatMap((one) => (one.isDirectory() ? [one.name] : []));
const bytesOf = (path: string): Uint8Array => new Uint8Array(readFileSync(new URL(path, folder)));

function load(name: string) {
  const json = bytesOf(`${name}/model.json`);
  const shards = new Map(tfjsShards(json).map((path) => [path, bytesOf(`${name}/${path}`)]));
  return decodeTfjs(json, shards, `${name}/model.json`);
}

function arraysOf(name: string, prefix: string): Tensor[] {
  const found = Object.entries(decodeNpz(bytesOf(`${name}.npz`))).filter(([key]) => key.startsWith(prefix));
  return found.map(([, { dtype, shape, data }]) => concrete({ dtype, shape }, data));
}

test.each(cases)("%s gives the outputs of TensorFlow.js", (name) => {
  const { model } = load(name);
  const inputs = arraysOf(name, "in.").map((x, i) => (model.inputs[i].spec.dtype === "int32" ? cast(x, "int32") : x));
  const { outputs } = model.run(inputs);
  const given = Array.isArray(outputs) ? outputs : [outputs as Tensor];
  const expected = arraysOf(name, "out.");
  expect(given.map(({ shape }) => shape)).toEqual(expected.map(({ shape }) => shape));
  for (const [i, y] of given.entries()) {
    const apart = Math.max(...Array.from(y.data(), (value: number, at) => Math.abs(value - expected[i].data()[at])));
    expect(apart).toBeLessThan(1e-5);
  }
});

test("a group may lie in any number of shards", async () => {
  const json = JSON.parse(new TextDecoder().decode(bytesOf("lstm/model.json")));
  const paths = json.weightsManifest[0].paths as string[];
  const whole = new Uint8Array(Buffer.concat(paths.map((path) => bytesOf(`lstm/${path}`))));
  const expected = load("lstm").model.weights();
  // Equal ones and a shorter last one, as TensorFlow.js writes them; and others.
  for (const ends of [
    [100, 200, 300, whole.length],
    [7, 300, whole.length],
    [300, 301, whole.length],
  ]) {
    const parts = ends.map((end, i) => whole.slice(ends[i - 1] ?? 0, end));
    json.weightsManifest[0].paths = parts.map((_, i) => `part${i}.bin`);
    const split = new TextEncoder().encode(JSON.stringify(json));
    const beside = async (name: string) => parts[Number(/\d+/.exec(name)?.[0])];
    expect((await loadBytes(split, { beside })).model?.weights()).toEqual(expected);
    const short = { beside: async (name: string) => (await beside(name)).slice(1) };
    await expect(loadBytes(split, short)).rejects.toThrow(/bytes in its shards/);
  }
});

test("a report needs no shards", () => {
  const { facts, parts, missing } = inspectTfjs(bytesOf("bidirectional/model.json"));
  expect(facts[0][1]).toMatch(/^TensorFlow\.js/);
  expect(parts.map(({ kind }) => kind)).toEqual(["Bidirectional", "Bidirectional"]);
  expect(parts[0].parameters).toBe(2 * 4 * (2 * 3 + 3 * 3 + 3));
  expect(missing).toEqual([]);
});

const manifest = (path: string) =>
  new TextEncoder().encode(JSON.stringify({ modelTopology: {}, weightsManifest: [{ paths: [path], weights: [] }] }));

test.each(["../../etc/passwd", "/etc/passwd", "http://example.org/a.bin", "a/../../b", "a\\b", ""])(
  "a shard that is called %j is not asked for",
  (path) => {
    expect(() => tfjsShards(manifest(path))).toThrow(UnsupportedError);
  },
);

test("a shard that is missing, and one that is too short, are named", () => {
  const json = bytesOf("gru/model.json");
  expect(() => decodeTfjs(json, new Map())).toThrow(/the shard "group1-shard1of1\.bin", got none/);
  const short = new Map([["group1-shard1of1.bin", new Uint8Array(40)]]);
  expect(() => decodeTfjs(json, short)).toThrow(FormatError);
});

test("a graph model is refused with what to do", () => {
  const json = new TextEncoder().encode(
    JSON.stringify({ format: "graph-model", modelTopology: {}, weightsManifest: [] }),
  );
  expect(() => tfjsShards(json)).toThrow(/graph model.*tfjs_layers_model/);
});
