/**
 * How masks travel through the layers of Keras 3, where Recurve has other rules: what a layer does not see there is hidden from
 * it here too, and what can not be said is refused. Keras 2 and TensorFlow.js have Recurve's rules.
 */
import { fieldsOf, refusal } from "./values.ts";

/** The mask of a value. */
export interface Mask {
  /** Equal for masks that are made of the same values in the same way. */
  readonly origin: string;
  /** Whether Keras still has it where the value in Recurve does not. */
  readonly isLost: boolean;
}

export interface MaskedCall {
  readonly className: string;
  /** Operations on tensors see no masks, and give none. */
  readonly isOperation: boolean;
  readonly config: Readonly<Record<string, unknown>>;
  readonly from: readonly string[];
  /** Those of `from`. */
  readonly masks: readonly (Mask | undefined)[];
  /** Whether the call is given an initial state, and a mask by name. */
  readonly hasState: boolean;
  readonly hasMask: boolean;
}

export interface MaskStep {
  /** Which of the inputs come without their masks. */
  readonly hidden: readonly number[];
  readonly output: Mask | undefined;
}

type Rule = "pass" | "make" | "steps" | "merge" | "query" | "mean" | "end";

const classes: Readonly<Record<Exclude<Rule, "make">, readonly string[]>> = {
  pass: [
    ...["Activation", "ReLU", "LeakyReLU", "ELU", "Softmax", "Dense", "Dropout", "SpatialDropout1D", "GaussianDropout"],
    ...["GaussianNoise", "LayerNormalization", "BatchNormalization", "UnitNormalization", "Identity"],
    ...["Normalization", "Rescaling", "PReLU"],
  ],
  steps: [
    ...["SimpleRNN", "LSTM", "GRU", "RNN", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D", "Bidirectional"],
    "TimeDistributed",
  ],
  merge: ["Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate"],
  query: ["Attention", "AdditiveAttention"],
  mean: ["GlobalAveragePooling1D"],
  end: ["Flatten", "Reshape"],
};

const rules: ReadonlyMap<string, Rule> = new Map(
  Object.entries(classes).flatMap(([rule, names]) => names.map((name) => [name, rule as Rule] as const)),
);

/** Layers that are not listed do not see masks, and end them. */
function ruleOf({ className, config, isOperation }: MaskedCall): Rule | undefined {
  if (isOperation) return undefined;
  if (className === "Masking" || (className === "Embedding" && config.mask_zero === true)) return "make";
  // Where time is not time any more, neither program has a mask.
  if (className === "Permute" && Array.isArray(config.dims) && config.dims[0] !== 1) return "end";
  return rules.get(className);
}

/** What becomes of the masks in one call. `where` begins the sentences of errors. */
export function maskStep(call: MaskedCall, where: string): MaskStep {
  const { masks, from, className, config } = call;
  const rule = ruleOf(call);
  if (rule === "make") {
    const origin = JSON.stringify([from[0], className, config.mask_value ?? 0]);
    return { hidden: [], output: { origin, isLost: false } };
  }
  const masked = masks.flatMap((mask, i) => (mask === undefined ? [] : [i]));
  if (masked.length === 0) return { hidden: [], output: undefined };
  const shown = masked.filter((i) => masks[i]?.isLost === false);
  switch (rule) {
    case "pass":
      return { hidden: [], output: masks[0] };
    case "steps":
      return steps(call, shown, where);
    case "merge":
      return merged(call, shown, where);
    case "query":
    case "mean":
      expectNone(call, where);
      return { hidden: [], output: rule === "query" ? masks[0] : undefined };
    case "end":
      return { hidden: [], output: undefined };
    case undefined:
      return { hidden: shown, output: undefined };
    default:
      throw rule satisfies never;
  }
}

/** A layer of Keras that is given a state does not look at the mask of its input, and passes it on. */
function steps(call: MaskedCall, shown: readonly number[], where: string): MaskStep {
  const { masks, config, className, hasState, hasMask } = call;
  const isBlind = hasState && !hasMask;
  if (!isBlind) expectNone(call, where);
  const inner = fieldsOf(fieldsOf(config.layer).config);
  const isLong = className === "TimeDistributed" || config.return_sequences === true || inner.return_sequences === true;
  const [mask] = masks;
  if (!isLong || mask === undefined) return { hidden: isBlind ? shown : [], output: undefined };
  return { hidden: isBlind ? shown : [], output: isBlind ? { ...mask, isLost: true } : mask };
}

/** Keras joins masks by "or", and has none where one value has none. */
function merged({ masks, className }: MaskedCall, shown: readonly number[], where: string): MaskStep {
  // Where only one is masked, its masked steps count as ones.
  if (className === "Multiply" && masks.includes(undefined)) {
    throw refusal(where, "masks for all values or for none", "one for some");
  }
  if (masks.includes(undefined)) return { hidden: shown, output: undefined };
  const isOne = new Set(masks.map((mask) => mask?.origin)).size === 1;
  if (!isOne) throw refusal(where, "values with one and the same mask", "masks of several layers");
  // Where one has lost its mask, the others' say the same.
  const [mask] = shown.length > 0 ? shown.map((i) => masks[i]) : masks;
  return { hidden: [], output: mask };
}

/** A mask that went past a layer with an initial state is not there any more. */
function expectNone({ masks }: MaskedCall, where: string): void {
  if (masks.some((mask) => mask?.isLost === true)) {
    throw refusal(where, "a value without a mask", "one whose mask came past a layer with an initial state");
  }
}
