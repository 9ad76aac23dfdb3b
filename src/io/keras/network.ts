/**
 * A Keras network, sequential or functional, as the definition of a model: inputs, layers, connections. Networks inside of
 * networks are laid flat. Every layer keeps the place at which Keras has it, so that its weights are found.
 */
import type { DType } from "../../base/dtypes.ts";
import { FormatError, UnsupportedError } from "../../base/errors.ts";
import type { Json, ModelDefinition } from "../../nn/index.ts";
import { quoted } from "../quoted.ts";
import { type Piece, type Reading, type ReadLayer, readLayer, uniqueNames } from "./layer.ts";
import { fieldsOf, refusal } from "./values.ts";

/** A layer of the model, and where Keras keeps its weights. */
export interface PlacedLayer {
  /** In Recurve. */
  readonly name: string;
  /** In Keras: what the layer is called. */
  readonly kerasName: string;
  readonly className: string;
  /** Below the file's root: `layers/lstm_1`. */
  readonly path: readonly string[];
  /** The name of the outermost layer of the file that it is in, and how many come before it there: for legacy files. */
  readonly outer: string;
  readonly pieces: readonly Piece[];
  readonly trainable: boolean;
}

export interface ReadNetwork {
  readonly definition: ModelDefinition;
  readonly layers: readonly PlacedLayer[];
}

type Fields = Readonly<Record<string, unknown>>;
type Connection = ModelDefinition["connections"][number];
type Input = ModelDefinition["inputs"][number];

/** One layer, or a network, of the file's graph. */
interface Entry {
  readonly name: string;
  readonly className: string;
  readonly value: Fields;
  /** Each call: the tensors that it reads. */
  readonly calls: readonly Call[];
}

interface Call {
  readonly inputs: readonly Reference[];
  readonly initialState: readonly Reference[];
}

/** Tensor `tensor` of call `node` of a layer. */
interface Reference {
  readonly layer: string;
  readonly node: number;
  readonly tensor: number;
}

/** More layers than this are no model that anyone has drawn. */
const mostLayers = 5000;

/**
 * Reads the configuration of a whole model. A free length of Keras says nothing of another one: with `apart` each input has
 * one of its own.
 */
export function readNetwork(value: unknown, reading: Reading, apart = false): ReadNetwork {
  const drawing: Drawing = { reading, apart, inputs: [], layers: [], connections: [], placed: [], taken: new Set() };
  const fields = fieldsOf(value);
  const name = cleanName(String(fieldsOf(fields.config).name ?? "model"));
  const draw = networkOf(fields, reading.where);
  const graph = draw(fields, reading, []);
  const inputs = graph.inputs.map((input) => addInput(drawing, input, graph));
  const [first] = drawGraph(drawing, graph, [inputs], [], undefined);
  const outputs = graph.outputs.map((reference) => first(reference));
  return {
    definition: {
      version: 1,
      name: name === "" ? "model" : name,
      inputs: drawing.inputs,
      layers: drawing.layers,
      connections: drawing.connections,
      outputs: graph.single ? outputs[0] : outputs,
    },
    layers: drawing.placed,
  };
}

interface Drawing {
  readonly reading: Reading;
  readonly apart: boolean;
  readonly inputs: Input[];
  readonly layers: { readonly name: string; readonly kind: string; readonly options: Readonly<Record<string, Json>> }[];
  readonly connections: Connection[];
  readonly placed: PlacedLayer[];
  readonly taken: Set<string>;
}

/** A network as Keras has it. */
interface Graph {
  readonly entries: readonly Entry[];
  readonly inputs: readonly GraphInput[];
  readonly outputs: readonly Reference[];
  readonly single: boolean;
}

interface GraphInput {
  readonly layer: string;
  readonly shape: readonly unknown[];
  readonly dtype: unknown;
}

type ReadGraph = (fields: Fields, reading: Reading, path: readonly string[]) => Graph;

function networkOf({ class_name: className, config }: Fields, where: string): ReadGraph {
  if (className === "Sequential") return sequential;
  if (isFunctional(className, config)) return functional;
  throw new UnsupportedError(
    `${where}: expected a Sequential or functional model, got ${quoted(String(className))}. A subclass has its layers in Python code: build the model in Recurve, and give it the weights of a .weights.h5.`,
    { className },
  );
}

function isFunctional(className: unknown, config: unknown): boolean {
  return ["Functional", "Model"].includes(String(className)) && Array.isArray(fieldsOf(config).layers);
}

function isNetwork({ value, className }: Entry): boolean {
  return className === "Sequential" || isFunctional(className, value.config);
}

// ---- reading graphs ------------------------------------------------------------------------------------------------

/** The first layer may be an InputLayer, or say the shape itself; `build_input_shape` is what is left. */
function sequential({ config }: Fields, { where }: Reading, path: readonly string[]): Graph {
  // Keras 1 and early TensorFlow.js have the list alone.
  const list: unknown = Array.isArray(config) ? config : fieldsOf(config).layers;
  const values = layerList(list, where, path);
  const [first] = values;
  const firstConfig = fieldsOf(first?.config);
  const isInput = first?.class_name === "InputLayer";
  const shape =
    firstConfig.batch_shape ??
    firstConfig.batch_input_shape ??
    fieldsOf(config).build_input_shape ??
    firstInputShape(firstConfig);
  const input = isInput ? String(firstConfig.name ?? "input") : "input";
  const layers = isInput ? values.slice(1) : values;
  const entries = layers.map((value, i): Entry => {
    const below = i === 0 ? input : nameOf(layers[i - 1], i - 1);
    return {
      name: nameOf(value, i),
      className: String(value.class_name),
      value,
      calls: [{ inputs: [{ layer: below, node: 0, tensor: 0 }], initialState: [] }],
    };
  });
  const last = entries.at(-1)?.name ?? input;
  return {
    entries,
    inputs: [{ layer: input, shape: shapeList(shape, where, path), dtype: firstConfig.dtype }],
    outputs: [{ layer: last, node: 0, tensor: 0 }],
    single: true,
  };
}

/** Embedding(input_length) of Keras 2 says it so. */
function firstInputShape({ input_length: length, input_shape: shape }: Fields): unknown {
  if (Array.isArray(shape)) return [null, ...shape];
  return length === undefined ? undefined : [null, length];
}

function functional({ config }: Fields, { where }: Reading, path: readonly string[]): Graph {
  const fields = fieldsOf(config);
  const values = layerList(fields.layers, where, path);
  const inputs = referenceList(fields.input_layers, where);
  const outputs = referenceList(fields.output_layers, where);
  const entries = values.flatMap((value, i): Entry[] => {
    if (value.class_name === "InputLayer") return [];
    const nodes = Array.isArray(value.inbound_nodes) ? value.inbound_nodes : [];
    return [
      {
        name: nameOf(value, i),
        className: String(value.class_name),
        value,
        calls: nodes.map((node) => readCall(node, where)),
      },
    ];
  });
  const byName = new Map(values.map((value, i) => [nameOf(value, i), value]));
  return {
    entries,
    inputs: inputs.list.map(({ layer }) => {
      const { batch_shape: shape, batch_input_shape: old, dtype } = fieldsOf(fieldsOf(byName.get(layer)).config);
      return { layer, shape: shapeList(shape ?? old, where, [...path, layer]), dtype };
    }),
    outputs: outputs.list,
    single: outputs.single,
  };
}

function layerList(list: unknown, where: string, path: readonly string[]): Fields[] {
  if (!Array.isArray(list)) throw damaged(where, `the layers of ${quoted(path.join("/") || "the model")}`, "none");
  if (list.length > mostLayers) throw damaged(where, `at most ${mostLayers} layers`, String(list.length));
  return list.map(fieldsOf);
}

function nameOf({ name, config }: Fields, i: number): string {
  const own = name ?? fieldsOf(config).name;
  return typeof own === "string" ? own : `layer_${i}`;
}

function shapeList(shape: unknown, where: string, path: readonly string[]): readonly unknown[] {
  if (Array.isArray(shape) && shape.length > 0 && shape.length <= 8) return shape;
  throw new UnsupportedError(
    `${where}: expected the shape of the input ${quoted(path.join("/"))}, got none. Call the model once in Keras, or begin it with keras.Input(shape), and save it again.`,
  );
}

/** `["dense", 0, 0]`, or a list of such; Keras 3 writes one alone without the list around it. */
function referenceList(value: unknown, where: string): { list: Reference[]; single: boolean } {
  if (!Array.isArray(value) || value.length === 0) throw damaged(where, "inputs and outputs of the model", "none");
  if (typeof value[0] === "string") return { list: [reference(value, where)], single: true };
  return { list: value.map((one) => reference(one, where)), single: value.length === 1 };
}

function reference(value: unknown, where: string): Reference {
  const [layer, node, tensor] = Array.isArray(value) ? value : [];
  const isPlace = (x: unknown): x is number => typeof x === "number" && Number.isSafeInteger(x) && x >= 0;
  if (typeof layer === "string" && isPlace(node) && isPlace(tensor)) return { layer, node, tensor };
  throw damaged(where, 'a tensor such as ["lstm", 0, 0]', JSON.stringify(value)?.slice(0, 60) ?? "none");
}

/** A call of Keras 3 has its tensors among args and kwargs; one of Keras 2 is a list of `[layer, node, tensor, kwargs]`. */
function readCall(node: unknown, where: string): Call {
  if (Array.isArray(node)) return readOldCall(node, where);
  const { args, kwargs } = fieldsOf(node);
  const { initial_state: initial, inputs, mask: _, training: __, ...others } = fieldsOf(kwargs);
  const stray = Object.entries(others).find(([, value]) => value !== null && value !== undefined && value !== false);
  if (stray !== undefined) throw refusal(`${where}: a call`, "calls with inputs and initial_state", stray[0]);
  const list = Array.isArray(args) ? args : [];
  const [first, second] = list;
  const [givenInputs, givenState] =
    isTensor(first) || Array.isArray(first) ? [first, second ?? initial] : [inputs, initial];
  return { inputs: tensorsOf(givenInputs ?? list, where), initialState: tensorsOf(givenState, where) };
}

function readOldCall(node: readonly unknown[], where: string): Call {
  // One tensor alone is not in a list of its own in some files.
  const list = typeof node[0] === "string" ? [node] : node;
  const kwargs = fieldsOf(Array.isArray(list[0]) ? list[0][3] : undefined);
  const initial: unknown = kwargs.initial_state;
  const states = Array.isArray(initial) ? initial.map((one) => reference(one, where)) : [];
  return { inputs: list.map((one) => reference(one, where)), initialState: states };
}

function isTensor(value: unknown): boolean {
  return fieldsOf(value).class_name === "__keras_tensor__";
}

/** The Keras tensors in a value, in order. */
function tensorsOf(value: unknown, where: string, depth = 0): Reference[] {
  if (Array.isArray(value) && depth < 4) return value.flatMap((one) => tensorsOf(one, where, depth + 1));
  if (!isTensor(value)) return [];
  return [reference(fieldsOf(fieldsOf(value).config).keras_history, where)];
}

// ---- drawing -------------------------------------------------------------------------------------------------------

/** Adds an input of the model, of whole numbers where an embedding reads it. */
function addInput(drawing: Drawing, { layer, shape }: GraphInput, graph: Graph): string {
  const name = freeName(drawing, layer);
  const [, ...sizes] = shape;
  const isFirst = drawing.inputs.length === 0 || !drawing.apart;
  const free = (axis: number): string | null => (axis === 0 && isFirst ? null : `${name}_${axis === 0 ? "t" : axis}`);
  const own = sizes.map((size, axis) => (typeof size === "number" ? size : free(axis)));
  const dtype: DType = readByEmbedding(graph, layer) ? "int32" : "float32";
  drawing.inputs.push({ name, shape: own, dtype });
  return name;
}

/** Through wrappers and networks, and through masking and reshaping on the way. */
function readByEmbedding({ entries }: Graph, layer: string, depth = 0): boolean {
  const readers = entries.filter(({ calls }) => calls.some(({ inputs }) => inputs.some((one) => one.layer === layer)));
  return readers.some((entry) => depth < 20 && readsNumbers(entry, depth));
}

function readsNumbers({ className, value }: Entry, depth: number): boolean {
  if (className === "Embedding") return true;
  const config = fieldsOf(value.config);
  if (className === "TimeDistributed") {
    const inner = fieldsOf(config.layer);
    return readsNumbers({ name: "", className: String(inner.class_name), value: inner, calls: [] }, depth + 1);
  }
  const [first, second] = Array.isArray(config.layers) ? config.layers.map(fieldsOf) : [];
  const opening = first?.class_name === "InputLayer" ? second : first;
  return className === "Sequential" && opening?.class_name === "Embedding";
}

type Find = (reference: Reference) => string;

/**
 * Draws a graph once for each list of values that its inputs have, all uses with the same layers. Gives for each use what
 * a reference stands for.
 */
function drawGraph(
  drawing: Drawing,
  graph: Graph,
  uses: readonly (readonly string[])[],
  path: readonly string[],
  outer: string | undefined,
): Find[] {
  const { where } = drawing.reading;
  if (uses.length === 0) return [];
  const names = uniqueNames(graph.entries.map(({ className }) => className));
  const values = uses.map(
    (inputs) => new Map(graph.inputs.map(({ layer }, i) => [key({ layer, node: 0, tensor: 0 }), inputs[i]])),
  );
  const find =
    (use: number): Find =>
    (reference) => {
      const found = values[use].get(key(reference));
      if (found !== undefined) return found;
      throw damaged(
        where,
        `a tensor ${reference.tensor} of call ${reference.node} of ${quoted(reference.layer)}`,
        "none",
      );
    };
  const waiting = new Map(
    graph.entries.map((entry, i) => [entry, new Draw(drawing, entry, [...path, "layers", names[i]], outer)]),
  );
  for (let before = -1; waiting.size > 0 && waiting.size !== before; ) {
    before = waiting.size;
    for (const [entry, draw] of waiting) {
      if (!isReady(entry, values[0])) continue;
      for (const [use, own] of values.entries()) draw.calls(find(use), own);
      waiting.delete(entry);
    }
  }
  const [stuck] = waiting.keys();
  if (stuck !== undefined) throw damaged(where, `inputs of ${quoted(stuck.name)} that are there`, "a loop, or others");
  return values.map((_, use) => find(use));
}

function isReady({ calls, name }: Entry, values: ReadonlyMap<string, string>): boolean {
  // A layer may read what it gave itself in an earlier call.
  const reads = calls.flatMap(({ inputs, initialState }) => [...inputs, ...initialState]);
  return reads.every((one) => one.layer === name || values.has(key(one)));
}

function key({ layer, node, tensor }: Reference): string {
  return JSON.stringify([layer, node, tensor]);
}

/** One layer or network on its way into the drawing: its layers are made once, however often it is called. */
class Draw {
  readonly #drawing: Drawing;
  readonly #entry: Entry;
  readonly #path: readonly string[];
  readonly #outer: string;
  #layer: { readonly name: string; readonly read: ReadLayer } | undefined;
  #uses = 0;

  constructor(drawing: Drawing, entry: Entry, path: readonly string[], outer: string | undefined) {
    this.#drawing = drawing;
    this.#entry = entry;
    this.#path = path;
    this.#outer = outer ?? entry.name;
  }

  /** Draws every call, and puts what it gives among the values. */
  calls(find: Find, values: Map<string, string>): void {
    const { calls, name } = this.#entry;
    if (isNetwork(this.#entry)) {
      this.#network(find, values);
      return;
    }
    for (const [node, call] of calls.entries()) {
      const outputs = this.#call(call, find);
      for (const [tensor, value] of outputs.entries()) values.set(key({ layer: name, node, tensor }), value);
    }
  }

  #network(find: Find, values: Map<string, string>): void {
    const { calls, name, value } = this.#entry;
    if (this.#path.length > 32)
      throw damaged(this.#drawing.reading.where, "at most 16 models within one another", "more");
    const graph = networkOf(value, this.#drawing.reading.where)(value, this.#drawing.reading, this.#path);
    const uses = calls.map(({ inputs }) => inputs.map(find));
    const finds = drawGraph(this.#drawing, graph, uses, this.#path, this.#outer);
    // A functional model of Keras 3 counts the call that made it.
    const first = this.#drawing.reading.dialect === "keras3" && this.#entry.className !== "Sequential" ? 1 : 0;
    for (const [use, inner] of finds.entries()) {
      const node = first + use;
      for (const [tensor, reference] of graph.outputs.entries())
        values.set(key({ layer: name, node, tensor }), inner(reference));
    }
  }

  /** The values of one call's outputs. */
  #call({ inputs, initialState }: Call, find: Find): string[] {
    const { name, read } = this.#made();
    const from = inputs.map(find);
    // Keras 2 puts the initial state behind the inputs of a recurrent layer.
    const isRecurrent = read.states.length > 0;
    const states = [...(isRecurrent ? from.slice(1) : []), ...initialState.map(find)];
    const to = this.#uses === 0 ? name : `${name}#${this.#uses + 1}`;
    this.#uses++;
    this.#drawing.connections.push({
      layer: name,
      from: isRecurrent ? from.slice(0, 1) : from,
      to,
      ...(states.length === 0 ? {} : { initialState: this.#stateTree(read, states) }),
    });
    return read.outputs.map((part) => (part === "" ? to : `${to}.${part}`));
  }

  #stateTree({ states }: ReadLayer, values: readonly string[]): NonNullable<Connection["initialState"]> {
    if (states.length !== values.length) {
      throw damaged(
        this.#drawing.reading.where,
        `${states.length} initial states of ${quoted(this.#entry.name)}`,
        String(values.length),
      );
    }
    const tree: Record<string, unknown> = {};
    for (const [i, path] of states.entries()) {
      const parts = path.split(".");
      const last = parts.pop() as string;
      let branch = tree;
      for (const part of parts) {
        branch[part] ??= {};
        branch = branch[part] as Record<string, unknown>;
      }
      branch[last] = values[i];
    }
    return tree as NonNullable<Connection["initialState"]>;
  }

  #made(): { readonly name: string; readonly read: ReadLayer } {
    if (this.#layer !== undefined) return this.#layer;
    const { name: kerasName, className, value } = this.#entry;
    const { reading, layers, placed } = this.#drawing;
    const read = readLayer(value, reading, `layer ${quoted(kerasName)}`);
    const name = freeName(this.#drawing, kerasName);
    layers.push({ name, kind: read.kind, options: read.options });
    const { pieces, trainable } = read;
    placed.push({ name, kerasName, className, path: this.#path, outer: this.#outer, pieces, trainable });
    this.#layer = { name, read };
    return this.#layer;
  }
}

/** A name without the letters that join names in Recurve, and not taken. */
function freeName({ taken }: Drawing, wanted: string): string {
  const clean = cleanName(wanted) || "layer";
  let name = clean;
  for (let i = 1; taken.has(name); i++) name = `${clean}_${i}`;
  taken.add(name);
  return name;
}

function cleanName(name: string): string {
  return name.replaceAll(/[.#/]/g, "_").slice(0, 200);
}

function damaged(where: string, expected: string, got: string): FormatError {
  return new FormatError(`${where}: expected ${expected}, got ${got}. Save the model again with Keras.`);
}
