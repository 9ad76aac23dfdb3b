/**
 * Networks: layers and how they are connected, as plain immutable data. `input` and `call` draw the picture with
 * symbolic tensors; `network` puts it in order and gives every layer and call a unique name. No weights here.
 */
import { type Dim, symbol } from "../base/dims.ts";
import type { DType } from "../base/dtypes.ts";
import { OptionError } from "../base/errors.ts";
import { equalShapes, formatShape, type Shape } from "../base/shapes.ts";
import { leavesOf, type Tree } from "../base/trees.ts";
import type { TensorSpec } from "../trace/index.ts";
import { describeLayer, type Layer, type ParamSpec, type StateSpec } from "./layer.ts";
import { checkOptionNames, type Options, show } from "./options.ts";

/** Sizes without the batch: a number, `null` for free, or the name of a free size. `[null, 12]` is [b, t, 12]. */
export type InputShape = readonly (number | string | null)[];

export interface InputOptions {
  readonly shape: InputShape;
  readonly dtype?: DType;
  readonly name?: string;
}

type Origin = { readonly input: InputOptions } | { readonly layer: Layer; readonly inputs: readonly SymbolicTensor[] };

/** A value of a network that is being drawn: it has a shape and an origin, and no data. */
export class SymbolicTensor {
  readonly shape: Shape;
  readonly dtype: DType;
  /** @internal */
  readonly origin: Origin;

  /** @internal Use `input()` and `call()`. */
  constructor(spec: TensorSpec, origin: Origin) {
    this.shape = spec.shape;
    this.dtype = spec.dtype;
    this.origin = origin;
  }
}

/** An input of a model. Its batch axis is free and not part of `shape`; a free first size is time. */
export function input(options: InputOptions): SymbolicTensor {
  checkOptionNames(describeLayer("input", options.name), options, ["shape", "dtype", "name"]);
  const { shape, dtype = "float32", name } = options;
  const where = describeLayer("input", name);
  if (!Array.isArray(shape))
    throw new OptionError(
      `${where}: expected "shape" to be a list of sizes without the batch, got ${show(shape)}. Write [null, 12] for sequences of 12 numbers a step, [12] for rows of 12.`,
      { shape },
    );
  if (!["float32", "int32", "bool"].includes(dtype))
    throw new OptionError(
      `${where}: expected "dtype" to be "float32", "int32" or "bool", got ${show(dtype)}. Choose one of these.`,
      { dtype },
    );
  const sizes = shape.map((size, axis) => sizeOfInput(name, size, axis));
  return new SymbolicTensor({ dtype, shape: [symbol("b"), ...sizes] }, { input: { shape, dtype, name } });
}

/** A layer applied to values. Calling one layer object several times shares its weights. */
export function call(layer: Layer, x: SymbolicTensor | readonly SymbolicTensor[]): SymbolicTensor {
  expectLayer(layer);
  const inputs = x instanceof SymbolicTensor ? [x] : x;
  if (!Array.isArray(inputs) || !inputs.every((one) => one instanceof SymbolicTensor))
    throw new OptionError(
      `${describeLayer(layer.kind, layer.name)}: expected values that input() or call() made, got something else. To compute with tensors, make a model and call model.run(x).`,
    );
  return new SymbolicTensor(layer.output(inputs), { layer, inputs });
}

/** Raises OptionError for what is no layer; it says how a cell becomes one. */
export function expectLayer(layer: unknown): void {
  const { apply, step } = (layer ?? {}) as { apply?: unknown; step?: unknown };
  if (typeof apply === "function") return;
  const isCell = typeof step === "function";
  throw new OptionError(
    `network: expected a layer, got ${isCell ? "a cell" : show(layer)}. ${isCell ? "Wrap it: rnn(cell)." : "Make one with lstm({ units }), dense({ units }) or another."}`,
  );
}

export interface NetworkInput {
  readonly name: string;
  readonly spec: TensorSpec;
  /** The input of one time step; the same as `spec` for an input without a time axis. */
  readonly stepSpec: TensorSpec;
  readonly shape: InputShape;
}

/** One layer object under its unique name. */
export interface NetworkLayer {
  readonly name: string;
  readonly kind: string;
  readonly options: Options;
  readonly layer: Layer;
  readonly params: Tree<ParamSpec>;
}

/** One use of a layer. Values are counted: first the inputs, then the calls in order. */
export interface NetworkCall {
  /** The layer's name; `name#2` for its second use. */
  readonly name: string;
  readonly layer: NetworkLayer;
  readonly from: readonly number[];
  readonly spec: TensorSpec;
  readonly state: Tree<StateSpec>;
}

export interface Network {
  readonly name: string;
  readonly inputs: readonly NetworkInput[];
  readonly layers: readonly NetworkLayer[];
  readonly calls: readonly NetworkCall[];
  readonly outputs: readonly number[];
  /** Whether the output was given alone, not as a list of one. */
  readonly single: boolean;
}

/** Puts what was drawn in order. Raises OptionError for inputs that are missing or unused and for names used twice. */
export function network(
  name: string,
  inputs: readonly SymbolicTensor[],
  given: SymbolicTensor | readonly SymbolicTensor[],
): Network {
  const outputs = given instanceof SymbolicTensor ? [given] : given;
  const where = `model "${name}"`;
  const order = sortedCalls(where, inputs, outputs);
  const layers = [...new Set(order.map(({ layer }) => layer))];
  const names = uniqueNames(where, [
    ...inputs.map((x) => ({ given: originInput(x)?.name, kind: "input" })),
    ...layers.map((layer) => ({ given: layer.name, kind: layer.kind })),
  ]);
  const placed = new Map<Layer, NetworkLayer>();
  const uses = new Map<Layer, number>();
  const positions = new Map(inputs.map((x, i) => [x, i]));
  const calls = order.map(({ value, layer, inputs: from }): NetworkCall => {
    const known = placed.get(layer);
    const part = known ?? place(names[inputs.length + layers.indexOf(layer)], layer, from);
    if (known !== undefined) checkShared(part, layer.params(from));
    placed.set(layer, part);
    const use = (uses.get(layer) ?? 0) + 1;
    uses.set(layer, use);
    const indices = from.map((x) => positions.get(x) as number);
    positions.set(value, positions.size);
    const { shape, dtype } = value;
    return {
      name: use === 1 ? part.name : `${part.name}#${use}`,
      layer: part,
      from: indices,
      spec: { shape, dtype },
      state: layer.state(from),
    };
  });
  return {
    name,
    inputs: inputs.map((x, i) => placeInput(names[i], x)),
    layers: [...placed.values()],
    calls,
    outputs: outputs.map((x) => positions.get(x) as number),
    single: given instanceof SymbolicTensor,
  };
}

function originInput(x: SymbolicTensor): InputOptions | undefined {
  return "input" in x.origin ? x.origin.input : undefined;
}

function place(name: string, layer: Layer, from: readonly TensorSpec[]): NetworkLayer {
  return { name, kind: layer.kind, options: layer.options, layer, params: layer.params(from) };
}

function placeInput(name: string, x: SymbolicTensor): NetworkInput {
  const { shape, dtype } = x;
  const inner = (originInput(x) as InputOptions).shape;
  // A single fixed size is a row of features; anything else has time first.
  const hasTime = inner.length > 0 && (inner.length > 1 || typeof inner[0] !== "number");
  const stepShape = hasTime ? [shape[0], ...shape.slice(2)] : shape;
  return { name, shape: inner, spec: { dtype, shape }, stepSpec: { dtype, shape: stepShape } };
}

interface Drawn {
  readonly value: SymbolicTensor;
  readonly layer: Layer;
  readonly inputs: readonly SymbolicTensor[];
}

/** The calls that the outputs need, each after those it reads. */
function sortedCalls(where: string, inputs: readonly SymbolicTensor[], outputs: readonly SymbolicTensor[]): Drawn[] {
  const seen = new Set<SymbolicTensor>();
  const order: Drawn[] = [];
  const visit = (x: SymbolicTensor): void => {
    if (seen.has(x)) return;
    seen.add(x);
    if ("layer" in x.origin) {
      x.origin.inputs.forEach(visit);
      order.push({ value: x, ...x.origin });
    } else if (!inputs.includes(x)) {
      throw new OptionError(
        `${where}: expected every input that its outputs need to be among its inputs, but one of shape ${formatShape(x.shape)}${x.origin.input.name === undefined ? "" : ` ("${x.origin.input.name}")`} is not. Add it to inputs.`,
      );
    }
  };
  outputs.forEach(visit);
  const stray = inputs.findIndex((x) => !seen.has(x) || !("input" in x.origin));
  if (stray < 0) return order;
  const what =
    "input" in inputs[stray].origin
      ? "no output needs it. Leave it out"
      : "it is the result of a layer. Give values made by input()";
  throw new OptionError(
    `${where}: expected its inputs to be what its outputs are made from, but input ${stray + 1} is not: ${what}.`,
    { input: stray },
  );
}

/** Names as given, and `kind`, `kind_1`, ... for the rest. */
function uniqueNames(where: string, parts: readonly { given: string | undefined; kind: string }[]): string[] {
  const taken = new Set<string>();
  for (const { given } of parts) {
    if (given === undefined) continue;
    if (!/^[^.#/]+$/.test(given)) {
      throw new OptionError(
        `${where}: expected a name without ".", "#" and "/", got "${given}". Choose another name: these join the names of weights and states.`,
        { name: given },
      );
    }
    if (taken.has(given)) {
      throw new OptionError(
        `${where}: expected every name once, got two layers or inputs named "${given}". Rename one, or call one layer object twice to share its weights.`,
        { name: given },
      );
    }
    taken.add(given);
  }
  return parts.map(({ given, kind }) => {
    if (given !== undefined) return given;
    let name = kind;
    for (let i = 1; taken.has(name); i++) name = `${kind}_${i}`;
    taken.add(name);
    return name;
  });
}

function checkShared({ name, layer, params }: NetworkLayer, again: Tree<ParamSpec>): void {
  const second = new Map(leavesOf(again).map(({ path, leaf }) => [path, leaf]));
  for (const { path, leaf } of leavesOf(params)) {
    const other = second.get(path) as ParamSpec;
    if (equalShapes(leaf.shape, other.shape)) continue;
    throw new OptionError(
      `${describeLayer(layer.kind, name)}: expected inputs of one width at each of its uses, since they share its weights, but "${path}" would be ${formatShape(leaf.shape)} and ${formatShape(other.shape)}. Make a second layer.`,
      { path, shapes: [leaf.shape, other.shape] },
    );
  }
}

function sizeOfInput(name: string | undefined, size: number | string | null, axis: number): Dim {
  if (size === null) return symbol(axis === 0 ? "t" : `n${axis}`);
  if (typeof size === "string" && size !== "b" && /^[A-Za-z]\w*$/.test(size)) return symbol(size);
  if (Number.isInteger(size) && (size as number) > 0) return size as number;
  throw new OptionError(
    `${describeLayer("input", name)}: expected sizes to be positive whole numbers, null (free) or names of free sizes other than "b", got ${String(size)} in [${axis}]. Give such sizes, without the batch.`,
    { size, axis },
  );
}
