/**
 * Runs one case of an op as everything a graph can be run as: checked, interpreted against a plain reference,
 * differentiated against finite differences, and on each target of `targets.ts` against the interpreter.
 */
import { expect } from "vitest";
import { gradients } from "../../src/autodiff/vjp.ts";
import type { DimValues } from "../../src/base/dims.ts";
import type { DType, HostArray } from "../../src/base/dtypes.ts";
import { foldIn, type Key, keyFromSeed, uniformAt } from "../../src/base/random.ts";
import { evaluateShape, type Shape } from "../../src/base/shapes.ts";
import { Builder } from "../../src/graph/build.ts";
import { checkGraph } from "../../src/graph/check.ts";
import type { Graph, Value } from "../../src/graph/graph.ts";
import { type Data, interpret } from "../../src/graph/interpret.ts";
import type { Target } from "./targets.ts";

/** An operand and where its random elements lie: floats in [from, to), whole numbers in from..to-1. */
export interface Operand {
  readonly dtype: DType;
  readonly shape: Shape;
  readonly from: number;
  readonly to: number;
}

export interface Case {
  /** Completes the sentence "<op>: ...". */
  readonly name: string;
  readonly operands: readonly Operand[];
  readonly build: (b: Builder, ins: readonly Value[]) => Value | readonly Value[];
  readonly dims?: DimValues;
  /** The first result by an independent road, from the operands' elements in float64. */
  readonly expected?: (...ins: number[][]) => readonly number[];
  /** Allowed |a - b| / max(1, |b|) between a float32 target and the interpreter: a few roundings unless said otherwise. */
  readonly tolerance?: number;
  /** How far second derivatives may be from finite differences of first ones; false where they are not smooth. */
  readonly second?: false;
}

export const float = (shape: Shape, from = -2, to = 2): Operand => ({ dtype: "float32", shape, from, to });
export const int = (shape: Shape, from = -5, to = 6): Operand => ({ dtype: "int32", shape, from, to });
export const bool = (shape: Shape): Operand => ({ dtype: "bool", shape, from: 0, to: 2 });

const defaultTolerance = 2e-6;
const gradientTolerance = 1e-6;
const seed = 20240607;

/** The graph of a case alone. */
export function graphOf(test: Case): Graph {
  const b = new Builder("case");
  const ins = test.operands.map(({ dtype, shape }, i) => b.input(`in${i}`, { dtype, shape }));
  const outs = [test.build(b, ins)].flat();
  return checkGraph(b.finish(outs));
}

/** Random elements for the operands of a case: float32 numbers, so that every target sees the same. */
export function argumentsOf({ operands, dims = {} }: Case, key: Key = keyFromSeed(seed)): HostArray[] {
  return operands.map(({ dtype, shape, from, to }, i) => {
    const count = evaluateShape(shape, dims).reduce((a, b) => a * b, 1);
    const draw = (_: unknown, j: number): number => from + (to - from) * uniformAt(foldIn(key, i), j);
    if (dtype === "float32") return Float32Array.from({ length: count }, draw);
    return Int32Array.from({ length: count }, (_, j) => Math.floor(draw(_, j)));
  });
}

/** The first result equals the independent reference to float64 accuracy. */
export function checkReference(test: Case): void {
  const args = argumentsOf(test);
  const [first] = interpret(graphOf(test), args, test.dims);
  if (test.expected !== undefined) expectClose(first, test.expected(...args.map((arg) => Array.from(arg))), 1e-12);
}

/** Every target gives the interpreter's numbers, within the case's tolerance; whole numbers exactly. */
export function checkTarget(test: Case, target: Target): void {
  const graph = graphOf(test);
  const args = argumentsOf(test);
  const wanted = interpret(graph, args, test.dims);
  const got = target.prepare(graph)(args, test.dims ?? {});
  wanted.forEach((values, i) => {
    expectClose(got[i], values, values instanceof Int32Array ? 0 : (test.tolerance ?? defaultTolerance));
  });
}

/** First gradients, and second ones unless the case says no, equal central finite differences. */
export function checkGradients(test: Case): void {
  expectFiniteDifferences(differentiate(test, 1), test);
  if (test.second !== false) expectFiniteDifferences(differentiate(test, 2), test);
}

/** A scalar of the float operands, its gradients, and where those operands are among the inputs. */
interface Differentiated {
  readonly value: Graph;
  readonly grads: Graph;
  readonly positions: readonly number[];
}

/** The sum of all float results, each element with its own weight; for order 2 the same of the gradients of that. */
function differentiate(test: Case, order: 1 | 2): Differentiated | undefined {
  const build = (): { b: Builder; value: Value; wrt: Value[]; positions: number[] } | undefined => {
    const b = new Builder("case");
    const ins = test.operands.map(({ dtype, shape }, i) => b.input(`in${i}`, { dtype, shape }));
    const positions = test.operands.flatMap(({ dtype }, i) => (dtype === "float32" ? [i] : []));
    const wrt = positions.map((i) => ins[i]);
    const floats = [test.build(b, ins)].flat().filter(({ dtype }) => dtype === "float32");
    if (floats.length === 0 || wrt.length === 0) return undefined;
    const first = weightedSum(b, floats, 1);
    return { b, value: order === 1 ? first : weightedSum(b, gradients(b, first, wrt), 2), wrt, positions };
  };
  const [plain, differentiated] = [build(), build()];
  if (plain === undefined || differentiated === undefined) return undefined;
  const { b, value, wrt, positions } = differentiated;
  const grads = gradients(b, value, wrt);
  return { value: checkGraph(plain.b.finish([plain.value])), grads: checkGraph(b.finish(grads)), positions };
}

function weightedSum(b: Builder, values: readonly Value[], salt: number): Value {
  const sums = values.map((value, i) => {
    const key = b.add("constant", { dtype: "int32", shape: [2], data: Int32Array.of(salt, i) }, []);
    const weights = b.add("random", { shape: value.shape, distribution: "uniform" }, [key]);
    return b.sum(
      b.add("mul", {}, [value, weights]),
      value.shape.map((_, axis) => axis),
    );
  });
  return sums.reduce((x, y) => b.add("add", {}, [x, y]));
}

function expectFiniteDifferences(differentiated: Differentiated | undefined, test: Case): void {
  if (differentiated === undefined) return;
  const { value, grads, positions } = differentiated;
  const args = argumentsOf(test).map((arg) => (arg instanceof Float32Array ? Float64Array.from(arg) : arg));
  const found = interpret(grads, args, test.dims);
  positions.forEach((position, i) => {
    expectClose(found[i], centralDifferences(value, args, position, test.dims), gradientTolerance);
  });
}

/** d value / d args[position] by differences over 2e-5: truncation and rounding are both near 1e-10. */
export function centralDifferences(
  value: Graph,
  args: readonly (HostArray | Float64Array)[],
  position: number,
  dims?: DimValues,
): Float64Array {
  const step = 1e-5;
  const at = (j: number, by: number): number => {
    const moved = args.map((arg, i) => (i === position ? Float64Array.from(arg) : arg));
    moved[position][j] += by;
    return interpret(value, moved, dims)[0][0];
  };
  return Float64Array.from({ length: args[position].length }, (_, j) => (at(j, step) - at(j, -step)) / (2 * step));
}

/** |a - b| <= tolerance * max(1, |a|, |b|) everywhere; equal infinities and NaNs count as equal. */
export function expectClose(got: ArrayLike<number>, wanted: ArrayLike<number>, tolerance: number): void {
  expect(got.length).toBe(wanted.length);
  for (let i = 0; i < wanted.length; i++) {
    if (Object.is(got[i], wanted[i]) || got[i] === wanted[i]) continue;
    const error = Math.abs(got[i] - wanted[i]) / Math.max(1, Math.abs(got[i]), Math.abs(wanted[i]));
    if (!(error <= tolerance))
      expect.fail(`element ${i}: expected ${wanted[i]}, got ${got[i]} (relative error ${error}, allowed ${tolerance})`);
  }
}

export type { Data };
