/** Crafted model.json files of TensorFlow.js, and good ones to begin from. The shards are those of the fixtures. */
import { readFileSync } from "node:fs";
import { decodeTfjs, tfjsShards } from "../../../src/io/tfjs/index.ts";
import type { Seed } from "./mutate.ts";

const bytesOf = (path: string): Uint8Array =>
  new Uint8Array(readFileSync(new URL(`../fixtures/tfjs/${path}`, import.meta.url)));

export const seeds: readonly Seed[] = ["gru", "bidirectional", "quantised"].map((name) => ({
  name: `${name}/model.json`,
  bytes: bytesOf(`${name}/model.json`),
}));

/** Every shard that is asked for has numbers enough for any of the models. */
export function read(bytes: Uint8Array): unknown {
  const shard = new Uint8Array(4096);
  return decodeTfjs(bytes, new Map(tfjsShards(bytes).map((path) => [path, shard])), "model.json");
}

const good = JSON.parse(new TextDecoder().decode(seeds[0].bytes)) as {
  modelTopology: object;
  weightsManifest: { paths: string[]; weights: { name: string; shape: number[]; dtype: string }[] }[];
};
const [group] = good.weightsManifest;
const changed = (weights: unknown, paths: unknown = group.paths): Uint8Array =>
  new TextEncoder().encode(JSON.stringify({ ...good, weightsManifest: [{ paths, weights }] }));
const [first, ...others] = group.weights;

export const hostile: readonly Seed[] = [
  { name: "a shard above the folder", bytes: changed(group.weights, ["../../secret"]) },
  { name: "a shard of the network", bytes: changed(group.weights, ["https://example.org/x.bin"]) },
  { name: "a weight of 2^50 elements", bytes: changed([{ ...first, shape: [2 ** 25, 2 ** 25] }, ...others]) },
  { name: "a weight of a size below zero", bytes: changed([{ ...first, shape: [-1, 4] }, ...others]) },
  { name: "a weight twice", bytes: changed([first, first, ...others]) },
  { name: "a weight too few", bytes: changed(others) },
  { name: "a weight of texts", bytes: changed([{ ...first, dtype: "string" }, ...others]) },
  {
    name: "a quantisation of its own",
    bytes: changed([{ ...first, quantization: { dtype: "int4", scale: 1, min: 0 } }]),
  },
  {
    name: "a manifest that is an object",
    bytes: new TextEncoder().encode(JSON.stringify({ ...good, weightsManifest: {} })),
  },
  { name: "no topology", bytes: new TextEncoder().encode(JSON.stringify({ weightsManifest: good.weightsManifest })) },
];
