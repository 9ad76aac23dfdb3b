/**
 * A model of layers one after the other, made of what a file holds: each layer with its weights, and names that fit.
 * Nothing is drawn at random, and weights are converted one at a time.
 */
import type { Layer, Model, ModelDefinition } from "../nn/index.ts";
import type { Tensor } from "../trace/index.ts";
import { modelOfDefinition } from "./modelFile.ts";
import { type WeightToMake, weightsOnDemand } from "./weightsOnDemand.ts";

export interface ChainedLayer {
  readonly name: string;
  readonly layer: Layer;
  readonly weights: readonly WeightToMake[];
  /** Numbers a step that it reads; undefined for indices. */
  readonly inputs: number | undefined;
  /** Whether it reads sequences. */
  readonly readsSteps: boolean;
}

/** The model of these layers, bottom first. `where` (the file's name) begins the sentences of errors. */
export function chainedModel(name: string, layers: readonly ChainedLayer[], where: string): Model<Tensor> {
  const weights = weightsOnDemand(layers.flatMap((one) => one.weights));
  return modelOfDefinition<Tensor>(definitionOf(name, layers), { weights }, where);
}

function definitionOf(name: string, layers: readonly ChainedLayer[]): ModelDefinition {
  const [first] = layers;
  const inner = first.inputs === undefined ? [] : [first.inputs];
  const isSequence = layers.some((layer) => layer.readsSteps);
  const dtype = first.inputs === undefined ? "int32" : "float32";
  return {
    version: 1,
    name,
    // No layer is called so: names that are taken get a number.
    inputs: [{ name: "input", shape: isSequence ? [null, ...inner] : inner, dtype }],
    layers: layers.map(({ name, layer }) => ({ name, kind: layer.kind, options: layer.options })),
    connections: layers.map(({ name }, i) => ({
      layer: name,
      from: [i === 0 ? "input" : layers[i - 1].name],
      to: name,
    })),
    outputs: layers[layers.length - 1].name,
  };
}

/** A name for a layer: that of a part of a file, without what joins the names of weights; never one that is taken. */
export function freeName(wanted: string, taken: Set<string>): string {
  const plain = wanted.replaceAll(/[.#/]/g, "_").slice(0, 100);
  // Modules of nn.Sequential are called 0, 1, ...; and every object has something called constructor or __proto__.
  const isPlain = /^[A-Za-z]/.test(plain) && !Object.hasOwn(Object.prototype, plain);
  const own = isPlain ? plain : `layer_${plain}`;
  let name = own;
  for (let i = 1; taken.has(name) || name === "input"; i++) name = `${own}_${i}`;
  taken.add(name);
  return name;
}
