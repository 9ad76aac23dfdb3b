/** Every pass keeps what a graph means: the interpreter gives the same numbers before and after. */
import { expect, test } from "vitest";
import type { DimValues } from "../../src/base/dims.ts";
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
import { randomGraph } from "../fuzz/graphs.ts";

const passes: Readonly<Record<string, Pass>> = { fold: (graph) => fold(graph), cse, dce, narrow, hoist, sink, optimise: (graph) => optimise(graph) };

/** The largest difference between the results of two graphs, relative to the larger of 1 and the numbers. */
export function difference(a: Graph, b: Graph, args: readonly Float32Array[], dims: DimValues): number {
  const [left, right] = [interpret(a, args, dims), interpret(b, args, dims)];
  let worst = 0;
  left.forEach((data, i) => {
    data.forEach((x, j) => {
      const y = right[i][j];
      if (!Object.is(x, y)) worst = Math.max(worst, Math.abs(x - y) / Math.max(1, Math.abs(x)));
      if (Number.isNaN(x) !== Number.isNaN(y)) worst = Number.NaN;
    });
  });
  return worst;
}

const blocks = Array.from({ length: 4 }, (_, i) => i * 100);

for (const [name, pass] of Object.entries(passes)) {
  test.for(blocks)(`${name} keeps the meaning of 100 random graphs, seeds from %i`, (from) => {
    for (let seed = from; seed < from + 100; seed++) {
      const { graph, args, dims } = randomGraph(seed, { depth: seed % 3 === 0 ? 2 : 1 });
      const after = pass(graph);
      checkGraph(after);
      expect(difference(graph, after, args, dims), `seed ${seed}`).toBeLessThan(1e-9);
    }
  });
}

test("a pass returns the same object when it finds nothing to do, seeds 0 to 99", () => {
  for (let seed = 0; seed < 100; seed++) {
    const done = optimise(randomGraph(seed).graph);
    for (const pass of Object.values(passes)) expect(pass(done), `seed ${seed}`).toBe(done);
  }
});
