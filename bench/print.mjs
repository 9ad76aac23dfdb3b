/** The table that `npm run bench` prints: a line a row, a column an engine, from the records of record.mjs. */

const kinds = {
  train: "Training: milliseconds of one step, with loss, gradient and Adam",
  infer: "Inference: milliseconds of one batch",
  stream: "Streaming: microseconds of one step of one row, the state carried",
  matmul: "Matrix products: milliseconds",
  call: "The same with numbers from and to JavaScript: milliseconds",
};

/** Three digits, and no more than are known. */
function short(value) {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}

function cellOf({ median, ofPeak, others }, kind) {
  if (median === undefined) return "-";
  const time = `${others > 0.2 ? "~" : ""}${short(kind === "stream" ? median * 1000 : median)}`;
  return ofPeak === undefined ? time : `${time} (${(100 * ofPeak).toFixed(0)}%)`;
}

/** How many times faster each of Recurve's engines is than the best Python peer. */
function against({ best, engines }, own) {
  const least = engines.find(({ engine }) => engine === best)?.median;
  return own.map((name) => {
    const mine = engines.find(({ engine }) => engine === name)?.median;
    return mine === undefined || least === undefined ? "-" : `${(least / mine).toFixed(2)}x`;
  });
}

function lines(records, kind) {
  const of = records.filter((record) => record.kind === kind);
  const names = [...new Set(of.flatMap(({ engines }) => engines.map(({ engine }) => engine)))];
  const own = names.filter((name) => /^(wasm|native)-/.test(name));
  const table = of.map((record) => {
    const cells = names.map((name) => cellOf(record.engines.find(({ engine }) => engine === name) ?? {}, kind));
    return [record.row.split(".")[0], ...cells, record.best ?? "-", ...against(record, own)];
  });
  return [["row", ...names, "best Python", ...own.map((name) => `→ ${name}`)], ...table];
}

/** What could not be measured, and why: once for each engine and reason. */
function gaps(records) {
  const all = records.flatMap(({ row, engines }) =>
    engines.flatMap(({ engine, unsupported, missing }) =>
      unsupported === undefined && missing === undefined ? [] : [{ row, why: `${engine}: ${unsupported ?? missing}` }],
    ),
  );
  const reasons = [...new Set(all.map(({ why }) => why))];
  return reasons.map(
    (why) =>
      `${why} (${all
        .filter((one) => one.why === why)
        .map(({ row }) => row)
        .join(", ")})`,
  );
}

function printTable(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  for (const row of rows)
    console.log(
      row
        .map((cell, column) => cell.padEnd(widths[column]))
        .join("  ")
        .trimEnd(),
    );
}

/** Everything, in words for a terminal. */
export function print(records) {
  for (const [kind, title] of Object.entries(kinds)) {
    if (!records.some((record) => record.kind === kind)) continue;
    console.log(`\n${title}`);
    printTable(lines(records, kind));
  }
  console.log(
    "\nMedians of interleaved runs. In brackets, the share of this machine's measured peak: of multiply-adds, or of",
  );
  console.log(
    "reading the weights where a row streams. → is how many times faster than the best Python peer. ~: others used the machine.",
  );
  for (const [name, { flops, triad, lanes }] of Object.entries(records[0]?.peaks ?? {})) {
    const [giga, bytes] = [flops, triad].map((rate) => (rate / 1e9).toFixed(0));
    console.log(`peak ${name}: ${giga} GFLOP/s in vectors of ${lanes}, triad ${bytes} GB/s`);
  }
  for (const gap of gaps(records)) console.log(gap);
}
