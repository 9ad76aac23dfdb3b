/** Measures the machine's peak under WebAssembly, on one thread or several: programs.mjs in workers with a memory each. */
import { Worker } from "node:worker_threads";
import { peakModule } from "./programs.mjs";

/** `ask(task, size, seconds)` gives work a second of all threads together, and the share of the time they had a core. */
export function startWasmPeak(threads) {
  const gate = new Int32Array(new SharedArrayBuffer(4));
  const workerData = { bytes: peakModule(), gate, threads };
  const workers = Array.from(
    { length: threads },
    () => new Worker(new URL("worker.mjs", import.meta.url), { workerData }),
  );
  return {
    async ask(task, size, seconds) {
      const rates = workers.map((worker) => new Promise((done) => worker.once("message", done)));
      const begin = process.cpuUsage();
      for (const worker of workers) worker.postMessage({ task, size, seconds });
      const rate = (await Promise.all(rates)).reduce((a, b) => a + b);
      const { user, system } = process.cpuUsage(begin);
      return { rate, lanes: 4, busy: (user + system) / 1e6 / (seconds * threads) };
    },
    end: () => Promise.all(workers.map((worker) => worker.terminate())),
  };
}
