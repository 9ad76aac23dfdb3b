/** A model's definition: what it is without its weights, as plain JSON, and back. */
import type { DType } from "../../base/dtypes.ts";
import { FormatError } from "../../base/errors.ts";
import { leavesOf, mapTree, type Tree } from "../../base/trees.ts";
import type { CellMakers } from "../cells/kinds.ts";
import { type LayerDefinition, type LayerMakers, layerFromDefinition } from "../kinds.ts";
import type { ParamSpec } from "../layer.ts";
import { call, type InputShape, input, type SymbolicTensor } from "./drawing.ts";
import { type Network, network } from "./network.ts";

/** One use of a layer. All but `layer` are names of values: those of inputs, of connections, and of what is read beside a connection's output (`encoder.state.h`). */
export interface Connection {
  readonly layer: string;
  readonly from: readonly string[];
  readonly to: string;
  readonly constants?: readonly string[];
  readonly resets?: string;
  readonly initialState?: Tree<string>;
}

/** The definition of a model. */
export interface ModelDefinition {
  readonly version: 1;
  readonly name: string;
  readonly inputs: readonly { readonly name: string; readonly shape: InputShape; readonly dtype: DType }[];
  readonly layers: readonly LayerDefinition[];
  readonly connections: readonly Connection[];
  /** One name, or a list where the model gives a list. */
  readonly outputs: string | readonly string[];
}

/** Constructors for the cells and layers of the user's own that a definition names. */
export interface OwnKinds {
  readonly cells?: CellMakers;
  readonly layers?: LayerMakers;
}

/** The definition of a network. */
export function define(graph: Network): ModelDefinition {
  const names = graph.values.map(({ name }) => name);
  return {
    version: 1,
    name: graph.name,
    inputs: graph.inputs.map(({ name, shape, spec }) => ({ name, shape, dtype: spec.dtype })),
    layers: graph.layers.map(({ name, layer }) => ({ name, kind: layer.kind, options: layer.options })),
    connections: graph.calls.map(({ name, layer, from, constants, resets, initialState }) => ({
      layer: layer.name,
      from: from.map((i) => names[i]),
      to: name,
      ...(constants.length === 0 ? {} : { constants: constants.map((i) => names[i]) }),
      ...(resets === undefined ? {} : { resets: names[resets] }),
      ...(initialState === undefined ? {} : { initialState: mapTree<number, string>(initialState, (i) => names[i]) }),
    })),
    outputs: graph.single ? names[graph.outputs[0]] : graph.outputs.map((i) => names[i]),
  };
}

/** The network that a definition describes, drawn anew. Raises FormatError, or OptionError for unknown kinds. */
export function redraw(definition: ModelDefinition, own: OwnKinds): Network {
  checkDefinition(definition);
  const kinds = { cells: own.cells ?? {}, layers: own.layers ?? {} };
  const layers = new Map(definition.layers.map((layer) => [layer.name, layerFromDefinition(layer, kinds)]));
  const inputs = definition.inputs.map((one) => input(one));
  const values = new Map(definition.inputs.map(({ name }, i) => [name, inputs[i]]));
  const find = <V>(map: ReadonlyMap<string, V>, what: string, name: string): V => {
    const found = map.get(name);
    if (found !== undefined) return found;
    throw new FormatError(
      `model definition: expected every ${what} to be defined before it is used, but "${name}" is not. The file is damaged; save it again.`,
      { name },
    );
  };
  // A value, or what a connection gives beside it: `encoder.state.h`.
  const value = (name: string): SymbolicTensor => {
    const dot = name.indexOf(".");
    if (dot < 0 || values.has(name)) return find(values, "value", name);
    return find(values, "value", name.slice(0, dot)).part(name.slice(dot + 1));
  };
  for (const { layer, from, to, constants, resets, initialState } of definition.connections) {
    const roles = {
      ...(constants === undefined ? {} : { constants: constants.map(value) }),
      ...(resets === undefined ? {} : { resets: value(resets) }),
      ...(initialState === undefined ? {} : { initialState: mapTree<string, SymbolicTensor>(initialState, value) }),
    };
    values.set(to, call(find(layers, "layer", layer), from.map(value), roles));
  }
  const { outputs } = definition;
  const output = value;
  return network(definition.name, inputs, typeof outputs === "string" ? output(outputs) : outputs.map(output));
}

/** The shapes of the weights that a model of this definition has, by their paths; no memory is taken for them. */
export function weightShapes(definition: ModelDefinition, own: OwnKinds = {}): Map<string, readonly number[]> {
  const { layers } = redraw(definition, own);
  const leaves = layers.flatMap(({ name, params }) => leavesOf<ParamSpec>(params, name));
  return new Map(leaves.map(({ path, leaf }) => [path, leaf.shape]));
}

function checkDefinition(definition: ModelDefinition): void {
  const lists = ["inputs", "layers", "connections"] as const;
  const whole =
    typeof definition === "object" && definition !== null && lists.every((field) => Array.isArray(definition[field]));
  if (!whole)
    throw new FormatError(
      "model definition: expected an object with inputs, layers, connections and outputs, got something else. Give what model.definition() gave.",
    );
  if (definition.version === 1) return;
  throw new FormatError(
    `model definition: expected version 1, got ${String(definition.version)}. It was written by a newer Recurve: update this one.`,
    { version: definition.version },
  );
}
