/**
 * Values of options as Keras writes them and as Recurve has them, in both directions: activations, initialisers,
 * regularisers, constraints. Names are the same but for their spelling: `glorot_uniform` or `GlorotUniform`, `glorotUniform`.
 */
import { UnsupportedError } from "../../base/errors.ts";
import type { Json } from "../../nn/index.ts";
import { shortened } from "../quoted.ts";

/** Which program wrote a file: the three differ in what `hard_sigmoid` is, and in what they leave out. */
export type Dialect = "keras3" | "keras2" | "tfjs";

/** Where a value stands, and who wrote it. */
export interface At {
  /** `model.keras: layer "lstm", recurrent_activation`. */
  readonly where: string;
  readonly dialect: Dialect;
  /** Axes of the layer's input with the batch, where the file says it. */
  readonly rank?: number | undefined;
}

/** One option: how Keras' value becomes Recurve's, and back. */
export interface ValueRule {
  /** Undefined where the value says nothing for Recurve. */
  readonly read: (value: unknown, at: At) => Json | undefined;
  readonly write: (value: Json) => unknown;
}

/** The fields of an object; of anything else none. */
export function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}

export function camelCase(name: string): string {
  return name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

export function snakeCase(name: string): string {
  return name.replace(/([A-Z])/g, (letter) => `_${letter.toLowerCase()}`);
}

/** Numbers, truth values, texts, and lists of them: as they are. */
export const plain: ValueRule = {
  read: (value, { where }) => {
    if (isPlain(value)) return value;
    throw refusal(where, "a number, a text, true, false or a list", value);
  },
  write: (value) => value,
};

function isPlain(value: unknown): value is Json {
  if (Array.isArray(value)) return value.every(isPlain);
  return value === null || ["number", "string", "boolean"].includes(typeof value);
}

/** A name with options, in any of the ways in which Keras writes one. */
interface Named {
  readonly name: string;
  readonly options: Readonly<Record<string, unknown>>;
}

function namedOf(value: unknown): Named | undefined {
  if (typeof value === "string") return { name: value, options: {} };
  const { class_name: className, config, registered_name: registered } = fieldsOf(value);
  // A function of Keras' own is an object whose config is its name.
  if (className === "function" && typeof config === "string") return { name: config, options: {} };
  const name = typeof className === "string" ? className : registered;
  return typeof name === "string" ? { name, options: fieldsOf(config) } : undefined;
}

const activations: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    [
      ...["linear", "tanh", "relu", "sigmoid", "softmax", "softplus", "softsign", "elu", "selu", "gelu", "silu"],
      ...["swish", "hard_sigmoid", "leaky_relu", "exponential", "mish", "relu6", "hard_tanh", "hard_silu"],
      ...["log_softmax", "log_sigmoid"],
    ].map((name) => [name, camelCase(name)]),
  ),
  hard_swish: "hardSilu",
};

/** The slope of the hard sigmoid of Keras 1 and 2 and TensorFlow.js, where that of Keras 3 is 1/6. */
const oldSlope = 0.2;

export const activation: ValueRule = {
  read: (value, { where, dialect }) => {
    if (value === null || value === undefined) return "linear";
    const name = snakeCase(namedOf(value)?.name ?? "").replace(/^_/, "");
    const own = Object.hasOwn(activations, name) ? activations[name] : undefined;
    if (own === undefined) throw refusal(where, `one of the activations ${Object.keys(activations).join(", ")}`, value);
    return own === "hardSigmoid" && dialect !== "keras3" ? { name: own, slope: oldSlope } : own;
  },
  write: (value) => {
    const { name, ...options } = typeof value === "string" ? { name: value } : (value as { readonly name: string });
    const isPlainOne = Object.entries(options).every(([key, option]) => defaults[`${name}.${key}`] === option);
    if (isPlainOne) return snakeCase(name);
    throw new UnsupportedError(
      `expected an activation that Keras has by name, got ${JSON.stringify(value)}. Use its default options, or an activation layer.`,
    );
  },
};

/** The options of activations that Keras means when it names them. */
const defaults: Readonly<Record<string, number>> = {
  "elu.alpha": 1,
  "leakyRelu.negativeSlope": 0.2,
  "hardSigmoid.slope": 1 / 6,
};

/** Keras has other names for a few. */
const otherNames: Readonly<Record<string, string>> = {
  orthogonalRegularizer: "orthogonal",
  l1L2: "l1l2",
  randomUniformV2: "randomUniform",
  glorotUniformV2: "glorotUniform",
};

/** Options that only say how random numbers are drawn. */
const unread = new Set(["seed", "dtype"]);

function choice(module: string, known: readonly string[], write: Readonly<Record<string, string>> = {}): ValueRule {
  return {
    read: (value, { where }) => {
      if (value === null || value === undefined) return null;
      const named = namedOf(value);
      const plainName = camelCase(snakeCase(named?.name ?? "").replace(/^_/, ""));
      const name = otherNames[plainName] ?? plainName;
      if (named === undefined || !known.includes(name)) throw refusal(where, `one of ${known.join(", ")}`, value);
      const options = Object.entries(named.options).filter(
        ([key, one]) => !unread.has(key) && one !== null && isPlain(one),
      );
      const own = options.map(([key, one]) => [keyOf(key), typeof one === "string" ? spelled(one) : one]);
      return own.length === 0 ? name : { name, ...Object.fromEntries(own) };
    },
    write: (value) => {
      if (value === null) return null;
      const { name, ...options } = typeof value === "string" ? { name: value } : (value as { readonly name: string });
      const own = Object.entries(options).map(([key, one]) => [
        kerasKeys[key] ?? snakeCase(key),
        typeof one === "string" ? unspelled(one) : one,
      ]);
      const className = write[name] ?? name.charAt(0).toUpperCase() + name.slice(1);
      return { module, class_name: className, config: Object.fromEntries(own), registered_name: null };
    },
  };
}

/** Options that Keras spells in a way of its own. */
const kerasKeys: Readonly<Record<string, string>> = { minimum: "minval", maximum: "maxval" };

function keyOf(key: string): string {
  return Object.entries(kerasKeys).find(([, theirs]) => theirs === key)?.[0] ?? camelCase(key);
}

/** Modes and distributions of VarianceScaling. Keras 2 says `normal` and cuts it, as Keras 3's `truncated_normal`. */
const words: Readonly<Record<string, string>> = {
  fan_avg: "fanAverage",
  untruncated_normal: "normal",
  normal: "truncatedNormal",
};

function spelled(value: string): string {
  return words[value] ?? camelCase(value);
}

function unspelled(value: string): string {
  const found = Object.entries(words).find(([theirs, own]) => own === value && theirs !== "normal");
  return found?.[0] ?? snakeCase(value);
}

const initializerNames = [
  ...["zeros", "ones", "constant", "identity", "orthogonal", "randomUniform", "randomNormal", "truncatedNormal"],
  ...["varianceScaling", "glorotUniform", "glorotNormal", "heUniform", "heNormal", "lecunUniform", "lecunNormal"],
];

const strictInitializer = choice("keras.initializers", initializerNames);

/** What weights start as says nothing of weights that are there: unknown ones are left out. */
export const initializer: ValueRule = {
  read: (value, at) => {
    try {
      return strictInitializer.read(value, at) ?? undefined;
    } catch {
      return undefined;
    }
  },
  // One for each gate is not what Keras has; weights that are there do not need it.
  write: (value) =>
    typeof value === "string" || (value as { name?: unknown }).name ? strictInitializer.write(value) : null,
};

export const regularizer = choice("keras.regularizers", ["l1", "l2", "l1l2", "orthogonal"], {
  l1: "L1",
  l2: "L2",
  l1l2: "L1L2",
  orthogonal: "OrthogonalRegularizer",
});

export const constraint = choice("keras.constraints", ["maxNorm", "nonNeg", "unitNorm", "minMaxNorm"]);

/** Refuses a value in the words of the file. */
export function refusal(where: string, expected: string, got: unknown): UnsupportedError {
  return new UnsupportedError(
    `${where}: expected ${expected}, got ${shortened(JSON.stringify(got) ?? "nothing")}. Change the layer in Keras, or build it in Recurve and give it the weights.`,
    { expected },
  );
}
