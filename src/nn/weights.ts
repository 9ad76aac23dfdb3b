/** The weights of a model: variables made from the declarations of its layers, and reading and writing them by path. */
import { OptionError, ShapeError } from "../base/errors.ts";
import { foldIn, keyFromSeed } from "../base/random.ts";
import { equalShapes, formatShape } from "../base/shapes.ts";
import { leavesOf, mapTree } from "../base/trees.ts";
import { concrete, Tensor, type TensorSpec, type Variable, variable } from "../trace/index.ts";
import { type ByName, hash } from "./forward.ts";
import { initialValue } from "./initializers.ts";
import { describeLayer, type ParamSpec } from "./layer.ts";
import type { Network, NetworkLayer } from "./network.ts";

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
  const initial = ({ name, layer }: NetworkLayer, spec: ParamSpec, path: string): Tensor => {
    const data = initialValue(`${describeLayer(layer.kind, name)}, weight "${path}"`, spec, foldIn(key, hash(path)));
    return concrete({ dtype: "float32", shape: spec.shape }, data);
  };
  return Object.fromEntries(
    withWeights.map((layer) => [
      layer.name,
      mapTree(
        layer.params,
        (spec, path) =>
          variable(given?.[path] ?? initial(layer, spec, path), { name: path, trainable: spec.trainable }),
        layer.name,
      ),
    ]),
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
  for (const { path, leaf } of specs) checkWeight(where, path, { dtype: "float32", shape: leaf.shape }, given[path]);
}

function checkWeight(where: string, path: string, target: TensorSpec, value: Tensor): void {
  if (!(value instanceof Tensor))
    throw new OptionError(
      `${where}: expected a tensor for the weight "${path}", got ${typeof value}. Make one with tensor(...).`,
      {
        path,
      },
    );
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
  const known = new Map(leavesOf<Variable>(variables).map(({ path, leaf }) => [path, leaf]));
  const pairs = Object.entries(values).map(([path, value]) => {
    const target = known.get(path);
    if (target === undefined) {
      throw new OptionError(
        `${where}: expected the path of a weight (${[...known.keys()].join(", ")}), got "${path}". Use the paths that weights() gives.`,
        { path },
      );
    }
    checkWeight(where, path, target, value);
    return [target, value] as const;
  });
  for (const [target, value] of pairs) target.assign(value);
}
