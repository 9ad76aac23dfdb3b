/**
 * A network that is being drawn from a graph of TensorFlow Lite: its values with the axes that each tensor has, and the
 * layers so far. Not here: what each operator draws (`operators.ts`, `recurrentOperators.ts`).
 */
import { UnsupportedError } from "../../base/errors.ts";
import type { Layer } from "../../nn/index.ts";
import { freeName } from "../chainedLayers.ts";
import { floatTensor } from "../floatTensor.ts";
import type { HostTensor } from "../hostTensor.ts";
import { quoted } from "../quoted.ts";
import type { WeightToMake } from "../weightsOnDemand.ts";
import { damaged } from "./flatbuffer.ts";
import { constantOf, type TfliteGraph, type TfliteOperator } from "./schema.ts";

/**
 * How a tensor lies beside the value of Recurve that it is, [b, t, ...] or [b, ...]: just so, with time first, or with
 * all steps of all rows in one axis.
 */
export type Form = "same" | "timeMajor" | "flat";

export interface Value {
  /** Of the connection that makes it, or of an input. */
  readonly name: string;
  readonly form: Form;
  /** Sizes without the batch. */
  readonly sizes: readonly number[];
  /** Whether the tensor has the steps in reverse order. */
  readonly isTurned: boolean;
}

export interface Drawing {
  readonly where: string;
  readonly graph: TfliteGraph;
  /** Which operators read each tensor. */
  readonly readers: ReadonlyMap<number, readonly TfliteOperator[]>;
  /** The size of the batch that the file was converted for. */
  readonly batch: number;
  readonly values: Map<number, Value>;
  /** Constants that are another one in another precision. */
  readonly sameAs: Map<number, number>;
  /** By name, in order, with what each reads. */
  readonly layers: Map<string, { readonly layer: Layer; readonly from: readonly string[] }>;
  readonly weights: WeightToMake[];
  readonly notes: Set<string>;
  readonly taken: Set<string>;
  /** Inputs that are indices although the file declares floats. */
  readonly indices: Set<string>;
  /** Whether a layer depends on the number of steps. */
  fixedSteps: boolean;
  /** How many bytes of constants may still be read: one constant may be read by many operators. */
  left: number;
}

/** The input of an operator that is computed. */
export function valueOf(
  drawing: Drawing,
  operator: TfliteOperator,
  place = 0,
  { mayBeTurned = false }: { readonly mayBeTurned?: boolean } = {},
): Value {
  const index = operator.inputs[place] ?? -1;
  const value = drawing.values.get(index);
  if (value?.isTurned && !mayBeTurned) {
    throw refusal(
      drawing,
      operator,
      "steps in their order",
      "a sequence turned round, which only recurrent layers read",
    );
  }
  if (value !== undefined) return value;
  const got = index < 0 ? "none" : quoted(drawing.graph.tensors[index].name);
  throw refusal(drawing, operator, `a computed value as input ${place}`, `the constant or unknown tensor ${got}`);
}

/** The constant in a place; undefined where it is left out. */
export function constantAt(drawing: Drawing, operator: TfliteOperator, place: number): HostTensor | undefined {
  const given = operator.inputs[place] ?? -1;
  if (given < 0) return undefined;
  const tensor = drawing.graph.tensors[drawing.sameAs.get(given) ?? given];
  if (tensor.data === undefined || tensor.isVariable) {
    throw refusal(drawing, operator, `a constant as input ${place}`, `the computed tensor ${quoted(tensor.name)}`);
  }
  drawing.left -= tensor.data.length;
  if (drawing.left < 0) throw damaged(drawing, "constants that are used about once", "the same ones again and again");
  return constantOf(tensor, drawing.where);
}

/** A constant that must be there. */
export function neededConstant(drawing: Drawing, operator: TfliteOperator, place: number): HostTensor {
  const constant = constantAt(drawing, operator, place);
  if (constant !== undefined) return constant;
  throw refusal(drawing, operator, `a constant as input ${place}`, "none");
}

/** The whole numbers of a small constant, such as a shape. */
export function wholesAt(drawing: Drawing, operator: TfliteOperator, place: number): number[] {
  return [...neededConstant(drawing, operator, place).data.slice(0, 16)];
}

/** Adds a layer; the result is its output. */
export function addLayer(
  drawing: Drawing,
  layer: Layer,
  from: readonly Value[],
  result: Pick<Value, "form" | "sizes">,
): Value {
  const name = freeName(layer.kind, drawing.taken);
  drawing.layers.set(name, { layer, from: from.map((value) => value.name) });
  return { ...result, name, isTurned: false };
}

/** Weights of a layer that are constants as they are. */
export function addWeights(drawing: Drawing, name: string, weights: Readonly<Record<string, () => HostTensor>>): void {
  for (const [own, make] of Object.entries(weights)) {
    drawing.weights.push({ path: `${name}.${own}`, make: () => floatTensor(make()) });
  }
}

/** Gives an operator's output its value. */
export function setOutput(drawing: Drawing, operator: TfliteOperator, value: Value, place = 0): void {
  const index = operator.outputs[place] ?? -1;
  if (index >= 0) drawing.values.set(index, value);
}

/** The sentence for what an operator wants and Recurve does not do. */
export function refusal(
  { where, graph }: Pick<Drawing, "where" | "graph">,
  { kind, outputs }: TfliteOperator,
  expected: string,
  got: string,
): UnsupportedError {
  const name = quoted(graph.tensors[outputs[0] ?? -1]?.name ?? "");
  return new UnsupportedError(
    `${where}: ${kind} ${name}: expected ${expected}, got ${got}. Give the model from before its conversion (.keras, .h5 or .onnx).`,
    { kind, name },
  );
}
