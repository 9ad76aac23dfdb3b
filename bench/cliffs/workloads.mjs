/** Networks with data as functions that do one unit of work each: a training step with Adam, or an inference. */
import { pathToFileURL } from "node:url";

export const recurve = await import(pathToFileURL(`${process.env.RECURVE_DIST}/index.js`));

const { adam, call, createTrainer, dense, embedding, input, lstm, model, normal, packSequences } = recurve;
const { randomKey, sequential, tensor, uniform, withMask } = recurve;

/** The activations that an LSTM can have, tanh first; but for exponential, whose state leaves all bounds in 100 steps. */
export const activations = [
  "tanh",
  "linear",
  "relu",
  "sigmoid",
  "softplus",
  "softsign",
  "elu",
  "selu",
  "gelu",
  "silu",
].concat(["hardSigmoid", "leakyRelu", "softmax"]);

export const noise = (seed, shape, size = 1) => uniform(randomKey(seed), shape, { minimum: -size, maximum: size });

/** A network, its inputs and what it is to learn. */
export function sequence(layers, { batch, steps, features }) {
  const net = sequential(layers, { input: { shape: [null, features] }, seed: 1 });
  const x = noise(1, [batch, steps, features]);
  return { net, x, y: noise(9, net.run(x).outputs.shape) };
}

/** The same with a mask; `valid` is how many steps count in every row, all if not given. */
export function masked(layers, { batch, steps, features, valid = steps }) {
  const [rows, mask] = [input({ shape: [null, features] }), input({ shape: [null], dtype: "bool" })];
  const outputs = layers.reduce((value, layer) => call(layer, value), withMask(rows, mask));
  const net = model({ inputs: [rows, mask], outputs, seed: 1 });
  const counts = Array.from({ length: batch * steps }, (_, i) => i % steps < valid);
  const x = [noise(1, [batch, steps, features]), tensor(counts, { shape: [batch, steps] })];
  return { net, x, y: noise(9, net.run(x).outputs.shape) };
}

/** Embedding(2000, 128), a layer, dense 1, on 32 texts of 80 words. */
export function text(layer) {
  const layers = [embedding({ inputDim: 2000, outputDim: 128 }), layer, dense({ units: 1 })];
  const net = sequential(layers, { input: { shape: [null], dtype: "int32" }, seed: 1 });
  const words = Int32Array.from({ length: 32 * 80 }, (_, i) => ((i + 1) * 7919 * 31) % 2000);
  return { net, x: tensor(words, { shape: [32, 80] }), y: noise(9, [32, 1]) };
}

export function trained({ net, x, y, sampleWeights }) {
  const trainer = createTrainer(net, { loss: "meanSquaredError", optimizer: adam() });
  return () => trainer.step({ x, y, sampleWeights });
}

export function inferred({ net, x }) {
  return () => net.run(x);
}

/** Whole rows, and sequences of unequal length packed into as many, by the number of steps that hold data. */
export function packedRows() {
  const layers = () => [lstm({ units: 64, returnSequences: true }), dense({ units: 2 })];
  const packed = (count) => {
    const lengths = Array.from({ length: count }, (_, i) => 4 + Math.floor(252 * ((i + 0.5) / count) ** 3));
    const all = packSequences(
      lengths.map((length, i) => normal(randomKey(i), [length, 12])),
      { lanes: 16 },
    );
    const [rows, resets] = [input({ shape: [null, 12] }), input({ shape: [null], dtype: "bool" })];
    const [read, say] = layers();
    const net = model({ inputs: [rows, resets], outputs: call(say, call(read, rows, { resets })), seed: 1 });
    const y = all.pack(lengths.map((length, i) => normal(randomKey(1000 + i), [length, 2])));
    const amount = lengths.reduce((a, b) => a + b);
    return { work: trained({ net, x: [all.x, all.resets], y, sampleWeights: all.weights }), amount };
  };
  const whole = sequence(layers(), { batch: 16, steps: 256, features: 12 });
  return {
    "16 whole rows of 256": { work: trained(whole), amount: 16 * 256 },
    "64 sequences": packed(64),
    "128 sequences": packed(128),
    "512 sequences": packed(512),
  };
}
