/** A model as Keras would have it: its configuration, written and read again, says where weights lie and masks go. */
import { UnsupportedError } from "../../base/errors.ts";
import type { Model } from "../../nn/index.ts";
import { quoted } from "../quoted.ts";
import type { Reading } from "./layer.ts";
import { longestName, type PlacedLayer, readNetwork } from "./network.ts";
import { fieldsOf } from "./values.ts";
import { writeNetwork } from "./writeNetwork.ts";

/** The layers of a model at their places in a file of Keras 3. Raises UnsupportedError for layers that Keras does not have. */
export function placeLayers(model: Model): readonly PlacedLayer[] {
  const long = model.layers.find(({ name }) => name.length > longestName);
  if (long !== undefined) {
    throw new UnsupportedError(
      `model "${model.name}": expected names of at most ${longestName} letters in a file of Keras, got ${long.name.length} for layer ${quoted(long.name)}. Give the layer a shorter name.`,
      { layer: long.name },
    );
  }
  return readNetwork(writeNetwork(model), { ...readingOf(model), ignoresMasks: true }).layers;
}

/** Raises UnsupportedError if a layer of the model sees a mask that Keras would not show it, or makes something else of it. */
export function expectMasksOfKeras(model: Model): void {
  const { definition, masked } = readNetwork(writeNetwork(model), readingOf(model));
  const own = new Set(model.layers.map(({ name }) => name));
  // Reading puts layers of its own in front of one that does not see a mask.
  const added = new Set(definition.layers.map(({ name }) => name).filter((name) => !own.has(name)));
  const hidden = definition.connections.find(
    ({ layer, from }) => !added.has(layer) && from.some((one) => added.has(one)),
  );
  // Keras gives zeros at masked steps in both directions, whatever the layers say.
  const held = model.layers.find(({ name, kind, options }) => {
    const read = definition.layers.find((one) => one.name === name)?.options;
    return kind === "bidirectional" && masked.has(name) && zerosOf(read) && !zerosOf(options);
  });
  if (held !== undefined) {
    throw new UnsupportedError(
      `model "${model.name}": layer "${held.name}": expected zeroOutputForMask: true in both directions, which is what Keras does under a mask, got layers that hold their last output. Give them the option, or write a safetensors or ONNX file.`,
      { layer: held.name },
    );
  }
  if (hidden !== undefined) {
    throw new UnsupportedError(
      `model "${model.name}": layer "${hidden.layer}": expected an input without a mask, which Keras does not show this layer here, got one. Write the weights alone, or a safetensors or ONNX file.`,
      { layer: hidden.layer },
    );
  }
}

/** Whether both directions give zeros at masked steps. */
function zerosOf(options: Readonly<Record<string, unknown>> | undefined): boolean {
  const { layer, backwardLayer = layer } = options ?? {};
  return [layer, backwardLayer].every((one) => fieldsOf(fieldsOf(one).options).zeroOutputForMask === true);
}

function readingOf(model: Model): Reading {
  return { where: `model "${model.name}"`, dialect: "keras3", own: {}, made: new Map(), notes: new Set() };
}
