/**
 * `npm run build && node bench/cliffs.mjs`: does cost follow arithmetic? Each law compares workloads that take turns in
 * one run; figures are medians. `--only <pattern>` picks laws by name, `--rows <pattern>` rows beside the first, `--json` prints JSON lines, `--rounds <n>` says
 * how often each workload is timed, `--dist <folder>` measures another build. The workloads are in cliffs/laws.mjs.
 */
import { parseArgs } from "node:util";

const { values: options } = parseArgs({
  options: {
    json: { type: "boolean" },
    only: { type: "string", default: "" },
    rows: { type: "string", default: "" },
    rounds: { type: "string", default: "15" },
    dist: { type: "string", default: new URL("../dist/", import.meta.url).pathname },
  },
});
process.env.RECURVE_DIST = options.dist;
const { laws } = await import("./cliffs/laws.mjs");
const rounds = Number(options.rounds);
const isAsked = (name, i) => i === 0 || new RegExp(options.rows).test(name);

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];

/** Milliseconds of one go, timed over as many as take a while. */
function timed({ work, times }) {
  const begin = performance.now();
  for (let i = 0; i < times; i++) work();
  return (performance.now() - begin) / times;
}

/** Warms workloads up, then times them turn by turn: the median of each, in milliseconds. */
function takeTurns(works) {
  const all = works.map((work) => {
    const begin = performance.now();
    let runs = 0;
    while (runs < 3 || (performance.now() - begin < 400 && runs < 300)) {
      work();
      runs++;
    }
    const once = timed({ work, times: 1 });
    return { work, times: Math.max(1, Math.min(1000, Math.round(4 / once))), samples: [] };
  });
  for (let round = 0; round < rounds; round++) for (const one of all) one.samples.push(timed(one));
  return all.map(({ samples }) => median(samples));
}

/** What a row costs beside the first one, each by the work that it has to do. */
function compare({ rows }) {
  const names = Object.keys(rows).filter(isAsked);
  const times = takeTurns(names.map((name) => rows[name].work));
  const per = names.map((name, i) => times[i] / (rows[name].amount ?? 1));
  return names.map((name, i) => ({ row: name, ms: times[i], perAmount: per[i], ratio: per[i] / per[0] }));
}

/** What one more of something costs: (t(2n) - t(n)) / n, so that what is paid once falls out, beside the median of all. */
function slopes({ sizes, workAt }) {
  const rows = sizes.map((n) => {
    const [once, twice] = takeTurns([workAt(n), workAt(2 * n)]);
    return { row: `${n} to ${2 * n}`, ms: twice, perAmount: (twice - once) / n };
  });
  const usual = median(rows.map(({ perAmount }) => perAmount));
  return rows.map((row) => ({ ...row, ratio: row.perAmount / usual }));
}

/** Nanoseconds for each multiply-add, or what is worth one, forwards and in training. */
function perArithmetic({ cells }) {
  const asked = Object.entries(cells).filter(([name], i) => isAsked(name, i));
  return asked.map(([name, make]) => {
    const { arithmetic, forward, train } = make();
    const [once, trained] = takeTurns([forward, train]);
    const [ahead, both] = [(once * 1e6) / arithmetic, (trained * 1e6) / (3 * arithmetic)];
    return { row: name, arithmetic, ms: once, train: trained, perAmount: ahead, trainPerAmount: both };
  });
}

const kinds = { compare, slopes, perArithmetic };

function show(law, rows) {
  const text = (x) => (x === undefined ? "" : x.toPrecision(3));
  const limit = law.limit === undefined ? "" : `, at most ${law.limit}`;
  console.log(`\n${law.name}: ${law.says}${limit}`);
  for (const { row, ms, train, perAmount, trainPerAmount, ratio, holds } of rows) {
    const figures =
      train === undefined
        ? [`${text(ms)} ms`, text(perAmount), `x${ratio.toFixed(3)}`, holds === false ? "CLIFF" : ""]
        : [`${text(ms)} ms`, `${text(train)} ms`, `${text(perAmount)} ns`, `${text(trainPerAmount)} ns`];
    console.log(`  ${row.padEnd(36)} ${figures.map((x) => x.padStart(11)).join("")}`);
  }
}

for (const { name, ...law } of laws.filter((one) => new RegExp(options.only).test(one.name))) {
  const rows = kinds[law.kind](law.build());
  const judged = rows.map((row, i) => ({
    ...row,
    ...(law.limit === undefined || (i === 0 && law.kind === "compare") ? {} : { holds: row.ratio <= law.limit }),
  }));
  if (options.json) for (const row of judged) console.log(JSON.stringify({ law: name, limit: law.limit, ...row }));
  else show({ name, ...law }, judged);
}
