/**
 * `npm run bench`: Recurve on the shapes of cases.mjs, beside the peers that are installed (bench/peers/README.md), in
 * one table of medians. `-- --json` prints JSON lines, `-- --no-peers` leaves the peers out, `-- --python <interpreter>`
 * names the Python that has them, `-- --rounds <n>` repeats everything and keeps the median of medians.
 */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { cases, lengths } from "./cases.mjs";

const { values: options } = parseArgs({
  options: {
    json: { type: "boolean" },
    "no-peers": { type: "boolean" },
    python: { type: "string", default: "python3" },
    rounds: { type: "string", default: "1" },
  },
});
const peers = fileURLToPath(new URL("peers/", import.meta.url));
const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];

/** Times `work` done `times` times, often enough to tell. */
function time({ work, times = 1, warmUp = 40, runs = 60 }) {
  for (let i = 0; i < warmUp * times; i++) work();
  const samples = Array.from({ length: runs }, () => {
    const begin = performance.now();
    for (let i = 0; i < times; i++) work();
    return (performance.now() - begin) / times;
  });
  return { median: median(samples), min: Math.min(...samples), max: Math.max(...samples), runs };
}

function own() {
  return cases().map(({ name, unit, ...rest }) => {
    const scale = unit === "us" ? 1000 : 1;
    const { median, min, max, runs } = time(rest);
    return {
      peer: "recurve",
      version,
      case: name,
      unit,
      median: median * scale,
      min: min * scale,
      max: max * scale,
      runs,
      threads: 1,
    };
  });
}

function linesOf(command, args) {
  const { stdout, status, stderr } = spawnSync(command, args, { cwd: peers, encoding: "utf8", maxBuffer: 1 << 26 });
  if (status !== 0) return [{ peer: args[0], skipped: (stderr || "could not be started").trim().split("\n").at(-1) }];
  return stdout
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line));
}

function others() {
  const tfjs = existsSync(`${peers}node_modules/@tensorflow`)
    ? linesOf(process.execPath, ["tfjs.mjs"])
    : [{ peer: "tfjs-wasm", skipped: "not installed: npm ci in bench/peers" }];
  return [...tfjs, ...linesOf(options.python, ["python.py", "--threads", "1"])];
}

function lengthRow() {
  const { different, same } = lengths();
  different();
  same();
  const [d, s] = [[], []];
  for (let i = 0; i < 5; i++) {
    d.push(time({ work: different, warmUp: 0, runs: 1 }).median);
    s.push(time({ work: same, warmUp: 0, runs: 1 }).median);
  }
  return { case: "200 lengths", different: median(d), same: median(s), ratio: median(d) / median(s) };
}

function collect() {
  const all = [];
  for (let round = 0; round < Number(options.rounds); round++)
    all.push(...own(), ...(options["no-peers"] ? [] : others()));
  const groups = Map.groupBy?.(all, keyOf) ?? groupBy(all, keyOf);
  return [...groups.values()].map((rows) =>
    rows[0].skipped ? rows[0] : { ...rows[0], median: median(rows.map((row) => row.median)) },
  );
}

function keyOf(row) {
  return `${row.peer}/${row.case ?? ""}`;
}

function groupBy(items, key) {
  const groups = new Map();
  for (const item of items) groups.set(key(item), [...(groups.get(key(item)) ?? []), item]);
  return groups;
}

function print(rows, length) {
  const names = [...new Set(rows.filter((row) => row.case).map((row) => row.peer))];
  const header = ["case", ...names];
  const lines = [...new Set(rows.map((row) => row.case).filter(Boolean))].map((name) => {
    const mine = rows.find((row) => row.peer === "recurve" && row.case === name);
    const cells = names.map((peer) => {
      const row = rows.find((candidate) => candidate.peer === peer && candidate.case === name);
      if (row === undefined) return "-";
      const ratio = peer === "recurve" ? "" : ` (${(row.median / mine.median).toPrecision(2)}x)`;
      return `${row.median.toPrecision(3)}${ratio}`;
    });
    return [`${name} [${mine.unit === "us" ? "µs" : mine.unit}]`, ...cells];
  });
  const widths = header.map((_, column) => Math.max(...[header, ...lines].map((line) => line[column].length)));
  for (const line of [header, ...lines])
    console.log(line.map((cell, column) => cell.padEnd(widths[column])).join("  "));
  console.log("\nMedians of one thread each, measured in one run; in brackets, how many times longer than Recurve.");
  console.log(`200 different lengths in a row take ${length.ratio.toFixed(3)} of the same work at one length.`);
  for (const { peer, skipped } of rows.filter((row) => row.skipped)) console.log(`${peer}: skipped, ${skipped}`);
}

const rows = collect();
const length = lengthRow();
if (options.json) for (const row of [...rows, length]) console.log(JSON.stringify(row));
else print(rows, length);
