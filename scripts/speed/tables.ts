/** The tables of docs/speed.md, as Markdown. */
import {
  againstBest,
  digits,
  enginesOf,
  floorOf,
  isOwn,
  medianOf,
  percent,
  type Row,
  rows,
  shapeOf,
  shareOf,
  timeOf,
  titleOf,
  widest,
} from "./results.ts";

function table(header: readonly string[], body: readonly (readonly string[])[]): string {
  const lines = [header, header.map((_, i) => (i === 0 ? "---" : "--:")), ...body];
  return lines.map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

function cell(row: Row, engine: string): string {
  const median = medianOf(row, engine);
  if (median === undefined) return "–";
  const disturbed = (row.engines.find((one) => one.engine === engine)?.others ?? 0) > 0.2;
  const time = `${disturbed ? "~" : ""}${timeOf(row, median)}`;
  return engine === row.best ? `**${time}**` : time;
}

/** Medians of some rows, and how many times faster Recurve is than the best Python peer, which is bold. */
export function timesTable(some: readonly Row[]): string {
  const engines = enginesOf(some);
  const own = engines.filter(
    (engine) => isOwn(engine) && (!engine.endsWith("-1") || some.every(({ kind }) => kind === "stream")),
  );
  const header = ["", ...engines.map(titleOf), ...own.map((engine) => `best / ${titleOf(engine)}`)];
  const body = some.map((row) => [
    `**${shapeOf(row)}** ${row.title}`,
    ...engines.map((engine) => cell(row, engine)),
    ...own.map((engine) => {
      const ratio = againstBest(row, engine);
      return ratio === undefined ? "–" : ratio.toFixed(2);
    }),
  ]);
  return table(header, body);
}

const shownFirst = [
  "R.train",
  "R.infer",
  "P20b.train",
  "P20a.train",
  "P21.train",
  "P2.train",
  "S100.stream",
  "S1024.stream",
];

/** The table of the README: some rows on all threads, with what each peer takes as many times as WebAssembly. */
export function shortTable(): string {
  const some = shownFirst.flatMap((name) => rows.filter(({ row }) => row === name));
  const mine = [widest("wasm"), widest("native")].filter((engine) => engine !== undefined);
  const peers = enginesOf(some).filter((engine) => !isOwn(engine));
  const compared = (row: Row, engine: string): string => {
    const [theirs, ours] = [medianOf(row, engine), medianOf(row, mine[0])];
    if (theirs === undefined || ours === undefined) return "";
    return `${timeOf(row, theirs)} (${digits(theirs / ours)}×)`;
  };
  const unit = { train: "a training step, ms", infer: "inference of a batch, ms", stream: "one step, µs" } as const;
  const body = some.map((row) => [
    `${row.title}${row.batch === undefined ? "" : `; B ${row.batch}, T ${row.steps}`}: ${unit[row.kind as keyof typeof unit]}`,
    ...mine.map((engine) => {
      const median = medianOf(row, engine);
      return median === undefined ? "" : timeOf(row, median);
    }),
    ...peers.map((engine) => compared(row, engine)),
  ]);
  return table(["", ...mine.map((engine) => `Recurve, ${titleOf(engine).split(",")[0]}`), ...peers.map(titleOf)], body);
}

/** What the machine can do, as the last run measured it. */
export function peaksTable(): string {
  const { peaks } = rows[0];
  const streams = rows.filter(({ kind }) => kind === "stream");
  const header = [
    "",
    "lanes of a vector",
    "multiply-adds, GFLOP/s",
    "triad over 64 MiB, GB/s",
    ...streams.map(({ bytes }) => `reading ${size(bytes ?? 0)}, GB/s`),
  ];
  const body = Object.entries(peaks).map(([engine, { lanes, flops, triad }]) => [
    titleOf(engine),
    String(lanes),
    giga(flops),
    giga(triad),
    ...streams.map((row) => giga(row.peaks[engine]?.read)),
  ]);
  return table(header, body);
}

/** Work of each row, its time at Recurve's peaks, and the share of the peak that engines reach. */
export function sharesTable(some: readonly Row[]): string {
  const engines = enginesOf(some);
  const floors = [widest("wasm"), widest("native")].filter((engine) => engine !== undefined);
  const header = ["", "work", ...floors.map((engine) => `at peak, ${titleOf(engine)}`), ...engines.map(titleOf)];
  const body = some.map((row) => [
    row.row,
    row.bytes === undefined ? `${digits((row.flops ?? 0) / 1e6)} MFLOP` : size(row.bytes),
    ...floors.map((engine) => floor(row, engine)),
    ...engines.map((engine) => {
      const share = shareOf(row, engine);
      return share === undefined ? "–" : percent(share);
    }),
  ]);
  return table(header, body);
}

function size(bytes: number): string {
  return bytes < 1e6 ? `${Math.round(bytes / 1000)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

function floor(row: Row, engine: string): string {
  const least = floorOf(row, engine);
  if (least === undefined) return "–";
  return row.kind === "stream" ? `${digits(least * 1000)} µs` : `${digits(least)} ms`;
}

function giga(value: number | undefined): string {
  return value === undefined ? "–" : digits(value / 1e9);
}
