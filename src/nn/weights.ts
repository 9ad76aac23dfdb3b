/** The weights of a model: variables made from the declarations of its layers, and reading and writing them by path. */
import { OptionError, ShapeError } from "../base/errors.ts";
import { foldIn, keyFromSeed } from "../base/random.ts";
import { equalShapes, formatShape } from "../base/shapes.ts";
import { leavesOf, mapTree } from "../base/trees.ts";
import { concrete, type Tensor, type Variable, variable } from "../trace/index.ts";
import { type ByName, hash } from "./forward.ts";
import { initialValue } from "./initializers.ts";
import { describeLayer } from "./layer.ts";
import type { Network } from "./network.ts";

/** Variables for every weight, by layer. What a weight starts as depends on the seed and its path alone. */
export function makeVariables(network: Network, seed: number): ByName<Variable> {
  const key = keyFromSeed(seed);
  const withWeights = network.layers.filter(({ params }) => leavesOf(params).length > 0);
  return Object.fromEntries(
    withWeights.map(({ name, layer, params }) => [
      name,
      mapTree(
        params,
        (spec, path) => {
          const data = initialValue(
            `${describeLayer(layer.kind, name)}, weight "${path}"`,
            spec,
            foldIn(key, hash(path)),
          );
          return variable(concrete({ dtype: "float32", shape: spec.shape }, data), {
            name: path,
            trainable: spec.trainable,
          });
        },
        name,
      ),
    ]),
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
    if (value.dtype !== target.dtype || !equalShapes(value.shape, target.shape)) {
      throw new ShapeError(
        `${where}: expected the weight "${path}" to be ${target.dtype} ${formatShape(target.shape)}, got ${value.dtype} ${formatShape(value.shape)}. Transpose or split it to the layout of the layer.`,
        { path, shapes: [target.shape, value.shape] },
      );
    }
    return [target, value] as const;
  });
  for (const [target, value] of pairs) target.assign(value);
}
