/**
 * `npm run build && node bench/import.mjs`: what reading a large model file costs. For each format a file of about 100 MB
 * is written to a temporary folder; a fresh process loads it into a model. Peak memory above what the process had before
 * is in sizes of the file, time in times of reading the file and copying its numbers once. `--megabytes <n>`,
 * `--only <pattern>`, `--rounds <n>`, `--json`.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";

const dist = new URL("../dist/", import.meta.url);

/** File endings, as `encodeAs` knows them. */
const formats = {
  safetensors: "model.safetensors",
  keras: "model.keras",
  h5: "model.h5",
  pytorch: "state_dict.pt",
  onnx: "model.onnx",
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

/** In a fresh process: reads the file, and copies its numbers once. */
function reference([path, small]) {
  const read = (file) => {
    const bytes = readFileSync(file);
    return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + (bytes.length & ~3)));
  };
  read(small);
  const begin = performance.now();
  const numbers = read(path);
  console.log(JSON.stringify({ milliseconds: performance.now() - begin, count: numbers.length }));
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
  const { encodeAs } = await import(new URL("formats.js", dist).href);
  try {
    for (const [format, name] of Object.entries(formats)) {
      if (!new RegExp(only).test(format)) continue;
      const [large, small] = [join(folder, `large-${name}`), join(folder, `small-${name}`)];
      writeFileSync(large, await encodeAs(await makeModel(Number(megabytes)), format, {}));
      writeFileSync(small, await encodeAs(await makeModel(1, 0.1), format, {}));
      const runs = Array.from({ length: Number(rounds) }, () => ({
        load: inProcess("load", large, small),
        reference: inProcess("reference", large, small),
      }));
      const size = statSync(large).size;
      const facts = {
        format,
        megabytes: size / 2 ** 20,
        milliseconds: median(runs.map((run) => run.load.milliseconds)),
        readAndCopy: median(runs.map((run) => run.reference.milliseconds)),
        time: median(runs.map((run) => run.load.milliseconds)) / median(runs.map((run) => run.reference.milliseconds)),
        memory: Math.max(...runs.map((run) => run.load.memory)) / size,
      };
      console.log(
        json
          ? JSON.stringify(facts)
          : `${format.padEnd(12)} ${facts.megabytes.toFixed(0)} MiB  ${facts.milliseconds.toFixed(0)} ms, ${facts.time.toFixed(2)} x reading and copying; peak memory ${facts.memory.toFixed(2)} x the file`,
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
if (values.role === "load") await child(positionals);
else if (values.role === "reference") reference(positionals);
else await main(values);
