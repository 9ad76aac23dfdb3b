// Times the benchmark's recurrent models in TensorFlow.js on its WebAssembly backend, one thread: one JSON line a case.
// Run: node tfjs.mjs. README.md has the cases; python.py times the same ones in other engines.

import * as tf from "@tensorflow/tfjs";
import { getThreadsCount, setThreadsCount } from "@tensorflow/tfjs-backend-wasm";

const WARM_UPS = 3;
const RUNS = 30;
const SLOW_RUNS = 10;
const STREAM_STEPS = 200;

const R = { batch: 32, steps: 100, inputs: 12, units: 64, classes: 2 };
const P20 = { batch: 32, steps: 80, words: 2000, width: 128, units: 8 };
const STREAM = { inputs: 10, units: 100 };

// TensorFlow.js defaults to hardSigmoid, and its orthogonal initialiser takes seconds.
const recurrent = { recurrentActivation: "sigmoid", recurrentInitializer: "glorotUniform" };

/** Times `call`; a stream's call makes `steps` steps, each waiting for the state of the one before. */
async function measure(name, call, runs = RUNS, steps = 1) {
  for (let i = 0; i < WARM_UPS; i++) await call();
  const unit = name === "stream" ? "us" : "ms";
  const scale = (unit === "us" ? 1000 : 1) / steps;
  const times = [];
  const busy = process.cpuUsage();
  const start = performance.now();
  for (let i = 0; i < runs; i++) {
    const begin = performance.now();
    await call();
    times.push((performance.now() - begin) * scale);
  }
  const { user, system } = process.cpuUsage(busy);
  times.sort((a, b) => a - b);
  const median = (times[(runs - 1) >> 1] + times[runs >> 1]) / 2;
  const line = {
    peer: "tfjs-wasm",
    version: tf.version.tfjs,
    case: name,
    unit,
    median: round(median),
    min: round(times[0]),
    max: round(times[runs - 1]),
    runs,
    threads: getThreadsCount(),
    coresUsed: Math.round((user + system) / (performance.now() - start) / 10) / 100,
  };
  console.log(JSON.stringify(line));
}

function round(number) {
  return Math.round(number * 1000) / 1000;
}

// The backend has no kernel for the gradient of an embedding: training one throws "Kernel 'UnsortedSegmentSum' not
// registered". With this plain one the rest can be timed; it takes about 2 ms of a step.
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

async function benchModel(name, layers, loss, x, y) {
  const model = tf.sequential({ layers });
  model.compile({ optimizer: "adam", loss });
  await measure(`${name}.train`, () => model.trainOnBatch(x, y), SLOW_RUNS);
  await measure(`${name}.infer`, () => tf.tidy(() => void model.predictOnBatch(x).dataSync()));
}

async function benchReader() {
  const x = tf.randomNormal([R.batch, R.steps, R.inputs], 0, 1, "float32", 1);
  const y = tf.randomUniformInt([R.batch, 1], 0, R.classes, 2).toFloat();
  const layers = [
    tf.layers.lstm({ units: R.units, inputShape: [R.steps, R.inputs], ...recurrent }),
    tf.layers.dense({ units: R.classes, activation: "softmax" }),
  ];
  await benchModel("R", layers, "sparseCategoricalCrossentropy", x, y);
}

async function benchCritic(name, layer) {
  const x = tf.randomUniformInt([P20.batch, P20.steps], 0, P20.words, 3);
  const y = tf.randomUniformInt([P20.batch, 1], 0, 2, 4).toFloat();
  const layers = [
    tf.layers.embedding({ inputDim: P20.words, outputDim: P20.width, inputLength: P20.steps }),
    layer,
    tf.layers.dense({ units: 1, activation: "sigmoid" }),
  ];
  await benchModel(name, layers, "binaryCrossentropy", x, y);
}

/** tf.basicLSTMCell, the lowest that TensorFlow.js offers for a step; h is read back, as a user of a stream would. */
async function benchStream() {
  const x = tf.randomNormal([1, STREAM.inputs], 0, 1, "float32", 5);
  const kernel = tf.randomNormal([STREAM.inputs + STREAM.units, 4 * STREAM.units], 0, 0.1, "float32", 6);
  const bias = tf.randomNormal([4 * STREAM.units], 0, 0.1, "float32", 7);
  const forgetBias = tf.scalar(0);
  const stream = () => {
    let state = [tf.zeros([1, STREAM.units]), tf.zeros([1, STREAM.units])];
    for (let i = 0; i < STREAM_STEPS; i++) {
      const next = tf.tidy(() => tf.basicLSTMCell(forgetBias, kernel, bias, x, ...state));
      tf.dispose(state);
      state = next;
      state[1].dataSync();
    }
    tf.dispose(state);
  };
  await measure("stream", stream, RUNS, STREAM_STEPS);
}

setThreadsCount(1);
await tf.setBackend("wasm");
await tf.ready();
addMissingKernel();
await benchReader();
await benchCritic("P20.lstm", tf.layers.lstm({ units: P20.units, ...recurrent }));
await benchCritic("P20.rnn", tf.layers.simpleRNN({ units: P20.units, recurrentInitializer: "glorotUniform" }));
await benchStream();
