/**
 * The protocol of layers: what a layer needs (weights, state), what it gives (shape), and a pure function. A layer is
 * an immutable value; weights and state are given to it and come back from it, and nothing is remembered.
 * Not here: cells, which are the inside of a recurrent layer (`cells/cell.ts`).
 */
import type { Dim } from "../base/dims.ts";
import type { DType } from "../base/dtypes.ts";
import { DTypeError, OptionError, ShapeError } from "../base/errors.ts";
import { formatShape, type Shape } from "../base/shapes.ts";
import type { Tree } from "../base/trees.ts";
import { foldIn, type Tensor, type TensorSpec } from "../trace/index.ts";
import type { Options } from "./options.ts";
import type { Constraint } from "./weights/constraints.ts";
import type { Initializer } from "./weights/initializers.ts";
import type { Regularizer } from "./weights/regularizers.ts";

/** Tensors by name, to be read without casts: `state.encoder.h`. Both a branch, and, at its leaves, a tensor. */
export type NamedTensors = Tensor & { readonly [name: string]: NamedTensors };

/** What a weight is before it has a value. A class so that it is a leaf of a tree. */
export class ParamSpec {
  readonly shape: readonly number[];
  readonly initializer: Initializer;
  readonly trainable: boolean;
  /** Names of the equal blocks of the last axis, in order of memory. */
  readonly gates: readonly string[] | undefined;
  /** Names of the rows of the first axis, where each is a weight of its own, such as the two biases of a GRU. */
  readonly rows: readonly string[] | undefined;
  /** Adds a penalty to the loss, while the weight is trained. */
  readonly regularizer: Regularizer | undefined;
  /** Puts the weight back after every update. */
  readonly constraint: Constraint | undefined;

  /** @internal Use `weight()`. */
  constructor(shape: readonly number[], options: WeightOptions) {
    this.shape = Object.freeze([...shape]);
    this.initializer = options.initializer ?? (shape.length > 1 ? "glorotUniform" : "zeros");
    this.trainable = options.trainable ?? true;
    this.gates = options.gates;
    this.rows = options.rows;
    this.regularizer = options.regularizer ?? undefined;
    this.constraint = options.constraint ?? undefined;
  }
}

export interface WeightOptions {
  /** By default `glorotUniform`, and `zeros` for a vector. */
  readonly initializer?: Initializer;
  readonly trainable?: boolean;
  /** Names of the equal blocks of the last axis: initialisers and reports can then speak of each. */
  readonly gates?: readonly string[];
  /** Names of the rows of the first axis, where each is a weight of its own: `["bias", "recurrentBias"]` of [2, 3 units]. */
  readonly rows?: readonly string[];
  /** A penalty that training adds to the loss; null for none. */
  readonly regularizer?: Regularizer | null;
  /** Where the weight is put back after every update; null for none. */
  readonly constraint?: Constraint | null;
}

/** Declares a weight: `weight([inputSize, units], { initializer: "orthogonal" })`. */
export function weight(shape: readonly number[], options: WeightOptions = {}): ParamSpec {
  return new ParamSpec(shape, options);
}

/** One tensor of a recurrent state, without its batch axis. A class so that it is a leaf of a tree. */
export class StateSpec {
  /** A size may be free where an input's is, such as the length of a memory that is attended to. */
  readonly shape: Shape;
  readonly dtype: DType;

  /** @internal Use `stateOf()`. */
  constructor(shape: Shape, dtype: DType) {
    this.shape = Object.freeze([...shape]);
    this.dtype = dtype;
  }
}

/** Declares one tensor of a state: `stateOf([units])` is [batch, units]. */
export function stateOf(shape: Shape, dtype: DType = "float32"): StateSpec {
  return new StateSpec(shape, dtype);
}

/** Steps between the states that a gradient saves, or "auto": about the square root of the length. */
export type CheckpointSteps = number | "auto";

/** What a pure function may know beside its arguments. */
export interface Context {
  readonly training: boolean;
  /** For recurrent layers that say nothing of it themselves; every step if undefined. */
  readonly checkpoint?: CheckpointSteps | undefined;
  /** Whether there is a key to draw from. */
  readonly hasKey: boolean;
  /**
   * A fresh random key; OptionError, in the name of who asks, where none was given. Inside the step of a cell it is the
   * same at every step of a sequence.
   */
  key(asker?: string): Tensor;
  /** The same, but another one at every step of a sequence; outside of a cell as `key`. */
  stepKey(asker?: string): Tensor;
  /** Shows what was drawn at random under a name, for those who asked to see it (`run(x, { dropoutMasks: true })`). */
  note(site: string, drawn: Tensor): void;
  /** Whether someone has asked to see what is drawn: loops then hand it out of every step. */
  readonly wantsNotes?: boolean;
}

/** A context whose keys are drawn in order from one key. */
export function context(
  options: Partial<Pick<Context, "training" | "checkpoint">> & { readonly key?: Tensor } = {},
): Context {
  let drawn = 0;
  const key = (asker = "context"): Tensor => {
    if (options.key !== undefined) return foldIn(options.key, drawn++);
    throw new OptionError(
      `${asker}: expected a random key, since it draws random numbers, got none. Pass { key: 1 } or a key made by randomKey().`,
    );
  };
  const hasKey = options.key !== undefined;
  const { training = false, checkpoint } = options;
  return { training, checkpoint, hasKey, key, stepKey: key, note: () => {} };
}

export interface LayerCall {
  readonly params: Tree<Tensor>;
  readonly state: Tree<Tensor>;
  readonly inputs: readonly Tensor[];
  readonly context: Context;
  /** For each input: bool [b, t] (in a step [b]), true where a step counts; undefined where all of them do. */
  readonly masks?: readonly (Tensor | undefined)[];
  /** bool [b, t] (in a step [b]): rows that start anew, from the initial state, before this step. */
  readonly resets?: Tensor;
  /** What `call(layer, x, { constants })` gave, [b, ...]: seen whole at every step. */
  readonly constants?: readonly Tensor[];
  /** For each constant its mask, as of `masks`. */
  readonly constantMasks?: readonly (Tensor | undefined)[];
  /** What rows start from that `resets` names; the layer's own initial state if not given. */
  readonly initial?: Tree<Tensor>;
  /** Whether `states` of the result is asked for. */
  readonly wantsStates?: boolean;
}

export interface LayerResult {
  readonly y: Tensor;
  /** Of the same structure and shapes as the state that was given. */
  readonly state: Tree<Tensor>;
  /** The mask of y, of a layer whose `masks` is "make" or "change". */
  readonly mask?: Tensor | undefined;
  /** The state after every step, [b, t, ...], if it was asked for. */
  readonly states?: Tree<Tensor> | undefined;
  /** What the layer gives beside y, as `parts` declares. */
  readonly parts?: Readonly<Record<string, Tensor>>;
  /** New values of weights that are not trained, such as running means; only while training. */
  readonly updates?: Tree<Tensor> | undefined;
  /** A scalar that training adds to the loss. */
  readonly penalty?: Tensor | undefined;
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
  params(inputs: readonly TensorSpec[], constants?: readonly TensorSpec[]): Tree<ParamSpec>;
  state(inputs: readonly TensorSpec[], constants?: readonly TensorSpec[]): Tree<StateSpec>;
  /** Raises ShapeError or DTypeError, in the layer's name, for inputs that it does not take. */
  output(inputs: readonly TensorSpec[], constants?: readonly TensorSpec[]): TensorSpec;
  /** What the layer gives beside its output, by name. */
  parts?(inputs: readonly TensorSpec[], constants?: readonly TensorSpec[]): Readonly<Record<string, TensorSpec>>;
  /**
   * What becomes of the masks of its inputs: the output has the mask that holds where all of theirs do ("pass"), none
   * ("drop", if not given), or the one that `apply` returns: always ("make"), or where an input has one ("change").
   */
  readonly masks?: "pass" | "drop" | "make" | "change";
  /** Whether its output is its first input but for a mask: a loop that feeds tokens one by one does without it. */
  readonly onlyMasks?: boolean;
  /** The state of a row before its first step, [b, ...]; zeros for parts that it leaves out. */
  initialState?(call: InitialStateCall): Tree<Tensor>;
  /**
   * Raises an error, before a run, for numbers from outside that the layer does not take. `values[i]` is undefined for an
   * input that another layer makes; `shapes` are those of all inputs at this run.
   */
  checkValues?(values: readonly (Tensor | undefined)[], shapes: readonly (readonly number[])[]): void;
  apply(call: LayerCall): LayerResult;
  readonly stepping: Stepping;
  /** Of a recurrent layer: how it loops, for `bidirectional` and others that drive its cell themselves. */
  readonly recurrence?: Recurrence;
}

/** What an initial state may depend on. */
export interface InitialStateCall {
  readonly params: Tree<Tensor>;
  readonly batch: Dim;
  /** As of `LayerCall`. */
  readonly constants?: readonly Tensor[];
  readonly constantMasks?: readonly (Tensor | undefined)[];
}

/** A recurrent layer as seen by a layer around it. */
export interface Recurrence {
  readonly goBackwards: boolean;
  readonly returnSequences: boolean;
  /** The same layer in the other direction. Its outputs, if it returns sequences, are in the order of the inputs. */
  reversed(): Layer;
}

/** `gru "encoder"`, as sentences begin. */
export function describeLayer(kind: string, name: string | undefined): string {
  return name === undefined ? kind : `${kind} "${name}"`;
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
