/**
 * The protocol of layers: what a layer needs (weights, state), what it gives (shape), and a pure function. A layer is
 * an immutable value; weights and state are given to it and come back from it, and nothing is remembered.
 * Not here: cells, which are the inside of a recurrent layer (`cells/cell.ts`).
 */
import type { DType } from "../base/dtypes.ts";
import { DTypeError, OptionError, ShapeError } from "../base/errors.ts";
import { formatShape } from "../base/shapes.ts";
import type { Tree } from "../base/trees.ts";
import { foldIn, type Tensor, type TensorSpec } from "../trace/index.ts";
import type { Initializer } from "./initializers.ts";
import type { Options } from "./options.ts";

/** What a weight is before it has a value. A class so that it is a leaf of a tree. */
export class ParamSpec {
  readonly shape: readonly number[];
  readonly initializer: Initializer;
  readonly trainable: boolean;
  /** Names of the equal blocks of the last axis, in order of memory. */
  readonly gates: readonly string[] | undefined;

  /** @internal Use `weight()`. */
  constructor(shape: readonly number[], options: WeightOptions) {
    this.shape = Object.freeze([...shape]);
    this.initializer = options.initializer ?? (shape.length > 1 ? "glorotUniform" : "zeros");
    this.trainable = options.trainable ?? true;
    this.gates = options.gates;
  }
}

export interface WeightOptions {
  /** By default `glorotUniform`, and `zeros` for a vector. */
  readonly initializer?: Initializer;
  readonly trainable?: boolean;
  /** Names of the equal blocks of the last axis: initialisers and reports can then speak of each. */
  readonly gates?: readonly string[];
}

/** Declares a weight: `weight([inputSize, units], { initializer: "orthogonal" })`. */
export function weight(shape: readonly number[], options: WeightOptions = {}): ParamSpec {
  return new ParamSpec(shape, options);
}

/** One tensor of a recurrent state, without its batch axis. A class so that it is a leaf of a tree. */
export class StateSpec {
  readonly shape: readonly number[];
  readonly dtype: DType;

  /** @internal Use `stateOf()`. */
  constructor(shape: readonly number[], dtype: DType) {
    this.shape = Object.freeze([...shape]);
    this.dtype = dtype;
  }
}

/** Declares one tensor of a state: `stateOf([units])` is [batch, units]. */
export function stateOf(shape: readonly number[], dtype: DType = "float32"): StateSpec {
  return new StateSpec(shape, dtype);
}

/** What a pure function may know beside its arguments. */
export interface Context {
  readonly training: boolean;
  /** A fresh random key; OptionError, in the name of who asks, where none was given. */
  key(asker?: string): Tensor;
}

/** A context whose keys are drawn in order from one key. */
export function context(options: { readonly training?: boolean; readonly key?: Tensor } = {}): Context {
  let drawn = 0;
  return {
    training: options.training ?? false,
    key(asker = "context") {
      if (options.key !== undefined) return foldIn(options.key, drawn++);
      throw new OptionError(
        `${asker}: expected a random key, since it draws random numbers, got none. Pass { key: 1 } or a key made by randomKey().`,
      );
    },
  };
}

export interface LayerCall {
  readonly params: Tree<Tensor>;
  readonly state: Tree<Tensor>;
  readonly inputs: readonly Tensor[];
  readonly context: Context;
}

export interface LayerResult {
  readonly y: Tensor;
  /** Of the same structure and shapes as the state that was given. */
  readonly state: Tree<Tensor>;
}

/** How a layer takes one time step, or the reason why it can not. */
export type Stepping = { readonly run: (call: LayerCall) => LayerResult } | { readonly refused: string };

/** A layer: described by its kind and options, which is all that a file stores of it. */
export interface Layer {
  /** The name of its constructor. */
  readonly kind: string;
  /** As the user gave it; a model gives every layer a unique one. */
  readonly name: string | undefined;
  readonly options: Options;
  params(inputs: readonly TensorSpec[]): Tree<ParamSpec>;
  state(inputs: readonly TensorSpec[]): Tree<StateSpec>;
  /** Raises ShapeError or DTypeError, in the layer's name, for inputs that it does not take. */
  output(inputs: readonly TensorSpec[]): TensorSpec;
  apply(call: LayerCall): LayerResult;
  readonly stepping: Stepping;
}

/** `gru "encoder"`, as sentences begin. */
export function describeLayer(kind: string, name: string | undefined): string {
  return name === undefined ? kind : `${kind} "${name}"`;
}

/** A layer without state that treats all time steps alike, so that one step and a sequence are the same function. */
export function timeDistributed(layer: {
  readonly kind: string;
  readonly name: string | undefined;
  readonly options: Options;
  readonly params?: (input: TensorSpec) => Tree<ParamSpec>;
  readonly output: (input: TensorSpec) => TensorSpec;
  readonly apply: (call: { readonly params: Tree<Tensor>; readonly x: Tensor; readonly context: Context }) => Tensor;
}): Layer {
  const where = describeLayer(layer.kind, layer.name);
  const apply = ({ params, state, inputs, context }: LayerCall): LayerResult => ({
    y: layer.apply({ params, x: inputs[0], context }),
    state,
  });
  return Object.freeze({
    kind: layer.kind,
    name: layer.name,
    options: layer.options,
    params: (inputs: readonly TensorSpec[]) => layer.params?.(oneInput(where, inputs)) ?? {},
    state: () => ({}),
    output: (inputs: readonly TensorSpec[]) => layer.output(oneInput(where, inputs)),
    apply,
    stepping: { run: apply },
  });
}

/** The size of the last axis, which weights are shaped by and which can therefore not be free. */
export function lastSize(where: string, input: TensorSpec): number {
  const size = input.shape.at(-1);
  if (input.shape.length > 1 && typeof size === "number") return size;
  throw new ShapeError(
    `${where}: expected an input whose last axis has a fixed size, got ${formatShape(input.shape)}. Give the last size of the input's shape as a number.`,
    { shapes: [input.shape] },
  );
}

/** Raises DTypeError for an input of whole numbers or truth values, which a layer of products can not take. */
export function expectFloats(where: string, { dtype }: TensorSpec): void {
  if (dtype === "float32") return;
  throw new DTypeError(
    `${where}: expected a float32 input, got ${dtype}. Declare the input without dtype, or put embedding(...) before it if the numbers name things.`,
    { got: dtype },
  );
}

function oneInput(where: string, inputs: readonly TensorSpec[]): TensorSpec {
  if (inputs.length === 1) return inputs[0];
  throw new OptionError(`${where}: expected one input, got ${inputs.length}. Call it with a single tensor.`, {
    inputs: inputs.length,
  });
}
