/** Maxima of few that late readers compute again, in graphs whose loops save checkpoints; others are kept. */
import { expect, test } from "vitest";
import type { Builder } from "../../src/graph/build.ts";
import type { Graph, Value } from "../../src/graph/graph.ts";
import { interpret } from "../../src/graph/interpret.ts";
import { again } from "../../src/passes/again.ts";
import { randomArgs } from "../fuzz/graphs.ts";
import { graphOf } from "../loops/agree.ts";
import { countOps } from "./networks.ts";

const float = (...shape: number[]) => ({ dtype: "float32", shape }) as const;

/** A loop over the rows of `xs`: their sum so far. */
function sums(g: Builder, xs: Value, segments: boolean): Value {
  const [length, ...row] = xs.shape as number[];
  const body = graphOf((b) => [b.add("add", {}, [b.input("sum", float(...row)), b.input("x", float(...row))])], "sum");
  const params = { body, length, reverse: false, consts: 0, carry: 1, segments };
  return g.addAll("scan", params, [g.full(row, 0), xs])[0];
}

interface Pooled {
  readonly neighbours?: number;
  /** Loops between the two readers of the maxima, the first reader being one of them. */
  readonly loops?: number;
  readonly segments?: boolean;
  readonly kind?: "max" | "sum";
  /** Whether what the maxima are taken of is read at the end. */
  readonly kept?: boolean;
}

/** Maxima of neighbours, read by a loop, and again after others. */
function pooled({ neighbours = 4, loops = 2, segments = true, kind = "max", kept = true }: Pooled): Graph {
  return graphOf((g) => {
    const x = g.add("tanh", {}, [g.input("x", float(6 * neighbours, 3))]);
    const small = g.add("reduce", { kind, axes: [1] }, [g.reshape(x, [6, neighbours, 3])]);
    const early = sums(g, small, segments);
    const others = Array.from({ length: loops - 1 }, () => sums(g, g.input("y", float(4, 3)), segments));
    const late = g.add("exp", {}, [g.reshape(small, [2, 9])]);
    return [early, ...others, late, ...(kept ? [g.add("sin", {}, [x])] : [])];
  });
}

function reducesAfter(options: Pooled): number {
  const before = pooled(options);
  const after = again(before);
  const args = randomArgs(before, {}, 1);
  expect(interpret(after, args, {})).toEqual(interpret(before, args, {}));
  const count = countOps(after.nodes).reduce;
  if (count === 1) expect(after).toBe(before);
  return count;
}

test("late readers of maxima over few neighbours compute them again", () => {
  expect(reducesAfter({})).toBe(2);
  expect(reducesAfter({ neighbours: 8, loops: 5 })).toBe(2);
});

test.each<[string, Pooled]>([
  ["no loop saves checkpoints", { segments: false }],
  ["the readers are close to each other", { loops: 1 }],
  ["the maxima are taken of many", { neighbours: 9 }],
  ["sums are more work to hold together", { kind: "sum" }],
  ["what they are taken of would have to be kept for them", { kept: false }],
])("they are kept where %s", (_, options) => {
  expect(reducesAfter(options)).toBe(1);
});
