/** C of lowered graphs: the interpreter's numbers, and the same bits for every number of threads. */
import { describe, expect, test } from "vitest";
import type { DimValues } from "../../src/base/dims.ts";
import type { Graph } from "../../src/graph/graph.ts";
import { interpret } from "../../src/loops/interpret.ts";
import { lower } from "../../src/loops/lower/index.ts";
import type { Machine } from "../../src/loops/machine.ts";
import { decompose } from "../../src/loops/math.ts";
import { optimise } from "../../src/passes/pipeline.ts";
import { randomGraph, withGradients } from "../fuzz/graphs.ts";
import { goldens } from "../golden/programs.ts";
import { compileText, nativeBackend, natively, reason } from "./native.ts";

const machine = (lanes: 4 | 8 | 16, threads: number): Machine => ({
  lanes,
  tile: { rows: lanes === 16 ? 8 : 4, vectors: 2, depth: 512 },
  threads,
  grain: 0,
});

function expectSameBits(graph: Graph, args: readonly Float32Array[], dims: DimValues, what: string): void {
  const program = lower(graph, { machine: machine(16, 1) });
  const unfused = natively(program, { macros: ["RECURVE_UNFUSED"] })(args, dims);
  const expected = interpret(decompose(program), args, dims, { precision: "float32" });
  expect(unfused, what).toEqual(expected.map((data) => [...data]));
  const together = natively(lower(graph, { machine: machine(16, 3) }));
  expect(together(args, dims), `${what} on 3 threads`).toEqual(natively(program)(args, dims));
}

describe.skipIf(reason !== undefined)(`on this machine${reason === undefined ? "" : `: ${reason}`}`, () => {
  test.each([0, 1, 2, 3, 4])("random graphs and scans, seed %i", (seed) => {
    const { graph, args, dims } = randomGraph(seed);
    expectSameBits(optimise(graph), args, dims, `seed ${seed}`);
  });

  test("a random graph with its gradients, seed 5", () => {
    const { graph, args, dims } = randomGraph(5);
    expectSameBits(optimise(withGradients(graph)), args, dims, "seed 5");
  });

  const models = ["lstm", "embedding-and-simple-rnn", "softmax-loss", "training-step", "nested-scan", "dropout"];

  test.each(models)("the C of %s passes without a warning, for each width and for threads", (file) => {
    const { fn, args } = goldens[file]();
    const { optimised } = fn.inspect(...(args as never[]));
    for (const [lanes, threads] of [
      [4, 1],
      [8, 2],
      [16, 2],
    ] as const)
      compileText(lower(optimised, { machine: machine(lanes, threads) }), ["-Wall", "-Wextra", "-Werror"]);
  });

  test("the machine has a width of vectors that its programs use", () => {
    expect([4, 8, 16]).toContain(nativeBackend().machine.lanes);
  });
});
