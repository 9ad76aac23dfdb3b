/**
 * The variables of a checkpoint that are of no cell, as layers: a matrix with the bias that belongs to it is dense, one
 * without may be an embedding. From names where they pair, else from sizes.
 */
import { UnsupportedError } from "../../base/errors.ts";
import { formatShape } from "../../base/shapes.ts";
import type { HostTensor } from "../hostTensor.ts";
import { quoted } from "../quoted.ts";

export interface Product {
  readonly kernelName: string;
  readonly kernel: HostTensor;
  readonly biasName?: string;
  readonly bias?: HostTensor;
}

/** What names end in, for a matrix and for its bias: `dense/kernel` and `dense/bias`, `softmax_w` and `softmax_b`. */
const ending = /(^|[/_])(kernel|weights?|biases|bias|matrix|w|b)$/i;

/** The matrices, each with its bias. Raises UnsupportedError for variables that find no place. */
export function pairProducts(variables: ReadonlyMap<string, HostTensor>, where: string): Product[] {
  const matrices = [...variables].filter(([, { shape }]) => shape.length === 2);
  const vectors = new Map([...variables].filter(([, { shape }]) => shape.length === 1));
  const wrong = [...variables].find(([, { shape }]) => shape.length > 2);
  if (wrong !== undefined) throw unplaced(where, wrong[0], wrong[1]);
  const products = matrices.map(([kernelName, kernel]) => ({
    kernelName,
    kernel,
    bias: biasByName(kernelName, vectors),
  }));
  const taken = new Set(products.flatMap(({ bias }) => bias ?? []));
  const bySize = new Map<string, string>();
  for (const [name, vector] of vectors) {
    if (taken.has(name)) continue;
    const fitting = products.filter((one) => one.bias === undefined && one.kernel.shape.includes(vector.shape[0]));
    // As it was made: the matrix before it, as Variable and Variable_1.
    const owner = fitting.length === 1 ? fitting[0] : fitting.find((one) => isNextTo(one.kernelName, name));
    if (owner === undefined || bySize.has(owner.kernelName)) throw unplaced(where, name, vector);
    bySize.set(owner.kernelName, name);
  }
  return products.map(({ kernelName, kernel, bias }) => {
    const biasName = bias ?? bySize.get(kernelName);
    const own = biasName === undefined ? undefined : vectors.get(biasName);
    return biasName === undefined || own === undefined
      ? { kernelName, kernel }
      : { kernelName, kernel, biasName, bias: own };
  });
}

function biasByName(kernelName: string, vectors: ReadonlyMap<string, HostTensor>): string | undefined {
  if (!ending.test(kernelName)) return undefined;
  const stem = kernelName.replace(ending, "$1");
  const own = ["bias", "biases", "b", "Bias", "B"].map((name) => stem + name);
  return own.find((name) => vectors.has(name));
}

/** `Variable_1` comes after `Variable`, `Variable_3` after `Variable_2`. */
function isNextTo(kernel: string, bias: string): boolean {
  const numberOf = (name: string): number => Number(/_(\d+)$/.exec(name)?.[1] ?? 0);
  return numberOf(bias) === numberOf(kernel) + 1;
}

function unplaced(where: string, name: string, { shape }: HostTensor): UnsupportedError {
  return new UnsupportedError(
    `${where}: expected variables of cells, embeddings and dense layers, got ${quoted(name)} of shape ${formatShape([...shape])}. Leave it out: { without: [${quoted(name)}] }; or draw the model and call importWeights("tensorflow1", model, variables, { prefix }).`,
    { name, shape },
  );
}
