/** The layers of Recurve that one module of PyTorch is, with their weights; what the shapes do not say comes as options. */
import { internal } from "../../base/errors.ts";
import type { Activation, Cell, Layer, Padding } from "../../nn/index.ts";
import {
  batchNormalization,
  bidirectional,
  conv1D,
  dense,
  embedding,
  gru,
  gruCell,
  layerNormalization,
  lstm,
  lstmCell,
  simpleRNN,
  simpleRNNCell,
  weightsToImport,
} from "../../nn/index.ts";
import { type ChainedLayer, freeName } from "../chainedLayers.ts";
import { floatTensor, turnedRound } from "../floatTensor.ts";
import { type WeightToMake, weightsOfCell } from "../weightsOnDemand.ts";
import { recurrentNames, runsOf, type TorchModule, type TorchRun } from "./modules.ts";

/** A layer, and what the notes ask of it. */
export interface Drawn extends ChainedLayer {
  readonly isPlainRnn: boolean;
}

export interface DrawOptions {
  readonly isEmbedding: boolean;
  /** Whether it gives the last step alone. */
  readonly isLast: boolean;
  /** Names that other layers have. */
  readonly taken: Set<string>;
  readonly nonlinearity?: "tanh" | "relu";
  readonly activations?: Readonly<Record<string, Activation>>;
  readonly padding?: Padding;
  readonly epsilon?: number;
}

/** One layer, or as many as a recurrent module has. */
export function layersOfModule(module: TorchModule, where: string, options: DrawOptions): Drawn[] {
  if (module.kind === "recurrent") return recurrentLayers(module, where, options);
  const { layer, sources, inputs, readsSteps = false } = plainLayer(module, options);
  const name = freeName(module.name === "" ? layer.kind : module.name, options.taken);
  const weights = sources.map((source) => weightOf(name, module.tensors, source));
  return [{ name, layer, weights, inputs, readsSteps, isPlainRnn: false }];
}

interface PlainLayer {
  readonly layer: Layer;
  readonly sources: readonly Source[];
  readonly inputs: number | undefined;
  readonly readsSteps?: boolean;
}

/** The layer of a module that is not recurrent. */
function plainLayer({ name, kind, tensors }: TorchModule, options: DrawOptions): PlainLayer {
  const { isEmbedding, epsilon = 1e-5, padding, activations = {} } = options;
  // A module may have the name of what every object has.
  const activation = Object.hasOwn(activations, name) ? activations[name] : "linear";
  const [rows, columns, taps] = tensors.get("weight")?.shape ?? [];
  const useBias = tensors.has("bias");
  const product: Source[] = [["kernel", "weight", true], ...biasOf("bias", useBias)];
  const affine: Source[] = [["gamma", "weight", false], ...biasOf("beta", useBias)];
  if (isEmbedding) {
    const layer = embedding({ inputDim: rows, outputDim: columns });
    return { layer, sources: [["embeddings", "weight", false]], inputs: undefined, readsSteps: true };
  }
  switch (kind) {
    case "norm":
      return { layer: layerNormalization({ epsilon, center: useBias }), sources: affine, inputs: rows };
    case "batchNorm":
      // What PyTorch calls momentum is the share of the new batch, here it is that of the old mean.
      return {
        layer: batchNormalization({ epsilon, momentum: 0.9, center: useBias }),
        sources: [...affine, ["movingMean", "running_mean", false], ["movingVariance", "running_var", false]],
        inputs: rows,
      };
    case "conv1d": {
      const layer = conv1D({ filters: rows, kernelSize: taps, padding, useBias, activation });
      return { layer, sources: product, inputs: columns, readsSteps: true };
    }
    case "matrix":
    case "linear":
      return { layer: dense({ units: rows, useBias, activation }), sources: product, inputs: columns };
    default:
      return internal(`a plain layer of a module of kind ${kind}`);
  }
}

function biasOf(path: string, isThere: boolean): Source[] {
  return isThere ? [[path, "bias", false]] : [];
}

/** The path of a weight, its name in the module, and whether its axes are turned round. */
type Source = readonly [path: string, own: string, turned: boolean];

function weightOf(name: string, tensors: TorchModule["tensors"], [path, own, turned]: Source): WeightToMake {
  const tensor = tensors.get(own) ?? { dtype: "float32" as const, shape: [0], data: new Float32Array(0) };
  return { path: `${name}.${path}`, make: () => floatTensor(turned ? turnedRound(tensor) : tensor) };
}

/** Several layers, or both directions of them, one above the other as in PyTorch. */
function recurrentLayers(module: TorchModule, where: string, options: DrawOptions): Drawn[] {
  const runs = runsOf(module, where);
  const directions = runs.some(({ suffix }) => suffix.endsWith("_reverse")) ? 2 : 1;
  const count = runs.length / directions;
  return Array.from({ length: count }, (_, i) => {
    const own = runs.slice(directions * i, directions * (i + 1));
    const returnSequences = !(options.isLast && i === count - 1);
    return recurrentLayer(module, own, { ...options, returnSequences, suffix: count === 1 ? "" : `_l${i}` });
  });
}

interface RecurrentOptions extends DrawOptions {
  readonly returnSequences: boolean;
  /** Of its name. */
  readonly suffix: string;
}

function recurrentLayer(
  { name: module, tensors }: TorchModule,
  runs: readonly TorchRun[],
  { returnSequences, suffix, taken, nonlinearity = "tanh" }: RecurrentOptions,
): Drawn {
  const [{ inputs, hidden, units, gates, useBias }] = runs;
  const kind = recurrentNames.get(gates) ?? "simpleRNN";
  const name = freeName((module === "" ? kind : module) + suffix, taken);
  const projectionUnits = tensors.has(`weight_hr${runs[0].suffix}`) ? hidden : null;
  const common = { units, useBias };
  const makers = {
    lstm: () => {
      const own = { ...common, projectionUnits };
      return { cell: lstmCell(own), layer: lstm({ ...own, returnSequences }) };
    },
    gru: () => ({ cell: gruCell(common), layer: gru({ ...common, returnSequences }) }),
    simpleRNN: () => {
      const own = { ...common, activation: nonlinearity };
      return { cell: simpleRNNCell(own), layer: simpleRNN({ ...own, returnSequences }) };
    },
  };
  const { cell, layer } = makers[kind]();
  const isBoth = runs.length === 2;
  const weights = runs.flatMap((run, i) =>
    weightsOfRun(`${name}${isBoth ? [".forward", ".backward"][i] : ""}`, cell, tensors, run),
  );
  return {
    name,
    layer: isBoth ? bidirectional(layer) : layer,
    weights,
    inputs,
    readsSteps: true,
    isPlainRnn: kind === "simpleRNN",
  };
}

/** The weights of one cell, from the tensors that end in its suffix. */
function weightsOfRun(path: string, cell: Cell, tensors: TorchModule["tensors"], run: TorchRun): WeightToMake[] {
  const own = ["weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr"].flatMap((name) => {
    const tensor = tensors.get(`${name}${run.suffix}`);
    return tensor === undefined ? [] : [[name, tensor] as const];
  });
  return weightsOfCell(path, cell, run.inputs, () => weightsToImport("pytorch", cell, Object.fromEntries(own)));
}
