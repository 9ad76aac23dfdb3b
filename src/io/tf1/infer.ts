/**
 * A model made of the variables of a TensorFlow 1 checkpoint alone: cells are known by their names, dense layers and
 * embeddings by their sizes, which must chain. What variables can not say has defaults, and each that was used is a note.
 */
import { OptionError, UnsupportedError } from "../../base/errors.ts";
import type { Activation, Model } from "../../nn/index.ts";
import { checkOptionNames, unknownName } from "../../nn/index.ts";
import type { Tensor } from "../../trace/index.ts";
import { type Link, ordersOf } from "../chain.ts";
import { type ChainedLayer, chainedModel } from "../chainedLayers.ts";
import type { HostTensors } from "../hostTensor.ts";
import { inNameOfFile } from "../modelFile.ts";
import { quoted, someOf } from "../quoted.ts";
import { layersOfNetwork, layersOfProduct, sizesOfNetwork, type Tf1Network } from "./layers.ts";
import { type Product, pairProducts } from "./products.ts";
import { sortVariables } from "./variables.ts";

/** What variables can not say. */
export interface Tf1ModelOptions {
  /** Of the LSTM cells, added when they run: 1 if not given, as in BasicLSTMCell and LSTMCell. */
  readonly forgetBias?: number;
  /** Of the cells: "tanh" if not given. */
  readonly activation?: Activation;
  /** What follows a dense layer, by the name of its matrix: `{ "dense/kernel": "relu" }`; nothing if not given. */
  readonly activations?: Readonly<Record<string, Activation>>;
  /** Whether the last recurrent layer gives every step ("sequence", default) or the last one. */
  readonly output?: "sequence" | "last";
  /** Variables that are not of the model: what their names begin with. */
  readonly without?: readonly string[];
  /** The model's name. */
  readonly name?: string;
  /** Begins the sentences of errors: the file's name. */
  readonly where?: string;
}

export interface Tf1Model {
  readonly model: Model<Tensor>;
  /** The variables that each layer's weights are from. */
  readonly variables: Readonly<Record<string, readonly string[]>>;
  /** Sentences: what was assumed, and the option that says otherwise. */
  readonly notes: readonly string[];
}

/** A recurrent network, or a matrix with its bias. */
export type Tf1Part = { readonly network: Tf1Network } | { readonly product: Product };

const optionNames = ["forgetBias", "activation", "activations", "output", "without", "name", "where"];

/** More cells and matrices than this are no chain of layers. */
const mostParts = 1000;

/** The model that the variables describe. Raises UnsupportedError where they are no chain, and says why. */
export function modelFromTf1(tensors: HostTensors, options: Tf1ModelOptions = {}): Tf1Model {
  const { where = "modelFromTf1", name = "model" } = options;
  checkOptionNames(where, options, optionNames);
  checkChoices(where, tensors, options);
  const { links, training } = orderVariables(tensors, options);
  const layers = inNameOfFile(where, () => drawn(links, options, where));
  const variables = layers.map(({ layer, names }): [string, readonly string[]] => [layer.name, names]);
  return {
    model: chainedModel(
      name,
      layers.map(({ layer }) => layer),
      where,
    ),
    variables: Object.fromEntries(variables),
    notes: notesOf(links, training, options),
  };
}

/** Names of variables and words that would otherwise be taken and then ignored. */
function checkChoices(
  where: string,
  tensors: HostTensors,
  { activations = {}, output = "sequence" }: Tf1ModelOptions,
): void {
  if (!["sequence", "last"].includes(output)) throw unknownName(where, "output", output, ["sequence", "last"]);
  const stray = Object.keys(activations).find((name) => !Object.hasOwn(tensors, name));
  if (stray === undefined) return;
  throw new OptionError(
    `${where}: expected names of variables in activations, got ${quoted(stray)}. Give the name of a dense layer's matrix, such as "dense/kernel".`,
    { variable: stray },
  );
}

/** The parts of a model in order, and what belongs to the training. Looks at names and shapes alone. */
export function orderVariables(
  tensors: HostTensors,
  { where = "modelFromTf1", without = [] }: Pick<Tf1ModelOptions, "where" | "without">,
): { readonly links: readonly Link<Tf1Part>[]; readonly training: readonly string[] } {
  const kept = Object.entries(tensors).filter(([one]) => !without.some((start) => one.startsWith(start)));
  const names = kept.map(([one]) => one);
  expectNames(where, names);
  const { networks, others, training } = sortVariables(Object.fromEntries(kept));
  expectFew(where, [...networks.values()].flat().length + others.size);
  const parts: Tf1Part[] = [
    ...[...networks].map(([scope, runs]) => ({ network: { scope, runs } })),
    ...pairProducts(others, where).map((product) => ({ product })),
  ];
  return { links: orderParts(where, parts), training };
}

function expectNames(where: string, names: readonly string[]): void {
  if (names.some((name) => name.endsWith("/.ATTRIBUTES/VARIABLE_VALUE"))) {
    throw new UnsupportedError(
      `${where}: expected the variables of a TensorFlow 1 graph, got a checkpoint of TensorFlow 2 objects. Save the Keras model instead: model.save("model.keras").`,
    );
  }
}

function expectFew(where: string, count: number): void {
  if (count <= mostParts) return;
  throw new UnsupportedError(
    `${where}: expected at most ${mostParts} cells and other variables, got ${count}. Leave out what is not of the model, { without: [...] }.`,
  );
}

function orderParts(where: string, parts: readonly Tf1Part[]): Link<Tf1Part>[] {
  const names = parts.slice(0, 200).map(nameOfPart);
  if (parts.every((part) => "product" in part)) {
    throw new UnsupportedError(
      `${where}: expected a cell by a name such as rnn/basic_lstm_cell/kernel, got ${someOf(names)}. Draw the model and call importWeights("tensorflow1", model, variables, { prefix: "..." }).`,
      { names },
    );
  }
  const orders = ordersOf(
    parts.map((part) => waysOf(part, where)),
    rankOf,
  );
  if (orders?.length === 1) return orders[0];
  const got = orders === undefined ? "too many ways" : orders.length === 0 ? "no way" : "several ways";
  throw new UnsupportedError(
    `${where}: expected variables whose sizes chain in one order, got ${got} to put ${someOf(names)} one after the other. Leave out what is not of the model, { without: [...] }, or draw the model and call importWeights("tensorflow1", model, variables, { prefix }).`,
    { names },
  );
}

/** Models begin with an embedding, or else rather with a cell than with a dense layer. */
function rankOf({ part, inputs }: Link<Tf1Part>): number {
  return inputs === undefined ? 0 : "network" in part ? 1 : 2;
}

function nameOfPart(part: Tf1Part): string {
  return "network" in part ? part.network.scope : part.product.kernelName;
}

/** What a part can be. A softmax may be kept as (classes, width); a matrix without a bias is an embedding if it can be. */
function waysOf(part: Tf1Part, where: string): Link<Tf1Part>[] {
  if ("network" in part) return [{ part, ...sizesOfNetwork(part.network, where) }];
  const { kernel, bias } = part.product;
  const [rows, columns] = kernel.shape;
  const asIs = { part, inputs: rows, width: columns };
  if (bias === undefined) return [{ part, inputs: undefined, width: columns }, asIs];
  const turned = { part, inputs: columns, width: rows };
  return [
    ...(bias.shape[0] === columns ? [asIs] : []),
    ...(bias.shape[0] === rows && rows !== columns ? [turned] : []),
  ];
}

/** What follows a dense layer; a variable may have the name of what every object has. */
function chosen({ activations = {} }: Tf1ModelOptions, name: string): Activation | undefined {
  return Object.hasOwn(activations, name) ? activations[name] : undefined;
}

interface NamedLayer {
  readonly layer: ChainedLayer;
  readonly names: readonly string[];
}

function drawn(links: readonly Link<Tf1Part>[], options: Tf1ModelOptions, where: string): NamedLayer[] {
  const taken = new Set<string>();
  const lastNetwork = links.findLastIndex(({ part }) => "network" in part);
  return links.flatMap((link, i): NamedLayer[] => {
    const { part } = link;
    if ("product" in part) {
      const { kernelName, biasName } = part.product;
      const layer = layersOfProduct(part.product, link, { taken, activation: chosen(options, kernelName) });
      return [{ layer, names: [kernelName, ...(biasName === undefined ? [] : [biasName])] }];
    }
    const isLast = options.output === "last" && i === lastNetwork;
    return layersOfNetwork(part.network, where, { ...options, isLast, taken });
  });
}

function notesOf(links: readonly Link<Tf1Part>[], training: readonly string[], options: Tf1ModelOptions): string[] {
  const { forgetBias, activation, activations = {}, output } = options;
  const networks = links.flatMap(({ part }) => ("network" in part ? [part.network] : []));
  const scopes = networks.map(({ scope }) => quoted(scope)).join(", ");
  const lstms = networks.filter(({ runs }) => runs.some(({ cell }) => cell === "lstm"));
  const names = lstms.map(({ scope }) => quoted(scope)).join(", ");
  const plain = links.flatMap(({ part, inputs }) =>
    "product" in part && inputs !== undefined && !Object.hasOwn(activations, part.product.kernelName)
      ? [quoted(part.product.kernelName)]
      : [],
  );
  const tables = links.flatMap(({ part, inputs }) =>
    "product" in part && inputs === undefined ? [quoted(part.product.kernelName)] : [],
  );
  const lines = [
    [
      lstms.length > 0 && forgetBias === undefined,
      `${names}: forget bias 1, added to the bias; { forgetBias: 0 } for another.`,
    ],
    [activation === undefined, `${scopes}: activation tanh; { activation: "relu" } for another.`],
    [output === undefined, `${scopes}: every step gives an output; { output: "last" } for the last alone.`],
    [plain.length > 0, `${plain.join(", ")}: no activation after it; { activations: { name: "relu" } } for one.`],
    [tables.length > 0, `${tables.join(", ")} is taken as an embedding.`],
    [training.length > 0, `${training.length} variables of the training (${someOf(training, 3)}) are not used.`],
  ] as const;
  return lines.filter(([isMeant]) => isMeant).map(([, line]) => line);
}
