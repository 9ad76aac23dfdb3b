/** Products of one term become multiplications, with the same values; others stay products. */
import { expect, test } from "vitest";
import { type Dim, symbol } from "../../src/base/dims.ts";
import type { Graph } from "../../src/graph/graph.ts";
import { interpret } from "../../src/graph/interpret.ts";
import { outer } from "../../src/passes/outer.ts";
import { randomArgs } from "../fuzz/graphs.ts";
import { graphOf } from "../loops/agree.ts";
import { countOps } from "./networks.ts";

const m = symbol("m");

function product(depth: Dim, transposeA: boolean, transposeB: boolean, batch: readonly Dim[] = []): Graph {
  return graphOf((g) => {
    const shape = (rows: Dim, columns: Dim, flip: boolean): Dim[] => [
      ...batch,
      ...(flip ? [columns, rows] : [rows, columns]),
    ];
    const a = g.input("a", { dtype: "float32", shape: shape(m, depth, transposeA) });
    const b = g.input("b", { dtype: "float32", shape: shape(depth, 3, transposeB) });
    return [g.add("matmul", { transposeA, transposeB }, [a, b])];
  });
}

test("a product of one term is a multiplication, whichever way its operands lie", () => {
  for (const batch of [[], [2]]) {
    for (const [a, b] of [
      [false, false],
      [true, false],
      [false, true],
      [true, true],
    ]) {
      const before = product(1, a, b, batch);
      const after = outer(before);
      expect(countOps(after.nodes)).toMatchObject({ mul: 1 });
      expect(countOps(after.nodes).matmul).toBeUndefined();
      const args = randomArgs(before, { m: 4 }, 1);
      expect(interpret(after, args, { m: 4 })).toEqual(interpret(before, args, { m: 4 }));
    }
  }
});

test("a product of more terms is left as it is", () => {
  for (const depth of [2, symbol("k")]) {
    const graph = product(depth, false, false);
    expect(outer(graph)).toBe(graph);
  }
});
