/**
 * One layer of a Keras configuration as a layer of Recurve: its kind and options, where its weights lie, and what it gives
 * beside its output. Wrappers and stacks of cells are read here too. Not here: how layers are connected (`network.ts`).
 */
import { UnsupportedError } from "../../base/errors.ts";
import { leavesOf } from "../../base/trees.ts";
import type { Cell, Json, Layer } from "../../nn/index.ts";
import { quoted, shortened } from "../quoted.ts";
import type { CudnnGates } from "./cudnn.ts";
import { cellRows, drivingOptions, type LayerRow, layerRows, type OptionRow } from "./rows.ts";
import { type Dialect, fieldsOf, refusal, snakeCase } from "./values.ts";

/** Cells and layers of the user's own, by the class name or registered name that Keras has for them. */
export interface KerasOwn {
  readonly cells?: { readonly [name: string]: (config: Readonly<Record<string, unknown>>) => Cell };
  readonly layers?: { readonly [name: string]: (config: Readonly<Record<string, unknown>>) => Layer };
}

/** What all layers of a file have in common, and what is said about them. */
export interface Reading {
  readonly where: string;
  readonly dialect: Dialect;
  readonly own: KerasOwn;
  /** The user's cells and layers that were made, by kind and options. */
  readonly made: Map<string, Cell | Layer>;
  readonly notes: Set<string>;
  /** For weights alone it does not matter where masks go. */
  readonly ignoresMasks?: boolean;
}

/** Weights of a layer that lie together: where below the layer, and their names in Recurve, of which some may not be there. */
export interface Piece {
  readonly at: readonly string[];
  readonly weights: readonly string[];
  /** Of weights that lie as cuDNN has them: the number of gates. */
  readonly cudnn?: CudnnGates;
  /** As of `LayerRow`. */
  readonly counter?: string;
}

export interface ReadLayer {
  readonly kind: string;
  readonly options: Readonly<Record<string, Json>>;
  readonly pieces: readonly Piece[];
  /** The parts of the state in Keras' order: `h`, `c`; `forward.h`; `0.h`. */
  readonly states: readonly string[];
  /** What Keras' outputs are in Recurve: "" is the output itself, `parts.forward`, `state.h`. */
  readonly outputs: readonly string[];
  readonly trainable: boolean;
}

type Fields = Readonly<Record<string, unknown>>;

/** Layers inside of layers. */
const deepest = 32;

/** Options of every layer that say nothing of its numbers, or are read elsewhere. */
const common = new Set([
  ...[
    "name",
    "trainable",
    "dtype",
    "batch_input_shape",
    "batch_shape",
    "input_shape",
    "input_dtype",
    "sparse",
    "ragged",
  ],
  ...["module", "registered_name", "build_config", "optional", "autocast"],
]);

/** Reads `{ class_name, config }`. `path` names the layer in sentences. */
export function readLayer(value: unknown, reading: Reading, path: string): ReadLayer {
  const fields = fieldsOf(value);
  const { class_name: className, registered_name: registered } = fields;
  const config = fieldsOf(fields.config);
  const name = String(className);
  if (path.split("/").length > deepest)
    throw refusal(`${reading.where}: ${path.slice(0, 80)}`, `at most ${deepest} layers within one another`, "more");
  const own = ownMaker(reading.own.layers, name, registered);
  noteDtype(config.dtype, reading, path);
  const trainable = config.trainable !== false;
  if (own !== undefined) return { ...ownLayer(own(config), reading), trainable };
  const wrapper = Object.hasOwn(wrappers, name) ? wrappers[name] : undefined;
  if (wrapper !== undefined) return { ...wrapper(config, reading, path), trainable };
  const found = Object.hasOwn(layerRows, name) ? layerRows[name] : undefined;
  if (found === undefined) throw unknownLayer(reading, name, registered, path);
  const options = readOptions(found.options, config, reading, path, rankOf(fields.build_config));
  return { ...plainLayer(found, options, config), trainable };
}

function plainLayer(row: LayerRow, options: Record<string, Json>, config: Fields): Omit<ReadLayer, "trainable"> {
  const states = statesOf(row.kind);
  const hasCell = states.length > 0;
  const counter = row.counter === undefined ? {} : { counter: row.counter };
  return {
    kind: row.kind,
    options,
    pieces: row.weights.length === 0 ? [] : [{ at: hasCell ? ["cell"] : [], weights: row.weights, ...counter }],
    states,
    outputs: ["", ...(config.return_state === true ? states.map((state) => `state.${state}`) : [])],
  };
}

/** The parts of the state of a built-in cell or layer. */
function statesOf(kind: string): readonly string[] {
  if (kind === "lstm" || kind.startsWith("convLSTM")) return ["h", "c"];
  return kind === "gru" || kind === "simpleRNN" ? ["h"] : [];
}

/** Recurve's options; one that Keras has and Recurve does not know is refused unless it is off. */
function readOptions(
  rows: Readonly<Record<string, OptionRow>>,
  config: Fields,
  reading: Reading,
  path: string,
  rank?: number,
): Record<string, Json> {
  const options: Record<string, Json> = {};
  for (const [name, value] of Object.entries(config)) {
    if (common.has(name)) continue;
    const row = Object.hasOwn(rows, name) ? rows[name] : undefined;
    const where = `${reading.where}: ${path}, ${shortened(name)}`;
    if (row === undefined) {
      if (value === null || value === false || value === undefined) continue;
      throw refusal(where, "options that Recurve knows", value);
    }
    const own = row.rule.read(value, { where, dialect: reading.dialect, rank });
    if (row.option !== undefined && own !== undefined) options[row.option] = own;
  }
  if (config.stateful === true) {
    reading.notes.add(
      `${path} is stateful in Keras; in Recurve state is a value: give the state of one run to the next.`,
    );
  }
  // Keras 1 and 2.0 had no other GRU, and wrote nothing.
  if ("reset_after" in rows && config.reset_after === undefined && reading.dialect !== "keras3")
    options.resetAfter = false;
  return options;
}

/** How many axes the input had for which the layer was built. */
function rankOf(build: unknown): number | undefined {
  const { input_shape: shape } = fieldsOf(build);
  return Array.isArray(shape) && !shape.some(Array.isArray) ? shape.length : undefined;
}

function noteDtype(dtype: unknown, { notes }: Reading, path: string): void {
  const name = typeof dtype === "string" ? dtype : fieldsOf(fieldsOf(dtype).config).name;
  if (name === undefined || name === "float32" || String(name).startsWith("int")) return;
  notes.add(`${path} is of ${shortened(String(name))} in Keras; Recurve computes it in float32.`);
}

// ---- classes that are not one row ----------------------------------------------------------------------------------

type Wrapper = (config: Fields, reading: Reading, path: string) => Omit<ReadLayer, "trainable">;

const wrappers: Readonly<Record<string, Wrapper>> = {
  Bidirectional: bidirectional,
  TimeDistributed: timeDistributed,
  RNN: recurrent,
  CuDNNLSTM: (config, reading, path) => cudnn("LSTM", 4, config, reading, path),
  CuDNNGRU: (config, reading, path) => cudnn("GRU", 3, { ...config, reset_after: true }, reading, path),
  ReLU: (config, reading, path) => {
    const { max_value: most = null, negative_slope: slope = 0, threshold = 0 } = config;
    const where = `${reading.where}: ${path}`;
    if (most === 6 && threshold === 0 && slope === 0) return activationLayer("relu6");
    if (most !== null || threshold !== 0)
      throw refusal(where, "a ReLU without threshold and with no max_value but 6", config);
    return activationLayer(slope === 0 ? "relu" : { name: "leakyRelu", negativeSlope: Number(slope) });
  },
  LeakyReLU: ({ negative_slope: slope, alpha = 0.3 }) =>
    activationLayer({ name: "leakyRelu", negativeSlope: Number(slope ?? alpha) }),
  Dot: (config, reading, path) => {
    const options = readOptions(layerRows.Dot.options, config, reading, path);
    // Keras sums masked steps too. Values of Keras 3 come here without their masks, others with them.
    const sumsTime = [options.axes].flat().some((axis) => axis === 1 || axis === -2);
    const isBlind = reading.dialect !== "keras3" && sumsTime;
    return plainLayer(layerRows.Dot, isBlind ? { ...options, useMasks: false } : options, config);
  },
  Identity: () => activationLayer("linear"),
  ELU: ({ alpha = 1 }) => activationLayer({ name: "elu", alpha: Number(alpha) }),
  Softmax: ({ axis = -1 }, reading, path) => {
    if (axis !== -1) throw refusal(`${reading.where}: ${path}, axis`, "the last axis, -1", axis);
    return activationLayer("softmax");
  },
};

/** Layers of Keras 2 that run on GPUs alone: the plain ones with other orders of weights, and none of their options. */
function cudnn(className: string, gates: CudnnGates, config: Fields, reading: Reading, path: string) {
  const plain = { ...config, activation: "tanh", recurrent_activation: "sigmoid" };
  const layer = readLayer({ class_name: className, config: plain }, reading, path);
  return { ...layer, pieces: layer.pieces.map((piece) => ({ ...piece, cudnn: gates })) };
}

function activationLayer(activation: Json): Omit<ReadLayer, "trainable"> {
  return { kind: "activation", options: { activation }, pieces: [], states: [], outputs: [""] };
}

function bidirectional(config: Fields, reading: Reading, path: string): Omit<ReadLayer, "trainable"> {
  const forward = readLayer(config.layer, reading, `${path}/forward_layer`);
  const given = config.backward_layer;
  // Keras writes the backward layer even where it is the mirror image of the first.
  const backward =
    given === undefined || given === null ? undefined : readLayer(given, reading, `${path}/backward_layer`);
  const masked = (layer: ReadLayer): Record<string, Json> => ({
    ...layer.options,
    // Keras does so whatever the layer says; TensorFlow.js holds the output.
    ...(reading.dialect !== "tfjs" && layer.options.returnSequences === true ? { zeroOutputForMask: true } : {}),
  });
  const { merge_mode: mode = "concat" } = config;
  const isApart = mode === null;
  const both = (names: readonly string[]): string[] =>
    ["forward", "backward"].flatMap((direction) => names.map((name) => `${direction}.${name}`));
  const hasState = forward.outputs.length > 1;
  return {
    kind: "bidirectional",
    options: {
      layer: definition(forward, masked(forward), "forward"),
      mergeMode: isApart ? "concat" : readMode(mode, reading, path),
      ...(backward === undefined ? {} : { backwardLayer: definition(backward, masked(backward), "backward") }),
    },
    pieces: [
      ...inside("forward_layer", "forward", forward),
      ...inside("backward_layer", "backward", backward ?? forward),
    ],
    states: both(forward.states),
    outputs: [
      ...(isApart ? ["parts.forward", "parts.backward"] : [""]),
      ...(hasState ? both(forward.states).map((state) => `state.${state}`) : []),
    ],
  };
}

function readMode(mode: unknown, { where }: Reading, path: string): Json {
  const modes = ["concat", "sum", "mul", "ave"];
  if (modes.includes(String(mode))) return String(mode);
  throw refusal(`${where}: ${path}, merge_mode`, `one of ${modes.join(", ")} or null`, mode);
}

function definition(layer: ReadLayer, options: Readonly<Record<string, Json>>, name: string): Json {
  return { name, kind: layer.kind, options };
}

/** The pieces of a layer inside of another: `at` below the part of Keras, weights below that of Recurve. */
function inside(part: string, own: string, layer: ReadLayer): Piece[] {
  return layer.pieces.map(({ at, weights, ...rest }) => ({
    ...rest,
    at: [part, ...at],
    weights: weights.map((weight) => (own === "" ? weight : `${own}.${weight}`)),
  }));
}

function timeDistributed(config: Fields, reading: Reading, path: string): Omit<ReadLayer, "trainable"> {
  const layer = readLayer(config.layer, reading, `${path}/layer`);
  return { ...distributed(layer), pieces: inside("layer", "", layer) };
}

/** The layer at every step of a sequence by itself; its weights lie where they lay. */
export function distributed(layer: ReadLayer): ReadLayer {
  const options = { layer: definition(layer, layer.options, "layer") };
  return { ...layer, kind: "timeDistributed", options, states: [], outputs: [""] };
}

interface ReadCell {
  readonly kind: string;
  readonly options: Readonly<Record<string, Json>>;
  readonly pieces: readonly Piece[];
  readonly states: readonly string[];
  /** In Keras an option of the cell, in Recurve one of the layer. */
  readonly dropout: { readonly [option: string]: Json };
}

function recurrent(config: Fields, reading: Reading, path: string): Omit<ReadLayer, "trainable"> {
  // TensorFlow.js calls a list of cells `cells`.
  const { cell: one, cells: several, ...driving } = config;
  const cell = readCell(one ?? several, reading, `${path}/cell`);
  const options = readOptions(drivingOptions, driving, reading, path);
  return {
    kind: "rnn",
    options: { cell: { kind: cell.kind, options: cell.options }, ...options, ...cell.dropout },
    pieces: cell.pieces.map(({ at, weights }) => ({ at: ["cell", ...at], weights })),
    states: cell.states,
    outputs: ["", ...(config.return_state === true ? cell.states.map((state) => `state.${state}`) : [])],
  };
}

function readCell(value: unknown, reading: Reading, path: string): ReadCell {
  // A list of cells is a stack.
  const fields = Array.isArray(value) ? { class_name: "StackedRNNCells", config: { cells: value } } : fieldsOf(value);
  const name = String(fields.class_name);
  const config = fieldsOf(fields.config);
  const own = ownMaker(reading.own.cells, name, fields.registered_name);
  if (own !== undefined) return ownCell(own(config), reading);
  if (name === "StackedRNNCells") return stack(config, reading, path);
  const row = Object.hasOwn(cellRows, name) ? cellRows[name] : undefined;
  if (row === undefined) throw unknownLayer(reading, name, fields.registered_name, path);
  const { dropout = 0, recurrentDropout = 0, ...options } = readOptions(row.options, config, reading, path);
  const rates = { ...(dropout === 0 ? {} : { dropout }), ...(recurrentDropout === 0 ? {} : { recurrentDropout }) };
  return {
    kind: row.kind,
    options,
    pieces: [{ at: [], weights: row.weights }],
    states: statesOf(row.kind),
    dropout: rates,
  };
}

function stack({ cells }: Fields, reading: Reading, path: string): ReadCell {
  if (!Array.isArray(cells) || cells.length === 0)
    throw refusal(`${reading.where}: ${path}, cells`, "a list of cells", cells);
  const names = uniqueNames(cells.map((cell) => String(fieldsOf(cell).class_name)));
  const inner = cells.map((cell, i) => readCell(cell, reading, `${path}/${names[i]}`));
  const wet = inner.find(({ dropout }) => Object.keys(dropout).length > 0);
  if (wet !== undefined)
    reading.notes.add(`${path} has dropout in its cells, which is left out; add dropoutCell for training.`);
  const entries = inner.map(({ kind, options }, i) => [String(i), { kind, options }] as const);
  return {
    kind: "stack",
    options: { cells: Object.fromEntries(entries) },
    pieces: inner.flatMap(({ pieces }, i) =>
      pieces.map(({ at, weights }) => ({
        at: ["cells", names[i], ...at],
        weights: weights.map((one) => `cells.${i}.${one}`),
      })),
    ),
    states: inner.flatMap(({ states }, i) => states.map((state) => `${i}.${state}`)),
    dropout: {},
  };
}

/** The names of Keras' containers: the class in snake case, then with a number. */
export function uniqueNames(classNames: readonly string[]): string[] {
  const used = new Map<string, number>();
  return classNames.map((className) => {
    const name = containerName(className);
    const count = used.get(name) ?? 0;
    used.set(name, count + 1);
    return count === 0 ? name : `${name}_${count}`;
  });
}

/** `LSTMCell` -> `lstm_cell`, `Conv1D` -> `conv1d`, by the two steps that Keras takes. */
export function containerName(className: string): string {
  const words = className.replace(/\W+/g, "").replace(/(.)([A-Z][a-z]+)/g, "$1_$2");
  return words.replace(/([a-z])([A-Z])/g, "$1_$2").toLowerCase();
}

// ---- the user's own ------------------------------------------------------------------------------------------------

/** `Custom>MinimalRNNCell` is found as `MinimalRNNCell` too. */
function ownMaker<M>(
  makers: { readonly [name: string]: M } | undefined,
  className: string,
  registered: unknown,
): M | undefined {
  if (makers === undefined) return undefined;
  const full = typeof registered === "string" ? registered : "";
  const name = [full, full.split(">").at(-1) ?? "", className].find((one) => one !== "" && Object.hasOwn(makers, one));
  return name === undefined ? undefined : makers[name];
}

function ownCell(cell: Cell, { made }: Reading): ReadCell {
  const options = cell.options as Readonly<Record<string, Json>>;
  made.set(JSON.stringify([cell.kind, options]), cell);
  return { kind: cell.kind, options, pieces: [{ at: [], weights: ["*"] }], states: ownStates(cell), dropout: {} };
}

/** The parts of a cell's state. Of one whose state depends on the shape of its input nothing is known yet. */
function ownStates(cell: Cell): string[] {
  try {
    return leavesOf(cell.state([[1]])).map(({ path }) => path);
  } catch {
    return [];
  }
}

function ownLayer(layer: Layer, { made }: Reading): Omit<ReadLayer, "trainable"> {
  const options = layer.options as Readonly<Record<string, Json>>;
  made.set(JSON.stringify([layer.kind, options]), layer);
  return { kind: layer.kind, options, pieces: [{ at: [], weights: ["*"] }], states: [], outputs: [""] };
}

function unknownLayer({ where }: Reading, name: string, registered: unknown, path: string): UnsupportedError {
  const full = typeof registered === "string" && registered !== name ? ` (${shortened(registered)})` : "";
  const kind = path.includes("/cell") ? "cells" : "layers";
  return new UnsupportedError(
    `${where}: ${path}: expected a layer that Recurve has, got ${quoted(name)}${full}. If it is your own, give { keras: { ${kind}: { ${snakeCase(name) === name ? JSON.stringify(name) : name}: (config) => ... } } }; else leave it out or build that part in Recurve.`,
    { className: name, path },
  );
}
