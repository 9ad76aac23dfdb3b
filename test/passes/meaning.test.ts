/** Every pass keeps what a graph means: the interpreter gives the same numbers before and after. */
import { expect, test } from "vitest";
import { checkGraph } from "../../src/graph/check.ts";
import type { Graph } from "../../src/graph/graph.ts";
import { interpret } from "../../src/graph/interpret.ts";
import { cse } from "../../src/passes/cse.ts";
import { dce } from "../../src/passes/dce.ts";
import { fold } from "../../src/passes/fold.ts";
import { hoist } from "../../src/passes/hoist.ts";
import { narrow } from "../../src/passes/narrow.ts";
import { optimise } from "../../src/passes/pipeline.ts";
import type { Pass } from "../../src/passes/rewrite.ts";
import { sink } from "../../src/passes/sink.ts";
import { type RandomGraph, randomGraph, withGradients } from "../fuzz/graphs.ts";
import { expectClose } from "../ops/harness.ts";

const passes: Readonly<Record<string, Pass>> = {
  fold: (graph) => fold(graph),
  cse,
  dce,
  narrow,
  hoist,
  sink,
  optimise: (graph) => optimise(graph),
};

/** The results of two graphs differ by at most `tolerance`, relative to the larger of 1 and the numbers. */
function expectSame(before: Graph, after: Graph, { args, dims }: RandomGraph, tolerance: number): void {
  checkGraph(after);
  const [wanted, found] = [before, after].map((graph) => interpret(graph, args, dims));
  wanted.forEach((data, i) => {
    expectClose(found[i], data, tolerance);
  });
}

/** Says which seed failed; the graph is `randomGraph(seed, options)`. */
function forSeeds(from: number, to: number, law: (seed: number) => void): void {
  for (let seed = from; seed < to; seed++) {
    try {
      law(seed);
    } catch (error) {
      throw new Error(`seed ${seed}: ${(error as Error).message}`, { cause: error });
    }
  }
}

const depthOf = (seed: number): number => (seed % 3 === 0 ? 2 : 1);

for (const [name, pass] of Object.entries(passes)) {
  test(`${name} keeps the meaning of random graphs, seeds 0 to 79`, () => {
    forSeeds(0, 80, (seed) => {
      const random = randomGraph(seed, { depth: depthOf(seed) });
      expectSame(random.graph, pass(random.graph), random, 1e-9);
    });
  });
}

test("the whole pipeline keeps the meaning of random graphs with their gradients, seeds 0 to 79", () => {
  forSeeds(0, 80, (seed) => {
    const random = randomGraph(seed, { depth: depthOf(seed) });
    const before = withGradients(random.graph);
    expectSame(before, optimise(before), random, 1e-9);
  });
});

test("a pass returns the same object when it finds nothing to do, seeds 0 to 79", () => {
  forSeeds(0, 80, (seed) => {
    const done = optimise(randomGraph(seed).graph);
    for (const pass of Object.values(passes)) expect(pass(done)).toBe(done);
  });
});
