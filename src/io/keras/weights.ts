/**
 * Where Keras keeps the weights of a model's layers: in the tree of a `.weights.h5`, or in the lists of a legacy file and of
 * TensorFlow.js. Gives and takes them by their paths in Recurve.
 */
import { FormatError } from "../../base/errors.ts";
import { formatShape } from "../../base/shapes.ts";
import { leavesOf } from "../../base/trees.ts";
import type { Model } from "../../nn/index.ts";
import { concrete, type Tensor, type Variable } from "../../trace/index.ts";
import type { Hdf5Group } from "../hdf5/index.ts";
import type { HostTensor } from "../hostTensor.ts";
import { quoted } from "../quoted.ts";
import { type CudnnGates, fromCudnn } from "./cudnn.ts";
import type { PlacedLayer } from "./network.ts";

/** One weight of a model and where Keras has it. */
export interface PlacedWeight {
  /** In Recurve: `lstm.kernel`. */
  readonly path: string;
  readonly shape: readonly number[];
  readonly layer: PlacedLayer;
  /** The group of its piece: `layers/lstm/cell`. */
  readonly group: string;
  /** Its place among the weights of the piece. */
  readonly index: number;
  /** Of a weight that lies as cuDNN has it: the number of gates. */
  readonly cudnn?: CudnnGates;
  /** Whether Keras counts it among the trainable ones. */
  readonly isTrained: boolean;
  /** Whether it is a counter of Keras' own, of which Recurve has no weight. */
  readonly isCounter: boolean;
}

/** Weights that are updated by what a layer sees. */
const statistics = new Set(["movingMean", "movingVariance"]);

/** All weights of the layers, in the order of layers and pieces. `shapes` are those of the model's weights by path. */
export function placedWeights(
  layers: readonly PlacedLayer[],
  shapes: ReadonlyMap<string, readonly number[]>,
): PlacedWeight[] {
  return layers.flatMap((layer) =>
    layer.pieces.flatMap(({ at, weights, counter, cudnn }) => {
      const group = [...layer.path, ...at].join("/");
      const names = namesIn(layer.name, weights, shapes);
      const counters = counter === undefined || names.length === 0 ? [] : [`${layer.name}.${counter}`];
      return [...names, ...counters].map((path, index) => ({
        ...(cudnn === undefined ? {} : { cudnn }),
        path,
        shape: shapes.get(path) ?? [],
        layer,
        group,
        index,
        isTrained: layer.trainable && counter === undefined && !statistics.has(path.split(".").at(-1) ?? ""),
        isCounter: index >= names.length,
      }));
    }),
  );
}

/** Those of the named weights that the layer has; `*` stands for all below, in Recurve's order. */
function namesIn(layer: string, names: readonly string[], shapes: ReadonlyMap<string, readonly number[]>): string[] {
  return names.flatMap((name) => {
    const path = `${layer}.${name}`;
    if (!path.endsWith("*")) return shapes.has(path) ? [path] : [];
    return [...shapes.keys()].filter((one) => one.startsWith(path.slice(0, -1)));
  });
}

/** The shapes of a model's weights by path. */
export function shapesOf(model: Model): Map<string, readonly number[]> {
  return new Map(leavesOf<Variable>(model.variables).map(({ path, leaf }) => [path, leaf.shape]));
}

/** Finds the array of a weight. Raises FormatError where there is none. */
export type Source = (weight: PlacedWeight) => HostTensor;

/** The tree of a `.weights.h5`: `layers/lstm/cell/vars/0`. */
export function treeSource(root: Hdf5Group, where: string): Source {
  return ({ group, index }) => {
    let at: Hdf5Group = root;
    for (const name of [...group.split("/"), "vars"]) {
      const next = at.children.get(name);
      if (next?.kind !== "group") throw missing(where, `${group}/vars/${index}`);
      at = next;
    }
    const found = at.children.get(String(index));
    if (found?.kind !== "dataset") throw missing(where, `${group}/vars/${index}`);
    return found.read();
  };
}

/**
 * Lists of arrays by the layers of the file: all that are trained in order, then the others. Legacy files and TensorFlow.js
 * have them.
 */
export function listSource(
  weights: readonly PlacedWeight[],
  listOf: (outer: string) => readonly (() => HostTensor)[] | undefined,
  where: string,
): Source {
  const places = new Map<string, () => HostTensor>();
  for (const outer of new Set(weights.map(({ layer }) => layer.outer))) {
    const own = weights.filter(({ layer }) => layer.outer === outer);
    const ordered = [...own.filter(({ isTrained }) => isTrained), ...own.filter(({ isTrained }) => !isTrained)];
    const list = listOf(outer) ?? [];
    if (list.length !== ordered.length) {
      throw new FormatError(
        `${where}: expected ${ordered.length} arrays for layer ${quoted(outer)}, got ${list.length}. The file is of another model, or damaged; save it again.`,
        { layer: outer },
      );
    }
    for (const [i, { path }] of ordered.entries()) places.set(path, list[i]);
  }
  return ({ path }) => places.get(path)?.() ?? fail(missing(where, path));
}

function fail(error: Error): never {
  throw error;
}

/** The tensor of a weight, in the shape that the layer has. */
export function tensorOf({ path, shape, cudnn }: PlacedWeight, given: HostTensor, where: string): Tensor {
  const name = path.slice(path.lastIndexOf(".") + 1);
  const { dtype, shape: got, data } = cudnn === undefined ? given : fromCudnn(name, given, shape, cudnn);
  const isSame = got.length === shape.length && got.every((size, i) => size === shape[i]);
  if (!isSame || dtype === "bool") {
    throw new FormatError(
      `${where}: expected the weight ${quoted(path)} to be ${formatShape([...shape])}, got ${formatShape([...got])}. The file is of another model, or damaged; save it again.`,
      { path },
    );
  }
  const floats = data instanceof Float32Array ? data : Float32Array.from(data);
  return concrete({ dtype: "float32", shape: [...shape] }, floats);
}

function missing(where: string, path: string): FormatError {
  return new FormatError(
    `${where}: expected the weights at ${quoted(path)}, got none. The file is of another model, or damaged; save it again.`,
    { path },
  );
}
