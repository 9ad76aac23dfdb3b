/** What the tests of PyTorch's files share: reading fixtures, and states and tensors as PyTorch has them. */
import { readFileSync } from "node:fs";
import { leavesOf, type Tree } from "../../../src/base/trees.ts";
import type { HostTensor, HostTensors } from "../../../src/io/hostTensor.ts";
import { decodeNpz } from "../../../src/io/node/npz.ts";
import { decodeSafetensors } from "../../../src/io/safetensors.ts";
import { decodeTorch, stateDictOf } from "../../../src/io/torch/file.ts";
import type { Model, State } from "../../../src/nn/index.ts";
import { concrete, type Tensor } from "../../../src/trace/index.ts";

export function fixture(name: string): Uint8Array {
  return new Uint8Array(readFileSync(new URL(`../fixtures/torch/${name}`, import.meta.url)));
}

/** The state dict in a file, and what the module computes. */
export async function readCase(file: string): Promise<{ weights: HostTensors; numbers: HostTensors }> {
  const bytes = fixture(file);
  const weights = file.endsWith(".safetensors")
    ? decodeSafetensors(bytes, file).tensors
    : stateDictOf(await decodeTorch(bytes, file));
  return { weights, numbers: decodeNpz(fixture(file.replace(/\.\w+$/, ".npz"))) };
}

/** The states of a model's recurrent layers, lowest first, forward before backward: PyTorch's order. */
export function statesOf(state: State, part: "h" | "c"): number[] {
  const leaves = leavesOf<Tensor>(state as Tree<Tensor>).filter(({ path }) => path.endsWith(`.${part}`));
  return leaves.flatMap(({ leaf }) => [...leaf.data()]);
}

/** The initial state in a fixture, [layers * directions, batch, hidden], as a state of the model. */
export function initialState(model: Model, numbers: HostTensors): { state: Record<string, Tree<Tensor>> } | undefined {
  const h = numbers["initial.h"];
  if (h === undefined) return undefined;
  const names = model.layers.map(({ name }) => name);
  const slice = ({ shape: [, b, n], data }: HostTensor, i: number): Tensor =>
    concrete({ dtype: "float32", shape: [b, n] }, data.slice(i * b * n, (i + 1) * b * n));
  const c = numbers["initial.c"];
  const entries = names.map((name, i) => [name, { h: slice(h, i), ...(c === undefined ? {} : { c: slice(c, i) }) }]);
  return { state: Object.fromEntries(entries) };
}
