/** Nodes that are layers with weights or functions of elements: embeddings, products, activations, norms, merges. */
import {
  type Activation,
  activation,
  averageLayer,
  concatenate,
  dense,
  dropout,
  embedding,
  flatten,
  type Layer,
  layerNormalization,
  maximumLayer,
  minimumLayer,
  multiplyLayer,
  subtractLayer,
  addLayer as sumLayer,
} from "../../../nn/index.ts";
import { mul, reshape, type Tensor, transpose } from "../../../trace/index.ts";
import { attribute, flag, float, int, knownNumbers, text } from "../ops/call.ts";
import { isSequence } from "../value.ts";
import { addLayer, drawnAt, type LiftCall, liftedAt, newAtom, refuse, shapeOf } from "./drawing.ts";
import { type Axis, arrangement, type Drawn, directionsOf, isEqualAxis, type Lifted } from "./lifted.ts";

export type LiftRule = (lift: LiftCall) => readonly (Lifted | undefined)[];

/** A function of elements: the axes stay. */
function elementwise(chosen: (lift: LiftCall) => Activation): LiftRule {
  return (lift) => [through(lift, activation(chosen(lift)))];
}

function through(lift: LiftCall, layer: Layer): Drawn {
  const x = drawnAt(lift, 0);
  return { ...x, name: addLayer(lift, layer, [x.name], lift.call.node) };
}

/** Over the features, which must be the last axis. */
function overFeatures(lift: LiftCall, chosen: Activation): readonly Lifted[] {
  const { call } = lift;
  const x = withFeatures(lift, drawnAt(lift, 0));
  const axis = int(call, "axis", call.version < 13 ? 1 : -1);
  const rank = x.axes.length;
  if (axis !== -1 && axis !== rank - 1) refuse(lift, "a softmax over the features", `one over axis ${axis}`);
  return [{ ...x, name: addLayer(lift, activation(chosen), [x.name], call.node) }];
}

/** The value with its features in the last axis of the tensor: several axes in one are flattened. */
export function withFeatures(lift: LiftCall, x: Drawn): Drawn {
  const last = x.axes[x.axes.length - 1] ?? [];
  if (isEqualAxis(last, x.own[x.own.length - 1])) return x;
  const inner = x.own.slice(1).flat();
  if (!isEqualAxis(last, inner)) return refuse(lift, "features in the last axis", "another order of axes");
  const name = addLayer(lift, flatten(), [x.name], { ...lift.call.node, name: "flatten", opType: "" });
  return { ...x, name, own: [x.own[0], inner] };
}

/** The same value with other features. */
function replaced(x: Drawn, name: string, features: Axis): Drawn {
  return { kind: "drawn", name, own: [...x.own.slice(0, -1), features], axes: [...x.axes.slice(0, -1), features] };
}

/** The shape of a constant input. */
function constantShape(lift: LiftCall, i: number): readonly number[] | undefined {
  const found = lift.call.ins[i];
  if (found === undefined || isSequence(found) || liftedAt(lift, i) !== undefined) return undefined;
  return found.shape.every((size) => typeof size === "number") ? (found.shape as readonly number[]) : undefined;
}

const constantAt = ({ call, drawing }: LiftCall, i: number): Tensor => drawing.constant(call.node.inputs[i]);

/** x W with a constant W [in, out]; a bias is what is added next. */
function matmul(lift: LiftCall): readonly Lifted[] {
  const shape = constantShape(lift, 1);
  if (shape?.length !== 2) return refuse(lift, "a product with constant weights [in, out]", "another one");
  return [product(lift, shape[1], () => constantAt(lift, 1))];
}

function product(lift: LiftCall, units: number, kernel: () => Tensor, bias?: () => Tensor): Drawn {
  const { drawing, call } = lift;
  const x = withFeatures(lift, drawnAt(lift, 0));
  const name = addLayer(lift, dense({ units, useBias: bias !== undefined }), [x.name], call.node);
  drawing.weights.push({ path: `${name}.kernel`, make: kernel });
  const close = (added: () => Tensor): void => {
    drawing.layers.set(name, { layer: dense({ units }), from: [x.name] });
    drawing.weights.push({ path: `${name}.bias`, make: () => reshape(added(), [units]) });
  };
  if (bias !== undefined) close(bias);
  else if (drawing.readers.get(call.node.outputs[0]) === 1) drawing.dense.set(name, { units, close });
  return replaced(x, name, [newAtom(lift, units)]);
}

/** alpha x W + beta b, where W may be transposed. */
function gemm(lift: LiftCall): readonly Lifted[] {
  const { call } = lift;
  const shape = constantShape(lift, 1);
  if (shape?.length !== 2 || flag(call, "transA"))
    return refuse(lift, "a product with constant weights", "another one");
  const [alpha, beta, isTransposed] = [float(call, "alpha", 1), float(call, "beta", 1), flag(call, "transB")];
  const times = (x: Tensor, by: number): Tensor => (by === 1 ? x : mul(x, by));
  const kernel = (): Tensor => {
    const w = constantAt(lift, 1);
    return times(isTransposed ? transpose(w, [1, 0]) : w, alpha);
  };
  const units = isTransposed ? shape[0] : shape[1];
  if (call.ins[2] === undefined) return [product(lift, units, kernel)];
  const bias = constantShape(lift, 2);
  if (bias === undefined || bias.reduce((a, b) => a * b, 1) !== units)
    return refuse(lift, `a bias of ${units} numbers`, "another one");
  return [product(lift, units, kernel, () => times(constantAt(lift, 2), beta))];
}

/** The sum of values, or a bias for the product before. */
function add(lift: LiftCall): readonly (Lifted | undefined)[] {
  const place = [0, 1].find((i) => liftedAt(lift, i) === undefined);
  if (place === undefined) return merge(() => sumLayer())(lift);
  const x = drawnAt(lift, 1 - place);
  const open = lift.drawing.dense.get(x.name);
  const shape = constantShape(lift, place) ?? [];
  const isRow = shape.length > 0 && shape.every((size, i) => size === (i === shape.length - 1 ? open?.units : 1));
  if (open === undefined || !isRow)
    return refuse(lift, "two values of the network, or a product and its bias", "a constant");
  lift.drawing.dense.delete(x.name);
  open.close(() => constantAt(lift, place));
  return [x];
}

/** Values that lie alike, element by element. */
function merge(make: () => Layer): LiftRule {
  return (lift) => {
    const all = lift.call.ins.map((_, i) => drawnAt(lift, i));
    const sizes = all
      .map((_, i) => lift.call.ins[i])
      .map((one) => (one === undefined || isSequence(one) ? "" : String(one.shape)));
    if (all.some((one, i) => arrangement(one) !== arrangement(all[0]) || sizes[i] !== sizes[0]))
      return refuse(lift, "values of one shape", "several shapes");
    return [
      {
        ...all[0],
        name: addLayer(
          lift,
          make(),
          all.map(({ name }) => name),
          lift.call.node,
        ),
      },
    ];
  };
}

/** Along the features, which must be the last axis. */
function concat(lift: LiftCall): readonly Lifted[] {
  const { call } = lift;
  const given = call.ins.map((_, i) => liftedAt(lift, i));
  if (given.every((one) => one?.kind === "state")) return [{ kind: "state" }];
  if (given.every((one) => one?.kind === "state" || one?.kind === "stacked" || isState(one)))
    return [
      { kind: "stacked", parts: given.flatMap((one) => (int(call, "axis", 0) === 0 ? statesIn(one) : [undefined])) },
    ];
  const all = call.ins.map((_, i) => withFeatures(lift, drawnAt(lift, i)));
  const rank = all[0].axes.length;
  const axis = int(call, "axis", 0);
  if (axis !== -1 && axis !== rank - 1)
    return refuse(lift, "values beside each other in their features", `axis ${axis}`);
  const outer = (one: Drawn): string => arrangement({ ...one, axes: one.axes.slice(0, -1) });
  if (all.some((one) => outer(one) !== outer(all[0]))) return refuse(lift, "values of one shape", "several shapes");
  const name = addLayer(
    lift,
    concatenate(),
    all.map((one) => one.name),
    call.node,
  );
  return [replaced(all[0], name, [newAtom(lift, shapeOf(lift)[rank - 1])])];
}

/** What a graph gives back of a layer's state, with the axis of directions still there. */
function isState(one: Lifted | undefined): boolean {
  if (one?.kind === "both") return true;
  return one?.kind === "drawn" && one.name.includes(".state.") && one.axes.length === 3;
}

/** The states of single layers and directions, in order. */
function statesIn(one: Lifted | undefined): readonly (Drawn | undefined)[] {
  if (one?.kind === "stacked") return one.parts;
  const all = one?.kind === "both" ? directionsOf(one) : one?.kind === "drawn" ? [one] : [undefined];
  return all.map((state) => (state?.axes[0]?.length === 0 ? state : undefined));
}

/** Rows of a constant table. */
export function embed(lift: LiftCall): readonly Lifted[] {
  const shape = constantShape(lift, 0);
  const indices = drawnAt(lift, 1);
  if (shape?.length !== 2 || int(lift.call, "axis", 0) !== 0)
    return refuse(lift, "rows of a constant table", "another choice");
  const [inputDim, outputDim] = shape;
  const name = addLayer(lift, embedding({ inputDim, outputDim }), [indices.name], lift.call.node);
  lift.drawing.weights.push({ path: `${name}.embeddings`, make: () => constantAt(lift, 0) });
  const features = [newAtom(lift, outputDim)];
  return [{ kind: "drawn", name, own: [...indices.own, features], axes: [...indices.axes, features] }];
}

function layerNorm(lift: LiftCall): readonly Lifted[] {
  const { call, drawing } = lift;
  const x = withFeatures(lift, drawnAt(lift, 0));
  const axis = int(call, "axis", -1);
  if (axis !== -1 && axis !== x.axes.length - 1) return refuse(lift, "a norm over the features", `axis ${axis}`);
  const hasBias = call.ins[2] !== undefined;
  const layer = layerNormalization({ epsilon: float(call, "epsilon", 1e-5), center: hasBias });
  const name = addLayer(lift, layer, [x.name], call.node);
  drawing.weights.push({ path: `${name}.gamma`, make: () => constantAt(lift, 1) });
  if (hasBias) drawing.weights.push({ path: `${name}.beta`, make: () => constantAt(lift, 2) });
  return [{ ...x, name }];
}

/** Recurve drops while training, whatever the file says of it. */
function drop(lift: LiftCall): readonly Lifted[] {
  const [rate] = knownNumbers(lift.call, 1) ?? [float(lift.call, "ratio", 0.5)];
  return [rate > 0 && rate < 1 ? through(lift, dropout({ rate })) : drawnAt(lift, 0)];
}

/** Between two numbers that an activation has. */
function clipped(lift: LiftCall): Activation {
  const [low, high] = ["min", "max"].map((name, i) => {
    if (lift.call.version < 11) return attribute(lift.call, name, "float");
    return lift.call.ins[i + 1] === undefined ? undefined : knownNumbers(lift.call, i + 1)?.[0];
  });
  if (low === 0 && high === 6) return "relu6";
  if (low === -1 && high === 1) return "hardTanh";
  const isRelu = low === 0 && high === undefined && lift.call.ins[2] === undefined;
  return isRelu ? "relu" : refuse(lift, "bounds 0 and 6, -1 and 1, or 0 alone", "others");
}

const always = (chosen: Activation): LiftRule => elementwise(() => chosen);
const alpha = ({ call }: LiftCall, usual: number): number => float(call, "alpha", usual);

export const layerRules: Readonly<Record<string, LiftRule>> = {
  MatMul: matmul,
  Gemm: gemm,
  Add: add,
  Sub: merge(() => subtractLayer()),
  Mul: merge(() => multiplyLayer()),
  Max: merge(() => maximumLayer()),
  Min: merge(() => minimumLayer()),
  Mean: merge(() => averageLayer()),
  Sum: merge(() => sumLayer()),
  Concat: concat,
  LayerNormalization: layerNorm,
  Dropout: drop,
  Softmax: (lift) => overFeatures(lift, "softmax"),
  LogSoftmax: (lift) => overFeatures(lift, "logSoftmax"),
  HardSwish: always("hardSilu"),
  Mish: always("mish"),
  Swish: elementwise((lift) => (alpha(lift, 1) === 1 ? "silu" : refuse(lift, "an alpha of 1", "another one"))),
  Clip: elementwise(clipped),
  Tanh: always("tanh"),
  Sigmoid: always("sigmoid"),
  Relu: always("relu"),
  Softplus: always("softplus"),
  Softsign: always("softsign"),
  Selu: always("selu"),
  Exp: always("exponential"),
  Elu: elementwise((lift) => ({ name: "elu", alpha: alpha(lift, 1) })),
  LeakyRelu: elementwise((lift) => ({ name: "leakyRelu", negativeSlope: alpha(lift, 0.01) })),
  Gelu: elementwise((lift) =>
    text(lift.call, "approximate", "none") === "none" ? "gelu" : refuse(lift, "the exact gelu", "an approximate one"),
  ),
  HardSigmoid: elementwise((lift) =>
    float(lift.call, "beta", 0.5) === 0.5
      ? { name: "hardSigmoid", slope: alpha(lift, 0.2) }
      : refuse(lift, "a beta of 0.5", String(float(lift.call, "beta", 0.5))),
  ),
};
