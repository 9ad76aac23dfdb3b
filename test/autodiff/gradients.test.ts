/** Gradients where finite differences can not tell: ties, kinks, zeros, missing paths; and what they are made of. */
import { expect, test } from "vitest";
import { gradients } from "../../src/autodiff/vjp.ts";
import { Builder } from "../../src/graph/build.ts";
import { checkGraph } from "../../src/graph/check.ts";
import type { Value } from "../../src/graph/graph.ts";
import { interpret } from "../../src/graph/interpret.ts";
import type { BinaryOp, UnaryOp } from "../../src/graph/ops.ts";

/** The gradients of the sum of `build(...)` at vectors `args`, as plain arrays. */
function gradientsAt(
  args: readonly (readonly number[])[],
  build: (b: Builder, ins: readonly Value[]) => Value,
): number[][] {
  const b = new Builder("test");
  const ins = args.map((arg, i) => b.input(`x${i}`, { dtype: "float32", shape: [arg.length] }));
  const out = build(b, ins);
  const total = b.sum(
    out,
    out.shape.map((_, axis) => axis),
  );
  const graph = checkGraph(b.finish(gradients(b, total, ins)));
  return interpret(
    graph,
    args.map((arg) => Float64Array.from(arg)),
  ).map((grad) => [...grad]);
}

const unary =
  (op: UnaryOp) =>
  (b: Builder, [x]: readonly Value[]) =>
    b.add(op, {}, [x]);
const binary = (op: BinaryOp) => (b: Builder, ins: readonly Value[]) => b.add(op, {}, ins);

test("the gradient of abs at zero is zero", () => {
  expect(gradientsAt([[-2, 0, 3]], unary("abs"))).toEqual([[-1, 0, 1]]);
});

test("elementwise max and min give half of the gradient to each side of a tie", () => {
  expect(
    gradientsAt(
      [
        [1, 2, 3],
        [2, 2, 2],
      ],
      binary("max"),
    ),
  ).toEqual([
    [0, 0.5, 1],
    [1, 0.5, 0],
  ]);
  expect(
    gradientsAt(
      [
        [1, 2, 3],
        [2, 2, 2],
      ],
      binary("min"),
    ),
  ).toEqual([
    [1, 0.5, 0],
    [0, 0.5, 1],
  ]);
});

test("a reduced maximum shares its gradient among the positions that attain it", () => {
  const grads = gradientsAt([[5, 1, 5, 5]], (b, [x]) => b.add("reduce", { kind: "max", axes: [0] }, [x]));
  expect(grads).toEqual([[1 / 3, 0, 1 / 3, 1 / 3]]);
});

test("powers with constant exponents have finite gradients at base zero", () => {
  const power =
    (p: number) =>
    (b: Builder, [x]: readonly Value[]) =>
      b.add("pow", {}, [x, b.full(x.shape, p)]);
  expect(gradientsAt([[0, 3]], power(0))).toEqual([[0, 0]]);
  expect(gradientsAt([[0, 3]], power(1))).toEqual([[1, 1]]);
  expect(gradientsAt([[0, 3, -1]], power(2))).toEqual([[0, 6, -2]]);
  expect(gradientsAt([[0, 2, -2]], power(3))).toEqual([[0, 12, 12]]);
});

test("powers with exponents that are data are finite at base zero in both gradients", () => {
  const [base, exponent] = gradientsAt(
    [
      [0, 0, 0, 2],
      [0, 1, 2, 0],
    ],
    binary("pow"),
  );
  expect(base).toEqual([0, 1, 0, 0]);
  expect(exponent.slice(0, 3)).toEqual([0, 0, 0]);
  expect(exponent[3]).toBeCloseTo(Math.LN2, 15);
});

test("a value on which the result does not depend has gradient zero, of its own shape", () => {
  expect(
    gradientsAt(
      [
        [1, 2],
        [3, 4, 5],
      ],
      (_, [x]) => x,
    ),
  ).toEqual([
    [1, 1],
    [0, 0, 0],
  ]);
});

test("cotangents of several uses add up", () => {
  expect(gradientsAt([[3]], (b, [x]) => b.add("add", {}, [b.add("mul", {}, [x, x]), x]))).toEqual([[7]]);
});

test("stopGradient, floor, sign and comparisons let nothing through", () => {
  expect(gradientsAt([[3]], (b, [x]) => b.add("mul", {}, [x, b.add("stopGradient", {}, [x])]))).toEqual([[3]]);
  expect(gradientsAt([[2.5]], unary("floor"))).toEqual([[0]]);
  expect(gradientsAt([[2.5]], unary("sign"))).toEqual([[0]]);
  expect(gradientsAt([[2.5]], (b, [x]) => b.cast(b.add("less", {}, [x, x]), "float32"))).toEqual([[0]]);
  expect(gradientsAt([[2.5]], (b, [x]) => b.cast(b.cast(x, "int32"), "float32"))).toEqual([[0]]);
});

test("the gradient with respect to a value inside of the graph stops there", () => {
  const b = new Builder("test");
  const x = b.input("x", { dtype: "float32", shape: [] });
  const inner = b.add("exp", {}, [x]);
  const outer = b.add("mul", {}, [inner, inner]);
  const before = b.nodes.length;
  const graph = b.finish(gradients(b, outer, [inner]));
  expect(graph.nodes.slice(before).map(({ op }) => op)).not.toContain("exp");
  expect(interpret(graph, [Float64Array.of(1)])[0][0]).toBeCloseTo(2 * Math.E, 14);
});

test("a seed takes the place of one, for results of any shape", () => {
  const b = new Builder("test");
  const x = b.input("x", { dtype: "float32", shape: [3] });
  const seed = b.input("seed", { dtype: "float32", shape: [3] });
  const graph = b.finish(gradients(b, b.add("mul", {}, [x, x]), [x], seed));
  expect([...interpret(graph, [Float64Array.of(1, 2, 3), Float64Array.of(10, 1, 0)])[0]]).toEqual([20, 4, 0]);
});

test("gradients can be taken again and again: the fourth derivative of sin is sin", () => {
  const b = new Builder("test");
  const x = b.input("x", { dtype: "float32", shape: [] });
  let y = b.add("sin", {}, [x]);
  for (let order = 0; order < 4; order++) [y] = gradients(b, y, [x]);
  expect(interpret(checkGraph(b.finish([y])), [Float64Array.of(0.7)])[0][0]).toBeCloseTo(Math.sin(0.7), 14);
});

test("the gradient of a product transposes by flags, never by a node", () => {
  for (const transposeA of [false, true]) {
    for (const transposeB of [false, true]) {
      const b = new Builder("test");
      const [m, k, n] = [2, 3, 4];
      const left = b.input("a", { dtype: "float32", shape: transposeA ? [k, m] : [m, k] });
      const right = b.input("b", { dtype: "float32", shape: transposeB ? [n, k] : [k, n] });
      const product = b.add("matmul", { transposeA, transposeB }, [left, right]);
      gradients(b, b.sum(product, [0, 1]), [left, right]);
      expect(b.nodes.map(({ op }) => op).filter((op) => op === "matmul").length).toBe(3);
      expect(b.nodes.map(({ op }) => op)).not.toContain("transpose");
    }
  }
});

test("an operand that nobody asked for costs nothing", () => {
  const b = new Builder("test");
  const x = b.input("x", { dtype: "float32", shape: [2, 2] });
  const w = b.input("w", { dtype: "float32", shape: [2, 2] });
  const product = b.add("matmul", { transposeA: false, transposeB: false }, [x, w]);
  gradients(b, b.sum(product, [0, 1]), [w]);
  expect(b.nodes.filter(({ op }) => op === "matmul").length).toBe(2);
});

test("nodes of a gradient are filed under the scope of the node that they are the gradient of", () => {
  const b = new Builder("test");
  const x = b.input("x", { dtype: "float32", shape: [] });
  b.scope = "encoder";
  const y = b.add("tanh", {}, [x]);
  b.scope = "";
  const before = b.nodes.length;
  gradients(b, b.add("exp", {}, [y]), [x]);
  const scopes = b.nodes.slice(before + 2).map(({ scope }) => scope);
  expect(scopes[0]).toBe("");
  expect(scopes.at(-1)).toBe("encoder");
  expect(b.scope).toBe("");
});
