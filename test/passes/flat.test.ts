/** What is added to the columns of a product that was reshaped is added before; everything else stays where it is. */
import { expect, test } from "vitest";
import { multiplyDims, symbol } from "../../src/base/dims.ts";
import type { Builder } from "../../src/graph/build.ts";
import type { Graph, Value } from "../../src/graph/graph.ts";
import { interpret } from "../../src/graph/interpret.ts";
import { dce } from "../../src/passes/dce.ts";
import { flat } from "../../src/passes/flat.ts";
import { randomArgs } from "../fuzz/graphs.ts";
import { graphOf } from "../loops/agree.ts";

const [b, t] = [symbol("b"), symbol("t")];
const plain = { transposeA: false, transposeB: false };
const float = (...shape: Value["shape"]) => ({ dtype: "float32", shape }) as const;

/** x [b, t, 3] times w [3, 4], made as a product of two axes; then what `more` does. */
function dense(more: (g: Builder, y: Value) => Value[]): Graph {
  return graphOf((g) => {
    const rows = g.reshape(g.input("x", float(b, t, 3)), [multiplyDims(b, t), 3]);
    const product = g.add("matmul", plain, [rows, g.input("w", float(3, 4))]);
    return more(g, g.reshape(product, [b, t, 4]));
  });
}

const bias = (g: Builder, name: string, like: Value): Value =>
  g.add("broadcast", { shape: like.shape, axes: [2] }, [g.input(name, float(4))]);

/** The ops in order, after the same results as before were found. */
function opsAfter(before: Graph): string[] {
  const after = flat(before);
  const dims = { b: 2, t: 3 };
  const args = randomArgs(before, dims, 1);
  expect(interpret(after, args, dims)).toEqual(interpret(before, args, dims));
  return dce(after)
    .nodes.map(({ op }) => op)
    .filter((op) => ["matmul", "add", "reshape", "tanh"].includes(op));
}

test("a bias of each column is added before the product takes another shape", () => {
  const one = dense((g, y) => [g.add("tanh", {}, [g.add("add", {}, [y, bias(g, "bias", y)])])]);
  expect(opsAfter(one).slice(-3)).toEqual(["add", "reshape", "tanh"]);
});

test("so are two, on whichever side they stand", () => {
  const two = dense((g, y) => [g.add("add", {}, [bias(g, "c", y), g.add("add", {}, [y, bias(g, "bias", y)])])]);
  expect(
    opsAfter(two)
      .filter((op) => op !== "matmul")
      .slice(-3),
  ).toEqual(["add", "add", "reshape"]);
});

test.each<[string, (g: Builder, y: Value) => Value[]]>([
  ["the product is read elsewhere, too", (g, y) => [g.add("add", {}, [y, bias(g, "bias", y)]), y]],
  ["what is added differs by row", (g, y) => [g.add("add", {}, [y, g.input("rows", float(b, t, 4))])]],
  [
    "the columns are cut by the reshape",
    (g, y) => {
      const cut = g.reshape(y, [b, t, 2, 2]);
      return [
        g.add("add", {}, [cut, g.add("broadcast", { shape: cut.shape, axes: [3] }, [g.input("bias", float(2))])]),
      ];
    },
  ],
])("it stays behind where %s", (_, more) => {
  const before = dense(more);
  expect(flat(before)).toBe(before);
});
