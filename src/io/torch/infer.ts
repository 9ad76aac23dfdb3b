/**
 * A model made of a state dict alone: which layers there are is read from names and shapes, in the order of the state
 * dict, and their sizes must chain. What a state dict can not say has defaults, and each that was used is a note.
 */
import { OptionError, UnsupportedError } from "../../base/errors.ts";
import type { Activation, Model, Padding } from "../../nn/index.ts";
import { checkOptionNames, unknownName } from "../../nn/index.ts";
import type { Tensor } from "../../trace/index.ts";
import type { Link } from "../chain.ts";
import { chainedModel } from "../chainedLayers.ts";
import type { HostTensors } from "../hostTensor.ts";
import { inNameOfFile } from "../modelFile.ts";
import { quoted, someOf } from "../quoted.ts";
import { type Drawn, layersOfModule } from "./layersOfModule.ts";
import { modulesOf, type TorchModule } from "./modules.ts";
import { orderModules } from "./order.ts";

/** What a state dict can not say. */
export interface StateDictModelOptions {
  /** The modules that the model is made of, bottom first; all of the state dict in its order if not given. */
  readonly modules?: readonly string[];
  /** Of modules with one matrix and no bias, which may be both. Otherwise what the sizes around it allow. */
  readonly kinds?: Readonly<Record<string, "embedding" | "linear">>;
  /** Whether the last recurrent layer gives every step ("sequence", default, as nn.LSTM does) or the last one. */
  readonly output?: "sequence" | "last";
  /** Of nn.RNN; "tanh" if not given. */
  readonly nonlinearity?: "tanh" | "relu";
  /** What follows a module: `{ fc1: "relu", fc2: "softmax" }`; nothing if not given. */
  readonly activations?: Readonly<Record<string, Activation>>;
  /** Of nn.Conv1d, whose stride and dilation are taken as 1; "valid" (padding=0) if not given. */
  readonly padding?: Padding;
  /** Of nn.LayerNorm and nn.BatchNorm1d; 1e-5 if not given, as there. */
  readonly epsilon?: number;
  /** The model's name. */
  readonly name?: string;
  /** Begins the sentences of errors: the file's name. */
  readonly where?: string;
}

export interface StateDictModel {
  readonly model: Model<Tensor>;
  /** From each layer to the module that its weights are from, as `exportStateDict` takes it. */
  readonly layers: Readonly<Record<string, string>>;
  /** Those of the modules that are nn.LSTMCell, nn.GRUCell or nn.RNNCell, for `exportStateDict` too. */
  readonly cells: readonly string[];
  /** Sentences: what was assumed, and the option that says otherwise. */
  readonly notes: readonly string[];
}

const optionNames = [
  "modules",
  "kinds",
  "output",
  "nonlinearity",
  "activations",
  "padding",
  "epsilon",
  "name",
  "where",
];

/** More than this is no chain of layers. */
const mostModules = 1000;
const mostTensors = 5000;

/** The model that a state dict describes. Raises UnsupportedError where the modules are no chain, and says which. */
export function modelFromStateDict(tensors: HostTensors, options: StateDictModelOptions = {}): StateDictModel {
  const { where = "modelFromStateDict", name = "model" } = options;
  checkOptionNames(where, options, optionNames);
  const modules = modulesOf(tensors, where, options.modules);
  checkChoices(where, modules, options);
  const count = modules.reduce((sum, module) => sum + module.tensors.size, 0);
  if (modules.length === 0 || modules.length > mostModules || count > mostTensors) {
    throw new UnsupportedError(
      `${where}: expected 1 to ${mostModules} modules of at most ${mostTensors} tensors, got ${modules.length} of ${count}. Name those that are meant, bottom first: { modules: ["embedding", "lstm", "fc"] }.`,
    );
  }
  const { links, isFound } = orderModules(where, modules, options);
  const chain = inNameOfFile(where, () => layersOf(where, links, options));
  const model = chainedModel(
    name,
    chain.flatMap((link) => link.layers),
    where,
  );
  const pairs = chain.flatMap(({ module, layers }) =>
    layers.map((layer): [string, string] => [layer.name, module.name]),
  );
  const cells = modules.filter(({ tensors }) => tensors.has("weight_ih")).map((module) => module.name);
  return { model, layers: Object.fromEntries(pairs), cells, notes: notesOf(chain, isFound, options) };
}

/** Names of modules and words that would otherwise be taken and then ignored. */
function checkChoices(where: string, modules: readonly TorchModule[], options: StateDictModelOptions): void {
  const known = new Set(modules.map(({ name }) => name));
  const { kinds = {}, activations = {}, output = "sequence", nonlinearity = "tanh" } = options;
  const stray = [...Object.keys(kinds), ...Object.keys(activations)].find((name) => !known.has(name));
  if (stray !== undefined) {
    throw new OptionError(
      `${where}: expected names of modules (${someOf([...known])}) in kinds and activations, got ${quoted(stray)}. Give what stands before ".weight".`,
      { module: stray },
    );
  }
  if (!["sequence", "last"].includes(output)) throw unknownName(where, "output", output, ["sequence", "last"]);
  if (!["tanh", "relu"].includes(nonlinearity))
    throw unknownName(where, "nonlinearity", nonlinearity, ["tanh", "relu"]);
}

interface ModuleLayers {
  readonly module: TorchModule;
  readonly layers: readonly Drawn[];
}

/** The layers of each module. */
function layersOf(where: string, links: readonly Link<TorchModule>[], options: StateDictModelOptions): ModuleLayers[] {
  const taken = new Set<string>();
  const lastRecurrent = links.findLastIndex(({ part }) => part.kind === "recurrent");
  return links.map(({ part: module, inputs }, i) => {
    const isLast = options.output === "last" && i === lastRecurrent;
    const isEmbedding = inputs === undefined;
    return { module, layers: layersOfModule(module, where, { ...options, isEmbedding, isLast, taken }) };
  });
}

/** A module by its name; one that is the whole state dict by that of its layer. */
function nameOf({ module, layers }: ModuleLayers): string {
  return quoted(module.name === "" ? layers[0].name : module.name);
}

function notesOf(chain: readonly ModuleLayers[], isFound: boolean, options: StateDictModelOptions): string[] {
  const { activations = {}, output = "sequence", nonlinearity, padding, epsilon } = options;
  const names = (wanted: (link: ModuleLayers) => boolean): string => chain.filter(wanted).map(nameOf).join(", ");
  const plain = names(
    ({ module }) => ["linear", "conv1d"].includes(module.kind) && !Object.hasOwn(activations, module.name),
  );
  const rnns = names(({ layers }) => layers.some((layer) => layer.isPlainRnn));
  const convs = names(({ module }) => module.kind === "conv1d");
  const norms = names(({ module }) => module.kind === "norm" || module.kind === "batchNorm");
  const matrices = chain.filter(({ module }) => module.kind === "matrix");
  const said = matrices.map((link) => `${nameOf(link)} is taken as ${link.layers[0].layer.kind}`);
  const recurrent = names(({ module }) => module.kind === "recurrent");
  const order = chain.map(nameOf).join(", ");
  const lines = [
    [
      isFound,
      `The modules are taken in the order ${order}, the only one in which their sizes chain; { modules: [...] } for a part of them.`,
    ],
    [
      recurrent !== "" && options.output === undefined,
      `${recurrent}: output "${output}": every step gives an output; { output: "last" } for the last alone.`,
    ],
    [rnns !== "" && nonlinearity === undefined, `${rnns}: nonlinearity tanh; { nonlinearity: "relu" } for the other.`],
    [plain !== "", `${plain}: no activation after it; { activations: { name: "relu" } } for one.`],
    [
      convs !== "" && padding === undefined,
      `${convs}: stride 1, padding 0; { padding: "same" } or "causal" for another. Inputs are [batch, time, channels] here.`,
    ],
    [norms !== "" && epsilon === undefined, `${norms}: epsilon 1e-5; { epsilon } for another.`],
    [
      said.length > 0 && options.kinds === undefined,
      `${said.join(", ")}; { kinds: { name: "embedding" } } or "linear" says otherwise.`,
    ],
  ] as const;
  return lines.filter(([isMeant]) => isMeant).map(([, line]) => line);
}
