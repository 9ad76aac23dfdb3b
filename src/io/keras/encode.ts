/** Models as Keras files: the zip archive of Keras 3, whole models in HDF5, weights alone. Equal models give equal bytes. */
import { internal } from "../../base/errors.ts";
import { leavesByPath } from "../../base/trees.ts";
import type { Model } from "../../nn/index.ts";
import type { Variable } from "../../trace/index.ts";
import { encodeHdf5, type Hdf5Tree } from "../hdf5/index.ts";
import type { HostTensor } from "../hostTensor.ts";
import { encodeZip } from "../zip.ts";
import { textAttributes } from "./legacy.ts";
import { expectMasksOfKeras, placeLayers } from "./place.ts";
import { type PlacedWeight, placedWeights, shapesOf } from "./weights.ts";
import { writeNetwork } from "./writeNetwork.ts";

/** The version of Keras whose files these are. */
const version = "3.15.1";
/** A date of its own would make every file another one. */
const date = "2020-01-01@00:00:00";

/** Bytes of a `.keras` file that Keras 3 loads. Raises UnsupportedError for a model that Keras can not compute. */
export function encodeKeras(model: Model): Uint8Array {
  expectMasksOfKeras(model);
  const json = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
  return encodeZip(
    [
      ["metadata.json", json({ keras_version: version, date_saved: date })],
      ["config.json", json(writeNetwork(model))],
      ["model.weights.h5", encodeKerasWeights(model)],
    ],
    // So that the arrays of HDF5 inside are at multiples of 8 too.
    { align: 64 },
  );
}

/** Bytes of a `.weights.h5`, which a Keras 3 model of the same layers loads. */
export function encodeKerasWeights(model: Model): Uint8Array {
  const root: MutableTree = { groups: {}, datasets: {} };
  for (const { weight, tensor } of arraysOf(model)) {
    let at = root;
    for (const name of [...weight.group.split("/"), "vars"]) {
      at.groups[name] ??= { groups: {}, datasets: {} };
      at = at.groups[name];
    }
    at.datasets[String(weight.index)] = tensor;
  }
  return encodeHdf5(root);
}

interface MutableTree extends Hdf5Tree {
  readonly groups: Record<string, MutableTree>;
  readonly datasets: Record<string, HostTensor>;
}

/** Bytes of a legacy `.h5` of a whole model, which Keras 3 loads, and Keras 2 where the layers are the same. */
export function encodeKerasH5(model: Model): Uint8Array {
  expectMasksOfKeras(model);
  const arrays = arraysOf(model);
  const names = model.layers.map(({ name }) => name);
  const groups = Object.fromEntries(
    names.map((name) => {
      const own = arrays.filter(({ weight }) => weight.layer.outer === name);
      const ordered = [
        ...own.filter(({ weight }) => weight.isTrained),
        ...own.filter(({ weight }) => !weight.isTrained),
      ];
      const datasets = Object.fromEntries(
        ordered.map(({ weight, tensor }) => [weight.path.replaceAll(".", "_"), tensor]),
      );
      const paths = ordered.map(({ weight }) => `${name}/${weight.path.replaceAll(".", "_")}`);
      const tree: Hdf5Tree = {
        attributes: textAttributes("weight_names", paths),
        groups: ordered.length === 0 ? {} : { [name]: { datasets } },
      };
      return [name, tree];
    }),
  );
  return encodeHdf5({
    attributes: { backend: "jax", keras_version: version, model_config: JSON.stringify(writeNetwork(model)) },
    groups: {
      model_weights: {
        attributes: { backend: "jax", keras_version: version, ...textAttributes("layer_names", names) },
        groups,
      },
    },
  });
}

/** Every weight with its numbers, and counters of Keras at zero. */
function arraysOf(model: Model): { weight: PlacedWeight; tensor: HostTensor }[] {
  const left = new Map(leavesByPath<Variable>(model.variables));
  const arrays = placedWeights(placeLayers(model), shapesOf(model)).map((weight) => {
    const { path, shape, isCounter } = weight;
    if (isCounter) return { weight, tensor: { dtype: "int32", shape, data: new Int32Array(1) } as const };
    const data = left.get(path)?.read().data() ?? internal("a weight has two places in a file of Keras", { path });
    left.delete(path);
    return { weight, tensor: { dtype: "float32", shape, data } as const };
  });
  if (left.size > 0) internal("weights have no place in a file of Keras", { paths: [...left.keys()] });
  return arrays;
}
