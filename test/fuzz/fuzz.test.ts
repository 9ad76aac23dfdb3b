/**
 * Random well-typed graphs: WebAssembly gives what the graph interpreter gives, with and without the passes, with
 * gradients, at several sizes of one program. A failure prints its seed and the smallest program that fails.
 * `RECURVE_FUZZ=5000 npx vitest run test/fuzz` for more graphs.
 */
import { expect, test } from "vitest";
import type { DimValues } from "../../src/base/dims.ts";
import type { HostArray } from "../../src/base/dtypes.ts";
import { checkGraph } from "../../src/graph/check.ts";
import type { Graph } from "../../src/graph/graph.ts";
import { interpret } from "../../src/graph/interpret.ts";
import { printGraph } from "../../src/graph/print.ts";
import { optimise } from "../../src/passes/pipeline.ts";
import { targets } from "../ops/targets.ts";
import { drawFrom, randomArgs, randomGraph, withGradients } from "./graphs.ts";
import { type Program, shrink } from "./shrink.ts";

const count = Number(process.env.RECURVE_FUZZ ?? 150);
const groupSize = 25;

/**
 * What float32 may lose, as a share of the largest number of an output: 2^-24 for each rounding, some hundred roundings
 * in a row through sums and loops (1e-5), and ten times that where a difference of near numbers is multiplied again.
 * Where the graph itself is ill-conditioned, the interpreter shows it: rounding every op there moves the result by
 * `spread`, and the target, which rounds elsewhere, may move it by a few times as much.
 */
const tolerance = 1e-4;
const spreads = 20;

type Run = (args: readonly HostArray[], dims: DimValues) => readonly ArrayLike<number>[];

/** The interpreter's results, in float64 and with every op rounded. */
interface Expected {
  readonly exact: readonly ArrayLike<number>[];
  readonly rounded: readonly ArrayLike<number>[];
}

function expectedOf({ graph, args, dims }: Program): Expected {
  const [exact, rounded] = (["float64", "float32"] as const).map((precision) =>
    interpret(graph, args, dims, { precision }),
  );
  return { exact, rounded };
}

/** What is wrong with the numbers of a run, or undefined. */
function difference(program: Program, run: Run, { exact, rounded } = expectedOf(program)): string | undefined {
  const { graph, args, dims } = program;
  let got: readonly ArrayLike<number>[];
  try {
    got = run(args, dims);
  } catch (error) {
    return String((error as Error).stack);
  }
  for (const [o, want] of exact.entries()) {
    const isFloat = graph.outputs[o].dtype === "float32";
    const scale = largest(want, (x) => Math.abs(x));
    const spread = largest(want, (x, i) => Math.abs(x - rounded[o][i]));
    const allowed = isFloat ? tolerance * Math.max(1, scale) + spreads * spread : 0;
    const at = Array.from(want).findIndex((x, i) => !(Object.is(x, got[o][i]) || Math.abs(x - got[o][i]) <= allowed));
    if (at >= 0)
      return `output ${o}, element ${at}: expected ${want[at]}, got ${got[o][at]}, allowed ${allowed}, at ${JSON.stringify(dims)}`;
  }
  return undefined;
}

function largest(values: ArrayLike<number>, of: (x: number, i: number) => number): number {
  let most = 0;
  for (let i = 0; i < values.length; i++) most = Math.max(most, of(values[i], i));
  return most;
}

const ways: { readonly [name: string]: (graph: Graph) => Run } = {
  "as it is": (graph) => targets[0].prepare(graph),
  optimised: (graph) => targets[0].prepare(optimise(graph)),
};

/** Compiles once each way, calls at every size, and reports the smallest failing part. */
function expectAgreement(graph: Graph, calls: readonly Pick<Program, "args" | "dims">[], what: string): void {
  checkGraph(graph);
  const programs = calls.map((call): Program => ({ graph, ...call }));
  const expected = programs.map(expectedOf);
  for (const [way, prepare] of Object.entries(ways)) {
    const alone = (part: Program): string | undefined =>
      difference(part, (args, dims) => prepare(part.graph)(args, dims));
    let run: Run | undefined;
    const shared: Run = (args, dims) => {
      run ??= prepare(graph);
      return run(args, dims);
    };
    for (const [i, program] of programs.entries()) {
      const found = difference(program, shared, expected[i]);
      if (found === undefined) continue;
      const smallest = shrink(program, (part) => alone(part) !== undefined);
      const again = alone(smallest) ?? "it fails only as a whole";
      expect.fail(`${what}, ${way}: ${found}\nsmallest: ${again}\n${printGraph(smallest.graph)}`);
    }
  }
}

function expectSeed(seed: number): void {
  const { graph, args, dims } = randomGraph(seed, { depth: 1 + (seed % 2) });
  const draw = drawFrom(seed + 7919);
  const sizes = [1, 2].map(() => ({ b: 1 + Math.floor(draw() * 5), t: 1 + Math.floor(draw() * 6) }));
  const others = sizes.map((other, i) => ({ dims: other, args: randomArgs(graph, other, seed * 3 + i) }));
  expectAgreement(graph, [{ args, dims }, ...others], `seed ${seed}`);
  if (seed % 5 === 0) expectAgreement(withGradients(graph), [{ args, dims }, others[0]], `gradients of seed ${seed}`);
}

const groups = Array.from({ length: Math.ceil(count / groupSize) }, (_, i) => i * groupSize);

test.each(groups)("random graphs of seed %i and the 24 after it agree with the interpreter", (from) => {
  for (let seed = from; seed < Math.min(count, from + groupSize); seed++) expectSeed(seed);
});

test("a failure is shrunk to the node that is wrong, in seed 0", () => {
  const { graph, args, dims } = randomGraph(0);
  // A target that is wrong about tanh: the smallest failing program is one tanh of an argument.
  const fails = (part: Program): boolean => part.graph.nodes.some(({ op }) => op === "tanh");
  const { graph: smallest } = shrink({ graph, args, dims }, fails);
  expect(smallest.nodes.map(({ op }) => op)).toEqual(["tanh"]);
});
