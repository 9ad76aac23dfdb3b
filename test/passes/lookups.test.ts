/** Products with looked-up rows: of the table where that has fewer rows, with the same values and gradients. */
import { expect, test } from "vitest";
import { gradients } from "../../src/autodiff/vjp.ts";
import { type Dim, multiplyDims, symbol } from "../../src/base/dims.ts";
import type { Graph } from "../../src/graph/graph.ts";
import { interpret } from "../../src/graph/interpret.ts";
import { optimise } from "../../src/passes/pipeline.ts";
import { graphOf } from "../loops/agree.ts";
import { expectClose } from "../ops/harness.ts";

const plain = { transposeA: false, transposeB: false };

/** tanh(E[i] W) of indices [b, t] turned to steps first, summed, with the gradients of E and W. */
function looked(words: number, width: number, [b, t]: readonly [Dim, Dim]): Graph {
  return graphOf((g) => {
    const table = g.input("table", { dtype: "float32", shape: [words, width] });
    const weights = g.input("weights", { dtype: "float32", shape: [width, 3] });
    const indices = g.input("indices", { dtype: "int32", shape: [b, t] });
    const rows = g.transpose(g.add("gather", { name: "words" }, [table, indices]), [1, 0, 2]);
    const flat = g.reshape(rows, [multiplyDims(t, b), width]);
    const out = g.add("tanh", {}, [g.add("matmul", plain, [flat, weights])]);
    const loss = g.add("reduce", { kind: "sum", axes: [0, 1] }, [out]);
    return [loss, ...gradients(g, loss, [table, weights])];
  });
}

const numbers = (count: number, seed: number): Float32Array =>
  Float32Array.from({ length: count }, (_, i) => Math.sin(seed + 12.9898 * i));

/** The largest number of rows of a product's left side, and over how many it sums. */
function largestProduct(graph: Graph): number {
  const sides = graph.nodes.flatMap((node) => (node.op === "matmul" ? node.ins.map(({ shape }) => shape[0]) : []));
  return Math.max(...sides.map((side) => (typeof side === "number" ? side : Number.POSITIVE_INFINITY)));
}

for (const [b, t] of [
  [8, 32],
  [symbol("b"), symbol("t")],
] as const) {
  test(`a table of few rows is multiplied as it is, indices ${typeof b === "number" ? "known" : "free"}`, () => {
    const graph = looked(10, 40, [b, t]);
    const better = optimise(graph);
    expect(largestProduct(graph)).toBeGreaterThan(40);
    expect(largestProduct(better)).toBeLessThanOrEqual(40);
    const indices = Int32Array.from({ length: 256 }, (_, i) => (7 * i) % 10);
    const args = [numbers(400, 1), numbers(120, 2), indices];
    const dims = { b: 8, t: 32 };
    const got = interpret(better, args, dims);
    interpret(graph, args, dims).forEach((want, i) => {
      expectClose(got[i], want, 1e-9);
    });
  });
}

test("a table of many rows, narrow rows and few indices stay as they are", () => {
  for (const graph of [looked(100, 40, [8, 32]), looked(10, 16, [8, 32]), looked(10, 40, [4, 8])])
    expect(largestProduct(optimise(graph))).toBe(largestProduct(graph));
});
