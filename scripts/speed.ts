/**
 * The text of docs/speed.md and its pictures: the recorded run of the benchmark (bench/results.json), read by
 * scripts/speed/. `npm run golden` writes them; a test keeps them current.
 */
import { drawings } from "./speed/drawings.ts";
import {
  againstBest,
  digits,
  floorOf,
  isOwn,
  type Kind,
  medianOf,
  percent,
  type Row,
  rows,
  rowsOf,
  shapeOf,
  timeOf,
  titleOf,
  widest,
} from "./speed/results.ts";
import { peaksTable, sharesTable, shortTable, timesTable } from "./speed/tables.ts";

const names = (some: readonly Row[]): string => some.map(shapeOf).join(", ");

/** "Faster than the best Python peer on ...; slower on ...", of one of Recurve's engines. */
function standing(kind: Kind, engine: string): string {
  const compared = rowsOf(kind).filter((row) => againstBest(row, engine) !== undefined);
  const faster = compared.filter((row) => (againstBest(row, engine) ?? 0) > 1);
  const slower = compared.filter((row) => (againstBest(row, engine) ?? 0) <= 1);
  const list = slower.map(
    (row) => `${shapeOf(row)} (${(1 / (againstBest(row, engine) ?? 1)).toFixed(1)} times as long)`,
  );
  const parts = [
    ...(faster.length > 0 ? [`faster than the best Python peer on ${names(faster)}`] : []),
    ...(slower.length > 0 ? [`slower on ${list.join(", ")}`] : []),
  ];
  return `- **${titleOf(engine)}**: ${parts.join("; ")}.`;
}

function standings(kind: Kind): string[] {
  const engines = [widest("wasm"), widest("native")].filter((engine) => engine !== undefined);
  return engines
    .filter((engine) => rowsOf(kind).some((row) => medianOf(row, engine) !== undefined))
    .map((engine) => standing(kind, engine));
}

/** How TensorFlow.js compares, where it was measured. */
function tensorflowJs(): string {
  const wasm = widest("wasm");
  const ratios = rows.flatMap((row) => {
    const [theirs, mine] = [medianOf(row, "tfjs"), wasm === undefined ? undefined : medianOf(row, wasm)];
    return theirs === undefined || mine === undefined || row.kind === "matmul"
      ? []
      : [`${row.row} ${digits(theirs / mine)}`];
  });
  if (ratios.length === 0) return "TensorFlow.js was not measured in this run.";
  return `TensorFlow.js runs in WebAssembly too. It takes so many times as long as Recurve on ${titleOf(wasm ?? "")}: ${ratios.join(", ")}.`;
}

function machine(): string {
  const { processor, cores, memory, system, node, v8 } = rows[0].machine;
  return `${processor}, ${cores} cores, ${memory} of memory, ${system}, Node ${node} (V8 ${v8})`;
}

function versions(): string {
  const known = new Map(
    rows.flatMap(({ engines }) =>
      engines.flatMap(({ engine, version }) => (version === undefined ? [] : [[engine, version] as const])),
    ),
  );
  const peers = [...known].filter(([engine]) => !isOwn(engine));
  return peers.map(([engine, version]) => `${titleOf(engine).split(",")[0]} ${version}`).join(", ");
}

/** The rows in which a Python peer takes less time than their products take at WebAssembly's peak. */
function outOfReach(): string {
  const wasm = widest("wasm");
  const some = rows.filter((row) => {
    const [floor, best] = [wasm === undefined ? undefined : floorOf(row, wasm), medianOf(row, row.best)];
    return floor !== undefined && best !== undefined && floor > best;
  });
  if (wasm === undefined || some.length === 0) return "";
  const list = some.map(
    (row) =>
      `${row.row} (${timeOf(row, floorOf(row, wasm) ?? 0)} at peak, ${titleOf(row.best ?? "")} ${timeOf(row, medianOf(row, row.best) ?? 0)})`,
  );
  return ` A native library is faster than WebAssembly's peak on ${list.join(", ")}: only native code or less arithmetic can win there.`;
}

/** The rows in which native code is at most a third faster than the best peer, beside the time of their products at its peak. */
function narrowly(): string {
  const native = widest("native");
  const some = rows.filter(
    (row) => row.kind !== "matmul" && (againstBest(row, native ?? "") ?? Number.POSITIVE_INFINITY) < 1.3,
  );
  if (native === undefined || some.length === 0) return "";
  const list = some.map((row) => {
    const times = [medianOf(row, native), floorOf(row, native), medianOf(row, row.best)].map((time) =>
      timeOf(row, time ?? 0),
    );
    return `${row.row} (${times[0]}, ${times[1]} at peak, ${titleOf(row.best ?? "")} ${times[2]})`;
  });
  return `- **Peak.** Where peers spend most of their time in products too, there is little to gain: native code on all cores is less than 1.3 times as fast as the best of them on ${list.join(", ")}.`;
}

/** What keeps a row from its peak, said with the figures of the machine. */
function bounds(): string[] {
  const { peaks } = rows[0];
  const [wasm, native] = [peaks["wasm-1"], peaks["native-1"]];
  const ratio =
    wasm === undefined || native === undefined
      ? ""
      : ` Here that is ${digits(wasm.flops / 1e9)} of ${digits(native.flops / 1e9)} GFLOP/s a core, ${percent(wasm.flops / native.flops)}.`;
  return [
    `- **Lanes.** WebAssembly has vectors of 4 numbers, and a product and a sum are two instructions.${ratio}${outOfReach()}`,
    narrowly(),
    "- **Overhead.** A network of 8 or 100 units does little arithmetic a step. What an engine does besides then takes most of the time: calls, allocation, one kernel after another. Recurve runs a whole step of training as one program, and a step of a stream as one call, so that P20a, P20b, P21 and the streams are where it stands best.",
    "- **Memory.** A step of a stream reads each weight once and uses it once: its bound is how fast weights come out of the cache they fit into, not arithmetic.",
    "- **Gates.** Sigmoid and tanh take time too, in narrow networks nearly as much as the products, but only products count as work: every engine is farther from the peak on R and P25 than on P2.",
  ].filter((line) => line !== "");
}

/** The whole page. */
export function speedPage(): string {
  const { date } = rows.reduce((a, b) => (a.date > b.date ? a : b));
  return [
    "# Speed",
    "",
    `How fast Recurve is, beside others and beside what the machine can do. Every figure and picture here comes from the run of the benchmark recorded in [bench/results.json](../bench/results.json) (${date}); this page is written by \`npm run golden\`, and a test keeps it current.`,
    "",
    "```sh",
    "npm run bench                                  # Recurve and the peers that are installed",
    "npm run bench -- --only R,P20a --peers none    # some rows, Recurve alone",
    "npm run bench -- --record                      # keeps the run in bench/results.json",
    "npm run bench -- --help",
    "```",
    "",
    "## How it is measured",
    "",
    "![Engines have turns one after another while the others are stopped; a turn in which somebody else used the machine is taken again.](speed/turns.svg)",
    "",
    `Machine: ${machine()}. Peers, with as many threads as cores: ${versions()}.`,
    "",
    "- Every engine is a process of its own, gets the same list of layers, and builds its model the way its documentation has it run fast ([bench/peers](../bench/peers/README.md)). Weights are counted and must agree.",
    "- Engines are warmed up for a second, then measured turn by turn in one run. While one runs, the others are stopped, so that no idle thread spins beside it. Turns in which other processes used the machine do not count while there is time for more. Figures are medians; ratios are ratios of medians.",
    "- A step of training is forward, loss, gradient and Adam. Inference is one batch to numbers that can be read. A step of a stream is one step of one row with its state carried.",
    "- **Share of peak**: the operations of a row's matrix products by formula ([bench/arithmetic.mjs](../bench/arithmetic.mjs)), a second, over the operations a second of a loop in registers that does nothing else, measured in the same run, in WebAssembly for WebAssembly and in native code for native code. Activations, losses and the optimiser do not count as work. For streams: the bytes of the weights over the speed of reading a block of that size.",
    "",
    peaksTable(),
    "",
    "## Training",
    "",
    "![For each row of training, how many times faster than the best Python peer each engine is.](speed/training.svg)",
    "",
    "Milliseconds of a step, the best Python peer in bold. The last columns are its time over Recurve's: above 1, Recurve is faster. A ~ says that other processes used the machine meanwhile.",
    "",
    timesTable(rowsOf("train")),
    "",
    ...standings("train"),
    "",
    "## Inference",
    "",
    "![For each row of inference, how many times faster than the best Python peer each engine is.](speed/inference.svg)",
    "",
    "Milliseconds of a batch.",
    "",
    timesTable(rowsOf("infer")),
    "",
    ...standings("infer"),
    "",
    "## Streaming",
    "",
    "![For each row that streams, how many times faster than the best Python peer each engine is.](speed/streaming.svg)",
    "",
    "Microseconds of one step of one row.",
    "",
    timesTable(rowsOf("stream")),
    "",
    ...standings("stream"),
    "",
    tensorflowJs(),
    "",
    "## Beside what the machine can do",
    "",
    "![For products, training and streams, the share of the measured peak that each engine reaches.](speed/peak.svg)",
    "",
    sharesTable(["matmul", "call", "train", "infer", "stream"].flatMap((kind) => rowsOf(kind as Kind))),
    "",
    "`matmul` is a product of matrices that lie in the engine's memory, `call` the same with numbers from and to JavaScript.",
    "",
    "## What bounds it",
    "",
    ...bounds(),
    "",
  ].join("\n");
}

const mark = (name: string): string => `<!-- ${name}: written by npm run golden -->`;

/** A text with the table between its marks as it is now. */
export function withSpeedTable(text: string): string {
  const [before, rest] = text.split(mark("speed"));
  const [, after] = rest.split(mark("end"));
  return [before, mark("speed"), "\n\n", shortTable(), "\n\n", mark("end"), after].join("");
}

/** File name without `.svg`, and text. */
export const speedPictures = drawings;
