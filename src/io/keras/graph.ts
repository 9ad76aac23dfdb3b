/**
 * The graph of a Keras network as its configuration has it, sequential or functional, of Keras 1 to 3 and TensorFlow.js: layers
 * and the tensors that each call of them reads. Nothing is drawn here (`network.ts`).
 */
import { FormatError, UnsupportedError } from "../../base/errors.ts";
import { quoted } from "../quoted.ts";
import type { Reading } from "./layer.ts";
import { fieldsOf, refusal } from "./values.ts";

type Fields = Readonly<Record<string, unknown>>;

/** One layer, or a network, of the file's graph. */
export interface Entry {
  readonly name: string;
  readonly className: string;
  readonly value: Fields;
  /** A function of Keras on tensors, such as x + y, which a file holds among the layers. */
  readonly isOperation: boolean;
  /** Each call: the tensors that it reads. */
  readonly calls: readonly Call[];
}

export interface Call {
  readonly inputs: readonly Reference[];
  readonly initialState: readonly Reference[];
  /** A mask that is given by name: Keras 3 writes those that travel by themselves so too. */
  readonly mask: readonly Reference[];
  /** All that an operation is given, as the file has it; of layers nothing. */
  readonly args: readonly unknown[];
}

/** Tensor `tensor` of call `node` of a layer. */
export interface Reference {
  readonly layer: string;
  readonly node: number;
  readonly tensor: number;
}

/** More layers than this are no model that anyone has drawn. */
const mostLayers = 5000;

/** A network as Keras has it. */
export interface Graph {
  readonly entries: readonly Entry[];
  readonly inputs: readonly GraphInput[];
  readonly outputs: readonly Reference[];
  readonly single: boolean;
}

export interface GraphInput {
  readonly layer: string;
  readonly shape: readonly unknown[];
  readonly dtype: unknown;
}

type ReadGraph = (fields: Fields, reading: Reading, path: readonly string[]) => Graph;

export function networkOf({ class_name: className, config }: Fields, where: string): ReadGraph {
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

export function isNetwork({ value, className }: Pick<Entry, "value" | "className">): boolean {
  return className === "Sequential" || isFunctional(className, value.config);
}

/** A network that TimeDistributed, once or several times, has around it. */
export interface Distributed {
  readonly network: Fields;
  readonly times: number;
}

/** The network within TimeDistributed, if a layer is that. */
export function distributedNetwork(layer: Fields): Distributed | undefined {
  let value = layer;
  let times = 0;
  for (; value.class_name === "TimeDistributed" && times < 8; times++) value = fieldsOf(fieldsOf(value.config).layer);
  return times > 0 && isNetwork({ value, className: String(value.class_name) }) ? { network: value, times } : undefined;
}

/** Raises UnsupportedError unless each layer reads one value, so that TimeDistributed of all is TimeDistributed of each. */
export function expectDistributable({ entries, inputs, outputs }: Graph, where: string): void {
  const odd = entries.find(
    (entry) =>
      makesMask(entry) ||
      fieldsOf(entry.value.config).return_state === true ||
      entry.calls.some((one) => one.inputs.length !== 1 || one.initialState.length > 0 || one.mask.length > 0),
  );
  if (odd === undefined && inputs.length === 1 && outputs.length === 1) return;
  const got = odd === undefined ? "several inputs or outputs" : `${odd.className} ${quoted(odd.name)}`;
  throw new UnsupportedError(
    `${where}: expected a model within TimeDistributed whose layers read one value each, and make no masks and give no states, got ${got}. Put TimeDistributed around each layer of the model in Keras, or export the model to ONNX, of which Recurve runs any graph.`,
    { className: "TimeDistributed" },
  );
}

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
      isOperation: false,
      calls: [{ inputs: [{ layer: below, node: 0, tensor: 0 }], initialState: [], mask: [], args: [] }],
    };
  });
  expectOwnNames([input, ...entries.map(({ name }) => name)], where);
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

function functional({ config }: Fields, reading: Reading, path: readonly string[]): Graph {
  const { where, dialect } = reading;
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
        isOperation: isOperation(value, reading),
        calls: nodes.map((node) => readCall(node, where, isOperation(value, reading))),
      },
    ];
  });
  expectOwnNames(
    [...values.entries()].map(([i, value]) => nameOf(value, i)),
    where,
  );
  const byName = new Map(values.map((value, i) => [nameOf(value, i), value]));
  const isAhead = ({ layer }: Reference): boolean =>
    dialect === "keras3" && isFunctional(byName.get(layer)?.class_name, byName.get(layer)?.config);
  return {
    entries: withoutMasks(entries, outputs.list, where),
    inputs: inputs.list.map(({ layer }) => {
      const { batch_shape: shape, batch_input_shape: old, dtype } = fieldsOf(fieldsOf(byName.get(layer)).config);
      return { layer, shape: shapeList(shape ?? old, where, [...path, layer]), dtype };
    }),
    // The outputs of a functional model in Keras 3 count the call that made it; those that other layers read do not.
    outputs: outputs.list.map((one) => (isAhead(one) && one.node > 0 ? { ...one, node: one.node - 1 } : one)),
    single: outputs.single,
  };
}

/** By what Keras writes of it. */
export function isOperation(
  { module, config, class_name: className }: Fields,
  { dialect }: Pick<Reading, "dialect">,
): boolean {
  if (typeof module === "string") return module.startsWith("keras.src.ops");
  // A legacy file does not say the module; of a layer it says whether it is trained.
  const isNetworkOf = className === "Sequential" || isFunctional(className, config);
  return dialect === "keras3" && !isNetworkOf && fieldsOf(config).trainable === undefined;
}

/** The entries without the operations that only make masks: those travel by themselves in Recurve. */
function withoutMasks(entries: readonly Entry[], outputs: readonly Reference[], where: string): readonly Entry[] {
  const byName = new Map(entries.map((entry) => [entry.name, entry]));
  const reads = ({ calls }: Entry): Reference[] => calls.flatMap((one) => [...one.inputs, ...one.initialState]);
  const needed = new Set<string>();
  const waiting = [...outputs, ...entries.filter(({ isOperation }) => !isOperation).flatMap(reads)];
  for (let one = waiting.pop(); one !== undefined; one = waiting.pop()) {
    const entry = byName.get(one.layer);
    if (needed.has(one.layer) || entry === undefined || !entry.isOperation) continue;
    needed.add(one.layer);
    waiting.push(...reads(entry));
  }
  const left = entries.filter(({ isOperation, name }) => !isOperation || needed.has(name));
  const made = new Set(left.filter(makesMask).flatMap(reads).map(key));
  for (const { name, value, calls, isOperation } of entries) {
    // A mask of the user's own begins at an input, or compares a value that no layer has masked.
    const isOwn = (one: Reference): boolean => left.some((entry) => entry.name === one.layer) || !byName.has(one.layer);
    const compares = value.class_name === "NotEqual" && !needed.has(name);
    const stray = compares ? reads(byName.get(name) as Entry).some((one) => !made.has(key(one))) : false;
    if (stray || (!isOperation && calls.some(({ mask }) => mask.some(isOwn)))) {
      throw refusal(
        `${where}: layer ${quoted(name)}`,
        "masks of Masking and Embedding layers",
        "one of another origin",
      );
    }
  }
  return left;
}

function makesMask({ className, value }: Entry): boolean {
  return className === "Masking" || (className === "Embedding" && fieldsOf(value.config).mask_zero === true);
}

function expectOwnNames(names: readonly string[], where: string): void {
  const seen = new Set<string>();
  for (const name of names) {
    if (seen.has(name)) throw damaged(where, "layers with names of their own", `${quoted(name)} twice`);
    seen.add(name);
  }
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

/** `["dense", 0, 0]`, or a list of such, or one by names; Keras 3 writes one alone without the list around it. */
function referenceList(given: unknown, where: string): { list: Reference[]; single: boolean } {
  const value: unknown = Array.isArray(given) ? given : Object.values(fieldsOf(given));
  if (!Array.isArray(value) || value.length === 0) throw damaged(where, "inputs and outputs of the model", "none");
  if (typeof value[0] === "string") return { list: [reference(value, where)], single: true };
  const list = value.flatMap((one) => nestedReferences(one, where));
  return { list, single: list.length === 1 };
}

/** The state of a stack of cells is a list in the list. */
function nestedReferences(value: unknown, where: string, depth = 0): Reference[] {
  const isList = Array.isArray(value) && Array.isArray(value[0]) && depth < 4;
  return isList ? value.flatMap((one) => nestedReferences(one, where, depth + 1)) : [reference(value, where)];
}

function reference(value: unknown, where: string): Reference {
  const [layer, node, tensor] = Array.isArray(value) ? value : [];
  const isPlace = (x: unknown): x is number => typeof x === "number" && Number.isSafeInteger(x) && x >= 0;
  if (typeof layer === "string" && isPlace(node) && isPlace(tensor)) return { layer, node, tensor };
  throw damaged(where, 'a tensor such as ["lstm", 0, 0]', JSON.stringify(value)?.slice(0, 60) ?? "none");
}

/** A call of Keras 3 has its tensors among args and kwargs; one of Keras 2 is a list of `[layer, node, tensor, kwargs]`. */
function readCall(node: unknown, where: string, isOperation: boolean): Call {
  if (Array.isArray(node)) return readOldCall(node, where);
  const { args, kwargs } = fieldsOf(node);
  const { initial_state: initial, inputs, mask, training, ...others } = fieldsOf(kwargs);
  if (training === true) throw refusal(`${where}: a call`, "calls without training=True", training);
  const stray = Object.entries(others).find(([, value]) => value !== null && value !== undefined && value !== false);
  if (stray !== undefined) throw refusal(`${where}: a call`, "calls with inputs and initial_state", stray[0]);
  const list = Array.isArray(args) ? args : [];
  if (isOperation) return { inputs: tensorsOf(list, where), initialState: [], mask: [], args: list };
  const [first, second] = list;
  const [givenInputs, givenState] =
    isTensor(first) || Array.isArray(first) ? [first, second ?? initial] : [inputs, initial];
  return {
    inputs: tensorsOf(givenInputs ?? list, where),
    initialState: tensorsOf(givenState, where),
    mask: tensorsOf(mask, where),
    args: [],
  };
}

function readOldCall(node: readonly unknown[], where: string): Call {
  // One tensor alone is not in a list of its own in some files.
  const list = typeof node[0] === "string" ? [node] : node;
  const kwargs = fieldsOf(Array.isArray(list[0]) ? list[0][3] : undefined);
  const initial: unknown = kwargs.initial_state;
  const states = Array.isArray(initial) ? initial.map((one) => reference(one, where)) : [];
  return { inputs: list.map((one) => reference(one, where)), initialState: states, mask: [], args: [] };
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

function damaged(where: string, expected: string, got: string): FormatError {
  return new FormatError(`${where}: expected ${expected}, got ${got}. Save the model again with Keras.`);
}

/** A reference as a key of maps. */
export function key({ layer, node, tensor }: Reference): string {
  return JSON.stringify([layer, node, tensor]);
}
