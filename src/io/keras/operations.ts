/**
 * Operations on tensors in a functional model of Keras 3, such as x + y, x[:, -1] and ops.mean(x, axis=1), where each is
 * exactly a layer: as the layer of Keras, or of Recurve, that computes it. Any other one is refused by its name.
 */
import { UnsupportedError } from "../../base/errors.ts";
import { quoted, shortened } from "../quoted.ts";
import type { Call, Entry } from "./graph.ts";
import { type Reading, type ReadLayer, readLayer } from "./layer.ts";
import { fieldsOf } from "./values.ts";

type Fields = Readonly<Record<string, unknown>>;

/** A call of an operation. */
interface Operation {
  readonly config: Fields;
  /** What it is given, in order: tensors by their shapes, and anything else as it is. */
  readonly given: readonly Given[];
}

type Given = { readonly shape: readonly unknown[] } | { readonly value: unknown };

/** Numbers beside a tensor: one, or one for each feature. */
type Numbers = number | readonly number[];

/** The layer that computes the same; undefined where none does. */
type Rule = (operation: Operation) => Equal | undefined;

type Equal = { readonly className: string; readonly config: Fields } | "lastStep";

const layer = (className: string, config: Fields = {}): Equal => ({ className, config });
const activation = (name: string): Equal => layer("Activation", { activation: name });

/** An operation without options as an activation. */
const plain = (name: string): Rule => {
  return ({ given }) => (given.length === 1 ? activation(name) : undefined);
};

const onLastAxis = (name: string): Rule => {
  return ({ config, given: [x] }) => (axisOf(config.axis, x) === rankOf(x) - 1 ? activation(name) : undefined);
};

/** Of two tensors the layer; of a tensor and numbers `scaled`. */
function between(className: string, scaled?: (numbers: Numbers, isFirst: boolean) => Fields | undefined): Rule {
  return ({ given }) => {
    const [a, b] = given;
    if (given.length !== 2) return undefined;
    // Operations line axes up from the last one, layers from the first.
    if ("shape" in a && "shape" in b) return className === "" || rankOf(a) !== rankOf(b) ? undefined : layer(className);
    const isFirst = "value" in a;
    const numbers = numbersOf(isFirst ? a : b, isFirst ? b : a);
    const config = numbers === undefined ? undefined : scaled?.(numbers, isFirst);
    return config === undefined ? undefined : layer("Rescaling", config);
  };
}

/** Reductions over time, or over both axes of images. */
function pooled(kind: string): Rule {
  return ({ config: { axis, keepdims = false, initial = null }, given: [x] }) => {
    const list: unknown[] = Array.isArray(axis) ? axis : [axis];
    const axes = list.map((one) => axisOf(one, x)).sort();
    const rank = rankOf(x) - 2;
    const isAll = axes.length === rank && axes.every((one, i) => one === i + 1);
    if (!isAll || rank > 2 || initial !== null || typeof keepdims !== "boolean") return undefined;
    return layer(`Global${kind}Pooling${rank}D`, { keepdims });
  };
}

const rules: Readonly<Record<string, Rule>> = {
  Add: between("Add", (offset) => ({ scale: 1, offset })),
  Subtract: between("Subtract", (numbers, isFirst) =>
    isFirst ? { scale: -1, offset: numbers } : { scale: 1, offset: each(numbers, (x) => -x) },
  ),
  Multiply: between("Multiply", (scale) => ({ scale, offset: 0 })),
  TrueDivide: divided(),
  Divide: divided(),
  Negative: () => layer("Rescaling", { scale: -1, offset: 0 }),
  Maximum: between("Maximum"),
  Minimum: between("Minimum"),
  Concatenate: ({ config: { axis }, given: [x] }) =>
    axisOf(axis, x) === 0 ? undefined : layer("Concatenate", { axis }),
  Matmul: ({ given: [a, b] }) => (rankOf(a) === 3 && rankOf(b) === 3 ? layer("Dot", { axes: [2, 1] }) : undefined),
  Mean: pooled("Average"),
  Max: pooled("Max"),
  Amax: pooled("Max"),
  GetItem: ({ given: [x, key] }) => part(x, key),
  Take: ({ config: { axis }, given: [x, at] }) =>
    rankOf(x) > 2 && axisOf(axis, x) === 1 && isLast(at, x) ? "lastStep" : undefined,
  Reshape: ({ config: { newshape: target }, given: [x] }) => reshaped(target, x),
  ExpandDims: ({ config: { axis }, given: [x] }) => {
    const at = typeof axis === "number" && axis < 0 ? axis + rankOf(x) + 1 : axis;
    const sizes = sizesOf(x);
    return typeof at === "number" && at > 0
      ? withSizes([...sizes.slice(0, at - 1), 1, ...sizes.slice(at - 1)])
      : undefined;
  },
  Squeeze: ({ config: { axis }, given: [x] }) => {
    const at = axisOf(axis, x);
    const sizes = sizesOf(x);
    if (at === undefined || at === 0 || sizes[at - 1] !== 1) return undefined;
    return withSizes(sizes.filter((_, i) => i !== at - 1));
  },
  Transpose: ({ config: { axes } }) => permuted(axes),
  Swapaxes: ({ config: { axis1, axis2 }, given: [x] }) => {
    const [a, b] = [axisOf(axis1, x), axisOf(axis2, x)];
    const order = Array.from({ length: rankOf(x) }, (_, i) => (i === a ? b : i === b ? a : i));
    return permuted(order);
  },
  Repeat: ({ config: { repeats: size, axis }, given: [x] }) =>
    rankOf(x) === 3 && axisOf(axis, x) === 1 && isCount(size) ? layer("UpSampling1D", { size }) : undefined,
  Relu: plain("relu"),
  Relu6: plain("relu6"),
  Sigmoid: plain("sigmoid"),
  Tanh: plain("tanh"),
  Exp: plain("exponential"),
  Softplus: plain("softplus"),
  Softsign: plain("softsign"),
  Selu: plain("selu"),
  Silu: plain("silu"),
  LogSigmoid: plain("log_sigmoid"),
  HardSigmoid: plain("hard_sigmoid"),
  HardSilu: plain("hard_silu"),
  HardTanh: plain("hard_tanh"),
  Gelu: ({ config }) => (config.approximate === false ? activation("gelu") : undefined),
  Elu: ({ config: { alpha } }) => (typeof alpha === "number" ? layer("ELU", { alpha }) : undefined),
  LeakyRelu: ({ config: { negative_slope: slope } }) =>
    typeof slope === "number" ? layer("LeakyReLU", { negative_slope: slope }) : undefined,
  Softmax: onLastAxis("softmax"),
  LogSoftmax: onLastAxis("log_softmax"),
};

/** Layers of Keras in place of operations that are none. */
const instead: Readonly<Record<string, string>> = {
  Gelu: 'keras.layers.Activation("gelu"), which is not the approximation',
  GetItem: "keras.layers.Cropping1D, or x[:, -1], the last step",
  Split: "a layer keras.layers.Dense for each part",
  Sum: "keras.layers.GlobalAveragePooling1D or Dot",
  Dot: "keras.layers.Dot",
  Matmul: "keras.layers.Dot",
  Einsum: "keras.layers.Dot",
  Power: "keras.layers.Multiply",
  Square: "keras.layers.Multiply",
  Stack: "keras.layers.Concatenate behind keras.layers.Reshape",
  Reshape: "keras.layers.Reshape, which leaves the batch alone",
  Transpose: "keras.layers.Permute, which leaves the batch alone",
  Maximum: 'keras.layers.Activation("relu"), or keras.layers.Maximum of two values',
  Mean: "keras.layers.GlobalAveragePooling1D",
  Max: "keras.layers.GlobalMaxPooling1D",
  Repeat: "keras.layers.RepeatVector or UpSampling1D",
};

/** The layer of an operation. All calls of it must be the same. */
export function readOperation({ className, name, value, calls }: Entry, reading: Reading): ReadLayer {
  const config = fieldsOf(value.config);
  const path = `layer ${quoted(name)}`;
  if (Object.hasOwn(reading.own.layers ?? {}, className)) return readLayer(value, reading, path);
  const rule = Object.hasOwn(rules, className) ? rules[className] : undefined;
  const [first, ...others] = calls.map((call) => rule?.({ config, given: givenTo(call) }));
  const isOne = others.every((one) => JSON.stringify(one) === JSON.stringify(first));
  if (first === undefined || !isOne) throw refused(className, config, calls[0], `${reading.where}: ${path}`);
  if (first === "lastStep")
    return { kind: "lastStep", options: {}, pieces: [], states: [], outputs: [""], trainable: true };
  return readLayer({ class_name: first.className, config: first.config }, reading, path);
}

function refused(className: string, config: Fields, call: Call | undefined, where: string): UnsupportedError {
  const { name: _, ...options } = config;
  const values = (call?.args ?? []).filter((one) => !isTensor(one) && !(Array.isArray(one) && one.some(isTensor)));
  const own = Object.hasOwn(instead, className) ? `, such as ${instead[className]}` : "";
  const got = [...values.map(spelled), ...Object.entries(options).map(([key, one]) => `${key}=${spelled(one)}`)];
  return new UnsupportedError(
    `${where}: expected an operation on tensors that is a layer of Recurve, got ${quoted(className)}${got.length === 0 ? "" : ` with ${shortened(got.join(", "))}`}. Build that part with layers of Keras${own}, or export the model to ONNX, of which Recurve runs any graph.`,
    { className },
  );
}

/** What stands in brackets as in Python, and anything else as JSON. */
function spelled(value: unknown): string {
  if (!Array.isArray(value)) return place(value);
  return `[${value.map(place).join(", ")}]`;
}

function place(value: unknown): string {
  const { class_name: className, config } = fieldsOf(value);
  if (className === "__ellipsis__") return "...";
  if (className !== "__slice__") return JSON.stringify(value) ?? "nothing";
  const { start, stop, step } = fieldsOf(config);
  const end = (one: unknown): string => (typeof one === "number" ? String(one) : "");
  return `${end(start)}:${end(stop)}${end(step) === "" ? "" : `:${end(step)}`}`;
}

// ---- what an operation is given --------------------------------------------------------------------------------------

/** A list of tensors counts as the tensors. */
function givenTo({ args }: Call): Given[] {
  return args.flatMap((one): Given[] => {
    const list: readonly unknown[] = Array.isArray(one) && one.length > 0 && one.every(isTensor) ? one : [one];
    return list.map((value) => (isTensor(value) ? { shape: shapeOf(value) } : { value }));
  });
}

function isTensor(value: unknown): boolean {
  return fieldsOf(value).class_name === "__keras_tensor__";
}

function shapeOf(tensor: unknown): readonly unknown[] {
  const { shape } = fieldsOf(fieldsOf(tensor).config);
  return Array.isArray(shape) ? shape : [];
}

function rankOf(x: Given | undefined): number {
  return x !== undefined && "shape" in x ? x.shape.length : 0;
}

/** The sizes of a tensor without the batch; -1 for one that is free. */
function sizesOf(x: Given | undefined): number[] {
  const sizes = x !== undefined && "shape" in x ? x.shape.slice(1) : [];
  return sizes.map((size) => (isCount(size) ? size : -1));
}

/** An axis counted from the front. */
function axisOf(axis: unknown, x: Given | undefined): number | undefined {
  const rank = rankOf(x);
  if (typeof axis !== "number" || !Number.isInteger(axis) || axis < -rank || axis >= rank) return undefined;
  return axis < 0 ? axis + rank : axis;
}

function isCount(size: unknown): size is number {
  return typeof size === "number" && Number.isInteger(size) && size > 0;
}

/** A number, or an array with one for each feature of x. */
function numbersOf(given: Given, x: Given): Numbers | undefined {
  const value = "value" in given ? given.value : undefined;
  if (typeof value === "number") return value;
  const { class_name: className, config } = fieldsOf(value);
  const array: unknown = className === "__tensor__" || className === "__numpy__" ? fieldsOf(config).value : undefined;
  if (typeof array === "number") return array;
  const isList = Array.isArray(array) && array.length === sizesOf(x).at(-1);
  return isList && array.every((one): one is number => typeof one === "number") ? array : undefined;
}

function each(numbers: Numbers, of: (x: number) => number): Numbers {
  return typeof numbers === "number" ? of(numbers) : numbers.map(of);
}

function divided(): Rule {
  return between("", (numbers, isFirst) =>
    isFirst || [numbers].flat().includes(0) ? undefined : { scale: each(numbers, (x) => 1 / x), offset: 0 },
  );
}

// ---- parts and shapes ------------------------------------------------------------------------------------------------

/** x[:, -1] and x[:, a:b], with whole axes behind or an ellipsis. */
function part(x: Given, key: Given | undefined): Equal | undefined {
  const given = key !== undefined && "value" in key && Array.isArray(key.value) ? (key.value as unknown[]) : [];
  const dots = given.findIndex((one) => fieldsOf(one).class_name === "__ellipsis__");
  const free = rankOf(x) - given.length + (dots < 0 ? 0 : 1);
  if (rankOf(x) < 3 || free < 0) return undefined;
  const whole = Array.from({ length: free }, () => ({ class_name: "__slice__" }));
  const [batch, time, ...rest] =
    dots < 0 ? [...given, ...whole] : [...given.slice(0, dots), ...whole, ...given.slice(dots + 1)];
  if (![batch, ...rest].every(isWhole)) return undefined;
  if (isLast({ value: time }, x)) return "lastStep";
  return rankOf(x) === 3 ? cropped(time, sizesOf(x)[0]) : undefined;
}

function isLast(at: Given | undefined, x: Given): boolean {
  if (at === undefined || !("value" in at)) return false;
  return at.value === -1 || (isCount(at.value) && at.value === sizesOf(x)[0] - 1);
}

function isWhole(key: unknown): boolean {
  const { class_name: className, config } = fieldsOf(key);
  const { start = null, stop = null, step = null } = fieldsOf(config);
  return className === "__slice__" && [start, stop, step].every((one) => one === null);
}

/** A slice of time; its ends are known where they are counted from the ends, or the length is known. */
function cropped(key: unknown, length: number): Equal | undefined {
  const { class_name: className, config } = fieldsOf(key);
  const { start, stop, step } = fieldsOf(config);
  const [from, to] = [start ?? 0, stop ?? 0];
  if (className !== "__slice__" || !Number.isInteger(from) || !Number.isInteger(to)) return undefined;
  const [before, after] = [Number(from), 0 - Number(to)];
  const fromEnd = (cut: number): number => (cut >= 0 ? cut : length < 0 ? -1 : length + cut);
  const cropping = [fromEnd(before), stop === 0 ? -1 : fromEnd(after)];
  if ((step ?? 1) !== 1 || cropping.some((cut) => cut < 0)) return undefined;
  return layer("Cropping1D", { cropping });
}

/** Rows stay rows where each has as many elements as before. */
function reshaped(target: unknown, x: Given | undefined): Equal | undefined {
  const [batch, ...sizes]: unknown[] = Array.isArray(target) ? target : [];
  const isRow = (list: readonly unknown[]): boolean => list.length > 0 && list.every(isCount);
  const product = (list: readonly unknown[]): number => list.reduce<number>((a, b) => a * Number(b), 1);
  const own = sizesOf(x);
  const isFree = batch === -1 || batch === null;
  if (!isFree || !isRow(sizes) || !isRow(own) || product(sizes) !== product(own)) return undefined;
  return layer("Reshape", { target_shape: sizes });
}

/** A reshaping that only adds or leaves out axes of size 1; one size may be free. */
function withSizes(sizes: readonly number[]): Equal | undefined {
  const isKnown = sizes.length > 0 && sizes.filter((size) => size === -1).length < 2;
  return isKnown ? layer("Reshape", { target_shape: sizes }) : undefined;
}

function permuted(order: unknown): Equal | undefined {
  const [batch, ...dims]: unknown[] = Array.isArray(order) ? order : [];
  return batch === 0 && dims.length > 0 ? layer("Permute", { dims }) : undefined;
}
