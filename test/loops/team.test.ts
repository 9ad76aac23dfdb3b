/** Programs of several threads: when there is one, where they meet, and what they do side by side. */
import { expect, test } from "vitest";
import type { Builder } from "../../src/graph/build.ts";
import type { Graph, Value } from "../../src/graph/graph.ts";
import type { Stmt } from "../../src/loops/ir.ts";
import { lower } from "../../src/loops/lower/index.ts";
import { simd128 } from "../../src/loops/machine.ts";
import { print } from "../../src/loops/print.ts";
import { agree, graphOf } from "./agree.ts";

const two = { ...simd128, threads: 2, grain: 0 };
const float = (...shape: number[]) => ({ dtype: "float32", shape }) as const;
const plain = { transposeA: false, transposeB: false };

/** h' = tanh(x_t + h U) over time, from the first step or from the last. */
function recurrence(g: Builder, x: Value, reverse: boolean): Value {
  const [length, rows, units] = x.shape as number[];
  const body = graphOf((step) => {
    const [u, h] = [step.input("u", float(units, units)), step.input("h", float(rows, units))];
    const sum = step.add("add", {}, [step.input("x", float(rows, units)), step.add("matmul", plain, [h, u])]);
    const next = step.add("tanh", {}, [sum]);
    return [next, next];
  }, "step");
  const ins = [g.input(`u${reverse}`, float(units, units)), g.full([rows, units], 0), x];
  return g.addAll("scan", { body, length, reverse, consts: 1, carry: 1 }, ins)[1];
}

/** Both directions over one sequence, joined. */
function bidirectional(rows: number): Graph {
  return graphOf((g) => {
    const x = g.input("x", float(60, rows, 8));
    const ways = [false, true].map((reverse) => {
      const w = g.input(`w${reverse}`, float(8, 8));
      const projected = g.add("matmul", plain, [g.reshape(x, [60 * rows, 8]), w]);
      return recurrence(g, g.reshape(projected, [60, rows, 8]), reverse);
    });
    return [g.add("concat", { axis: 2 }, ways)];
  }, "bidirectional");
}

const barriers = (body: readonly Stmt[]): number => body.filter(({ kind }) => kind === "barrier").length;

test("the two directions of one row are done by two threads at once", () => {
  const program = agree(bidirectional(1), [{}], { machine: { ...two, grain: 100 } });
  const text = print(program);
  const second = text.indexOf("if thread == 1 {");
  const first = text.lastIndexOf("if thread == 0 {", second);
  expect(second).toBeGreaterThan(0);
  expect(text.slice(first, second)).toMatch(/for t\d* in 0\.\.60/);
  expect(text.slice(first, second)).not.toContain("barrier");
  expect(text.slice(second)).toMatch(/for t\d* in 0\.\.60/);
});

test("rows of a batch are divided for the whole sequence: no thread meets another inside the loop over time", () => {
  const program = agree(bidirectional(16), [{}], { machine: two });
  const loops = program.body.filter((s) => s.kind === "kernel" && s.name.endsWith("rows"));
  expect(loops).toHaveLength(2);
  expect(barriers(program.body)).toBeLessThanOrEqual(4);
});

test("a program with too little to do for a team is for one thread", () => {
  expect(lower(bidirectional(1), { machine: { ...two, grain: 1e6 } }).team).toBeUndefined();
});

test("wide steps of one row are divided one by one", () => {
  const graph = graphOf((g) => [recurrence(g, g.input("x", float(3, 1, 256)), false)]);
  const program = agree(graph, [{}], { machine: { ...two, grain: 200 } });
  const loop = program.body.find((s) => s.kind === "for") as Stmt & { kind: "for" };
  expect(barriers(loop.body)).toBeGreaterThanOrEqual(1);
});
