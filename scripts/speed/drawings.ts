/** The pictures of docs/speed.md: how it is measured, and the recorded run against the peers and against the machine. */
import { arrow, box, card, ink, label, line } from "../pictures/draw.ts";
import { againstBest, enginesOf, isOwn, type Kind, type Row, rowsOf, shapeOf, shareOf, titleOf } from "./results.ts";

const width = 760;
const left = 350;
const right = 734;

/** How an engine is drawn: Recurve in colours, hollow on one thread; peers by a letter. */
const peerLetters: Readonly<Record<string, string>> = {
  torch: "P",
  "keras-tensorflow": "T",
  "keras-jax": "K",
  jax: "J",
  onnxruntime: "O",
};

function mark(engine: string, x: number, y: number): string {
  if (!isOwn(engine)) return label(x, y, peerLetters[engine], { size: 11, bold: true, color: ink.quiet });
  const [backend, threads] = engine.split("-");
  const color = backend === "wasm" ? ink.cell : ink.output;
  const fill = threads === "1" ? ink.paper : color;
  const at = `fill="${fill}" stroke="${color}" stroke-width="2"`;
  if (backend === "wasm") return `<circle cx="${short(x)}" cy="${short(y)}" r="5.5" ${at}/>`;
  return `<rect x="${short(x - 5)}" y="${short(y - 5)}" width="10" height="10" ${at}/>`;
}

function short(value: number): number {
  return Math.round(value * 10) / 10;
}

/** The engines of a picture, two lines of at most five. */
function legend(engines: readonly string[], y: number): string {
  return engines
    .map((engine, i) => {
      const [x, at] = [36 + (i % 4) * 178, y + Math.floor(i / 4) * 20];
      return mark(engine, x, at) + label(x + 12, at, titleOf(engine), { anchor: "start", size: 12, color: ink.quiet });
    })
    .join("");
}

function rowLabel(row: Row, y: number): string {
  const size = row.batch === undefined ? "one row" : `${row.batch} × ${row.steps}`;
  return [
    label(30, y - 7, shapeOf(row), { anchor: "start", bold: true }),
    label(30 + 52, y - 7, row.kind === "matmul" ? "" : size, { anchor: "start", size: 11, color: ink.quiet }),
    label(30, y + 9, row.title, { anchor: "start", size: 11, color: ink.quiet }),
  ].join("");
}

interface Chart {
  readonly title: string;
  readonly heading: string;
  readonly shown: readonly Row[];
  readonly engines: readonly string[];
  readonly value: (row: Row, engine: string) => number | undefined;
  /** From a value to 0 .. 1 along the axis. */
  readonly place: (value: number) => number;
  readonly ticks: readonly (readonly [value: number, text: string])[];
  /** The value that is drawn as a strong line. */
  readonly strong: number;
}

/** Marks of one row: Recurve on the line, peers below it, one lower still where it would lie on its neighbour. */
function marks(values: readonly (readonly [engine: string, x: number])[], y: number): string[] {
  const own = values.filter(([engine]) => isOwn(engine)).map(([engine, x]) => mark(engine, x, y - 4));
  const others = values.filter(([engine]) => !isOwn(engine)).sort(([, a], [, b]) => a - b);
  let lowered = false;
  const peers = others.map(([engine, x], i) => {
    lowered = i > 0 && x - others[i - 1][1] < 11 && !lowered;
    return mark(engine, x, y + (lowered ? 19 : 9));
  });
  return [...peers, ...own];
}

/** A line a row, a mark an engine. */
function chart({ title, heading, shown, engines, value, place, ticks, strong }: Chart): string {
  const [top, pitch] = [62, 44];
  const bottom = top + shown.length * pitch;
  const at = (v: number): number => left + Math.min(1, Math.max(0, place(v))) * (right - left);
  const grid = ticks.flatMap(([v, text]) => [
    line([short(at(v)), top - 10], [short(at(v)), bottom - 8], v === strong ? ink.line : "#e5e7eb"),
    label(short(at(v)), top - 22, text, { size: 11, color: ink.quiet }),
  ]);
  const body = shown.flatMap((row, i) => {
    const y = top + 10 + i * pitch;
    const values = engines.flatMap((engine) => {
      const v = value(row, engine);
      return v === undefined ? [] : [[engine, at(v)] as const];
    });
    return [rowLabel(row, y), ...marks(values, y)];
  });
  const legendRows = Math.ceil(engines.length / 4);
  return card(title, width, bottom + 20 + legendRows * 20, [
    label(30, 20, heading, { anchor: "start", size: 13, bold: true }),
    ...grid,
    ...body,
    legend(engines, bottom + 14),
  ]);
}

/** Times faster than the best Python peer, from a tenth to ten times and more, on a scale of ratios. */
function against(kind: Kind, what: string): string {
  const shown = rowsOf(kind);
  const engines = enginesOf(shown).filter((engine) => engine !== "tfjs");
  return chart({
    title: `${what}: how many times faster than the best Python peer each engine is`,
    heading: `${what}: times faster than the best Python peer (right is faster)`,
    shown,
    engines,
    value: againstBest,
    place: (v) => (Math.log2(v) + 3.32) / 6.64,
    ticks: [0.1, 0.2, 0.5, 1, 2, 5, 10].map((v) => [v, `${v}×`]),
    strong: 1,
  });
}

/** The share of the machine's peak, of all rows of products and streams. */
function shares(kinds: readonly Kind[], heading: string): string {
  const shown = kinds.flatMap(rowsOf);
  const engines = enginesOf(shown).filter((engine) => engine !== "tfjs");
  return chart({
    title: `${heading}: share of the machine's measured peak by row and engine`,
    heading,
    shown,
    engines,
    value: shareOf,
    place: (v) => v,
    ticks: [0, 0.2, 0.4, 0.6, 0.8, 1].map((v) => [v, `${Math.round(v * 100)} %`]),
    strong: 1,
  });
}

/** Engines run in turn; the others stand still; a turn in which somebody else used the machine is taken again. */
function turns(): string {
  const names = ["Recurve", "PyTorch", "JAX"];
  const tones = ["cell", "state", "input"] as const;
  const at = (slot: number): number => 120 + slot * 62;
  const order = [0, 1, 2, 0, 1, 1, 2, 0, 1, 2];
  const disturbed = 4;
  const bars = order.map((row, slot) => {
    const y = 40 + row * 40;
    const tone = slot === disturbed ? "wrong" : tones[row];
    return box([at(slot), y, 58, 26], tone, slot === disturbed ? "again" : "", {
      size: 11,
      dashed: slot === disturbed,
    });
  });
  return card("Three engines measured turn by turn, each standing still while another runs", width, 214, [
    ...names.map((name, row) => label(104, 53 + row * 40, name, { anchor: "end", bold: true })),
    ...[0, 1, 2].map((row) => line([120, 53 + row * 40], [734, 53 + row * 40], "#e5e7eb")),
    ...bars,
    arrow([
      [120, 172],
      [734, 172],
    ]),
    label(427, 190, "time: each engine has its turn while the others are stopped; medians over all turns", {
      size: 12,
      color: ink.quiet,
    }),
    label(at(disturbed) + 29, 24, "somebody else used the machine", { size: 12, color: ink.wrong }),
  ]);
}

/** File name without `.svg`, and text. */
export function drawings(): Readonly<Record<string, string>> {
  return {
    turns: turns(),
    training: against("train", "Training"),
    inference: against("infer", "Inference"),
    streaming: against("stream", "Streaming"),
    peak: shares(["matmul", "train", "stream"], "Share of the measured peak: products by arithmetic, streams by bytes"),
  };
}
