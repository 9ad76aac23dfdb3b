/**
 * What is kept of a measured row: medians, the best Python peer, and the share of the machine's peak that each engine
 * reaches. `results.json` has the last run of every row, `history.jsonl` a line for each run that was to be remembered.
 */
import { execFileSync } from "node:child_process";
import { appendFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { flopsOf, streamBytes } from "./arithmetic.mjs";
import { peers } from "./engines.mjs";
import { shapes } from "./shapes.mjs";

const results = new URL("results.json", import.meta.url);
const history = new URL("history.jsonl", import.meta.url);
const python = new Set(peers.filter((peer) => peer.python).map(({ name }) => name));
const onWasm = new Set(peers.filter(({ backend }) => backend === "wasm").map(({ name }) => name));

/** The peaks that an engine is to be compared with. */
function peaksOf({ engine, backend, threads }, peaks) {
  return peaks[`${backend ?? (onWasm.has(engine) ? "wasm" : "native")}-${threads}`];
}

/** Work a second over the peak: of operations, or of bytes where a row streams. */
function shareOf(one, shape, kind, peaks) {
  const found = peaksOf(one, peaks);
  if (found === undefined || one.median === undefined) return undefined;
  const seconds = one.median / 1000;
  if (kind === "stream") return streamBytes(shape) / seconds / found.read[streamBytes(shape)];
  return flopsOf(shape, kind) / seconds / found.flops;
}

const digits = (value) => (value === undefined ? undefined : Number(value.toPrecision(4)));

/** One row as it is kept; times are milliseconds. */
export function recordOf(shape, kind, measured, peaks, machine) {
  const engines = measured.map((one) => ({
    ...one,
    median: digits(one.median),
    least: digits(one.least),
    cores: digits(one.cores),
    others: digits(one.others),
    ofPeak: digits(shareOf(one, shape, kind, peaks)),
  }));
  const best = engines
    .filter(({ engine, median }) => python.has(engine) && median !== undefined)
    .sort((a, b) => a.median - b.median)[0];
  return {
    row: `${shape.name}.${kind}`,
    title: shape.title,
    kind,
    ...(shape.batch === undefined ? {} : { batch: shape.batch, steps: shape.steps }),
    ...(kind === "stream" ? { bytes: streamBytes(shape) } : { flops: flopsOf(shape, kind) }),
    date: new Date().toISOString().slice(0, 10),
    commit: commit(),
    machine,
    peaks: Object.fromEntries(Object.entries(peaks).map(([name, peak]) => [name, kept(peak, shape, kind)])),
    best: best?.engine,
    engines,
  };
}

/** Of the peaks, what this row is compared with, and the memory's own. */
function kept({ flops, triad, lanes, read }, shape, kind) {
  return {
    lanes,
    flops: digits(flops),
    triad: digits(triad),
    ...(kind === "stream" ? { read: digits(read[streamBytes(shape)]) } : {}),
  };
}

function commit() {
  try {
    return execFileSync("git", ["rev-parse", "--short", "HEAD"], { encoding: "utf8", stdio: "pipe" }).trim();
  } catch {
    return undefined;
  }
}

const order = shapes.flatMap(({ name, kinds }) => kinds.map((kind) => `${name}.${kind}`));

/** Writes rows into results.json in the place of those of the same name. */
export function keepResults(records) {
  const old = existsSync(results) ? JSON.parse(readFileSync(results, "utf8")).rows : [];
  const fresh = new Set(records.map(({ row }) => row));
  const rows = [...old.filter(({ row }) => !fresh.has(row) && order.includes(row)), ...records];
  rows.sort((a, b) => order.indexOf(a.row) - order.indexOf(b.row));
  writeFileSync(results, `${JSON.stringify({ rows }, undefined, 2)}\n`);
}

/** Adds a line for each row to history.jsonl: medians in milliseconds and peaks. */
export function keepHistory(records) {
  for (const { row, date, commit, machine, peaks, engines } of records) {
    const medians = Object.fromEntries(
      engines.filter(({ median }) => median !== undefined).map(({ engine, median }) => [engine, median]),
    );
    appendFileSync(history, `${JSON.stringify({ date, commit, row, machine, medians, peaks })}\n`);
  }
}
