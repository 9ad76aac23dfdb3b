/** LSTM, GRU and RNN of a graph as recurrent layers, one node a layer; its states are the model's own. */

import type { Tree } from "../../../base/trees.ts";
import type { Value as GraphValue } from "../../../graph/graph.ts";
import {
  type Activation,
  bidirectional,
  type Cell,
  type GivenArray,
  type GivenArrays,
  gru,
  gruCell,
  type Layer,
  lstm,
  lstmCell,
  simpleRNN,
  simpleRNNCell,
  stretchOf,
  weightsToImport,
} from "../../../nn/index.ts";
import { lengthsMask } from "../../../nn/recurrent/masking.ts";
import { currentTrace } from "../../../trace/index.ts";
import { weightsOfCell } from "../../weightsOnDemand.ts";
import { attribute, flag, int, text } from "../ops/call.ts";
import { isKnown, isSequence, tensorOf, type Value } from "../value.ts";
import { addLayer, drawnAt, expectUnmasked, type LiftCall, liftedAt, newAtom, refuse, shapeOf } from "./drawing.ts";
import { type Axis, isEqualAxis, type Lifted } from "./lifted.ts";

type Chosen = (alpha?: number, beta?: number) => Activation | undefined;

/** The activations that cells of Recurve have, by ONNX's names in small letters. */
const activations: ReadonlyMap<string, Chosen> = new Map<string, Chosen>([
  ["tanh", () => "tanh"],
  ["sigmoid", () => "sigmoid"],
  ["relu", () => "relu"],
  ["softsign", () => "softsign"],
  ["softplus", () => "softplus"],
  ["hardsigmoid", (alpha = 0.2, beta = 0.5) => (beta === 0.5 ? { name: "hardSigmoid", slope: alpha } : undefined)],
  ["elu", (alpha = 1) => ({ name: "elu", alpha })],
  ["leakyrelu", (alpha = 0.01) => ({ name: "leakyRelu", negativeSlope: alpha })],
  ["affine", (alpha = 1, beta = 0) => (alpha === 1 && beta === 0 ? "linear" : undefined)],
]);

interface Kind {
  readonly usual: readonly string[];
  readonly states: readonly string[];
  layer(options: object): Layer;
  cell(options: object): Cell;
}

const kinds: { readonly [op: string]: Kind } = {
  LSTM: {
    usual: ["Sigmoid", "Tanh", "Tanh"],
    states: ["h", "c"],
    layer: (options) => lstm(options as Parameters<typeof lstm>[0]),
    cell: (options) => lstmCell(options as Parameters<typeof lstmCell>[0]),
  },
  GRU: {
    usual: ["Sigmoid", "Tanh"],
    states: ["h"],
    layer: (options) => gru(options as Parameters<typeof gru>[0]),
    cell: (options) => gruCell(options as Parameters<typeof gruCell>[0]),
  },
  RNN: {
    usual: ["Tanh"],
    states: ["h"],
    layer: (options) => simpleRNN(options as Parameters<typeof simpleRNN>[0]),
    cell: (options) => simpleRNNCell(options as Parameters<typeof simpleRNNCell>[0]),
  },
};

export function recurrentLayer(lift: LiftCall): readonly Lifted[] {
  const { call, drawing } = lift;
  const kind = kinds[call.node.opType];
  const isBatchFirst = flag(call, "layout");
  const x = drawnAt(lift, 0);
  const order = isBatchFirst ? x.own : [x.own[1], x.own[0], x.own[2]];
  if (x.own.length !== 3 || x.axes.length !== 3 || !x.axes.every((axis, i) => isEqualAxis(axis, order[i])))
    refuse(lift, `a sequence as [${isBatchFirst ? "batch, time" : "time, batch"}, features]`, "another order of axes");
  const direction = text(call, "direction", "forward");
  const count = direction === "bidirectional" ? 2 : 1;
  const initialState = initialStateOf(lift, kind, count, isBatchFirst);
  const units = weightShape(lift, 2)[2];
  const from = lengthsOf(lift, x.name);
  const options = Array.from({ length: count }, (_, d) => ({ units, ...optionsOf(lift, kind, d, count) }));
  const isMasked = from !== x.name;
  const driving = { returnSequences: true, ...(isMasked ? { zeroOutputForMask: true } : {}) };
  const layers = options.map((own, d) =>
    kind.layer({ ...own, ...driving, goBackwards: d === 1 || direction === "reverse" }),
  );
  const layer = count === 2 ? bidirectional(layers[0], { backwardLayer: layers[1] }) : layers[0];
  const name = addLayer(lift, layer, [from], call.node, initialState);
  for (const [d, own] of options.entries()) {
    const path = count === 2 ? `${name}.${["forward", "backward"][d]}` : name;
    const cell = kind.cell(own);
    const arrays = () => weightsToImport("onnx", cell, arraysOf(lift, d, count, own));
    drawing.weights.push(...weightsOfCell(path, cell, weightShape(lift, 1)[2], arrays));
  }
  if (direction === "forward" && !isMasked) drawing.lastOf.set(name, `${name}.state.h`);
  return results(lift, kind, { name, count, isBatchFirst, isReversed: direction === "reverse" });
}

interface Made {
  readonly name: string;
  readonly count: number;
  readonly isBatchFirst: boolean;
  readonly isReversed: boolean;
}

/** Y [t, directions, b, units] and the states [directions, b, units], in layout 1 with the batch first. */
function results(lift: LiftCall, { states }: Kind, { name, count, isBatchFirst, isReversed }: Made): readonly Lifted[] {
  const x = drawnAt(lift, 0);
  const [batch, time] = x.own;
  const features = [newAtom(lift, shapeOf(lift, 0)[3])];
  const over = newAtom(lift, count, "d");
  const directions: Axis = count === 2 ? [over] : [];
  if (count === 2) lift.drawing.both.set(name, over);
  // A layer that reads from the end gives its outputs in that order.
  const steps: Axis = isReversed ? [newAtom(lift, lift.drawing.sizes.get(time[0]) ?? 1, "reversed")] : time;
  const own: readonly Axis[] = [batch, steps, count === 2 ? [over, ...features] : features];
  const axes = isBatchFirst ? [batch, steps, directions, features] : [steps, directions, batch, features];
  const after = states.map((state): Lifted => {
    const stateAxes = isBatchFirst ? [batch, directions, features] : [directions, batch, features];
    const part = { own: [batch, features], axes: stateAxes };
    if (count === 1) return { kind: "drawn", name: `${name}.state.${state}`, ...part };
    return {
      kind: "both",
      names: [`${name}.state.forward.${state}`, `${name}.state.backward.${state}`],
      over,
      ...part,
    };
  });
  return [{ kind: "drawn", name, own, axes }, ...after];
}

/** The options of the cell of direction d. */
function optionsOf(lift: LiftCall, kind: Kind, d: number, count: number): object {
  const { call } = lift;
  const clip = attribute(call, "clip", "float");
  const [gate, candidate, output] = activationsOf(lift, kind.usual, d, count);
  const isLstm = call.node.opType === "LSTM";
  if (isLstm && JSON.stringify(candidate) !== JSON.stringify(output))
    refuse(lift, "one activation of candidates and outputs", "two");
  return {
    useBias: call.ins[3] !== undefined,
    ...(clip === undefined || clip === 0 ? {} : { clip }),
    ...(call.node.opType === "RNN" ? { activation: gate } : { recurrentActivation: gate, activation: candidate }),
    ...(call.node.opType === "GRU" ? { resetAfter: int(call, "linear_before_reset", 0) !== 0 } : {}),
    ...(isLstm ? { usePeepholes: call.ins[7] !== undefined, coupledGates: flag(call, "input_forget") } : {}),
  };
}

function activationsOf(lift: LiftCall, usual: readonly string[], d: number, count: number): readonly Activation[] {
  const { call } = lift;
  const named = attribute(call, "activations", "strings") ?? [];
  const names = named.length > 0 ? named : Array.from({ length: count }, () => usual).flat();
  const alphas = [...(attribute(call, "activation_alpha", "floats") ?? [])];
  const betas = [...(attribute(call, "activation_beta", "floats") ?? [])];
  const all = names.map((name) => {
    const own = name.toLowerCase();
    const hasAlpha = /affine|relu$|elu|hard|scaled/.test(own) && own !== "relu";
    const hasBeta = /affine|hard|scaled/.test(own);
    const found = activations.get(own)?.(hasAlpha ? alphas.shift() : undefined, hasBeta ? betas.shift() : undefined);
    return found ?? refuse(lift, "an activation that cells of Recurve have", `"${name.slice(0, 80)}"`);
  });
  return all.slice(d * usual.length, (d + 1) * usual.length);
}

/** The weights of direction d, by the names that `importWeights` takes. */
function arraysOf({ call, drawing }: LiftCall, d: number, count: number, own: object): GivenArrays {
  const places = { W: 1, R: 2, B: 3, P: 7 };
  const all = Object.entries(places).flatMap(([name, i]): [string, GivenArray][] => {
    const input = call.node.inputs[i] ?? "";
    return input === "" ? [] : [[name, directionIn(drawing.array(input), d, count)]];
  });
  return Object.fromEntries(
    "usePeepholes" in own && own.usePeepholes === true ? all : all.filter(([name]) => name !== "P"),
  );
}

/** [directions, ...] -> [1, ...]. */
function directionIn({ shape, data }: GivenArray, d: number, count: number): GivenArray {
  const size = data.length / count;
  return { shape: [1, ...shape.slice(1)], data: stretchOf(data, d * size, (d + 1) * size) };
}

function weightShape(lift: LiftCall, i: number): readonly number[] {
  const found = lift.call.ins[i];
  const shape = found === undefined || isSequence(found) ? [] : found.shape;
  if (liftedAt(lift, i) === undefined && shape.length === 3 && shape.every((size) => typeof size === "number"))
    return shape as readonly number[];
  return refuse(lift, `weights of fixed sizes as input ${i + 1}`, "other ones");
}

/** Where the layer's state begins, by its parts: nothing where it is zeros, or a state that the graph is given. */
function initialStateOf(
  lift: LiftCall,
  { states }: Kind,
  count: number,
  isBatchFirst: boolean,
): Tree<string> | undefined {
  const parts = states.map((state, s) => [state, stateNames(lift, 5 + s, count, isBatchFirst)] as const);
  const tree = (d: number): Tree<string> =>
    Object.fromEntries(parts.flatMap(([state, names]) => (names === undefined ? [] : [[state, names[d]]])));
  if (parts.every(([, names]) => names === undefined)) return undefined;
  return count === 2 ? { forward: tree(0), backward: tree(1) } : tree(0);
}

/** The values of the network that a state begins with, one for each direction; undefined for zeros and states of the graph. */
function stateNames(lift: LiftCall, i: number, count: number, isBatchFirst: boolean): readonly string[] | undefined {
  const given = lift.call.ins[i];
  const lifted = liftedAt(lift, i);
  if (given === undefined || lifted?.kind === "state") return undefined;
  if (lifted === undefined && (lift.drawing.isZero(lift.call.node.inputs[i]) || isZero(given, lift.call.where)))
    return undefined;
  const [batch] = drawnAt(lift, 0).own;
  if (lifted?.kind === "drawn" || lifted?.kind === "both") {
    const { own, axes } = lifted;
    const names = lifted.kind === "both" ? lifted.names : [lifted.name];
    const over: Axis = lifted.kind === "both" ? [lifted.over] : [];
    const order = isBatchFirst ? [batch, over, own[1]] : [over, batch, own[1]];
    const fits = own.length === 2 && isEqualAxis(own[0], batch) && names.length === count && axes.length === 3;
    if (fits && axes.every((axis, a) => isEqualAxis(axis, order[a]))) return names;
  }
  return refuse(
    lift,
    "an initial state that is zero, an input of the graph, or rows [batch, units] for each direction",
    "another one",
  );
}

/** Whether every element is 0, as exporters write it. */
function isZero(value: Value, where: string): boolean {
  if (isSequence(value)) return false;
  if (isKnown(value)) return Array.from(value.elements).every((element) => element === 0);
  const trace = currentTrace();
  if (trace === undefined) return false;
  const moves = new Set(["broadcast", "reshape", "slice", "transpose", "concat", "cast", "named"]);
  const seen = new Map<GraphValue, boolean>();
  const look = (x: GraphValue): boolean => {
    const node = trace.builder.producer(x);
    if (node !== undefined && moves.has(node.op)) return node.ins.every(isZeroIn);
    return node !== undefined && trace.builder.numberOf(x) === 0;
  };
  const isZeroIn = (x: GraphValue): boolean => {
    const known = seen.get(x) ?? look(x);
    seen.set(x, known);
    return known;
  };
  return isZeroIn(trace.lift(tensorOf(value, where)));
}

/** The value that the layer reads: the sequence, or with lengths the sequence with a mask. */
function lengthsOf(lift: LiftCall, name: string): string {
  const lengths = lift.call.ins[4];
  if (lengths === undefined) {
    expectUnmasked(lift, drawnAt(lift, 0));
    return name;
  }
  const lifted = liftedAt(lift, 4);
  if (lifted?.kind === "drawn" && lifted.own.length === 1)
    return addLayer(lift, lengthsMask(), [name, lifted.name], { ...lift.call.node, name: "lengthsMask", opType: "" });
  return refuse(lift, "lengths that are an input of the graph", "other ones");
}
