/** One thread of wasm.mjs: runs one of the functions of programs.mjs for some time and answers with work a second. */
import { parentPort, workerData } from "node:worker_threads";
import { flopsPerRound } from "./programs.mjs";

const { bytes, gate, threads } = workerData;
const memory = new WebAssembly.Memory({ initial: 4096 });
const { flops, read, triad } = new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: { memory } }).exports;
const floats = new Float32Array(memory.buffer);
for (let i = 0; i < floats.length; i++) floats[i] = i % 7;

/** By task: one call, and how much work it is (operations, bytes). */
const tasks = {
  flops: () => ({ call: () => flops(200_000), work: 200_000 * flopsPerRound }),
  read: ({ size }) => {
    const own = Math.ceil(size / threads / 128) * 128;
    const rounds = Math.max(1, Math.round(2 ** 23 / own));
    return { call: () => read(0, own, rounds), work: rounds * own };
  },
  triad: ({ size }) => {
    const own = Math.floor(size / threads / 64) * 64;
    return { call: () => triad(0, own, 2 * own, own), work: 3 * own };
  },
};

/** All threads begin together. */
function meet(round) {
  Atomics.add(gate, 0, 1);
  while (Atomics.load(gate, 0) < threads * round);
}

let round = 0;
parentPort.on("message", ({ task, size, seconds }) => {
  const { call, work } = tasks[task]({ size });
  call();
  meet(++round);
  const begin = performance.now();
  const end = begin + seconds * 1000;
  let count = 0;
  do {
    call();
    count++;
  } while (performance.now() < end);
  parentPort.postMessage((count * work) / ((performance.now() - begin) / 1000));
});
