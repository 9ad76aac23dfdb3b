/**
 * The shapes that Recurve is measured on, as functions that do one unit of work each. Names as the peers use them:
 * R = LSTM 12->64, batch 32, 100 steps, dense 2; P20 = Embedding(2000,128) -> LSTM(8) or SimpleRNN(8) -> Dense(1),
 * batch 32, 80 steps; stream = one step of LSTM 10->100 for one row, state carried.
 */
import * as recurve from "../dist/index.js";

const { adam, createTrainer, dense, embedding, lstm, randomKey, sequential, simpleRNN, tensor, uniform } = recurve;

const noise = (seed, shape) => uniform(randomKey(seed), shape, { minimum: -1, maximum: 1 });
const integers = (count, limit, seed) =>
  Int32Array.from({ length: count }, (_, i) => (((i + 1) * (seed * 2654435761 + 40503)) % 2 ** 31) % limit);

function trained(model, loss, batch) {
  const trainer = createTrainer(model, { loss, optimizer: adam() });
  return () => trainer.step(batch);
}

function r(units = 64, batch = 32, steps = 100) {
  const model = sequential([lstm({ units }), dense({ units: 2 })], { input: { shape: [null, 12] }, seed: 1 });
  const x = noise(1, [batch, steps, 12]);
  const y = tensor(integers(batch, 2, 1), { dtype: "int32" });
  return { train: trained(model, "sparseCategoricalCrossentropy", { x, y }), infer: () => model.run(x) };
}

function p20(layer) {
  const layers = [embedding({ inputDim: 2000, outputDim: 128 }), layer({ units: 8 }), dense({ units: 1 })];
  const model = sequential(layers, { input: { shape: [null], dtype: "int32" }, seed: 1 });
  const x = tensor(integers(32 * 80, 2000, 3), { shape: [32, 80], dtype: "int32" });
  const y = tensor(
    Float32Array.from({ length: 32 }, (_, i) => i % 2),
    { shape: [32, 1] },
  );
  return { train: trained(model, "binaryCrossentropy", { x, y }), infer: () => model.run(x) };
}

function stream() {
  const model = sequential([lstm({ units: 100 })], { input: { shape: [null, 10] }, seed: 1 });
  const live = model.stream({ batch: 1 });
  const x = noise(2, [1, 10]);
  return () => live.push(x);
}

/** Name, unit, work, and how many times the work is done in one timing. */
export function cases() {
  const [big, lstmText, rnnText] = [r(), p20(lstm), p20(simpleRNN)];
  return [
    { name: "R.train", unit: "ms", work: big.train, times: 1 },
    { name: "R.infer", unit: "ms", work: big.infer, times: 1 },
    { name: "P20.lstm.train", unit: "ms", work: lstmText.train, times: 1 },
    { name: "P20.lstm.infer", unit: "ms", work: lstmText.infer, times: 1 },
    { name: "P20.rnn.train", unit: "ms", work: rnnText.train, times: 1 },
    { name: "P20.rnn.infer", unit: "ms", work: rnnText.infer, times: 1 },
    { name: "stream", unit: "us", work: stream(), times: 1000 },
  ];
}

/** Training on 200 different lengths in a row, and on the same amount of work at one length. */
export function lengths() {
  const model = sequential([lstm({ units: 64 }), dense({ units: 2 })], { input: { shape: [null, 12] }, seed: 1 });
  const trainer = createTrainer(model, { loss: "sparseCategoricalCrossentropy", optimizer: adam() });
  const y = tensor(integers(16, 2, 1), { dtype: "int32" });
  const batch = (steps) => ({ x: noise(steps, [16, steps, 12]), y });
  const different = Array.from({ length: 200 }, (_, i) => batch(1 + ((i * 73) % 200)));
  const same = Array.from({ length: 200 }, () => batch(100)).concat(batch(100));
  const run = (batches) => () => {
    for (const one of batches) trainer.step(one);
  };
  // 1 + 2 + ... + 200 steps is 201 times 100 steps.
  return { different: run(different), same: run(same) };
}
