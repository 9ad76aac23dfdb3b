/**
 * What a row of the benchmark has to do, by formula: the operations of its matrix products (a product and a sum are two)
 * and, for a stream, the bytes of its weights, which every step reads. Activations, losses and optimisers do not count.
 */

const gates = { simpleRNN: 1, gru: 3, lstm: 4 };

/** By kind of layer: what it gives to the next (`steps`, `width`) and the multiply-adds of one row, forward. */
const layerRules = {
  simpleRNN: cell,
  gru: cell,
  lstm: cell,
  dense: ({ units }, { steps, width }) => ({ steps, width: units, products: steps * width * units }),
  embedding: ({ width }, { steps }) => ({ steps, width, products: 0 }),
  maxPooling: ({ size }, { steps, width }) => ({ steps: Math.floor(steps / size), width, products: 0 }),
  upSampling: ({ size }, { steps, width }) => ({ steps: steps * size, width, products: 0 }),
};

function cell({ kind, units, sequences = false, bidirectional = false }, { steps, width }) {
  const directions = bidirectional ? 2 : 1;
  const columns = directions * gates[kind] * units;
  return {
    steps: sequences ? steps : 1,
    width: directions * units,
    products: steps * columns * (width + units),
    // Nobody asks for the gradient of numbers that are data.
    ofInput: steps * columns * width,
  };
}

function forward({ steps, features = 0, layers }) {
  let now = { steps, width: features };
  return layers.map((layer) => {
    now = layerRules[layer.kind](layer, now);
    return now;
  });
}

/** Operations of one step of a row. Training is forward, the gradient of weights, and the gradient of inputs where it is needed. */
export function flopsOf(shape, kind) {
  if (shape.sides !== undefined) return 2 * shape.sides[0][0] * shape.sides[0][1] * shape.sides[1][1];
  const { batch = 1, steps = 1 } = shape;
  const found = forward({ ...shape, steps });
  const products = found.reduce((sum, one) => sum + one.products, 0);
  if (kind !== "train") return 2 * batch * products;
  const unasked = shape.words === undefined ? (found[0].ofInput ?? found[0].products) : 0;
  return 2 * batch * (3 * products - unasked);
}

/** Weights of a network, without biases. */
export function weightsOf({ features = 0, layers }) {
  let width = features;
  let count = 0;
  for (const layer of layers) {
    if (layer.kind === "embedding") count += layer.words * layer.width;
    else count += layerRules[layer.kind](layer, { steps: 1, width }).products;
    width = layerRules[layer.kind](layer, { steps: 1, width }).width;
  }
  return count;
}

/** Bytes of weights that a step of a stream reads, in whole lines of 128. */
export function streamBytes(shape) {
  return Math.ceil((weightsOf(shape) * 4) / 128) * 128;
}
