/** Gradient clipping, as pure functions of named gradients. Formulas follow Keras. Not here: whether gradients are finite (`step.ts`). */
import { OptionError } from "../base/errors.ts";
import { show } from "../nn/options.ts";
import { add, div, maximum, minimum, mul, sqrt, square, sum, type Tensor, tensor } from "../trace/index.ts";
import { expectOption, positive } from "./options.ts";

/** Named gradients, one for each trainable parameter. */
export type Gradients = Readonly<Record<string, Tensor>>;

/** A rule that bounds gradients. `options` is its serialised form. */
export interface Clipping {
  readonly kind: string;
  readonly options: Readonly<Record<string, unknown>>;
  apply(grads: Gradients): Gradients;
}

/** Scales each tensor on its own to a norm of at most `limit`. */
export function clipNorm(limit: number): Clipping {
  expectOption("clipNorm", "limit", limit, positive());
  return {
    kind: "clipNorm",
    options: { limit },
    apply: (grads) => each(grads, (g) => mul(g, factor(sqrt(sum(square(g))), limit))),
  };
}

/** Moves each element into -limit..limit. This changes the direction of the gradient. */
export function clipValue(limit: number): Clipping {
  expectOption("clipValue", "limit", limit, positive());
  return {
    kind: "clipValue",
    options: { limit },
    apply: (grads) => each(grads, (g) => maximum(minimum(g, limit), -limit)),
  };
}

/** Scales all tensors together so that the norm of all their elements is at most `limit`; the usual choice for recurrent networks. */
export function globalClipNorm(limit: number): Clipping {
  expectOption("globalClipNorm", "limit", limit, positive());
  return {
    kind: "globalClipNorm",
    options: { limit },
    apply: (grads) => {
      const scale = factor(globalNorm(grads), limit);
      return each(grads, (g) => mul(g, scale));
    },
  };
}

/** Raises OptionError for what is no clipping, such as a bare limit. */
export function expectClipping(clip: Clipping | undefined): Clipping | undefined {
  if (clip === undefined || typeof clip.apply === "function") return clip;
  throw new OptionError(
    `training: expected "clip" to be a clipping, got ${show(clip)}. Write globalClipNorm(1), clipNorm(1) or clipValue(1).`,
    { option: "clip" },
  );
}

/** The Euclidean norm of all elements of all tensors, as a scalar. */
export function globalNorm(grads: Gradients): Tensor {
  let total: Tensor = tensor(0);
  for (const g of Object.values(grads)) total = add(total, sum(square(g)));
  return sqrt(total);
}

// limit / max(norm, limit): exactly 1 for a norm within the limit
function factor(norm: Tensor, limit: number): Tensor {
  return div(limit, maximum(norm, limit));
}

function each(grads: Gradients, change: (g: Tensor) => Tensor): Gradients {
  return Object.fromEntries(Object.entries(grads).map(([path, g]) => [path, change(g)]));
}
