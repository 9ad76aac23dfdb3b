/**
 * `npm run build && node bench/import.mjs`: what reading a large model file costs. For each format a file of about 100 MB
 * is written to a temporary folder; a fresh process loads it into a model. Peak memory above what the process had before
 * is in sizes of the file. Time is in times of reading the file and decoding it once, in another fresh process, by plain
 * loops: the checksum that zip archives ask for, and one copy of all numbers into the order in which a model keeps them
 * (PyTorch and ONNX keep matrices transposed). `--megabytes <n>`, `--only <pattern>`, `--rounds <n>`, `--json`.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { crc32 } from "node:zlib";

const dist = new URL("../dist/", import.meta.url);

/** By format, as `encodeAs` knows them, the name of a file and what decoding it is. */
const formats = {
  safetensors: { file: "model.safetensors", decoding: "copied" },
  keras: { file: "model.keras", decoding: "checked, copied" },
  h5: { file: "model.h5", decoding: "copied" },
  pytorch: { file: "state_dict.pt", decoding: "checked, transposed" },
  onnx: { file: "model.onnx", decoding: "transposed" },
};

/** A model of about so many bytes: most of it in one recurrent layer, the worst case for memory. */
async function makeModel(megabytes, scale = 1) {
  const { embedding, gru, dense, lstm, sequential } = await import(new URL("index.js", dist).href);
  const units = Math.max(4, Math.round(Math.sqrt((megabytes * 2 ** 20) / 4 / 12) * scale));
  return sequential(
    [
      embedding({ inputDim: 64, outputDim: units, name: "embedding" }),
      lstm({ units, returnSequences: true, name: "lstm" }),
      gru({ units: Math.max(4, units >> 1), returnSequences: true, name: "gru" }),
      dense({ units: 64, name: "head" }),
    ],
    { input: { shape: [null], dtype: "int32" } },
  );
}

/** In a fresh process: writes the two files. */
async function write([format, megabytes, large, small]) {
  const { encodeAs } = await import(new URL("formats.js", dist).href);
  writeFileSync(large, await encodeAs(await makeModel(Number(megabytes)), format, {}));
  writeFileSync(small, await encodeAs(await makeModel(1, 0.1), format, {}));
  console.log("{}");
}

/** In a fresh process: loads the small file to warm up, then the large one. */
async function child([path, small]) {
  const { load } = await import(new URL("node.js", dist).href);
  await load(small);
  globalThis.gc?.();
  const peak = () => process.resourceUsage().maxRSS * 1024;
  const before = process.memoryUsage().rss;
  const begin = performance.now();
  const { model } = await load(path);
  const milliseconds = performance.now() - begin;
  if (model === undefined) throw new Error(`${path}: no model`);
  console.log(JSON.stringify({ milliseconds, memory: peak() - before, parameters: model.parameterCount }));
}

/** In a fresh process: reads the file and decodes it once. */
function reference([path, small, decoding]) {
  const read = (file) => {
    const bytes = readFileSync(file);
    const sum = decoding.includes("checked") ? crc32(bytes) : 0;
    const numbers = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2);
    const decoded = decoding.includes("transposed") ? transposed(numbers) : numbers.slice();
    return { sum, last: decoded.at(-1) };
  };
  read(small);
  const begin = performance.now();
  const { sum, last } = read(path);
  console.log(JSON.stringify({ milliseconds: performance.now() - begin, sum, last }));
}

/** The numbers as a matrix about as wide as it is high, transposed in squares. */
function transposed(numbers) {
  const columns = Math.floor(Math.sqrt(numbers.length));
  const rows = Math.floor(numbers.length / columns);
  const out = new Float32Array(rows * columns);
  const side = 32;
  for (let top = 0; top < rows; top += side)
    for (let left = 0; left < columns; left += side)
      for (let c = left; c < Math.min(columns, left + side); c++)
        for (let r = top; r < Math.min(rows, top + side); r++) out[c * rows + r] = numbers[r * columns + c];
  return out;
}

function inProcess(role, ...paths) {
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    ["--expose-gc", new URL(import.meta.url).pathname, "--role", role, ...paths],
    { encoding: "utf8" },
  );
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout);
}

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];

async function main({ megabytes, only, rounds, json }) {
  const folder = mkdtempSync(join(tmpdir(), "recurve-import-"));
  try {
    for (const [format, { file, decoding }] of Object.entries(formats)) {
      if (!new RegExp(only).test(format)) continue;
      const [large, small] = [join(folder, `large-${file}`), join(folder, `small-${file}`)];
      // Elsewhere: a process begins with the peak memory of the one that starts it.
      inProcess("write", format, megabytes, large, small);
      const runs = Array.from({ length: Number(rounds) }, () => ({
        load: inProcess("load", large, small),
        reference: inProcess("reference", large, small, decoding),
      }));
      const size = statSync(large).size;
      const facts = {
        format,
        megabytes: size / 2 ** 20,
        milliseconds: median(runs.map((run) => run.load.milliseconds)),
        readAndDecode: median(runs.map((run) => run.reference.milliseconds)),
        time: median(runs.map((run) => run.load.milliseconds)) / median(runs.map((run) => run.reference.milliseconds)),
        memory: Math.max(...runs.map((run) => run.load.memory)) / size,
      };
      console.log(
        json
          ? JSON.stringify(facts)
          : `${format.padEnd(12)} ${facts.megabytes.toFixed(0)} MiB  ${facts.milliseconds.toFixed(0)} ms, ${facts.time.toFixed(2)} x reading and decoding it (${decoding}); peak memory ${facts.memory.toFixed(2)} x the file`,
      );
      rmSync(large);
      rmSync(small);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    role: { type: "string" },
    megabytes: { type: "string", default: "100" },
    only: { type: "string", default: "" },
    rounds: { type: "string", default: "5" },
    json: { type: "boolean", default: false },
  },
});
if (values.role === "write") await write(positionals);
else if (values.role === "load") await child(positionals);
else if (values.role === "reference") reference(positionals);
else await main(values);
