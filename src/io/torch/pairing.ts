/**
 * Which layer of a model is which module of a state dict, for both directions: as the caller says, else in order, each
 * layer with the first module that has its shapes. Not here: moving the numbers (`stateDict.ts`).
 */
import { OptionError } from "../../base/errors.ts";
import { formatShape } from "../../base/shapes.ts";
import { leavesOf } from "../../base/trees.ts";
import type { Model, ParamSpec } from "../../nn/index.ts";
import { quoted, shortened, someOf } from "../quoted.ts";
import { runsOf, type TorchModule } from "./modules.ts";

export type ModelLayer = Model["layers"][number];

/** Layers and the one module that holds their weights; several only where an nn.LSTM has several layers. */
export interface Pair {
  readonly module: string;
  readonly layers: readonly ModelLayer[];
}

export interface PairingOptions {
  /** From the name of a layer to that of its module: `{ encoder: "rnn.encoder" }`. Several layers may share an nn.LSTM. */
  readonly layers?: Readonly<Record<string, string>>;
}

/** One weight of a layer within a module. */
export interface Place {
  /** Its path below the layer: `kernel`, `layer.kernel`. */
  readonly path: string;
  /** Its own name in the module. */
  readonly own: string;
  /** Whether all axes come in reverse order: [in, out] is [out, in]. */
  readonly turned: boolean;
  readonly shape: readonly number[];
}

/** A weight of a layer, its own name in the module, and whether all axes come in reverse order. */
type PlaceRule = readonly [path: string, own: string, turned: boolean];

const productRules: readonly PlaceRule[] = [
  ["kernel", "weight", true],
  ["bias", "bias", false],
];
const affineRules: readonly PlaceRule[] = [
  ["gamma", "weight", false],
  ["beta", "bias", false],
];
const places: ReadonlyMap<string, readonly PlaceRule[]> = new Map([
  ["dense", productRules],
  ["conv1D", productRules],
  ["embedding", [["embeddings", "weight", false]]],
  ["layerNormalization", affineRules],
  [
    "batchNormalization",
    [...affineRules, ["movingMean", "running_mean", false], ["movingVariance", "running_var", false]],
  ],
]);

const recurrentKinds = ["lstm", "gru", "simpleRNN", "rnn", "bidirectional"];

export function isRecurrent({ kind }: ModelLayer): boolean {
  return recurrentKinds.includes(kind);
}

/** Where the weights of a layer that is not recurrent lie. Raises OptionError for a layer that PyTorch has no module for. */
export function placesOf(where: string, { name, kind, options, params }: ModelLayer): Place[] {
  const inner = kind === "timeDistributed" ? (options.layer as { readonly kind: string }).kind : kind;
  const known = places.get(inner);
  return leavesOf<ParamSpec>(params).map(({ path, leaf }) => {
    const place = known?.find(([one]) => one === path);
    if (place !== undefined) {
      const [, own, turned] = place;
      return { path, own, turned, shape: turned ? leaf.shape.toReversed() : leaf.shape };
    }
    throw new OptionError(
      `${where}: expected layers that PyTorch has a module for (lstm, gru, simpleRNN, rnn, bidirectional, ${[...places.keys()].join(", ")}), got ${kind} "${name}" with the weight "${path}". Move its weights by name: model.weights() and model.setWeights().`,
      { layer: name },
    );
  });
}

/**
 * The pairs of all layers that have weights. Without modules (for writing) a layer that the caller does not name is a
 * module of its own name. Raises OptionError for layers without a module and for modules without a layer.
 */
export function pairLayers(
  where: string,
  model: Model,
  { layers: chosen = {} }: PairingOptions,
  modules?: readonly TorchModule[],
): Pair[] {
  const weighted = model.layers.filter(({ params }) => leavesOf(params).length > 0);
  checkChosen(where, chosen, weighted, modules);
  const pairs: Pair[] = [];
  const free = new Set(modules?.filter(({ name }) => !Object.values(chosen).includes(name)));
  const done = new Set<ModelLayer>();
  for (const [i, layer] of weighted.entries()) {
    if (done.has(layer)) continue;
    if (Object.hasOwn(chosen, layer.name)) {
      joinPair(pairs, chosen[layer.name], layer);
    } else if (modules === undefined) {
      pairs.push({ module: layer.name, layers: [layer] });
    } else {
      const rest = weighted.slice(i).filter(({ name }) => !Object.hasOwn(chosen, name));
      const pair = firstThatFits(where, rest, [...free]);
      pairs.push(pair);
      for (const module of free) if (module.name === pair.module) free.delete(module);
      for (const one of pair.layers) done.add(one);
    }
  }
  if (free.size === 0) return pairs;
  const left = [...free].map(({ name }) => name);
  throw new OptionError(
    `${where}: expected a layer for every module, got none for ${someOf(left)}. Name the modules that are meant: { modules: [...] }, or give a model that has such layers.`,
    { modules: left },
  );
}

function joinPair(pairs: Pair[], module: string, layer: ModelLayer): void {
  const at = pairs.findIndex((pair) => pair.module === module);
  if (at < 0) pairs.push({ module, layers: [layer] });
  else pairs[at] = { module, layers: [...pairs[at].layers, layer] };
}

function checkChosen(
  where: string,
  chosen: Readonly<Record<string, string>>,
  weighted: readonly ModelLayer[],
  modules: readonly TorchModule[] | undefined,
): void {
  for (const [layer, module] of Object.entries(chosen)) {
    const known = weighted.map(({ name }) => name);
    if (!known.includes(layer)) {
      throw new OptionError(
        `${where}: expected the name of a layer with weights (${someOf(known)}), got ${quoted(layer)}. Give the names that model.summary() shows.`,
        { layer },
      );
    }
    if (modules === undefined || modules.some(({ name }) => name === module)) continue;
    throw new OptionError(
      `${where}: expected the name of a module (${someOf(modules.map(({ name }) => name))}), got ${quoted(module)}. Give what stands before ".weight".`,
      { module },
    );
  }
}

/** The first module that has the shapes of the first layer, and of the layers above it if it has more. */
function firstThatFits(where: string, layers: readonly ModelLayer[], modules: readonly TorchModule[]): Pair {
  const [layer] = layers;
  const fitting = isRecurrent(layer)
    ? modules.filter(({ kind }) => kind === "recurrent")
    : modules.filter(({ kind }) => kind !== "recurrent");
  for (const module of fitting) {
    const count = isRecurrent(layer)
      ? layersInside(module, where, layers)
      : hasShapes(module, placesOf(where, layer))
        ? 1
        : 0;
    if (count > 0) return { module: module.name, layers: layers.slice(0, count) };
  }
  const got = modules.slice(0, 4).map((module) => `${quoted(module.name)} (${shapesOfModule(module)})`);
  throw new OptionError(
    `${where}: expected a module for ${layer.kind} "${layer.name}" with ${shapesOfLayer(where, layer)}, got ${got.join(", ") || "none that is left"}. Give a model of the sizes of the file, or say which module is meant: { layers: { ${layer.name}: "..." } }.`,
    { layer: layer.name },
  );
}

function hasShapes({ tensors }: TorchModule, wanted: readonly Place[]): boolean {
  const names = [...tensors.keys()].filter((name) => name !== "num_batches_tracked");
  const fits = ({ own, shape }: Place): boolean => String(tensors.get(own)?.shape) === String(shape);
  return names.length === wanted.length && wanted.every(fits);
}

/** How many of the layers the module is, from the first one on; 0 if their sizes are others. */
function layersInside(module: TorchModule, where: string, layers: readonly ModelLayer[]): number {
  const wanted = runsOf(module, where).map(
    ({ inputs, hidden, units, gates }) => `${inputs} ${hidden} ${units * gates}`,
  );
  const found: string[] = [];
  for (const [i, layer] of layers.entries()) {
    if (!isRecurrent(layer)) return 0;
    found.push(...runsOfLayer(layer));
    if (found.length >= wanted.length) return found.join() === wanted.join() ? i + 1 : 0;
  }
  return 0;
}

/** The sizes of each run of a layer: inputs, hidden state, width of all gates. */
function runsOfLayer({ params }: ModelLayer): string[] {
  const leaves = new Map(leavesOf<ParamSpec>(params).map(({ path, leaf }) => [path, leaf.shape]));
  const kernels = [...leaves].filter(([path]) => path.split(".").at(-1) === "kernel");
  return kernels.map(([path, [inputs, width]]) => {
    const hidden = leaves.get(path.replace(/kernel$/, "recurrentKernel"))?.[0];
    return `${inputs} ${hidden} ${width}`;
  });
}

function shapesOfLayer(where: string, layer: ModelLayer): string {
  if (!isRecurrent(layer)) {
    return placesOf(where, layer)
      .map(({ own, shape }) => `${own} ${formatShape(shape)}`)
      .join(", ");
  }
  const sizes = runsOfLayer(layer).map((run) => run.split(" "));
  return sizes
    .map(([inputs, hidden, width]) => `weight_ih [${width}, ${inputs}], weight_hh [${width}, ${hidden}]`)
    .join(", ");
}

function shapesOfModule({ tensors }: TorchModule): string {
  const shown = [...tensors].filter(([name]) => !name.startsWith("bias_")).slice(0, 3);
  return shown.map(([name, { shape }]) => `${shortened(name)} ${formatShape(shape)}`).join(", ");
}
