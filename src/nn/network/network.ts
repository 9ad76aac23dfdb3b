/**
 * Networks: layers and how they are connected, as plain immutable data. What `input` and `call` have drawn is put in
 * order here, and every layer and call gets a unique name. No weights here, no numbers.
 */
import { isSymbolic, symbolsOf } from "../../base/dims.ts";
import { OptionError } from "../../base/errors.ts";
import { equalShapes, formatShape, type Shape } from "../../base/shapes.ts";
import { leavesByPath, leavesOf, mapTree, type Tree } from "../../base/trees.ts";
import type { TensorSpec } from "../../trace/index.ts";
import { describeLayer, type Layer, type ParamSpec, type StateSpec } from "../layer.ts";
import type { Options } from "../options.ts";
import { type InputShape, SymbolicTensor } from "./drawing.ts";

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

/** One use of a layer. All numbers are positions among the network's values. */
export interface NetworkCall {
  /** The layer's name; `name#2` for its second use. */
  readonly name: string;
  readonly layer: NetworkLayer;
  readonly from: readonly number[];
  readonly constants: readonly number[];
  readonly resets: number | undefined;
  /** The parts of the initial state that other values give. */
  readonly initialState: Tree<number> | undefined;
  /** Whether the initial state comes from outside: in a view that leaves out what made it. */
  readonly needsState: boolean;
  /** Where the output goes. */
  readonly value: number;
  /** What is read beside the output, by path (`state.h`, `mask`), and where it goes. */
  readonly parts: readonly { readonly path: string; readonly value: number }[];
  readonly spec: TensorSpec;
  readonly state: Tree<StateSpec>;
}

export interface Network {
  readonly name: string;
  readonly inputs: readonly NetworkInput[];
  readonly layers: readonly NetworkLayer[];
  readonly calls: readonly NetworkCall[];
  /** Every value by its name: inputs, then for each call its output (`encoder`) and what is read beside it (`encoder.state.h`). */
  readonly values: readonly { readonly name: string; readonly spec: TensorSpec }[];
  readonly outputs: readonly number[];
  /** Whether the output was given alone, not as a list of one. */
  readonly single: boolean;
}

/** How a network is cut out of a larger one. */
export interface CutOptions {
  /** The names that its layers have already. */
  readonly names: ReadonlyMap<Layer, string>;
  /** The name of a value that is given from outside although a layer made it. */
  readonly nameOf: (x: SymbolicTensor) => string | undefined;
}

/** Puts what was drawn in order. Raises OptionError for inputs that are missing or unused and for names used twice. */
export function network(
  name: string,
  inputs: readonly SymbolicTensor[],
  given: SymbolicTensor | readonly SymbolicTensor[],
  cut?: CutOptions,
): Network {
  const outputs = given instanceof SymbolicTensor ? [given] : given;
  const where = `model "${name}"`;
  const order = sortedCalls(where, inputs, outputs, cut !== undefined);
  const layers = [...new Set(order.map(({ layer }) => layer))];
  const names = uniqueNames(where, [
    ...inputs.map((x) => ({ given: inputName(x, cut), kind: "input" })),
    ...layers.map((layer) => ({ given: cut?.names.get(layer) ?? layer.name, kind: layer.kind })),
  ]);
  const placedInputs = inputs.map((x, i) => placeInput(where, names[i], x));
  const nameOf = new Map(layers.map((layer, i) => [layer, names[inputs.length + i]]));
  const { calls, positions, values } = placeCalls(inputs, placedInputs, order, nameOf);
  return {
    name,
    inputs: placedInputs,
    layers: [...new Set(calls.map(({ layer }) => layer))],
    calls,
    values,
    outputs: outputs.map((x) => positions.get(x) as number),
    single: given instanceof SymbolicTensor,
  };
}

function placeCalls(
  inputs: readonly SymbolicTensor[],
  placedInputs: readonly NetworkInput[],
  order: readonly Drawn[],
  nameOf: ReadonlyMap<Layer, string>,
) {
  const placed = new Map<Layer, NetworkLayer>();
  const uses = new Map<Layer, number>();
  const positions = new Map(inputs.map((x, i) => [x, i]));
  const values = placedInputs.map(({ name, spec }) => ({ name, spec }));
  const at = (x: SymbolicTensor): number => positions.get(x) as number;
  const add = (x: SymbolicTensor, name: string): number => {
    // A value that is given from outside keeps the place of the input.
    if (!positions.has(x)) positions.set(x, values.length);
    values.push({ name, spec: { dtype: x.dtype, shape: x.shape } });
    return values.length - 1;
  };
  const calls = order.map(({ value, layer, inputs: from, roles, parts, needsState }): NetworkCall => {
    const known = placed.get(layer);
    const made = known ?? place(nameOf.get(layer) as string, layer, from, roles.constants);
    if (known !== undefined) checkShared(made, layer.params(from, roles.constants));
    placed.set(layer, made);
    const use = (uses.get(layer) ?? 0) + 1;
    uses.set(layer, use);
    const name = use === 1 ? made.name : `${made.name}#${use}`;
    const { initialState, constants, resets } = roles;
    const given = needsState ? undefined : initialState;
    return {
      name,
      layer: made,
      from: from.map(at),
      constants: constants.map(at),
      resets: resets && at(resets),
      initialState: given && mapTree<SymbolicTensor, number>(given, at),
      needsState,
      value: add(value, name),
      parts: parts.map(({ path, x }) => ({ path, value: add(x, `${name}.${path}`) })),
      spec: { dtype: value.dtype, shape: value.shape },
      state: layer.state(from, constants),
    };
  });
  return { calls, positions, values };
}

function inputName(x: SymbolicTensor, cut: CutOptions | undefined): string | undefined {
  return "input" in x.origin ? x.origin.input.name : cut?.nameOf(x)?.replaceAll(/[.#/]/g, "_");
}

function place(
  name: string,
  layer: Layer,
  from: readonly TensorSpec[],
  constants: readonly TensorSpec[],
): NetworkLayer {
  return { name, kind: layer.kind, options: layer.options, layer, params: layer.params(from, constants) };
}

function placeInput(where: string, name: string, x: SymbolicTensor): NetworkInput {
  const { shape, dtype } = x;
  const inner = "input" in x.origin ? x.origin.input.shape : shapeOfValue(where, name, shape);
  // A single fixed size is a row of features; anything else has time first.
  const hasTime = inner.length > 0 && (inner.length > 1 || typeof inner[0] !== "number");
  const stepShape = hasTime ? [shape[0], ...shape.slice(2)] : shape;
  return { name, shape: inner, spec: { dtype, shape }, stepSpec: { dtype, shape: stepShape } };
}

/** The shape of an input that takes the place of a layer's output. */
function shapeOfValue(where: string, name: string, shape: Shape): InputShape {
  return shape.slice(1).map((dim) => {
    if (!isSymbolic(dim)) return dim;
    const [symbol, ...more] = symbolsOf(dim);
    if (more.length === 0 && dim.key === symbol) return symbol;
    throw new OptionError(
      `${where}: expected an input whose sizes are fixed or free by themselves, got "${name}" of shape ${formatShape(shape)}. Begin the view at a value before it.`,
      { input: name },
    );
  });
}

interface Drawn {
  readonly value: SymbolicTensor;
  readonly layer: Layer;
  readonly inputs: readonly SymbolicTensor[];
  readonly roles: Extract<SymbolicTensor["origin"], { layer: Layer }>["roles"];
  readonly parts: { path: string; x: SymbolicTensor }[];
  readonly needsState: boolean;
}

/** The calls that the outputs need, each after those it reads. `cut`: an initial state may come from outside of the inputs. */
function sortedCalls(
  where: string,
  inputs: readonly SymbolicTensor[],
  outputs: readonly SymbolicTensor[],
  cut: boolean,
): Drawn[] {
  const given = new Set(inputs);
  const seen = new Set<SymbolicTensor>();
  const drawn = new Map<SymbolicTensor, Drawn>();
  const visit = (x: SymbolicTensor): void => {
    if (seen.has(x)) return;
    seen.add(x);
    if (given.has(x)) return;
    const { origin } = x;
    if ("part" in origin) {
      visit(origin.of);
      drawn.get(origin.of)?.parts.push({ path: origin.part, x });
      if (!drawn.has(origin.of)) throw missingInput(where, x);
    } else if ("layer" in origin) {
      const initial = leavesOf<SymbolicTensor>(origin.roles.initialState as Tree<SymbolicTensor>).map(
        ({ leaf }) => leaf,
      );
      const needsState = cut && !initial.every((one) => reaches(one, given));
      const { constants, resets } = origin.roles;
      const reads = [
        ...origin.inputs,
        ...constants,
        ...(resets === undefined ? [] : [resets]),
        ...(needsState ? [] : initial),
      ];
      reads.forEach(visit);
      drawn.set(x, { value: x, ...origin, parts: [], needsState });
    } else throw missingInput(where, x);
  };
  outputs.forEach(visit);
  const stray = inputs.findIndex((x) => !seen.has(x) || !("input" in x.origin || cut));
  if (stray < 0) return [...drawn.values()];
  const what =
    "input" in inputs[stray].origin || cut
      ? "no output needs it. Leave it out"
      : "it is the result of a layer. Give values made by input()";
  throw new OptionError(
    `${where}: expected its inputs to be what its outputs are made from, but input ${stray + 1} is not: ${what}.`,
    { input: stray },
  );
}

function missingInput(where: string, x: SymbolicTensor): OptionError {
  const name = "input" in x.origin && x.origin.input.name !== undefined ? ` ("${x.origin.input.name}")` : "";
  return new OptionError(
    `${where}: expected every input that its outputs need to be among its inputs, but one of shape ${formatShape(x.shape)}${name} is not. Add it to inputs.`,
  );
}

/** Whether a value can be computed from the given ones. */
function reaches(x: SymbolicTensor, given: ReadonlySet<SymbolicTensor>): boolean {
  if (given.has(x)) return true;
  const { origin } = x;
  if ("input" in origin) return false;
  if ("part" in origin) return reaches(origin.of, given);
  const { initialState, constants, resets } = origin.roles;
  const initial = leavesOf<SymbolicTensor>(initialState as Tree<SymbolicTensor>).map(({ leaf }) => leaf);
  return [...origin.inputs, ...constants, ...(resets === undefined ? [] : [resets]), ...initial].every((one) =>
    reaches(one, given),
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
    if (Object.hasOwn(Object.prototype, given)) {
      throw new OptionError(
        `${where}: expected a name that not every object of JavaScript has, got "${given}". Choose another name: weights and states are properties of these names.`,
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
  const second = leavesByPath(again);
  for (const { path, leaf } of leavesOf(params)) {
    const other = second.get(path) as ParamSpec;
    if (equalShapes(leaf.shape, other.shape)) continue;
    throw new OptionError(
      `${describeLayer(layer.kind, name)}: expected inputs of one width at each of its uses, since they share its weights, but "${path}" would be ${formatShape(leaf.shape)} and ${formatShape(other.shape)}. Make a second layer.`,
      { path, shapes: [leaf.shape, other.shape] },
    );
  }
}
