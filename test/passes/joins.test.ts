/** Which products of a loop's xs stay in it, because one with the carry goes on from them. */
import { expect, test } from "vitest";
import { type Dim, symbol } from "../../src/base/dims.ts";
import type { Builder } from "../../src/graph/build.ts";
import type { Graph, Value } from "../../src/graph/graph.ts";
import { interpret } from "../../src/graph/interpret.ts";
import { optimise } from "../../src/passes/pipeline.ts";
import { randomArgs } from "../fuzz/graphs.ts";
import { graphOf } from "../loops/agree.ts";
import { expectClose } from "../ops/harness.ts";
import { bodiesOf, countOps } from "./networks.ts";

const [b, t] = [symbol("b"), symbol("t")];
const plain = { transposeA: false, transposeB: false };
const float = (...shape: Dim[]) => ({ dtype: "float32", shape }) as const;

interface Layer {
  readonly rows?: Dim;
  readonly features?: number;
  readonly units?: number;
  /** What becomes of the xs before the loop. */
  readonly xs?: (g: Builder, shape: readonly Dim[]) => Value;
  /** How a step puts its two products together. */
  readonly joined?: (g: Builder, xw: Value, hu: Value) => Value;
}

const added = (g: Builder, xw: Value, hu: Value): Value => g.add("add", {}, [xw, hu]);

/** h' = tanh(joined(x W, h U)), from zeros. */
function layer({ rows = b, features = 5, units = 64, xs, joined = added }: Layer): Graph {
  const body = graphOf((g) => {
    const [w, u] = [g.input("w", float(features, units)), g.input("u", float(units, units))];
    const [h, x] = [g.input("h", float(rows, units)), g.input("x", float(rows, features))];
    const both = joined(g, g.add("matmul", plain, [x, w]), g.add("matmul", plain, [h, u]));
    return [g.add("tanh", {}, [both])];
  }, "step");
  return graphOf((g) => {
    const shape = [t, rows, features];
    const stack = xs?.(g, shape) ?? g.input("x", float(...shape));
    const consts = [g.input("w", float(features, units)), g.input("u", float(units, units))];
    const params = { body, length: t, reverse: false, consts: 2, carry: 1 };
    return [...g.addAll("scan", params, [...consts, g.full([rows, units], 0), stack])];
  }, "layer");
}

/** How many products the loop has in the end, with the same results as before. */
function productsInside(before: Graph): number {
  const after = optimise(before);
  const dims = { b: 3, t: 4 };
  const args = randomArgs(before, dims, 1);
  const want = interpret(before, args, dims);
  interpret(after, args, dims).forEach((data, i) => {
    expectClose(data, want[i], 1e-12);
  });
  return countOps(bodiesOf(after)[0].nodes).matmul ?? 0;
}

test("a narrow x is multiplied at each step, where the product with the state goes on from that", () => {
  expect(productsInside(layer({}))).toBe(2);
  expect(productsInside(layer({ features: 64 }))).toBe(2);
  expect(productsInside(layer({ rows: 8 }))).toBe(2);
});

test("a bias among the terms changes nothing", () => {
  const biased = (g: Builder, xw: Value, hu: Value): Value => added(g, added(g, xw, g.full(xw.shape, 2)), hu);
  expect(productsInside(layer({ joined: biased }))).toBe(2);
});

test("all steps are multiplied at once where x is wider than the state, the layer narrow, or the rows few", () => {
  expect(productsInside(layer({ features: 65 }))).toBe(1);
  expect(productsInside(layer({ units: 63 }))).toBe(1);
  expect(productsInside(layer({ rows: 7 }))).toBe(1);
});

test("and where the weights are more than stays in a cache", () => {
  expect(productsInside(layer({ features: 8, units: 400 }))).toBe(1);
});

test("and where the products are not simply added", () => {
  const weighed = (g: Builder, xw: Value, hu: Value): Value => added(g, g.add("mul", {}, [xw, hu]), hu);
  expect(productsInside(layer({ joined: weighed }))).toBe(1);
});

test("and where x was looked up in a table, which may be multiplied in its place", () => {
  const looked = (g: Builder, [steps, rows, width]: readonly Dim[]): Value => {
    const indices = g.add("iota", { shape: [rows, steps], axis: 1, dtype: "int32" }, []);
    const found = g.add("gather", { name: "words" }, [g.input("table", float(6, width)), indices]);
    return g.transpose(found, [1, 0, 2]);
  };
  expect(productsInside(layer({ xs: looked }))).toBe(1);
});
