/**
 * Models out of the ONNX files that `encodeOnnx` has written: the definition is in the metadata, the weights are among
 * the initialisers, so that the model is the same to the last bit. Graphs of other programs are not read here.
 */
import { equalShapes } from "../../../base/shapes.ts";
import { leavesOf } from "../../../base/trees.ts";
import { Model, type Outputs, type ParamSpec, weightsToImport } from "../../../nn/index.ts";
import { redraw } from "../../../nn/network/definition.ts";
import type { Tensor } from "../../../trace/index.ts";
import type { HostTensors } from "../../hostTensor.ts";
import { hostTensors, inNameOfFile, modelOfDefinition, type OwnKinds, readDefinition } from "../../modelFile.ts";
import { weightsOnDemand } from "../../weightsOnDemand.ts";
import { decodeOnnxProto, givenArrayOf, type OnnxModelProto, type OnnxTensor, weightOf } from "../messages.ts";

/**
 * The model that a file was written from, or undefined for a file of another program. `where` (the file's name) begins
 * the sentences of errors; cells and layers of your own are made by `own`.
 */
export function readExportedModel<O extends Outputs = Outputs>(
  bytes: Uint8Array,
  where = "ONNX file",
  own: OwnKinds = {},
): Model<O> | undefined {
  return modelOfOnnx<O>(decodeOnnxProto(bytes, where), where, own);
}

/** The same of a file that has been read already. */
export function modelOfOnnx<O extends Outputs = Outputs>(
  { metadata: entries, graph }: OnnxModelProto,
  where: string,
  own: OwnKinds = {},
): Model<O> | undefined {
  const metadata = new Map(entries.filter(([key]) => key.startsWith("recurve.")));
  if (!metadata.has("recurve.model")) return undefined;
  const definition = readDefinition(Object.fromEntries(metadata), where);
  // Without weights: none are made before it is known that the file has them.
  const shell = inNameOfFile(where, () => new Model(redraw(definition, own), {}));
  return modelOfDefinition<O>(definition, { ...own, weights: weightsIn(shell, graph.initializers, where) }, where);
}

/** The weights of a model that a file's initialisers would not give back exactly. */
export function missingWeights(model: Model, initializers: readonly OnnxTensor[]): HostTensors {
  const found = weightsIn(model, initializers, model.name);
  const lost = Object.entries(model.weights()).filter(([path, weight]) => !areSame(found[path], weight));
  return hostTensors(Object.fromEntries(lost));
}

const arrays = ["W", "R", "B", "P"];

/** What initialisers with weights are called: the paths of weights, and the arrays of the operators of ONNX. */
function namesOf({ layers }: Model) {
  const own = new Set(layers.flatMap(({ name, params }) => leavesOf<ParamSpec>(params, name).map(({ path }) => path)));
  const packed = layers.flatMap(({ name }) => arrays.map((array) => `${name}.${array}`));
  // A cell of the user's own may have a weight W.
  return { own, packed: new Set(packed.filter((name) => !own.has(name))) };
}

/** By path: as they are, or unpacked from what the operators of ONNX take. */
function weightsIn(model: Model, given: readonly OnnxTensor[], where: string): Readonly<Record<string, Tensor>> {
  const initializers = new Map(given.map((one) => [one.name, one]));
  const names = namesOf(model);
  const unpacked = model.layers.flatMap(({ name }) => {
    if (!names.packed.has(`${name}.W`) || !initializers.has(`${name}.W`)) return [];
    const own = arrays.flatMap((array) => {
      const found = initializers.get(`${name}.${array}`);
      return found === undefined ? [] : [[found.name, givenArrayOf(found, where)] as const];
    });
    const options = { layers: [name], prefix: `${name}.` };
    return [...inNameOfFile(where, () => weightsToImport("onnx", model, Object.fromEntries(own), options))];
  });
  const plain = [...initializers.values()].filter(({ name }) => names.own.has(name));
  return weightsOnDemand([
    ...unpacked.map(([path, make]) => ({ path, make })),
    ...plain.map((one) => ({ path: one.name, make: () => weightOf(one, where) })),
  ]);
}

/** Whether two tensors are the same to the last bit. */
function areSame(a: Tensor | undefined, b: Tensor): boolean {
  if (a === undefined || !equalShapes(a.shape, b.shape)) return false;
  const [left, right] = [a, b].map((x) => x.data()).map((x) => new Int32Array(x.buffer, x.byteOffset, x.length));
  return left.every((bits, i) => bits === right[i]);
}
