/** Reading the attributes and inputs of a node: what is missing or of another type is refused in the node's name. */
import { type Dim, isSymbolic } from "../../../base/dims.ts";
import type { DType } from "../../../base/dtypes.ts";
import { FormatError, UnsupportedError } from "../../../base/errors.ts";
import { cast, type Tensor } from "../../../trace/index.ts";
import type { Call, Rule } from "../evaluate.ts";
import type { OnnxGraph, OnnxTensor } from "../messages.ts";
import { isKnown, isSequence, type Known, knownOf, numbersOf, tensorOf } from "../value.ts";

/** A family of operators by name. */
export type Rules = Readonly<Record<string, Rule>>;

/** The value of an attribute by the kind that is asked for. */
interface Kinds {
  readonly float: number;
  readonly int: number;
  readonly string: string;
  readonly tensor: OnnxTensor;
  readonly graph: OnnxGraph;
  readonly floats: readonly number[];
  readonly ints: readonly number[];
  readonly strings: readonly string[];
}

/** An attribute, if it is there. */
export function attribute<K extends keyof Kinds>({ node, where }: Call, name: string, kind: K): Kinds[K] | undefined {
  const found = node.attributes.find((one) => one.name === name)?.value;
  if (found === undefined) return undefined;
  if (found.kind === kind) return found.value as Kinds[K];
  throw new FormatError(
    `${where}: expected attribute "${name}" of type ${kind}, got ${found.kind}. The file is damaged; export it again.`,
    { attribute: name },
  );
}

export const int = (call: Call, name: string, fallback: number): number => attribute(call, name, "int") ?? fallback;
export const float = (call: Call, name: string, fallback: number): number => attribute(call, name, "float") ?? fallback;
export const text = (call: Call, name: string, fallback: string): string => attribute(call, name, "string") ?? fallback;
export const flag = (call: Call, name: string, fallback = false): boolean => int(call, name, fallback ? 1 : 0) !== 0;

/** A graph that a node must have. */
export function graph(call: Call, name: string): OnnxGraph {
  return attribute(call, name, "graph") ?? missing(call, `attribute "${name}"`);
}

/** A tensor attribute. */
export function knownAttribute(call: Call, name: string): Known | undefined {
  const found = attribute(call, name, "tensor");
  return found && knownOf(found, call.where);
}

export function has({ ins }: Call, i: number): boolean {
  return ins[i] !== undefined;
}

/** An input that must be there, and is no list. */
export function value(call: Call, i: number): Tensor | Known {
  const found = call.ins[i];
  if (found === undefined) return missing(call, `input ${i + 1}`);
  if (!isSequence(found)) return found;
  throw new UnsupportedError(
    `${call.where}: expected a tensor, got a list of tensors as input ${i + 1}. Stack it first.`,
  );
}

/** An input as a tensor. */
export function tensor(call: Call, i: number): Tensor {
  return tensorOf(value(call, i), call.where);
}

/** The same as float32: bool and int32 are converted. */
export function floats(call: Call, i: number): Tensor {
  return as(tensor(call, i), "float32");
}

export function as(x: Tensor, dtype: DType): Tensor {
  return cast(x, dtype);
}

/** The elements of an input that must be known while tracing; sizes may be free. */
export function dims(call: Call, i: number): readonly Dim[] {
  const found = value(call, i);
  if (isKnown(found)) return Array.from(found.elements);
  throw new UnsupportedError(
    `${call.where}: expected input ${i + 1} to follow from shapes and constants, got one that is computed from data. Export the model with fixed values for it.`,
    { input: i },
  );
}

/** The same as plain numbers. */
export function numbers(call: Call, i: number): readonly number[] {
  const all = dims(call, i);
  const free = all.find(isSymbolic);
  if (free === undefined) return all.map(Number);
  throw new UnsupportedError(
    `${call.where}: expected numbers as input ${i + 1}, got the size "${free.key}", which is free until the call. Give it fixed sizes.`,
    { input: i },
  );
}

/** The elements of an input that is known and plain numbers, else undefined. */
export function knownNumbers(call: Call, i: number): readonly number[] | undefined {
  const found = call.ins[i];
  return isKnown(found) ? numbersOf(found) : undefined;
}

/** Whole numbers that are an attribute in old versions and an input in new ones. */
export function intsOf(call: Call, name: string, i: number): readonly number[] | undefined {
  const given = attribute(call, name, "ints");
  if (given !== undefined) return given;
  return has(call, i) ? numbers(call, i) : undefined;
}

/** An axis of so many, counted from the start. */
export function axisOf({ where }: Call, axis: number, rank: number): number {
  const found = axis < 0 ? axis + rank : axis;
  if (Number.isInteger(found) && found >= 0 && found < rank) return found;
  throw new FormatError(
    `${where}: expected an axis from ${-rank} to ${rank - 1}, got ${axis}. The file is damaged; export it again.`,
    { axis, rank },
  );
}

export function missing({ where }: Call, what: string): never {
  throw new FormatError(`${where}: expected ${what}, got none. The file is damaged; export it again.`, { what });
}

/** What Recurve does not do of an operator. */
export function refuse({ where }: Call, expected: string, got: string, advice = "Export the model without it"): never {
  throw new UnsupportedError(`${where}: expected ${expected}, got ${got}. ${advice}.`, { expected, got });
}
