/**
 * What plain JavaScript may hand to a training by mistake, and the sentences for it: data that is no dataset, callbacks
 * that are never called, options that belong elsewhere. Not here: the rules of single options (`options.ts`).
 */
import { OptionError } from "../base/errors.ts";
import { checkOptionNames, oneOf, show, unknownName } from "../nn/options.ts";
import { type BackendName, backendNames, Tensor } from "../trace/index.ts";
import type { Callback } from "./callbacks.ts";
import { expectOption } from "./options.ts";

/** Raises OptionError unless `data` has the form of a Dataset. */
export function expectDataset(where: string, what: string, data: unknown): void {
  const { batch, batchesPerEpoch } = (data ?? {}) as { batch?: unknown; batchesPerEpoch?: unknown };
  if (typeof batch === "function" && typeof batchesPerEpoch === "number") return;
  throw new OptionError(
    `${where}: expected ${what} to be a dataset, got ${kindOf(data)}. Make one with batches(x, y) or lanes(stream, { lanes, steps }).`,
  );
}

const events = [
  "onTrainBegin",
  "onEpochBegin",
  "onStepEnd",
  "onEpochEnd",
  "onTrainEnd",
] as const satisfies readonly (keyof Callback)[];

/** Raises OptionError for what `fit` would never call. */
export function expectCallbacks(where: string, callbacks: unknown): void {
  const list: readonly unknown[] = Array.isArray(callbacks) ? callbacks : [callbacks];
  const wrong = list.find((one) => typeof one !== "object" || one === null);
  if (wrong !== undefined || !Array.isArray(callbacks)) {
    throw new OptionError(
      `${where}: expected "callbacks" to be a list of objects, got ${kindOf(wrong ?? callbacks)}. Write callbacks: [{ onEpochEnd: (run) => ... }], with any of ${events.join(", ")}.`,
    );
  }
  for (const name of list.flatMap((one) => Object.keys(one as object)).filter((key) => /^on[A-Z]/.test(key)))
    if (!(events as readonly string[]).includes(name)) throw unknownName(where, "event of a callback", name, events);
}

/** Raises OptionError for something that can not be aborted, such as an AbortController in place of its signal. */
export function expectSignal(where: string, signal: { readonly aborted: unknown }): void {
  if (typeof signal.aborted === "boolean") return;
  throw new OptionError(
    `${where}: expected "signal" to be an object with aborted: true or false, got ${kindOf(signal)}. Of an AbortController give controller.signal.`,
  );
}

/** A backend by name. */
export function expectBackend(where: string, backend: BackendName | undefined): BackendName | undefined {
  return backend === undefined ? undefined : expectOption(where, "backend", backend, oneOf<BackendName>(backendNames));
}

// Where options live that other libraries give to fit.
const elsewhere: Readonly<Record<string, string>> = Object.freeze({
  batchSize: "It belongs to the data: batches(x, y, { batchSize: 32 })",
  shuffle: "It belongs to the data: batches(x, y, { shuffle: false })",
  sampleWeight: "It belongs to the data: batches(x, y, { sampleWeights })",
  sampleWeights: "It belongs to the data: batches(x, y, { sampleWeights })",
  classWeight: "Give each example the weight of its class: batches(x, y, { sampleWeights })",
  validationSplit: "Cut the data in two yourself, and give one part as validationData: batches(...)",
  verbose: "Give progress: true, or progress: process.stderr",
});

/** Raises OptionError for an option that is not known; it says where one went that other libraries have here. */
export function expectNames(where: string, options: object, known: readonly string[]): void {
  const moved = Object.keys(options).find((name) => !known.includes(name) && Object.hasOwn(elsewhere, name));
  if (moved === undefined) {
    checkOptionNames(where, options, known);
    return;
  }
  throw new OptionError(`${where}: expected its own options, got "${moved}". ${elsewhere[moved]}.`, {
    option: moved,
    known,
  });
}

/** What a value is, in a few words: tensors and data are not printed. */
export function kindOf(value: unknown): string {
  if (value instanceof Tensor) return "a tensor";
  if (ArrayBuffer.isView(value))
    return `${/^[AEIOU]/.test(value.constructor.name) ? "an" : "a"} ${value.constructor.name}`;
  if (Array.isArray(value)) return "an array";
  if (typeof value === "string" && value.length > 40) return "a string";
  if (typeof value !== "object" || value === null) return show(value);
  const names = Object.keys(value).slice(0, 4);
  return names.length === 0 ? "an object" : `an object with ${names.join(", ")}`;
}
