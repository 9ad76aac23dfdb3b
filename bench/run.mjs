/**
 * `npm run bench`: Recurve on the shapes of shapes.mjs beside the peers that are installed (peers/README.md), turn by turn
 * in one run, with the share of the machine's peak. `npm run bench -- --help` has the options. Not here: how it is
 * measured (measure.mjs), what engines there are (engines.mjs).
 */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import os from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { streamBytes } from "./arithmetic.mjs";
import { backends, chooseEngines, peers } from "./engines.mjs";
import { describeMachine } from "./machine.mjs";
import { measureRow } from "./measure.mjs";
import { measurePeaks } from "./peak/index.mjs";
import { print } from "./print.mjs";
import { keepHistory, keepResults, recordOf } from "./record.mjs";
import { kinds, ownKinds, shapes } from "./shapes.mjs";

const peerNames = peers.map(({ name }) => name);
const cores = os.availableParallelism();

const help = `npm run bench -- [options]

  --only <rows>       some rows: shapes (R), or shapes and kinds (R.train), separated by commas; "cliffs" is
                      bench/cliffs.mjs, which measures what cost depends on
                      rows: ${shapes.map(({ name }) => name).join(", ")}
                      kinds: ${kinds.join(", ")}
  --peers <names>     some peers, or none: ${peerNames.join(", ")}
  --backends <names>  some of Recurve's backends: ${backends.join(", ")}
  --threads <n>       how many threads at most, ${cores} if not given; Recurve is measured on one thread too
  --python <command>  the Python that has the peers, python3 if not given
  --rounds <n>        turns of each engine in a row, 7 if not given
  --seconds <n>       how long the whole may take, without starting engines; 30 a row if not given
  --dist <file>       another build of Recurve: its index.js
  --json              a JSON line a row
  --record            writes the rows into bench/results.json, of which docs/speed.md is made
  --history           adds a line a row to bench/history.jsonl
`;

const { values: options } = parseArgs({
  options: {
    only: { type: "string" },
    peers: { type: "string", default: peerNames.join() },
    backends: { type: "string", default: backends.join() },
    threads: { type: "string", default: String(Math.min(16, cores)) },
    python: { type: "string", default: "python3" },
    rounds: { type: "string", default: "7" },
    seconds: { type: "string" },
    dist: { type: "string" },
    json: { type: "boolean" },
    record: { type: "boolean" },
    history: { type: "boolean" },
    help: { type: "boolean" },
  },
});

function fail(sentence) {
  console.error(`bench: ${sentence}`);
  process.exit(1);
}

/** A list of names that are all known; "none" is the empty one. */
function listOf(option, known) {
  const names = options[option] === "none" ? [] : options[option].split(",");
  const strange = names.filter((name) => !known.includes(name));
  if (strange.length > 0)
    fail(`--${option}: expected some of ${known.join(", ")}, or none, got ${strange.join(", ")}. See --help.`);
  return names;
}

function numberOf(option) {
  const value = Number(options[option]);
  if (!(value > 0)) fail(`--${option}: expected a number above zero, got ${options[option]}.`);
  return value;
}

const all = shapes.flatMap((shape) => shape.kinds.map((kind) => ({ shape, kind, name: `${shape.name}.${kind}` })));

function chosenRows() {
  if (options.only === undefined) return all;
  const wanted = options.only.split(",");
  const known = [...all.map(({ name }) => name), ...shapes.map(({ name }) => name), "cliffs"];
  const strange = wanted.filter((name) => !known.includes(name));
  if (strange.length > 0) fail(`--only: there is no row ${strange.join(", ")}. See --help for those there are.`);
  return all.filter(({ shape, name }) => wanted.includes(shape.name) || wanted.includes(name));
}

function runCliffs() {
  const path = fileURLToPath(new URL("cliffs.mjs", import.meta.url));
  if (!existsSync(path)) fail("--only: there is no bench/cliffs.mjs here.");
  process.exitCode = spawnSync(process.execPath, [path], { stdio: "inherit" }).status ?? 1;
}

/** Engines that are there; those that are missing say so on stderr. */
async function start(engines, threads) {
  const children = await Promise.all(engines.map((engine) => engine.start({ ...options, threads })));
  for (const { name, missing } of children) if (missing !== undefined) console.error(`bench: ${name}: ${missing}`);
  return children.filter(({ missing }) => missing === undefined);
}

/** Starts again the engines that did not survive a row. */
async function revive(children, engines, threads) {
  const dead = children.filter(({ ended }) => ended());
  const names = dead.map(({ name }) => name);
  const fresh = await start(
    engines.filter(({ name }) => names.includes(name)),
    threads,
  );
  return children.flatMap((child) => (ended(child) ? fresh.filter(({ name }) => name === child.name) : [child]));
}

const ended = (child) => child.ended();
const isOwn = ({ name }) => !peerNames.includes(name);

async function measureRows(rows) {
  const threads = numberOf("threads");
  const engines = chooseEngines(threads, listOf("backends", backends), listOf("peers", peerNames));
  const whole = options.seconds === undefined ? 30 * rows.length : numberOf("seconds");
  const sizes = rows.filter(({ kind }) => kind === "stream").map(({ shape }) => streamBytes(shape));
  const peaks = await measurePeaks(threads, sizes);
  const machine = describeMachine();
  let children = await start(engines, threads);
  const records = [];
  let left = whole;
  for (const [i, { shape, kind, name }] of rows.entries()) {
    children = await revive(children, engines, threads);
    if (!options.json) console.error(`bench: ${name}, ${i + 1} of ${rows.length}`);
    const seconds = Math.max(0, left / (rows.length - i));
    const able = children.filter((child) => !ownKinds.includes(kind) || isOwn(child));
    const measured = await measureRow(able, shape, kind, { rounds: numberOf("rounds"), seconds });
    left -= measured.seconds;
    records.push(recordOf(shape, kind, measured.engines, peaks, machine));
    if (options.json) console.log(JSON.stringify(records.at(-1)));
  }
  for (const child of children) child.end();
  return records;
}

// So that the engines end too, those that stand still among them.
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(1));

if (options.help) console.log(help);
else {
  const rows = chosenRows();
  if (options.only?.split(",").includes("cliffs")) runCliffs();
  const records = rows.length > 0 ? await measureRows(rows) : [];
  if (options.record) keepResults(records);
  if (options.history) keepHistory(records);
  if (!options.json && records.length > 0) print(records);
}
