/** The network of a model as Keras' configuration: Sequential where layers are one after the other, else functional. */
import { UnsupportedError } from "../../base/errors.ts";
import { leavesOf } from "../../base/trees.ts";
import type { Model, ModelDefinition } from "../../nn/index.ts";
import { quoted } from "../quoted.ts";
import { type KerasObject, type Use, writeLayer } from "./writeLayer.ts";

type Connection = ModelDefinition["connections"][number];

/** A value of a model in Keras: which output of which call of which layer. */
type Place = readonly [layer: string, node: number, tensor: number];

/** `{ class_name, config, ... }` of the whole model. */
export function writeNetwork(model: Model): Readonly<Record<string, unknown>> {
  const definition = model.definition();
  const where = `model "${model.name}"`;
  const odd = definition.connections.find(({ constants, resets }) => constants !== undefined || resets !== undefined);
  if (odd !== undefined) {
    throw new UnsupportedError(
      `${where}: layer ${quoted(odd.layer)}: expected a call without constants and resets, which Keras does not have, got one. Write a safetensors or ONNX file instead.`,
    );
  }
  const uses = usesOf(definition, where);
  const layers = new Map(
    definition.layers.map((layer) => [
      layer.name,
      layer.kind === "lastStep" ? lastStepOf(layer.name) : writeLayer(layer, layer.name, where, uses.get(layer.name)),
    ]),
  );
  return isChain(definition) ? sequential(definition, layers) : functional(model, definition, layers, uses);
}

function sequential({ name, inputs: [input], connections }: ModelDefinition, layers: ReadonlyMap<string, KerasObject>) {
  const list = [inputLayer(input), ...connections.map(({ layer }) => layers.get(layer))];
  const config = {
    name,
    trainable: true,
    dtype: "float32",
    layers: list,
    build_input_shape: [null, ...shapeOf(input)],
  };
  return { module: "keras", class_name: "Sequential", config, registered_name: null };
}

/** `x[:, -1]`, which is no layer in Keras but an operation of a functional model. */
function lastStepOf(name: string): KerasObject {
  return { module: "keras.src.ops.numpy", class_name: "GetItem", config: { name }, registered_name: "GetItem" };
}

const lastOfTime = [{ class_name: "__slice__", config: { start: null, stop: null, step: null } }, -1];

/** One input, each layer once, each reading the one before, and the last one is the output. */
function isChain({ inputs, layers, connections, outputs }: ModelDefinition): boolean {
  if (inputs.length !== 1 || connections.length === 0 || layers.some(({ kind }) => kind === "lastStep")) return false;
  const names = [inputs[0].name, ...connections.map(({ to }) => to)];
  const isNext = ({ from, initialState }: Connection, i: number): boolean =>
    from.length === 1 && from[0] === names[i] && initialState === undefined;
  const once = new Set(connections.map(({ layer }) => layer)).size === connections.length;
  return once && connections.every(isNext) && outputs === names.at(-1);
}

function functional(
  model: Model,
  definition: ModelDefinition,
  layers: ReadonlyMap<string, KerasObject>,
  uses: ReadonlyMap<string, Use>,
) {
  const { name, inputs, connections, outputs } = definition;
  const places = placesOf(model, definition, uses);
  const states = statePaths(model);
  const specs = new Map(model.network.values.map((value) => [value.name, value.spec]));
  const tensor = (value: string): unknown => {
    const spec = specs.get(value);
    const shape = spec?.shape.map((size, i) => (i === 0 || typeof size !== "number" ? null : size)) ?? [null];
    return {
      class_name: "__keras_tensor__",
      config: { shape, dtype: spec?.dtype ?? "float32", keras_history: places.get(value) },
    };
  };
  const node = ({ layer, from, initialState, to }: Connection): unknown => ({
    args: [
      from.length === 1 ? tensor(from[0]) : from.map(tensor),
      ...(layers.get(layer)?.class_name === "GetItem" ? [lastOfTime] : []),
    ],
    kwargs:
      initialState === undefined
        ? {}
        : { initial_state: stateList(inOrder(leavesOf<string>(initialState), states.get(to)), tensor) },
  });
  const list = [
    ...inputs.map((input) => ({ ...inputLayer(input), name: input.name, inbound_nodes: [] })),
    ...[...layers].map(([own, layer]) => ({
      ...layer,
      name: own,
      inbound_nodes: connections.filter((one) => one.layer === own).map(node),
    })),
  ];
  const config = {
    name,
    trainable: true,
    layers: list,
    input_layers: inputs.map((input) => [input.name, 0, 0]),
    output_layers: (typeof outputs === "string" ? [outputs] : outputs).map((output) => places.get(output)),
  };
  return { module: "keras.src.models.functional", class_name: "Functional", config, registered_name: "Functional" };
}

/** The parts of the state of every call, in the layer's own order. */
function statePaths(model: Model): Map<string, readonly string[]> {
  return new Map(model.network.calls.map(({ name, state }) => [name, leavesOf(state).map(({ path }) => path)]));
}

/** Whoever gave the state may have named its parts in another order. */
function inOrder<L extends { readonly path: string }>(leaves: readonly L[], paths: readonly string[] = []): L[] {
  return [...leaves].sort((a, b) => paths.indexOf(a.path) - paths.indexOf(b.path));
}

/** The state of a stack of cells is a list for each cell. */
function stateList(
  leaves: readonly { readonly path: string; readonly leaf: string }[],
  tensor: (value: string) => unknown,
): unknown[] {
  if (!leaves.every(({ path }) => /^\d+\./.test(path))) return leaves.map(({ leaf }) => tensor(leaf));
  const cells = [...new Set(leaves.map(({ path }) => path.split(".")[0]))];
  return cells.map((cell) => leaves.filter(({ path }) => path.startsWith(`${cell}.`)).map(({ leaf }) => tensor(leaf)));
}

function inputLayer(input: ModelDefinition["inputs"][number]): KerasObject {
  const config = {
    batch_shape: [null, ...shapeOf(input)],
    dtype: input.dtype,
    sparse: false,
    ragged: false,
    name: input.name,
  };
  return { module: "keras.layers", class_name: "InputLayer", config, registered_name: null };
}

function shapeOf({ shape }: ModelDefinition["inputs"][number]): (number | null)[] {
  return shape.map((size) => (typeof size === "number" ? size : null));
}

/** Which parts of each layer's calls are read. */
function usesOf({ connections, outputs, layers }: ModelDefinition, where: string): Map<string, Use> {
  const read = new Set([
    ...connections.flatMap(({ from, initialState }) => [
      ...from,
      ...(initialState === undefined ? [] : leavesOf<string>(initialState).map(({ leaf }) => leaf)),
    ]),
    ...(typeof outputs === "string" ? [outputs] : outputs),
  ]);
  return new Map(
    layers.map(({ name }) => {
      const calls = connections.filter(({ layer }) => layer === name).map(({ to }) => to);
      const parts = (kind: string): boolean =>
        calls.some((to) => [...read].some((one) => one.startsWith(`${to}.${kind}`)));
      const isApart = parts("parts.");
      if (isApart && calls.some((to) => read.has(to))) {
        throw new UnsupportedError(
          `${where}: layer ${quoted(name)}: expected either its output or those of its directions to be read, got both. Concatenate the directions by a layer of its own.`,
        );
      }
      return [name, { returnsState: parts("state."), isApart }];
    }),
  );
}

/** Where Keras has every value. The state of a layer follows its outputs, in the order of its parts. */
function placesOf(
  model: Model,
  { inputs, connections }: ModelDefinition,
  uses: ReadonlyMap<string, Use>,
): Map<string, Place> {
  const places = new Map<string, Place>(inputs.map(({ name }) => [name, [name, 0, 0]]));
  const counts = new Map<string, number>();
  const states = statePaths(model);
  for (const { layer, to } of connections) {
    const node = counts.get(layer) ?? 0;
    counts.set(layer, node + 1);
    const outputs = uses.get(layer)?.isApart === true ? [".parts.forward", ".parts.backward"] : [""];
    const all = [...outputs, ...(states.get(to) ?? []).map((path) => `.state.${path}`)];
    for (const [tensor, part] of all.entries()) places.set(`${to}${part}`, [layer, node, tensor]);
  }
  return places;
}
