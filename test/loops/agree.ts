/** Runs a graph by the graph interpreter and, lowered, by the loop interpreter, and expects equal results. */
import { expect } from "vitest";
import { type DimValues, formatDim } from "../../src/base/dims.ts";
import { bitsAt, type Key, keyFromSeed, uniformAt } from "../../src/base/random.ts";
import { evaluateShape } from "../../src/base/shapes.ts";
import { Builder } from "../../src/graph/build.ts";
import type { Graph, Value } from "../../src/graph/graph.ts";
import { interpret as interpretGraph } from "../../src/graph/interpret.ts";
import { check } from "../../src/loops/check.ts";
import { interpret } from "../../src/loops/interpret.ts";
import type { Program } from "../../src/loops/ir.ts";
import { type LowerOptions, lower } from "../../src/loops/lower/index.ts";
import { type Machine, simd128 } from "../../src/loops/machine.ts";
import { lifetimes, readsOf, writesOf } from "../../src/loops/plan.ts";

/** A graph made by a function of its builder. */
export function graphOf(make: (b: Builder) => Value[], name = "test"): Graph {
  const builder = new Builder(name);
  return builder.finish(make(builder));
}

/** Numbers for the inputs of a graph: floats in [-2, 2), ints in [0, below), bools. */
export function argumentsFor(graph: Graph, dims: DimValues, seed: number, below = 3): (Float64Array | Int32Array)[] {
  return graph.inputs.map(({ value }, i) => {
    const count = evaluateShape(value.shape, dims).reduce((n, dim) => n * dim, 1);
    const key: Key = keyFromSeed(seed * 1000 + i);
    if (value.dtype === "float32")
      return Float64Array.from({ length: count }, (_, j) => Math.fround(4 * uniformAt(key, j) - 2));
    const range = value.dtype === "bool" ? 2 : below;
    return Int32Array.from({ length: count }, (_, j) => (bitsAt(key, j) >>> 0) % range);
  });
}

export interface AgreeOptions extends LowerOptions {
  readonly seed?: number;
  readonly below?: number;
  readonly tolerance?: number;
}

/** Machines that programs are for: with wider vectors, other tiles, several threads that divide even the least work. */
const machines: readonly Machine[] = [
  { ...simd128, lanes: 8 },
  { ...simd128, lanes: 16, tile: { rows: 8, vectors: 2, depth: 512 } },
  { ...simd128, threads: 2, grain: 0 },
  { lanes: 16, tile: { rows: 8, vectors: 2, depth: 512 }, threads: 3, grain: 0 },
];

/** Runs a graph lowered for each machine; for several threads the numbers are those of one to the last bit. */
function agreeOnMachines(
  graph: Graph,
  args: readonly ArrayLike<number>[],
  dims: DimValues,
  options: LowerOptions,
  same: (got: readonly ArrayLike<number>[], machine: string) => void,
): void {
  for (const machine of machines) {
    const program = check(lower(graph, { ...options, machine }));
    const got = interpret(program, args, dims, { arena: true });
    same(got, `${machine.threads} threads of ${machine.lanes} lanes`);
    if (machine.threads === 1) continue;
    const alone = interpret(check(lower(graph, { ...options, machine: { ...machine, threads: 1 } })), args, dims);
    expect(got, "as on one thread").toEqual(alone);
    expect(interpret(program, args, dims, { order: "backward", arena: true }), "in any order").toEqual(alone);
  }
}

/** Lowers and checks a graph, runs it for each set of sizes and compares. Returns the program. */
export function agree(graph: Graph, sizes: readonly DimValues[] = [{}], options: AgreeOptions = {}): Program {
  const program = check(lower(graph, options));
  for (const dims of sizes) {
    const args = argumentsFor(graph, dims, options.seed ?? 1, options.below);
    const expected = interpretGraph(graph, args, dims);
    const got = interpret(program, args, dims);
    const same = (results: readonly ArrayLike<number>[], where: string): void =>
      expected.forEach((want, i) => {
        const what = `output ${i} of ${graph.name} at ${JSON.stringify(dims)} with ${where}`;
        expectClose(results[i], want, options.tolerance ?? 1e-9, what);
      });
    same(got, "four lanes");
    agreeOnMachines(graph, args, dims, options, same);
  }
  expectDisjoint(program);
  return program;
}

/** Fails with the first element that is neither equal nor close. */
export function expectClose(got: ArrayLike<number>, want: ArrayLike<number>, tolerance: number, what: string): void {
  expect(got.length, what).toBe(want.length);
  for (let i = 0; i < want.length; i++) {
    const equal = Object.is(got[i], want[i]) || got[i] === want[i];
    if (equal || Math.abs(got[i] - want[i]) <= tolerance * Math.max(1, Math.abs(want[i]))) continue;
    expect.fail(`${what}: element ${i} is ${got[i]}, expected ${want[i]}`);
  }
}

/** Every temporary that is used has a lifetime. */
function expectDisjoint(program: Program): void {
  const lives = lifetimes(program);
  const used = new Set(program.body.flatMap((s) => [...readsOf(s), ...writesOf(s)]));
  for (const buffer of used)
    if (buffer.role.kind === "temp") expect(lives.has(buffer), `${buffer.name}[${formatDim(buffer.size)}]`).toBe(true);
}

/** As `agree`, for given arguments. */
export function agreeWith(
  graph: Graph,
  args: readonly (Float32Array | Int32Array)[],
  dims: DimValues,
  tolerance = 1e-9,
): Program {
  const program = check(lower(graph));
  const expected = interpretGraph(graph, args, dims);
  const got = interpret(program, args, dims);
  const same = (results: readonly ArrayLike<number>[], where: string): void =>
    expected.forEach((want, i) => {
      expectClose(results[i], want, tolerance, `output ${i} of ${graph.name} with ${where}`);
    });
  same(got, "four lanes");
  agreeOnMachines(graph, args, dims, {}, same);
  return program;
}
