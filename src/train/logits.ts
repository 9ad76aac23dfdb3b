/** The check that cross-entropies from logits do not meet a model that already ends in softmax or sigmoid. */
import { OptionError } from "../base/errors.ts";
import type { Layer } from "../nn/layer.ts";
import type { Model } from "../nn/model.ts";
import { type Loss, logitsLossName } from "./losses.ts";

/** Refuses a loss from logits for a model whose last layer squashes its output. */
export function expectLogits(model: Model, losses: readonly Loss[]): void {
  for (const loss of losses) {
    const name = logitsLossName(loss);
    const last = model.network.calls.at(-1)?.layer;
    const ending = last && endingOf(last.layer);
    if (name === undefined || model.outputs.length > 1 || (ending !== "softmax" && ending !== "sigmoid")) continue;
    throw new OptionError(
      `training: expected a model that returns logits for the loss "${name}", got one whose last layer "${last?.name}" ends in ${ending}. Remove that activation, which is also more exact, or use fromProbabilities(${name}).`,
      { loss: name, activation: ending },
    );
  }
}

// `dense({ activation })`, `activation("softmax")`; an activation is a name, or an object with one.
function endingOf({ kind, options }: Layer): unknown {
  const given = options.activation ?? (kind === "activation" ? options : undefined);
  return typeof given === "object" && given !== null && "name" in given ? given.name : given;
}
