/**
 * Recurve as one of the engines: a child process that answers the requests of child.mjs on the shapes of shapes.mjs.
 * Backend and threads are what RECURVE_BACKEND and RECURVE_THREADS in its environment say.
 */
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";

// The folder of another build may be given, to compare two of them.
const build = new URL(process.argv[2] ?? "../dist/index.js", import.meta.url);
const recurve = await import(build);
const { adam, bidirectional, compile, createTrainer, dense, embedding, gru, lstm, matmul, maxPooling1D } = recurve;
const { randomKey, sequential, simpleRNN, tensor, uniform, upSampling1D, variable } = recurve;
const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));

const cells = { gru, lstm, simpleRNN };

function recurrent({ kind, units, activation = "tanh", sequences = false, bidirectional: both = false }) {
  const layer = cells[kind]({ units, activation, returnSequences: sequences });
  return both ? bidirectional(layer) : layer;
}

const layerRules = {
  simpleRNN: recurrent,
  gru: recurrent,
  lstm: recurrent,
  dense: ({ units, activation }) => dense({ units, ...(activation === undefined ? {} : { activation }) }),
  embedding: ({ words, width }) => embedding({ inputDim: words, outputDim: width }),
  maxPooling: ({ size }) => maxPooling1D({ poolSize: size }),
  upSampling: ({ size }) => upSampling1D({ size }),
};

const noise = (seed, shape, scale = 1) => uniform(randomKey(seed), shape, { minimum: -scale, maximum: scale });

function integers(shape, limit) {
  const count = shape.reduce((a, b) => a * b);
  const values = Int32Array.from({ length: count }, (_, i) => (((i + 1) * 2654476264) % 2 ** 31) % limit);
  return tensor(values, { shape, dtype: "int32" });
}

function modelOf({ words, features, layers }) {
  const input = words === undefined ? { shape: [null, features] } : { shape: [null], dtype: "int32" };
  return sequential(
    layers.map((layer) => layerRules[layer.kind](layer)),
    { input, seed: 1 },
  );
}

function batchOf({ batch, steps, words, features, scale, layers, loss }) {
  const x = words === undefined ? noise(1, [batch, steps, features], scale) : integers([batch, steps], words);
  const whole = layers.every(({ kind, sequences }) => !(kind in cells) || sequences);
  const rows = whole ? [batch, steps] : [batch];
  const width = layers.at(-1).units;
  if (loss === "sparseCategoricalCrossentropy") return { x, y: integers(rows, width) };
  if (loss === "binaryCrossentropy") return { x, y: recurve.cast(integers([...rows, width], 2), "float32") };
  return { x, y: noise(3, [...rows, width], scale) };
}

/** How many weights there are besides biases: the check that all engines have the same model. */
function weightsOf(model) {
  const matrices = Object.entries(model.weights()).filter(([path]) => !/bias/i.test(path));
  return matrices.reduce((sum, [, { shape }]) => sum + shape.reduce((a, b) => a * b), 0);
}

/** By the kind of a row: the work of one step, and what is to be told of it. */
const kindRules = {
  train(shape) {
    const model = modelOf(shape);
    const trainer = createTrainer(model, { loss: shape.loss, optimizer: adam() });
    const batch = batchOf(shape);
    return { work: () => trainer.step(batch), facts: { weights: weightsOf(model) } };
  },
  infer(shape) {
    const [model, { x }] = [modelOf(shape), batchOf(shape)];
    return { work: () => model.run(x), facts: { weights: weightsOf(model) } };
  },
  stream(shape) {
    const live = modelOf(shape).stream({ batch: 1 });
    const x = noise(2, [1, shape.features]);
    return { work: () => live.push(x) };
  },
  matmul({ sides }) {
    const [a, b] = sides.map((shape, i) => variable(noise(i, shape), { name: "ab"[i] }));
    const c = variable(recurve.zeros([sides[0][0], sides[1][1]]), { name: "c" });
    return { work: compile(() => c.assign(matmul(a.read(), b.read()))) };
  },
  call({ sides }) {
    const product = compile((a, b) => matmul(a, b));
    const [a, b] = sides.map((shape, i) => noise(i, shape));
    return { work: () => product(a, b) };
  },
};

function timed(work, { times, idle, least, seconds }) {
  for (let i = 0; i < idle * times; i++) work();
  const taken = [];
  const [start, used] = [performance.now(), process.cpuUsage()];
  while (taken.length < least || performance.now() < start + seconds * 1000) {
    const begin = performance.now();
    for (let i = 0; i < times; i++) work();
    taken.push((performance.now() - begin) / times);
  }
  const { user, system } = process.cpuUsage(used);
  return { times: taken, cores: (user + system) / 1000 / (performance.now() - start) };
}

const { RECURVE_BACKEND: asked = "wasm" } = process.env;

/** What programs really run on; builds from before there was a choice have WebAssembly and one thread. */
async function whereItRuns() {
  const { usualBackend } = await import(new URL("trace/pipeline.js", build));
  const backend = usualBackend?.() ?? "wasm";
  if (backend !== asked) throw new Error(`this build has no backend ${asked}`);
  return { backend, threads: recurve.threads?.().count ?? 1 };
}

let work;
const rules = {
  async prepare({ shape, kind }) {
    try {
      const where = await whereItRuns();
      const made = kindRules[kind](shape);
      work = made.work;
      return { peer: "recurve", version, ...where, ...made.facts };
    } catch (error) {
      return { unsupported: error.message };
    }
  },
  time: (request) => timed(work, request),
};

console.log(JSON.stringify({ ready: version }));
for await (const text of createInterface({ input: process.stdin })) {
  const request = JSON.parse(text);
  console.log(JSON.stringify(await rules[request.do](request)));
}
