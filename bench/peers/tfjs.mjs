/**
 * TensorFlow.js on its WebAssembly backend as one of the engines: a child process that answers the requests of
 * bench/child.mjs on the shapes of bench/shapes.mjs. Layers with sigmoid gates, trainOnBatch and predictOnBatch.
 */
import { createInterface } from "node:readline";
import * as tf from "@tensorflow/tfjs";
import { getThreadsCount, setThreadsCount } from "@tensorflow/tfjs-backend-wasm";

// TensorFlow.js defaults to hardSigmoid, and its orthogonal initialiser takes seconds.
const recurrent = { recurrentInitializer: "glorotUniform" };
const gated = { ...recurrent, recurrentActivation: "sigmoid" };
const cells = {
  simpleRNN: (options) => tf.layers.simpleRNN({ ...options, ...recurrent }),
  gru: (options) => tf.layers.gru({ ...options, ...gated }),
  lstm: (options) => tf.layers.lstm({ ...options, ...gated }),
};

function cell({ kind, units, activation = "tanh", sequences = false, bidirectional = false }) {
  const layer = cells[kind]({ units, activation, returnSequences: sequences });
  return bidirectional ? tf.layers.bidirectional({ layer, mergeMode: "concat" }) : layer;
}

const layerRules = {
  simpleRNN: cell,
  gru: cell,
  lstm: cell,
  dense: ({ units, activation = "linear" }) => tf.layers.dense({ units, activation }),
  embedding: ({ words, width }) => tf.layers.embedding({ inputDim: words, outputDim: width }),
};

/** The sparse loss reads probabilities, and no loss of one's own may read integers: that model has a softmax more. */
const softmaxed = new Set(["sparseCategoricalCrossentropy"]);
const losses = {
  sparseCategoricalCrossentropy: "sparseCategoricalCrossentropy",
  binaryCrossentropy: (y, z) => tf.losses.sigmoidCrossEntropy(y, z),
  meanSquaredError: "meanSquaredError",
};

/**
 * The backend has no kernel for the gradient of an embedding: training one throws "Kernel 'UnsortedSegmentSum' not
 * registered". With this plain one the rest can be timed; it takes about 2 ms of a step of P20.
 */
function addMissingKernel() {
  tf.registerKernel({
    kernelName: "UnsortedSegmentSum",
    backendName: "wasm",
    kernelFunc: ({ inputs: { x, segmentIds }, attrs: { numSegments }, backend }) => {
      const width = x.shape.slice(segmentIds.shape.length).reduce((a, b) => a * b, 1);
      const out = backend.makeOutput([numSegments, ...x.shape.slice(segmentIds.shape.length)], x.dtype);
      const sums = backend.typedArrayFromHeap(out).fill(0);
      const values = backend.typedArrayFromHeap(x);
      backend.typedArrayFromHeap(segmentIds).forEach((id, row) => {
        for (let i = 0; i < width; i++) sums[id * width + i] += values[row * width + i];
      });
      return out;
    },
  });
}

function batchOf({ batch, steps, words, features, scale = 1, layers, loss }) {
  const x =
    words === undefined
      ? tf.randomUniform([batch, steps, features], -scale, scale)
      : tf.randomUniformInt([batch, steps], 0, words);
  const whole = layers.every(({ kind, sequences }) => !(kind in cells) || sequences);
  const rows = whole ? [batch, steps] : [batch];
  const width = layers.at(-1).units;
  if (loss === "sparseCategoricalCrossentropy") return { x, y: tf.randomUniformInt([...rows, 1], 0, width).toFloat() };
  if (loss === "binaryCrossentropy") return { x, y: tf.randomUniformInt([...rows, width], 0, 2).toFloat() };
  return { x, y: tf.randomUniform([...rows, width], -scale, scale) };
}

function modelOf({ steps, words, features, layers, loss }) {
  const first = words === undefined ? { inputShape: [steps, features] } : { inputShape: [steps], dtype: "int32" };
  const own = layers.map((layer) => layerRules[layer.kind](layer));
  const last = softmaxed.has(loss) ? [tf.layers.softmax()] : [];
  const model = tf.sequential({ layers: [tf.layers.inputLayer(first), ...own, ...last] });
  const matrices = model.weights.filter(({ name }) => !name.includes("bias"));
  return { model, weights: matrices.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b), 0) };
}

/** tf.basicLSTMCell, the lowest that TensorFlow.js offers for a step; h is read back, as a user of a stream would. */
function stream({ features, layers: [{ kind, units }] }) {
  if (kind !== "lstm") return { unsupported: `no ${kind.toUpperCase()} step` };
  const x = tf.randomNormal([1, features]);
  const kernel = tf.randomNormal([features + units, 4 * units], 0, 0.1);
  const bias = tf.randomNormal([4 * units], 0, 0.1);
  const forgetBias = tf.scalar(0);
  let state = [tf.zeros([1, units]), tf.zeros([1, units])];
  const work = () => {
    const next = tf.tidy(() => tf.basicLSTMCell(forgetBias, kernel, bias, x, ...state));
    tf.dispose(state);
    state = next;
    state[1].dataSync();
  };
  return { work, facts: {} };
}

/** By the kind of a row: the work of one step. */
const kinds = {
  stream,
  train(shape) {
    const { model, weights } = modelOf(shape);
    const { x, y } = batchOf(shape);
    model.compile({ optimizer: "adam", loss: losses[shape.loss] });
    return { work: () => model.trainOnBatch(x, y), facts: { weights } };
  },
  infer(shape) {
    const { model, weights } = modelOf(shape);
    const { x } = batchOf(shape);
    return { work: () => tf.tidy(() => void model.predictOnBatch(x).dataSync()), facts: { weights } };
  },
  matmul({ sides }) {
    const [a, b] = sides.map((shape) => tf.randomNormal(shape));
    return { work: () => tf.tidy(() => void tf.matMul(a, b).dataSync()), facts: {} };
  },
};

/** A time step is some hundred kernels, which JavaScript launches one by one; long or wide rows take minutes. */
function tooLong({ steps = 1, layers = [] }) {
  const wide = layers.some(({ kind, units }) => kind in cells && units >= 1024);
  return steps > 1000 || wide ? { unsupported: "takes minutes" } : undefined;
}

let work;
const rules = {
  async prepare({ shape, kind }) {
    tf.disposeVariables();
    const made = (kind === "stream" ? undefined : tooLong(shape)) ?? kinds[kind](shape);
    work = made.work;
    if (work === undefined) return made;
    return { peer: "tfjs-wasm", version: tf.version.tfjs, threads: getThreadsCount(), ...made.facts };
  },
  async time({ times, idle, least, seconds }) {
    for (let i = 0; i < idle * times; i++) await work();
    const taken = [];
    const [start, used] = [performance.now(), process.cpuUsage()];
    while (taken.length < least || performance.now() < start + seconds * 1000) {
      const begin = performance.now();
      for (let i = 0; i < times; i++) await work();
      taken.push((performance.now() - begin) / times);
    }
    const { user, system } = process.cpuUsage(used);
    return { times: taken, cores: (user + system) / 1000 / (performance.now() - start) };
  },
};

setThreadsCount(1);
await tf.setBackend("wasm");
await tf.ready();
addMissingKernel();
process.stdout.write(`${JSON.stringify({ ready: tf.version.tfjs })}\n`);
for await (const text of createInterface({ input: process.stdin })) {
  const request = JSON.parse(text);
  process.stdout.write(`${JSON.stringify(await rules[request.do](request))}\n`);
}
