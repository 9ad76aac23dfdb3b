/** The weights of a model: variables made from the declarations of its layers, and reading and writing them by path. */
import { OptionError, ShapeError } from "../../base/errors.ts";
import { foldIn, keyFromSeed } from "../../base/random.ts";
import { equalShapes, formatShape } from "../../base/shapes.ts";
import { leavesByPath, leavesOf, mapTree } from "../../base/trees.ts";
import { concrete, Tensor, type TensorSpec, type Variable, variable } from "../../trace/index.ts";
import { describeLayer, type ParamSpec } from "../layer.ts";
import { type ByName, hash } from "../network/forward.ts";
import type { Network, NetworkLayer } from "../network/network.ts";
import { show } from "../options.ts";
import { checkConstraint } from "./constraints.ts";
import { initialValue } from "./initializers.ts";
import { checkRegularizer } from "./regularizers.ts";

/** What has weights, as a model has. */
export interface Weighted {
  readonly name: string;
  readonly network: Network;
  readonly variables: ByName<Variable>;
  weights(): Record<string, Tensor>;
  setWeights(values: Readonly<Record<string, Tensor>>): void;
}

/**
 * Variables for every weight, by layer: the given values, of which none may be missing, or initial ones. What a weight
 * starts as depends on the seed and its path alone.
 */
export function makeVariables(
  network: Network,
  seed: number,
  given?: Readonly<Record<string, Tensor>>,
): ByName<Variable> {
  const where = `model "${network.name}"`;
  const withWeights = network.layers.filter(({ params }) => leavesOf(params).length > 0);
  if (given !== undefined) checkGiven(where, withWeights, given);
  const key = keyFromSeed(seed);
  const one = ({ name, layer }: NetworkLayer, spec: ParamSpec, path: string): Variable => {
    const asker = `${describeLayer(layer.kind, name)}, weight "${path}"`;
    const { shape, regularizer, constraint, trainable } = spec;
    if (regularizer !== undefined) checkRegularizer(asker, regularizer, shape);
    if (constraint !== undefined) checkConstraint(asker, constraint, shape);
    const initial = (): Tensor =>
      concrete({ dtype: "float32", shape }, initialValue(asker, spec, foldIn(key, hash(path))));
    const value = given?.[path];
    if (value !== undefined) checkWeight(where, path, { dtype: "float32", shape }, value);
    return variable(value ?? initial(), { name: path, trainable });
  };
  return Object.fromEntries(
    withWeights.map((layer) => [layer.name, mapTree(layer.params, (spec, path) => one(layer, spec, path), layer.name)]),
  );
}

/** Every weight must be given, in its shape, before memory is taken for the first. */
function checkGiven(where: string, layers: readonly NetworkLayer[], given: Readonly<Record<string, Tensor>>): void {
  const specs = layers.flatMap(({ name, params }) => leavesOf<ParamSpec>(params, name));
  const missing = specs.filter(({ path }) => !Object.hasOwn(given, path)).map(({ path }) => path);
  if (missing.length > 0) {
    throw new OptionError(
      `${where}: expected a tensor for each of its weights, got none for ${missing.join(", ")}. Give all that weights() gives.`,
      { missing },
    );
  }
  for (const { path, leaf } of specs) {
    // A getter makes its weight when it is read, which is only done once, and checked there.
    const isMade = Object.getOwnPropertyDescriptor(given, path)?.get === undefined;
    if (isMade) checkWeight(where, path, { dtype: "float32", shape: leaf.shape }, given[path]);
  }
}

/** Raises OptionError or ShapeError unless a value fits the weight of a path. */
export function checkWeight(where: string, path: string, target: TensorSpec, value: Tensor): void {
  if (!(value instanceof Tensor)) {
    throw new OptionError(
      `${where}: expected a tensor for the weight "${path}", got ${typeof value}. Make one with tensor(...).`,
      { path },
    );
  }
  if (value.dtype === target.dtype && equalShapes(value.shape, target.shape)) return;
  throw new ShapeError(
    `${where}: expected the weight "${path}" to be ${target.dtype} ${formatShape(target.shape)}, got ${value.dtype} ${formatShape(value.shape)}. Transpose or split it to the layout of the layer.`,
    { path, shapes: [target.shape, value.shape] },
  );
}

/** The present values by path, such as `encoder.kernel`. */
export function readWeights(variables: ByName<Variable>): Record<string, Tensor> {
  return Object.fromEntries(leavesOf<Variable>(variables).map(({ path, leaf }) => [path, leaf.read()]));
}

/** Sets weights by path; all are checked before the first is written. Paths that are not given stay as they are. */
export function writeWeights(
  where: string,
  variables: ByName<Variable>,
  values: Readonly<Record<string, Tensor>>,
): void {
  const known = leavesByPath<Variable>(variables);
  const pairs = Object.entries(values).map(([path, value]) => {
    const target = expectPath(where, known, path, "weights()");
    checkWeight(where, path, target, value);
    return [target, value] as const;
  });
  for (const [target, value] of pairs) target.assign(value);
}

/** What a path of a weight stands for. `from` is where the paths are found. */
export function expectPath<V>(where: string, known: ReadonlyMap<string, V>, path: string, from: string): V {
  const found = known.get(path);
  if (found !== undefined) return found;
  throw new OptionError(
    `${where}: expected the path of a weight (${[...known.keys()].join(", ")}), got "${path}". Use the paths that ${from} gives.`,
    { path },
  );
}

/**
 * Which weights the training may change. A pattern is the path of a weight or the beginning of one, and `*` stands for one
 * part of it: `encoder`, `encoder.forward`, `*.bias`. Without a pattern all weights are meant. Weights that their layer
 * declares as not trained stay so. Raises OptionError for a pattern that no weight fits.
 */
export function setTrainable(
  where: string,
  { network, variables }: Pick<Weighted, "network" | "variables">,
  patterns: readonly string[],
  trainable: boolean,
): void {
  const specs = network.layers.flatMap(({ name, params }) => leavesOf<ParamSpec>(params, name));
  for (const pattern of patterns) {
    if (specs.some(({ path }) => fits(pattern, path))) continue;
    throw new OptionError(
      `${where}: expected the beginning of a weight's path (${specs.map(({ path }) => path).join(", ")}), got ${show(pattern)}. Name a layer, or give a path that weights() gives.`,
      { pattern },
    );
  }
  const declared = new Map(specs.map(({ path, leaf }) => [path, leaf.trainable]));
  for (const { path, leaf } of leavesOf<Variable>(variables)) {
    const isMeant = patterns.length === 0 || patterns.some((pattern) => fits(pattern, path));
    if (isMeant && declared.get(path) === true) leaf.trainable = trainable;
  }
}

/** The paths of the weights that are frozen for now. */
export function frozenPaths({ network, variables }: Pick<Weighted, "network" | "variables">): Set<string> {
  const specs = network.layers.flatMap(({ name, params }) => leavesOf<ParamSpec>(params, name));
  const open = new Set(specs.filter(({ leaf }) => leaf.trainable).map(({ path }) => path));
  const frozen = leavesOf<Variable>(variables).filter(({ path, leaf }) => !leaf.trainable && open.has(path));
  return new Set(frozen.map(({ path }) => path));
}

function fits(pattern: string, path: string): boolean {
  const parts = path.split(".");
  return typeof pattern === "string" && pattern.split(".").every((part, i) => part === parts[i] || part === "*");
}

/**
 * Copies weights between models, layer by layer or part by part: `transplant(old, fresh, { encoder: "encoder2" })` gives
 * `encoder2.kernel` the numbers of `encoder.kernel`, and so on. `from` is a model, or weights by path as `weights()` gives
 * them. State is no weight and does not go along. Raises OptionError or ShapeError, and writes nothing, where the weights
 * below the two paths are not the same in name and shape.
 */
export function transplant(
  from: Weighted | Readonly<Record<string, Tensor>>,
  to: Weighted,
  paths: Readonly<Record<string, string>>,
): void {
  const source: Readonly<Record<string, Tensor>> =
    "network" in from && "variables" in from ? (from as Weighted).weights() : (from as Record<string, Tensor>);
  const targets = leavesOf<Variable>(to.variables).map(({ path }) => path);
  const values: Record<string, Tensor> = {};
  for (const [here, there] of Object.entries(paths)) {
    const given = below("transplant", "first", here, Object.keys(source));
    const wanted = below("transplant", "second", there, targets);
    const [missing, extra] = [
      wanted.filter((end) => !given.includes(end)),
      given.filter((end) => !wanted.includes(end)),
    ];
    if (missing.length + extra.length > 0) {
      throw new OptionError(
        `transplant: expected "${here}" to have the weights of "${there}" (${wanted.map(nameOfRest).join(", ")}), got ${given.map(nameOfRest).join(", ")}. Give both layers the same cell and options, or name single weights.`,
        { missing, extra },
      );
    }
    for (const end of wanted) values[`${there}${end}`] = source[`${here}${end}`];
  }
  writeWeights(`transplant to model "${to.name}"`, to.variables, values);
}

/** What follows a path in the paths that begin with it: `.kernel`; nothing for a weight itself. */
function below(where: string, which: string, start: string, paths: readonly string[]): string[] {
  const found = paths.filter((path) => path === start || path.startsWith(`${start}.`));
  if (found.length > 0) return found.map((path) => path.slice(start.length));
  throw new OptionError(
    `${where}: expected the beginning of a path of the ${which} model's weights (${paths.join(", ")}), got "${start}". Name a layer, or a part of one.`,
    { path: start },
  );
}

function nameOfRest(end: string): string {
  return end === "" ? "the weight itself" : end.slice(1);
}
