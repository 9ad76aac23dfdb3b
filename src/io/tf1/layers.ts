/** The layers of Recurve that the cells, matrices and embeddings of a checkpoint are, with their weights. */
import { UnsupportedError } from "../../base/errors.ts";
import { formatShape } from "../../base/shapes.ts";
import {
  type Activation,
  bidirectional,
  type Cell,
  dense,
  embedding,
  gruCell,
  lstmCell,
  rnn,
  simpleRNNCell,
  weightsToImport,
} from "../../nn/index.ts";
import type { Tensor } from "../../trace/index.ts";
import type { Link } from "../chain.ts";
import { type ChainedLayer, freeName } from "../chainedLayers.ts";
import { floatTensor, turnedRound } from "../floatTensor.ts";
import { quoted } from "../quoted.ts";
import { type WeightToMake, weightsOfCell } from "../weightsOnDemand.ts";
import type { Product } from "./products.ts";
import type { Tf1Run } from "./variables.ts";

/** The cells of one dynamic_rnn, bidirectional_dynamic_rnn or stack of such. */
export interface Tf1Network {
  readonly scope: string;
  readonly runs: readonly Tf1Run[];
}

interface Sizes {
  readonly inputs: number;
  readonly units: number;
  /** Of the state h and the output. */
  readonly width: number;
}

/** A run's sizes, from its arrays: a kernel has a row for each input and each number of the state. */
function sizesOfRun({ cell, arrays, names }: Tf1Run, where: string): Sizes {
  const gates = { simpleRNN: 1, lstm: 4, gru: 2 }[cell];
  const kernel = arrays.get(cell === "gru" ? "gates/kernel" : "kernel");
  const [rows = 0, columns = 0] = kernel?.shape ?? [];
  const units = columns / gates;
  const width = arrays.get("projection/kernel")?.shape[1] ?? units;
  const inputs = rows - width;
  if ([inputs, units, width].every((size) => Number.isSafeInteger(size) && size > 0)) return { inputs, units, width };
  throw new UnsupportedError(
    `${where}: expected a kernel of (inputs + units) rows and ${gates} times units columns for ${quoted(names[0] ?? "")}, got ${kernel === undefined ? "none" : formatShape([...kernel.shape])}. Draw the model and call importWeights("tensorflow1", model, variables, { prefix }).`,
    { names },
  );
}

/** What a network reads and gives at each step. Its cells must chain. */
export function sizesOfNetwork(network: Tf1Network, where: string): { inputs: number; width: number } {
  const layers = layersInside(network);
  let width: number | undefined;
  for (const { runs } of layers) {
    const sizes = runs.map((run) => sizesOfRun(run, where));
    runs.forEach((run, i) => {
      const isAbove = i > 0 && runs[i - 1].direction === run.direction;
      const before = isAbove ? sizes[i - 1].width : width;
      if (before !== undefined && before !== sizes[i].inputs) {
        throw new UnsupportedError(
          `${where}: expected ${quoted(run.names[0] ?? "")} to read the ${before} numbers that the cell below gives, got ${sizes[i].inputs}. Draw the model and call importWeights("tensorflow1", model, variables, { prefix }).`,
          { names: run.names },
        );
      }
    });
    const tops = runs.map((run, i) =>
      runs[i + 1]?.direction === run.direction && i + 1 < runs.length ? 0 : sizes[i].width,
    );
    width = tops.reduce((sum, one) => sum + one, 0);
  }
  return { inputs: sizesOfRun(layers[0].runs[0], where).inputs, width: width ?? 0 };
}

/** The runs of a network by layer: those of a MultiRNNCell in one direction are layers one above the other. */
function layersInside({ runs }: Tf1Network): { readonly runs: readonly Tf1Run[]; readonly suffix: string }[] {
  const isBoth = runs.some(({ direction }) => direction !== undefined);
  const keyOf = (run: Tf1Run): number => (isBoth ? run.layer : run.depth);
  const keys = [...new Set(runs.map(keyOf))];
  return keys.map((key) => ({
    runs: runs.filter((run) => keyOf(run) === key),
    suffix: keys.length === 1 ? "" : `_${isBoth ? "layer" : "cell"}_${key}`,
  }));
}

export interface NetworkOptions {
  readonly forgetBias?: number;
  readonly activation?: Activation;
  /** Whether the uppermost layer gives the last step alone. */
  readonly isLast: boolean;
  readonly taken: Set<string>;
}

/** The recurrent layers of a network, bottom first, each with the variables that it is made of. */
export function layersOfNetwork(
  network: Tf1Network,
  where: string,
  options: NetworkOptions,
): { layer: ChainedLayer; names: readonly string[] }[] {
  const layers = layersInside(network);
  return layers.map(({ runs, suffix }, i) => {
    const name = freeName((network.scope === "" ? "rnn" : network.scope) + suffix, options.taken);
    const returnSequences = !(options.isLast && i === layers.length - 1);
    const drawn = drawnLayer({ name, runs, returnSequences }, where, options);
    return { layer: drawn, names: runs.flatMap((run) => run.names) };
  });
}

interface Drawing {
  readonly name: string;
  readonly runs: readonly Tf1Run[];
  readonly returnSequences: boolean;
}

function drawnLayer({ name, runs, returnSequences }: Drawing, where: string, options: NetworkOptions): ChainedLayer {
  const directions = (["forward", "backward"] as const).map((direction) =>
    runs.filter((run) => (run.direction ?? "forward") === direction),
  );
  const isBoth = runs.some(({ direction }) => direction === "backward");
  if (isBoth && directions.some((own) => own.length === 0 || own.length !== directions[0].length)) {
    throw new UnsupportedError(
      `${where}: expected as many cells forward as backward in ${quoted(name)}, got ${directions.map((own) => own.length).join(" and ")}. The checkpoint is not whole.`,
    );
  }
  const made = directions.map((own) => own.map((run) => ({ run, cell: cellOf(run, where, options) })));
  const layers = made.map((own, i) =>
    own.length === 0
      ? undefined
      : rnn(own.length === 1 ? own[0].cell : own.map(({ cell }) => cell), { returnSequences, goBackwards: i === 1 }),
  );
  const [forward, backward] = layers;
  // A layer without forward runs was refused above.
  const layer =
    backward === undefined
      ? forward
      : bidirectional(forward as NonNullable<typeof forward>, { backwardLayer: backward });
  const weights = made.flatMap((own, i) =>
    own.flatMap(({ run, cell }, depth) => {
      const direction = isBoth ? [".forward", ".backward"][i] : "";
      const inner = own.length === 1 ? "" : `.cells.${depth}`;
      return weightsOfRun(`${name}${direction}${inner}`, { run, cell }, where, options);
    }),
  );
  const { inputs } = sizesOfRun(runs[0], where);
  return { name, layer: layer as NonNullable<typeof layer>, weights, inputs, readsSteps: true };
}

function cellOf(run: Tf1Run, where: string, { activation = "tanh" }: NetworkOptions): Cell {
  const { units, width } = sizesOfRun(run, where);
  switch (run.cell) {
    case "simpleRNN":
      return simpleRNNCell({ units, activation });
    case "gru":
      return gruCell({ units, activation, resetAfter: false });
    case "lstm": {
      const usePeepholes = run.arrays.has("w_f_diag");
      const projectionUnits = run.arrays.has("projection/kernel") ? width : null;
      return lstmCell({ units, activation, usePeepholes, projectionUnits });
    }
    default:
      return run.cell satisfies never;
  }
}

function weightsOfRun(
  path: string,
  { run, cell }: { readonly run: Tf1Run; readonly cell: Cell },
  where: string,
  { forgetBias = 1 }: NetworkOptions,
): WeightToMake[] {
  const { inputs } = sizesOfRun(run, where);
  return weightsOfCell(path, cell, inputs, () =>
    weightsToImport("tensorflow1", cell, Object.fromEntries(run.arrays), { forgetBias }),
  );
}

/** An embedding or a dense layer; the link says which, and whether the matrix is kept as (outputs, inputs). */
export function layersOfProduct(
  { kernelName, kernel, bias }: Product,
  { inputs, width }: Pick<Link<unknown>, "inputs" | "width">,
  { taken, activation = "linear" }: { readonly taken: Set<string>; readonly activation?: Activation },
): ChainedLayer {
  const name = freeName(kernelName.replace(/\/(kernel|weights)$/, ""), taken);
  const weight = (own: string, make: () => Tensor): WeightToMake => ({ path: `${name}.${own}`, make });
  if (inputs === undefined) {
    const layer = embedding({ inputDim: kernel.shape[0], outputDim: width });
    return { name, layer, weights: [weight("embeddings", () => floatTensor(kernel))], inputs, readsSteps: true };
  }
  const isTurned = kernel.shape[0] !== inputs;
  const layer = dense({ units: width, useBias: bias !== undefined, activation });
  const weights = [weight("kernel", () => floatTensor(isTurned ? turnedRound(kernel) : kernel))];
  if (bias !== undefined) weights.push(weight("bias", () => floatTensor(bias)));
  return { name, layer, weights, inputs, readsSteps: false };
}
