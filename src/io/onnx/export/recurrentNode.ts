/**
 * Which recurrent layers are one node of an ONNX file, and which one: LSTM, GRU or RNN with its attributes and packed
 * weights. A layer that these operators can not compute as Recurve does is undefined here, and goes the general way.
 */
import { UnsupportedError } from "../../../base/errors.ts";
import {
  type Activation,
  exportWeights,
  type Json,
  type Model,
  type Options,
  type PackedArray,
} from "../../../nn/index.ts";
import type { NetworkLayer } from "../../../nn/network/network.ts";
import { type OnnxActivation, onnxActivation } from "./activations.ts";
import type { Attributes } from "./writer.ts";

/** A layer as a node. */
export interface RecurrentNode {
  readonly op: "LSTM" | "GRU" | "RNN";
  readonly directions: readonly ("forward" | "backward")[];
  /** Of a layer in one direction: whether it reads from the end. */
  readonly isReversed: boolean;
  readonly units: number;
  readonly returnSequences: boolean;
  readonly zeroOutputForMask: boolean;
  /** Of a bidirectional layer. */
  readonly mergeMode: string;
  readonly attributes: Attributes;
  /** W, R and, where there are any, B and P. */
  readonly weights: Readonly<Record<string, PackedArray>>;
}

interface Kind {
  readonly op: RecurrentNode["op"];
  /** What the operator computes if nothing is said. */
  readonly usual: readonly string[];
  /** The cell's activations in the operator's order. */
  readonly activations: (options: Options) => readonly Json[];
}

const kinds: Readonly<Record<string, Kind>> = {
  lstm: {
    op: "LSTM",
    usual: ["Sigmoid", "Tanh", "Tanh"],
    activations: ({ activation, recurrentActivation }) => [recurrentActivation, activation, activation],
  },
  gru: {
    op: "GRU",
    usual: ["Sigmoid", "Tanh"],
    activations: ({ activation, recurrentActivation }) => [recurrentActivation, activation],
  },
  simpleRNN: { op: "RNN", usual: ["Tanh"], activations: ({ activation }) => [activation] },
};

/** A cell of one direction, and how its layer drives it. */
interface Direction {
  readonly kind: string;
  readonly cell: Options;
  readonly driving: Options;
}

/** The node that a layer is, if it is one. */
export function recurrentNode(model: Model, layer: NetworkLayer): RecurrentNode | undefined {
  const found = directionsOf(layer.kind, layer.options);
  if (found === undefined || !found.every((one) => fits(one) && agrees(one, found[0]))) return undefined;
  const weights = packed(model, layer.name);
  if (weights === undefined) return undefined;
  const [{ kind, cell, driving }] = found;
  const isBoth = layer.kind === "bidirectional";
  const isReversed = !isBoth && driving.goBackwards === true;
  return {
    op: kinds[kind].op,
    directions: isBoth ? ["forward", "backward"] : ["forward"],
    isReversed,
    units: Number(cell.units),
    returnSequences: driving.returnSequences === true,
    zeroOutputForMask: driving.zeroOutputForMask === true,
    mergeMode: String(layer.options.mergeMode ?? ""),
    attributes: attributesOf(found, isBoth ? "bidirectional" : isReversed ? "reverse" : "forward"),
    weights,
  };
}

function directionsOf(kind: string, options: Options): Direction[] | undefined {
  if (kind === "bidirectional") {
    const inner = [options.layer, options.backwardLayer ?? options.layer].map((json) => json as unknown as Definition);
    const both = inner.map((one) => directionsOf(one.kind, one.options));
    return both.some((one) => one === undefined) ? undefined : both.flatMap((one) => one ?? []);
  }
  if (kind === "rnn") {
    const { kind: inner, options: cell } = withoutDropout(options.cell as unknown as Definition);
    return inner in kinds ? [{ kind: inner, cell, driving: options }] : undefined;
  }
  return Object.hasOwn(kinds, kind) ? [{ kind, cell: options, driving: options }] : undefined;
}

interface Definition {
  readonly kind: string;
  readonly options: Options;
}

/** The cell inside of one that differs from it in training only. */
function withoutDropout({ kind, options }: Definition): Definition {
  return kind === "dropout" ? withoutDropout(options.cell as unknown as Definition) : { kind, options };
}

function fits({ kind, cell }: Direction): boolean {
  const known = kinds[kind]
    .activations(cell)
    .every((one) => onnxActivation(one as unknown as Activation) !== undefined);
  return known && cell.layerNorm !== true;
}

/** What holds for both directions of one node. */
function agrees({ kind, cell, driving }: Direction, first: Direction): boolean {
  const shared = ["units", "clip", "resetAfter", "coupledGates", "usePeepholes", "useBias"];
  return (
    kind === first.kind &&
    shared.every((name) => cell[name] === first.cell[name]) &&
    driving.zeroOutputForMask === first.driving.zeroOutputForMask
  );
}

/** The packed weights; undefined if ONNX has no such cell. */
function packed(model: Model, layer: string): RecurrentNode["weights"] | undefined {
  try {
    return exportWeights("onnx", model, { layers: [layer] });
  } catch (error) {
    if (error instanceof UnsupportedError) return undefined;
    throw error;
  }
}

function attributesOf(found: readonly Direction[], direction: string): Attributes {
  const [{ kind, cell }] = found;
  const functions = found.flatMap((one) =>
    kinds[kind].activations(one.cell).flatMap((chosen) => onnxActivation(chosen as unknown as Activation) ?? []),
  );
  const usual = found.flatMap(() => kinds[kind].usual);
  const isUsual = functions.every(({ name }, i) => name === usual[i]);
  return {
    hidden_size: { kind: "int", value: Number(cell.units) },
    ...(direction === "forward" ? {} : { direction: { kind: "string", value: direction } }),
    ...(isUsual ? {} : activationAttributes(functions)),
    ...(typeof cell.clip === "number" ? { clip: { kind: "float", value: cell.clip } } : {}),
    ...(cell.coupledGates === true ? { input_forget: { kind: "int", value: 1 } } : {}),
    ...(kind === "gru" && cell.resetAfter !== false ? { linear_before_reset: { kind: "int", value: 1 } } : {}),
  };
}

/** Numbers are listed for those functions that take any, in order. */
function activationAttributes(functions: readonly OnnxActivation[]): Attributes {
  const [alphas, betas] = [functions.flatMap(({ alpha }) => alpha ?? []), functions.flatMap(({ beta }) => beta ?? [])];
  return {
    activations: { kind: "strings", value: functions.map(({ name }) => name) },
    ...(alphas.length === 0 ? {} : { activation_alpha: { kind: "floats", value: alphas } }),
    ...(betas.length === 0 ? {} : { activation_beta: { kind: "floats", value: betas } }),
  };
}
