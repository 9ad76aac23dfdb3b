/** An activation as a layer of its own. */
import type { TensorSpec } from "../trace/index.ts";
import { type Activation, activationOf, activationOption } from "./activations.ts";
import { describeLayer, type Layer, timeDistributed } from "./layer.ts";
import { type Options, readOptions } from "./options.ts";

const rules = { activation: activationOption() };

/** `activation("relu")`, `activation({ name: "leakyRelu", negativeSlope: 0.1 })`: the function on every element (softmax: the last axis). */
export function activation(chosen: Activation, { name, ...rest }: { readonly name?: string } = {}): Layer {
  const options = readOptions(describeLayer("activation", name), { activation: chosen, ...rest }, rules);
  const apply = activationOf(options.activation);
  return timeDistributed({
    kind: "activation",
    name,
    options: options as Options,
    output: (input: TensorSpec) => input,
    apply: ({ x }) => apply(x),
  });
}
