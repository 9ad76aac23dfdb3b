/**
 * `npm run build && node bench/lengths.mjs`: training on 200 different lengths in a row beside the same work at one
 * length: lengths are free, so that the ratio of medians is near 1. One line.
 */
import * as recurve from "../dist/index.js";
import { median } from "./measure.mjs";

const { adam, createTrainer, dense, lstm, randomKey, sequential, tensor, uniform } = recurve;

const rows = 16;
const model = sequential([lstm({ units: 64 }), dense({ units: 2 })], { input: { shape: [null, 12] }, seed: 1 });
const trainer = createTrainer(model, { loss: "sparseCategoricalCrossentropy", optimizer: adam() });
const y = tensor(
  Int32Array.from({ length: rows }, (_, i) => i % 2),
  { dtype: "int32" },
);
const batch = (steps) => ({ x: uniform(randomKey(steps), [rows, steps, 12], { minimum: -1, maximum: 1 }), y });
const different = Array.from({ length: 200 }, (_, i) => batch(1 + ((i * 73) % 200)));
// 1 + 2 + ... + 200 steps is 201 times 100 steps.
const same = Array.from({ length: 201 }, () => batch(100));

function timed(batches) {
  const begin = performance.now();
  for (const one of batches) trainer.step(one);
  return performance.now() - begin;
}

const turns = Array.from({ length: 6 }, () => [timed(different), timed(same)]).slice(1);
const [d, s] = [0, 1].map((which) => median(turns.map((turn) => turn[which])));
console.log(
  `200 different lengths: ${d.toFixed(0)} ms, the same work at one length: ${s.toFixed(0)} ms, ${(d / s).toFixed(3)} times as long`,
);
