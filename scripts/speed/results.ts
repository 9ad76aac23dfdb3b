/** The recorded run of the benchmark (bench/results.json) as types, and the questions that docs/speed.md asks of it. */
import { readFileSync } from "node:fs";

/** One engine in one row: a median in milliseconds, or why there is none. */
export interface Measured {
  readonly engine: string;
  readonly version?: string;
  readonly threads?: number;
  readonly median?: number;
  readonly ofPeak?: number;
  /** The share of a core that other processes used meanwhile. */
  readonly others?: number;
  readonly unsupported?: string;
  readonly missing?: string;
}

/** Lanes of a vector; work a second: operations, bytes of the triad over 64 MiB, bytes of the weights of a row that streams. */
export interface Peak {
  readonly lanes: number;
  readonly flops: number;
  readonly triad: number;
  readonly read?: number;
}

export interface Machine {
  readonly processor: string;
  readonly cores: number;
  readonly memory: string;
  readonly system: string;
  readonly node: string;
  readonly v8: string;
}

export type Kind = "train" | "infer" | "stream" | "matmul" | "call";

export interface Row {
  readonly row: string;
  readonly title: string;
  readonly kind: Kind;
  readonly batch?: number;
  readonly steps?: number;
  readonly flops?: number;
  readonly bytes?: number;
  readonly date: string;
  readonly machine: Machine;
  readonly peaks: Readonly<Record<string, Peak>>;
  /** The best Python peer. */
  readonly best?: string;
  readonly engines: readonly Measured[];
}

export const rows: readonly Row[] = (
  JSON.parse(readFileSync(new URL("../../bench/results.json", import.meta.url), "utf8")) as { rows: Row[] }
).rows;

/** What an engine is called in a text. */
const titles: Readonly<Record<string, string>> = {
  torch: "PyTorch",
  "keras-tensorflow": "Keras, TensorFlow",
  "keras-jax": "Keras, JAX",
  jax: "JAX",
  onnxruntime: "ONNX Runtime",
  tfjs: "TensorFlow.js",
};

const backends: Readonly<Record<string, string>> = { wasm: "WebAssembly", native: "native" };

export function isOwn(engine: string): boolean {
  return !(engine in titles);
}

/** "wasm-2" -> "WebAssembly, 2 threads" */
export function titleOf(engine: string): string {
  if (!isOwn(engine)) return titles[engine];
  const [backend, threads] = engine.split("-");
  return `${backends[backend]}, ${threads} ${threads === "1" ? "thread" : "threads"}`;
}

export function rowsOf(kind: Kind): readonly Row[] {
  return rows.filter((row) => row.kind === kind);
}

/** All engines that were measured in some of the rows, in the order of the table. */
export function enginesOf(some: readonly Row[]): readonly string[] {
  const measured = some.flatMap(({ engines }) => engines.filter(({ median }) => median !== undefined));
  const names = new Set(measured.map(({ engine }) => engine));
  const order = [...new Set(rows.flatMap(({ engines }) => engines.map(({ engine }) => engine)))];
  const own = ["wasm", "native"].flatMap((backend) => order.filter((name) => name.startsWith(`${backend}-`)));
  return [...own, ...Object.keys(titles)].filter((name) => names.has(name));
}

export function medianOf(row: Row, engine: string | undefined): number | undefined {
  return row.engines.find((one) => one.engine === engine)?.median;
}

export function shareOf(row: Row, engine: string): number | undefined {
  return row.engines.find((one) => one.engine === engine)?.ofPeak;
}

/** Milliseconds that the work of a row takes at the peak of an engine of Recurve's: no program on it is faster. */
export function floorOf({ flops, bytes, peaks }: Row, engine: string): number | undefined {
  const peak = peaks[engine];
  if (peak === undefined) return undefined;
  const seconds = bytes === undefined ? (flops ?? 0) / peak.flops : bytes / (peak.read ?? peak.triad);
  return seconds * 1000;
}

/** How many times faster an engine is than the best Python peer. */
export function againstBest(row: Row, engine: string): number | undefined {
  const [mine, best] = [medianOf(row, engine), medianOf(row, row.best)];
  return mine === undefined || best === undefined ? undefined : best / mine;
}

/** Recurve on a backend with the most threads that were measured. */
export function widest(backend: "wasm" | "native"): string | undefined {
  const names = enginesOf(rows).filter((name) => name.startsWith(`${backend}-`));
  return names.at(-1);
}

/** "R.train" -> "R" */
export function shapeOf({ row }: Row): string {
  return row.split(".")[0];
}

/** A time in the unit of the row's kind, with three digits. */
export function timeOf({ kind }: Row, median: number): string {
  return digits(kind === "stream" ? median * 1000 : median);
}

/** Three digits, and no more than are known. */
export function digits(value: number): string {
  return value >= 100 ? Math.round(value).toLocaleString("en").replaceAll(",", " ") : value.toPrecision(3);
}

export function percent(share: number): string {
  return `${Math.round(100 * share)} %`;
}
