/**
 * The machine's measured peaks: operations a second in registers, bytes a second of blocks of given sizes and of the
 * triad over 64 MiB, under WebAssembly and natively, on one thread and on several. `node bench/peak/index.mjs` prints them.
 */
import { pathToFileURL } from "node:url";
import { untilQuiet } from "../machine.mjs";
import { startNativePeak } from "./native.mjs";
import { startWasmPeak } from "./wasm.mjs";

const triadBytes = 2 ** 26;
const turns = 3; // that count: in which no thread waited for a core
const patience = 8; // turns at most
const seconds = 0.15;
const starts = { wasm: startWasmPeak, native: startNativePeak };

/** The best of some turns, for each second in which the threads had a core: what the machine can do undisturbed. */
async function best(peak, task, size) {
  let [most, good] = [{ rate: 0 }, 0];
  for (let i = 0; i < patience && good < turns; i++) {
    await untilQuiet(250);
    const { rate, busy, lanes } = await peak.ask(task, size, seconds);
    const turn = { rate: rate / Math.min(1, busy), lanes };
    if (turn.rate > most.rate && busy > 0.3) most = turn;
    if (busy > 0.95) good++;
  }
  return most;
}

/** The peaks of one backend on some threads: `{ lanes, flops, triad, read: { [bytes]: rate } }`, or undefined where it is missing. */
async function peaksOf(backend, threads, sizes) {
  const peak = starts[backend](threads);
  if (peak.missing !== undefined) return undefined;
  const { rate: flops, lanes } = await best(peak, "flops", 64);
  const { rate: triad } = await best(peak, "triad", triadBytes);
  const read = {};
  for (const size of sizes) read[size] = (await best(peak, "read", size)).rate;
  await peak.end();
  return { lanes, flops, triad, read };
}

/** `{ "wasm-1": ..., "wasm-2": ..., "native-1": ... }`; `sizes` are the blocks to read, in bytes. */
export async function measurePeaks(threads, sizes) {
  const counts = threads === 1 ? [1] : [1, threads];
  const found = {};
  for (const backend of Object.keys(starts)) {
    for (const count of counts) {
      const peaks = await peaksOf(backend, count, sizes);
      if (peaks !== undefined) found[`${backend}-${count}`] = peaks;
    }
  }
  return found;
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  for (const [name, peaks] of Object.entries(await measurePeaks(2, [80_000, 176_000, 15_740_928])))
    console.log(name, JSON.stringify(peaks));
}
