/**
 * State dicts of PyTorch and models of Recurve: weights from one to the other, in both directions, for a model that there
 * is already. Not here: making a model of a state dict (`infer.ts`), reading files (`file.ts`).
 */
import { OptionError } from "../../base/errors.ts";
import { formatShape } from "../../base/shapes.ts";
import { checkOptionNames, exportWeights, type Model, weightsToImport } from "../../nn/index.ts";
import type { Tensor } from "../../trace/index.ts";
import { floatTensor, turnedRound } from "../floatTensor.ts";
import type { HostTensor, HostTensors } from "../hostTensor.ts";
import { inNameOfFile } from "../modelFile.ts";
import { quoted } from "../quoted.ts";
import { modulesOf, type TorchModule } from "./modules.ts";
import { isRecurrent, type ModelLayer, type Pair, type PairingOptions, pairLayers, placesOf } from "./pairing.ts";

export interface ImportStateDictOptions extends PairingOptions {
  /** The modules that are meant, by name; all of the state dict if not given. */
  readonly modules?: readonly string[];
  /** Begins the sentences of errors: the file's name. */
  readonly where?: string;
}

export interface ExportStateDictOptions extends PairingOptions {
  /** The modules that are nn.LSTMCell, nn.GRUCell or nn.RNNCell, whose tensors have no number of a layer. */
  readonly cells?: readonly string[];
}

/**
 * Sets the weights of a model from a state dict: every module must find its layer, in order and by shapes unless `layers`
 * says which, and every layer its module. Two biases of PyTorch become one where Recurve has one. Nothing is written
 * unless all modules fit.
 */
export function importStateDict(model: Model, tensors: HostTensors, options: ImportStateDictOptions = {}): void {
  const { where = "importStateDict", modules: only, ...pairing } = options;
  checkOptionNames(where, options, ["layers", "modules", "where"]);
  const modules = modulesOf(tensors, where, only);
  const byName = new Map(modules.map((module) => [module.name, module]));
  const weights = pairLayers(where, model, pairing, modules).map((pair) => {
    // pairLayers has checked that there is such a module.
    const module = byName.get(pair.module) as TorchModule;
    return weightsOfPair(where, model, pair, module);
  });
  // All fit: nothing has been written before this is known.
  model.setWeights(Object.assign({}, ...weights));
}

/**
 * The state dict of a model's weights, for `load_state_dict` and for files: each layer is a module of its name, unless
 * `layers` says which. Raises UnsupportedError for cells that PyTorch can not compute.
 */
export function exportStateDict(model: Model, options: ExportStateDictOptions = {}): HostTensors {
  checkOptionNames("exportStateDict", options, ["layers", "cells"]);
  const { cells = [], ...pairing } = options;
  const weights = model.weights();
  const entries = pairLayers("exportStateDict", model, pairing).flatMap(({ module, layers }) => {
    const prefix = module === "" ? "" : `${module}.`;
    if (!isRecurrent(layers[0])) {
      return layers.flatMap((layer) => tensorsOfLayer(layer, weights).map(([own, x]) => [prefix + own, x] as const));
    }
    const arrays = Object.entries(exportWeights("pytorch", model, { layers: layers.map(({ name }) => name), prefix }));
    if (!cells.includes(module)) return arrays;
    return arrays.map(([name, array]) => [name.replace(/_l0$/, ""), array] as const);
  });
  return Object.fromEntries(entries);
}

function weightsOfPair(
  where: string,
  model: Model,
  { layers }: Pair,
  { name, tensors }: TorchModule,
): Record<string, Tensor> {
  if (isRecurrent(layers[0])) {
    const arrays = Object.fromEntries(tensors);
    const names = layers.map((layer) => layer.name);
    const makers = inNameOfFile(where, () => weightsToImport("pytorch", model, arrays, { layers: names }));
    return Object.fromEntries([...makers].map(([path, make]) => [path, make()]));
  }
  const [layer] = layers;
  const entries = placesOf(where, layer).map(({ path, own, turned, shape }): [string, Tensor] => {
    const given = tensors.get(own);
    const target = `${layer.name}.${path}`;
    if (given === undefined || String(given.shape) !== String(shape)) {
      throw new OptionError(
        `${where}: expected ${quoted(`${name}.${own}`)} to be ${formatShape(shape)} for the weight "${target}", got ${given === undefined ? "none" : formatShape(given.shape)}. Give the layer the sizes and options of the module.`,
        { module: name, weight: target },
      );
    }
    return [target, floatTensor(turned ? turnedRound(given) : given)];
  });
  return Object.fromEntries(entries);
}

function tensorsOfLayer(layer: ModelLayer, weights: Readonly<Record<string, Tensor>>): [string, HostTensor][] {
  const entries = placesOf("exportStateDict", layer).map(({ path, own, turned }): [string, HostTensor] => {
    const x = weights[`${layer.name}.${path}`];
    const tensor: HostTensor = { dtype: "float32", shape: x.shape as readonly number[], data: x.data() };
    return [own, turned ? turnedRound(tensor) : tensor];
  });
  // PyTorch counts batches; load_state_dict wants the count although nothing of what is computed needs it.
  const counts = layer.kind === "batchNormalization";
  const counted: HostTensor = { dtype: "int32", shape: [], data: Int32Array.of(0) };
  return counts ? [...entries, ["num_batches_tracked", counted]] : entries;
}
