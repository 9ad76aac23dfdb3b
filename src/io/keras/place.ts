/** Where Keras would keep the weights of a model: its configuration, written and read again. */
import type { Model } from "../../nn/index.ts";
import type { Reading } from "./layer.ts";
import { type PlacedLayer, readNetwork } from "./network.ts";
import { writeNetwork } from "./writeNetwork.ts";

/** The layers of a model at their places in a file of Keras 3. Raises UnsupportedError for layers that Keras does not have. */
export function placeLayers(model: Model): readonly PlacedLayer[] {
  const reading: Reading = {
    where: `model "${model.name}"`,
    dialect: "keras3",
    own: {},
    made: new Map(),
    notes: new Set(),
  };
  return readNetwork(writeNetwork(model), reading).layers;
}
