/** Crafted Keras files: configurations that lie, loop, nest or ask for what is not there. And good ones to begin from. */
import { readFileSync } from "node:fs";
import { encodeHdf5 } from "../../../src/io/hdf5/index.ts";
import { encodeZip } from "../../../src/io/zip.ts";
import type { Seed } from "./mutate.ts";

const fixture = (name: string): Seed => ({
  name,
  bytes: new Uint8Array(readFileSync(new URL(`../fixtures/keras/${name}`, import.meta.url))),
});

export const seeds: readonly Seed[] = ["lstm.keras", "nested.keras", "stacked-cells.keras", "seq2seq.keras"].map(
  fixture,
);
export const legacySeeds: readonly Seed[] = ["keras2-lstm.h5", "nested.h5", "gru.h5"].map(fixture);

type Json = Readonly<Record<string, unknown>>;

const none = encodeHdf5({});
const bytesOf = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));

function archive(config: unknown, weights = none): Uint8Array {
  return encodeZip([
    ["metadata.json", bytesOf({ keras_version: "3.15.1" })],
    ["config.json", config instanceof Uint8Array ? config : bytesOf(config)],
    ["model.weights.h5", weights],
  ]);
}

const input = { class_name: "InputLayer", config: { name: "x", batch_shape: [null, null, 3] } };
const layer = (className: string, config: Json): Json => ({
  class_name: className,
  config: { name: "layer", ...config },
});

function sequential(...layers: readonly Json[]): Uint8Array {
  return archive({ class_name: "Sequential", config: { name: "model", layers: [input, ...layers] } });
}

const lstm = (config: Json): Json => layer("LSTM", { units: 4, ...config });

/** A functional model of two layers that read each other. */
const tensor = (name: string): Json => ({
  class_name: "__keras_tensor__",
  config: { shape: [null, 3], dtype: "float32", keras_history: [name, 0, 0] },
});
const reads = (name: string, from: string): Json => ({
  class_name: "Dense",
  name,
  config: { name, units: 3 },
  inbound_nodes: [{ args: [tensor(from)], kwargs: {} }],
});
const functional = (layers: readonly Json[], output: readonly unknown[]): Uint8Array =>
  archive({
    class_name: "Functional",
    config: {
      name: "m",
      layers: [{ ...input, name: "x", inbound_nodes: [] }, ...layers],
      input_layers: ["x", 0, 0],
      output_layers: output,
    },
  });

function nested(depth: number): Json {
  const inner = depth === 0 ? layer("Dense", { units: 2 }) : nested(depth - 1);
  return layer("TimeDistributed", { layer: inner });
}

/** Models within one another, each of which calls the one inside three times: 3^14 calls. */
function tripled(depth: number): Json {
  const inner = depth === 0 ? reads("inner", "x") : tripled(depth - 1);
  const nodes = ["x", "x", "x"].map((from) => ({ args: [tensor(from)], kwargs: {} }));
  return {
    class_name: "Functional",
    name: "inner",
    config: {
      name: "inner",
      layers: [
        { ...input, name: "x", inbound_nodes: [] },
        { ...inner, inbound_nodes: nodes },
      ],
      input_layers: ["x", 0, 0],
      output_layers: ["inner", depth === 0 ? 2 : 3, 0],
    },
  };
}

/** Layers of which each reads the next one of the file, so that the last is to be drawn first. */
const upsideDown = Array.from({ length: 4990 }, (_, i) => reads(`d${i}`, i === 4989 ? "x" : `d${i + 1}`));

/** 4096 names that are one when the letters that join names are replaced. */
const alike = Array.from({ length: 4096 }, (_, i) =>
  layer("Dense", { name: Array.from(i.toString(4).padStart(6, "0"), (one) => "._/#"[Number(one)]).join(""), units: 1 }),
);

export const hostile: readonly Seed[] = [
  { name: "models that call each other three times, 14 deep", bytes: archive(tripled(14)) },
  { name: "4990 layers from the last to the first", bytes: functional(upsideDown, ["d0", 0, 0]) },
  { name: "names that differ by dots and dashes only", bytes: sequential(...alike) },
  {
    name: "two layers of one name",
    bytes: sequential(layer("Dense", { units: 2 }), layer("Dense", { units: 2 })),
  },
  { name: "a layer with no weights in the file", bytes: sequential(lstm({})) },
  { name: "a layer of 2^40 units", bytes: sequential(lstm({ units: 2 ** 40 })) },
  { name: "units that are a text", bytes: sequential(lstm({ units: "4" })) },
  { name: "units below zero", bytes: sequential(lstm({ units: -4 })) },
  {
    name: "a Lambda layer with code",
    bytes: sequential(layer("Lambda", { function: { class_name: "__lambda__", config: { code: "4wEAAAA=" } } })),
  },
  { name: "a class of another module", bytes: sequential({ ...layer("system", { args: ["ls"] }), module: "os" }) },
  { name: "an option that changes numbers and is not known", bytes: sequential(lstm({ zoneout: 0.5 })) },
  {
    name: "an activation that is code",
    bytes: sequential(lstm({ activation: { class_name: "function", config: "os.system" } })),
  },
  {
    name: "an option called __proto__",
    bytes: archive(
      new TextEncoder().encode(
        '{"class_name":"Sequential","config":{"layers":[{"class_name":"InputLayer","config":{"batch_shape":[null,3]}},{"class_name":"__proto__","config":{"__proto__":{"units":3}}}]}}',
      ),
    ),
  },
  { name: "200 wrappers within one another", bytes: sequential(nested(200)) },
  { name: "JSON of 100000 brackets", bytes: archive(new TextEncoder().encode("[".repeat(100_000))) },
  { name: "configuration that is no JSON", bytes: archive(new TextEncoder().encode("{class_name: Sequential}")) },
  { name: "configuration that is null", bytes: archive(null) },
  { name: "layers that read each other", bytes: functional([reads("a", "b"), reads("b", "a")], ["a", 0, 0]) },
  { name: "an output that nobody makes", bytes: functional([reads("a", "x")], ["b", 0, 0]) },
  { name: "a call with a node below zero", bytes: functional([reads("a", "x")], ["a", -1, 0]) },
  {
    name: "an input without a shape",
    bytes: archive({ class_name: "Sequential", config: { layers: [layer("Dense", { units: 2 })] } }),
  },
  {
    name: "an input of 99 axes",
    bytes: archive({
      class_name: "Sequential",
      config: { layers: [{ class_name: "InputLayer", config: { batch_shape: new Array(99).fill(2) } }] },
    }),
  },
  {
    name: "6000 layers",
    bytes: sequential(...Array.from({ length: 6000 }, (_, i) => layer("Dense", { name: `d${i}`, units: 1 }))),
  },
  { name: "a subclass", bytes: archive({ class_name: "MyModel", config: {}, module: "__main__" }) },
  {
    name: "no weights at all",
    bytes: encodeZip([["config.json", bytesOf({ class_name: "Sequential", config: { layers: [input] } })]]),
  },
];

const legacy = (config: unknown, names: readonly string[] = []): Uint8Array =>
  encodeHdf5({
    attributes: { keras_version: "2.4.0", model_config: JSON.stringify(config) },
    groups: { model_weights: { attributes: names.length === 0 ? {} : { layer_names: names } } },
  });

export const legacyHostile: readonly Seed[] = [
  {
    name: "weights of layers that are not there",
    bytes: legacy({ class_name: "Sequential", config: { layers: [input, lstm({})] } }, ["layer"]),
  },
  { name: "no list of weights", bytes: legacy({ class_name: "Sequential", config: { layers: [input, lstm({})] } }) },
  {
    name: "a model_config that is a number",
    bytes: encodeHdf5({ attributes: { model_config: 7 }, groups: { model_weights: {} } }),
  },
  { name: "a model without weights", bytes: encodeHdf5({ attributes: { model_config: "{}" } }) },
];
