/**
 * A Keras network, sequential or functional, as the definition of a model: inputs, layers, connections. Networks inside of
 * networks are laid flat. Every layer keeps the place at which Keras has it, so that its weights are found.
 */
import type { DType } from "../../base/dtypes.ts";
import { FormatError } from "../../base/errors.ts";
import type { Json, ModelDefinition } from "../../nn/index.ts";
import { quoted } from "../quoted.ts";
import {
  type Call,
  type Distributed,
  distributedNetwork,
  type Entry,
  expectDistributable,
  type Graph,
  type GraphInput,
  isNetwork,
  key,
  networkOf,
  type Reference,
} from "./graph.ts";
import { distributed, type Piece, type Reading, type ReadLayer, readLayer, uniqueNames } from "./layer.ts";
import { type Mask, maskStep } from "./masks.ts";
import { readOperation } from "./operations.ts";
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
  /** The layers that are shown a mask. */
  readonly masked: ReadonlySet<string>;
}

type Connection = ModelDefinition["connections"][number];
type Input = ModelDefinition["inputs"][number];

/** Calls of layers; shared networks within one another multiply. */
const mostCalls = 20_000;

/**
 * Reads the configuration of a whole model. A free length of Keras says nothing of another one: with `apart` each input has
 * one of its own.
 */
export function readNetwork(value: unknown, reading: Reading, apart = false): ReadNetwork {
  const drawing: Drawing = {
    reading,
    apart,
    inputs: [],
    layers: [],
    connections: [],
    placed: [],
    taken: new Map(),
    masks: new Map(),
    masked: new Set(),
    count: { calls: 0 },
  };
  const fields = fieldsOf(value);
  const name = cleanName(String(fieldsOf(fields.config).name ?? "model"));
  const draw = networkOf(fields, reading.where);
  const graph = draw(fields, reading, []);
  const inputs = graph.inputs.map((input) => addInput(drawing, input, graph));
  const first = drawGraph(begin(drawing, graph, [], undefined), inputs, reading.where);
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
    masked: drawing.masked,
  };
}

interface Drawing {
  readonly reading: Reading;
  readonly apart: boolean;
  readonly inputs: Input[];
  readonly layers: { readonly name: string; readonly kind: string; readonly options: Readonly<Record<string, Json>> }[];
  readonly connections: Connection[];
  readonly placed: PlacedLayer[];
  /** Names, and how many have asked for each. */
  readonly taken: Map<string, number>;
  readonly count: { calls: number };
  /** Those that Keras 3 has, by the values that they belong to. */
  readonly masks: Map<string, Mask>;
  readonly masked: Set<string>;
}

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
    return readsNumbers(
      { name: "", className: String(inner.class_name), value: inner, isOperation: false, calls: [] },
      depth + 1,
    );
  }
  const [first, second] = Array.isArray(config.layers) ? config.layers.map(fieldsOf) : [];
  const opening = first?.class_name === "InputLayer" ? second : first;
  return className === "Sequential" && opening?.class_name === "Embedding";
}

type Find = (reference: Reference) => string;

/** A graph on its way into the drawing: its layers are made once, however often it is used. */
interface DrawnGraph {
  readonly graph: Graph;
  readonly draws: ReadonlyMap<string, Draw>;
}

/** `times`: how many times TimeDistributed is around it. */
function begin(
  drawing: Drawing,
  graph: Graph,
  path: readonly string[],
  outer: string | undefined,
  times = 0,
): DrawnGraph {
  const names = uniqueNames(graph.entries.map(({ className }) => className));
  const draws = graph.entries.map(
    (entry, i) => [entry.name, new Draw(drawing, entry, [...path, "layers", names[i]], outer, times)] as const,
  );
  return { graph, draws: new Map(draws) };
}

/** Draws a graph with these values as its inputs, in the order of the file where it can be. Gives what a reference stands for. */
function drawGraph({ graph, draws }: DrawnGraph, inputs: readonly string[], where: string): Find {
  const values = new Map(graph.inputs.map(({ layer }, i) => [key({ layer, node: 0, tensor: 0 }), inputs[i]]));
  const find: Find = (reference) => {
    const found = values.get(key(reference));
    if (found !== undefined) return found;
    throw damaged(
      where,
      `a tensor ${reference.tensor} of call ${reference.node} of ${quoted(reference.layer)}`,
      "none",
    );
  };
  const done = new Set<string>();
  const open = new Set<string>();
  // A call waits above those that it reads: a stack, since a file may be deeper than that of JavaScript.
  const waiting = graph.entries.flatMap(({ name, calls }) => calls.map((_, node) => ({ layer: name, node }))).reverse();
  for (let one = waiting.at(-1); one !== undefined; one = waiting.at(-1)) {
    const { layer, node } = one;
    const own = key({ layer, node, tensor: 0 });
    const draw = draws.get(layer);
    const missing = (draw?.reads(node) ?? []).filter((read) => draws.has(read.layer) && !done.has(callKey(read)));
    if (done.has(own) || draw === undefined || missing.length === 0) {
      if (!done.has(own))
        for (const [tensor, value] of (draw?.call(node, find) ?? []).entries())
          values.set(key({ layer, node, tensor }), value);
      done.add(own);
      waiting.pop();
      continue;
    }
    if (open.has(own)) throw damaged(where, `inputs of ${quoted(layer)} that are there`, "a loop, or others");
    open.add(own);
    waiting.push(...missing);
  }
  return find;
}

function callKey({ layer, node }: Reference): string {
  return key({ layer, node, tensor: 0 });
}

/** One layer or network on its way into the drawing: its layers are made once, however often it is called. */
class Draw {
  readonly #drawing: Drawing;
  readonly #entry: Entry;
  readonly #path: readonly string[];
  readonly #outer: string;
  readonly #times: number;
  #layer: { readonly name: string; readonly read: ReadLayer } | undefined;
  #inner: DrawnGraph | undefined;
  #uses = 0;

  constructor(drawing: Drawing, entry: Entry, path: readonly string[], outer: string | undefined, times: number) {
    this.#drawing = drawing;
    this.#entry = entry;
    this.#path = path;
    this.#outer = outer ?? entry.name;
    this.#times = times;
  }

  /** The tensors that a call reads; none for a call that is not there. */
  reads(node: number): readonly Reference[] {
    const call = this.#entry.calls.at(node);
    return call === undefined ? [] : [...call.inputs, ...call.initialState];
  }

  /** Draws a call, and gives the values of its outputs. */
  call(node: number, find: Find): readonly string[] {
    const { where } = this.#drawing.reading;
    if (++this.#drawing.count.calls > mostCalls) throw damaged(where, `at most ${mostCalls} calls of layers`, "more");
    const call = this.#entry.calls.at(node);
    if (call === undefined) return [];
    const { value } = this.#entry;
    const network = isNetwork(this.#entry) ? { network: value, times: 0 } : distributedNetwork(value);
    return network === undefined ? this.#call(call, find) : this.#network(network, call, find);
  }

  #network({ network, times }: Distributed, { inputs }: Call, find: Find): string[] {
    const { reading, masks } = this.#drawing;
    const path = [...this.#path, ...Array.from({ length: times }, () => "layer")];
    if (path.length > 32) throw damaged(reading.where, "at most 16 models within one another", "more");
    const graph = this.#inner?.graph ?? networkOf(network, reading.where)(network, reading, path);
    const around = this.#times + times;
    if (around > 0) {
      const where = `${reading.where}: layer ${quoted(this.#entry.name)}`;
      expectDistributable(graph, where);
      if (inputs.some((one) => masks.has(find(one))))
        throw refusal(where, "sequences without a mask for a model within TimeDistributed", "masked ones");
    }
    this.#inner ??= begin(this.#drawing, graph, path, this.#outer, around);
    return this.#inner.graph.outputs.map(drawGraph(this.#inner, inputs.map(find), reading.where));
  }

  /** The values of one call's outputs. */
  #call({ inputs, initialState, mask }: Call, find: Find): string[] {
    const { name, read } = this.#made();
    const { reading, connections, masks, masked } = this.#drawing;
    const { className, value, isOperation } = this.#entry;
    const from = inputs.map(find);
    // Keras 2 puts the initial state behind the inputs of a recurrent layer.
    const isRecurrent = read.states.length > 0;
    const states = [...(isRecurrent ? from.slice(1) : []), ...initialState.map(find)];
    const to = this.#uses === 0 ? name : `${name}#${this.#uses + 1}`;
    this.#uses++;
    const sequence = isRecurrent ? from.slice(0, 1) : from;
    const step = maskStep(
      {
        ...{
          className,
          isOperation,
          config: fieldsOf(value.config),
          from: sequence,
          masks: sequence.map((one) => masks.get(one)),
        },
        ...{ hasState: states.length > 0 && reading.dialect === "keras3", hasMask: mask.length > 0 },
      },
      `${reading.where}: layer ${quoted(this.#entry.name)}`,
    );
    if (sequence.some((one, i) => masks.has(one) && !step.hidden.includes(i))) masked.add(name);
    connections.push({
      layer: name,
      from: sequence.map((one, i) => (step.hidden.includes(i) ? unmasked(this.#drawing, one) : one)),
      to,
      ...(states.length === 0 ? {} : { initialState: this.#stateTree(read, states) }),
    });
    const outputs = read.outputs.map((part) => (part === "" ? to : `${to}.${part}`));
    for (const one of outputs)
      if (
        step.output !== undefined &&
        reading.dialect === "keras3" &&
        reading.ignoresMasks !== true &&
        !one.includes(".state.")
      )
        masks.set(one, step.output);
    return outputs;
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
    const one = this.#entry.isOperation
      ? readOperation(this.#entry, reading)
      : readLayer(value, reading, `layer ${quoted(kerasName)}`);
    const read = Array.from({ length: this.#times }).reduce<ReadLayer>((layer) => distributed(layer), one);
    const name = freeName(this.#drawing, kerasName);
    layers.push({ name, kind: read.kind, options: read.options });
    const { pieces, trainable } = read;
    placed.push({ name, kerasName, className, path: this.#path, outer: this.#outer, pieces, trainable });
    this.#layer = { name, read };
    return this.#layer;
  }
}

/** The value [b, t, d] without its mask: turned around, so that what was time is not, and back. */
function unmasked(drawing: Drawing, value: string): string {
  let from = value;
  for (let i = 0; i < 2; i++) {
    const name = freeName(drawing, `${value}_unmasked`);
    drawing.layers.push({ name, kind: "permute", options: { dims: [2, 1] } });
    drawing.connections.push({ layer: name, from: [from], to: name });
    from = name;
  }
  return from;
}

/** A name without the letters that join names in Recurve, and not taken. */
function freeName({ taken }: Drawing, wanted: string): string {
  const plain = cleanName(wanted) || "layer";
  // Every object has something called constructor.
  const clean = Object.hasOwn(Object.prototype, plain) ? `layer_${plain}` : plain;
  let name = clean;
  while (taken.has(name)) {
    const asked = taken.get(clean) ?? 1;
    taken.set(clean, asked + 1);
    name = `${clean}_${asked}`;
  }
  taken.set(name, 1);
  return name;
}

/** Letters of a name; what a file has more is cut off. */
export const longestName = 1000;

function cleanName(name: string): string {
  return name.replaceAll(/[.#/]/g, "_").slice(0, longestName);
}

function damaged(where: string, expected: string, got: string): FormatError {
  return new FormatError(`${where}: expected ${expected}, got ${got}. Save the model again with Keras.`);
}
