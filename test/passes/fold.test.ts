/** The laws of simplification, one example each: what a small graph becomes. */
import { expect, test } from "vitest";
import { symbol } from "../../src/base/dims.ts";
import { Builder } from "../../src/graph/build.ts";
import type { Graph, Value } from "../../src/graph/graph.ts";
import { interpret } from "../../src/graph/interpret.ts";
import { optimise } from "../../src/passes/pipeline.ts";
import { randomArgs } from "../fuzz/graphs.ts";
import { expectClose } from "../ops/harness.ts";
import { countOps } from "./networks.ts";

type Build = (g: Builder, x: Value, y: Value) => Value;

const b = symbol("b");
const dims = { b: 3 };

/** A graph of x and y, both [b, 4]. */
function graphOf(build: Build): Graph {
  const builder = new Builder("law");
  const [x, y] = ["x", "y"].map((name) => builder.input(name, { dtype: "float32", shape: [b, 4] }));
  return builder.finish([build(builder, x, y)]);
}

const like = (g: Builder, x: Value, number: number): Value => g.full(x.shape, number);
const piece = (g: Builder, x: Value, from: number, to: number): Value =>
  g.add("pad", { low: [0, from], high: [0, 4 - to], value: 0 }, [g.sliceAxis(x, 1, from, to)]);

/** What is left of each graph: the ops of its nodes with their count, constants and broadcasts aside. */
const laws: readonly (readonly [name: string, build: Build, left: Readonly<Record<string, number>>])[] = [
  ["x * 1 = x", (g, x) => g.add("mul", {}, [x, like(g, x, 1)]), {}],
  ["1 * x = x", (g, x) => g.add("mul", {}, [like(g, x, 1), x]), {}],
  ["x * -1 = -x", (g, x) => g.add("mul", {}, [x, like(g, x, -1)]), { neg: 1 }],
  ["0 * x stays, for x may be NaN", (g, x) => g.add("mul", {}, [x, like(g, x, 0)]), { mul: 1 }],
  ["x + 0 = x", (g, x) => g.add("add", {}, [like(g, x, 0), x]), {}],
  ["x - 0 = x", (g, x) => g.add("sub", {}, [x, like(g, x, 0)]), {}],
  ["0 - x = -x", (g, x) => g.add("sub", {}, [like(g, x, 0), x]), { neg: 1 }],
  ["x + -y = x - y", (g, x, y) => g.add("add", {}, [x, g.add("neg", {}, [y])]), { sub: 1 }],
  ["x / 1 = x", (g, x) => g.add("div", {}, [x, like(g, x, 1)]), {}],
  ["x / 4 = x * 0.25, to the last bit", (g, x) => g.add("div", {}, [x, like(g, x, 4)]), { mul: 1 }],
  ["x / 3 stays, for 1/3 is rounded", (g, x) => g.add("div", {}, [x, like(g, x, 3)]), { div: 1 }],
  ["--x = x", (g, x) => g.add("neg", {}, [g.add("neg", {}, [x])]), {}],
  ["-(x - y) = y - x", (g, x, y) => g.add("neg", {}, [g.add("sub", {}, [x, y])]), { sub: 1 }],
  ["x ^ 2 = x * x", (g, x) => g.add("pow", {}, [x, like(g, x, 2)]), { mul: 1 }],
  ["a known choice", (g, x, y) => g.add("select", {}, [g.full(x.shape, 1, "bool"), x, y]), {}],
  ["a choice of two equals", (g, x, y) => g.add("select", {}, [g.add("less", {}, [x, y]), x, x]), {}],
  [
    "numbers are computed",
    (g, x) => g.add("mul", {}, [x, g.add("add", {}, [like(g, x, 0.5), like(g, x, 0.25)])]),
    { mul: 1 },
  ],
  [
    "numbers that float32 would round are not",
    (g, x) => g.add("mul", {}, [x, g.add("exp", {}, [like(g, x, 1)])]),
    { mul: 1, exp: 1 },
  ],
  [
    "a function of a broadcast scalar is computed once",
    (g, x, y) => g.add("add", {}, [x, g.add("tanh", {}, [g.broadcastTo(g.sum(y, [0, 1]), x.shape)])]),
    { add: 1, tanh: 1, reduce: 1 },
  ],
  ["transposed twice", (g, x) => g.transpose(g.transpose(x, [1, 0]), [1, 0]), {}],
  ["reshaped twice", (g, x) => g.reshape(g.reshape(x, [b, 2, 2]), [b, 4]), {}],
  ["reversed twice", (g, x) => g.add("reverse", { axes: [1] }, [g.add("reverse", { axes: [1] }, [x])]), {}],
  ["a slice of a slice", (g, x) => g.sliceAxis(g.sliceAxis(x, 1, 1, 4), 1, 1, 2), { slice: 1 }],
  [
    "a slice of what was padded",
    (g, x) => g.sliceAxis(g.add("pad", { low: [0, 2], high: [0, 1], value: 0 }, [x]), 1, 2, 6),
    {},
  ],
  [
    "a slice of one part of a concatenation",
    (g, x, y) => g.sliceAxis(g.add("concat", { axis: 1 }, [x, y]), 1, 5, 7),
    { slice: 1 },
  ],
  [
    "slices put together again",
    (g, x) =>
      g.add(
        "concat",
        { axis: 1 },
        [0, 1, 3].map((from, i) => g.sliceAxis(x, 1, from, [1, 3, 4][i])),
      ),
    {},
  ],
  [
    "padded twice",
    (g, x) =>
      g.add("pad", { low: [1, 0], high: [0, 0], value: 0 }, [
        g.add("pad", { low: [0, 1], high: [0, 0], value: 0 }, [x]),
      ]),
    { pad: 1 },
  ],
  ["summed twice", (g, x) => g.sum(g.sum(x, [1]), [0]), { reduce: 1 }],
  [
    "a sum along an axis of known size along which all is equal",
    (g, x) => g.sum(g.add("broadcast", { shape: [b, 4, 5], axes: [0, 1] }, [x]), [2]),
    { mul: 1 },
  ],
  [
    "a sum along a free axis along which all is equal stays",
    (g, x) => g.sum(g.broadcastTo(x, [b, b, 4]), [0]),
    { reduce: 1 },
  ],
  [
    "a product of a transposed matrix",
    (g, x, y) => g.add("matmul", { transposeA: false, transposeB: false }, [x, g.transpose(y, [1, 0])]),
    { matmul: 1 },
  ],
  ["names and stopped gradients", (g, x) => g.add("named", { name: "x" }, [g.add("stopGradient", {}, [x])]), {}],
  [
    "padded pieces side by side are one concatenation",
    (g, x, y) => g.add("add", {}, [piece(g, x, 2, 4), g.add("add", {}, [piece(g, y, 1, 2), piece(g, y, 0, 1)])]),
    { concat: 1, slice: 2 },
  ],
  [
    "padded pieces with a gap",
    (g, x, y) => g.add("add", {}, [piece(g, y, 3, 4), piece(g, x, 0, 2)]),
    { concat: 1, slice: 2 },
  ],
  [
    "padded pieces and another term",
    (g, x, y) => g.add("add", {}, [piece(g, y, 2, 4), g.add("add", {}, [x, piece(g, x, 0, 2)])]),
    { concat: 1, slice: 2, add: 1 },
  ],
  [
    "padded pieces that overlap stay a sum",
    (g, x, y) => g.add("add", {}, [piece(g, y, 1, 4), piece(g, x, 0, 2)]),
    { add: 1, pad: 2, slice: 2 },
  ],
];

test.for(laws)("%s", ([, build, left]) => {
  const before = graphOf(build);
  const after = optimise(before);
  const { constant: _, broadcast: __, ...found } = countOps(after.nodes);
  expect(found).toEqual(left);
  const args = randomArgs(before, dims, 1);
  expectClose(interpret(after, args, dims)[0], interpret(before, args, dims)[0], 1e-12);
});

test("names stay where they are asked for", () => {
  const before = graphOf((g, x) => g.add("named", { name: "x" }, [g.add("neg", {}, [g.add("neg", {}, [x])])]));
  expect(countOps(optimise(before, { keepNames: true }).nodes)).toEqual({ named: 1 });
});

test("infinities and NaNs pass through every law", () => {
  const odd = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, -1, 3, 4, 5, 6, 7, 8, 9];
  const args = [Float32Array.from(odd), Float32Array.from(odd.toReversed())];
  for (const [name, build] of laws) {
    const before = graphOf(build);
    const [wanted, found] = [before, optimise(before)].map((graph) =>
      [...interpret(graph, args, dims)[0]].map((x) => x + 0),
    );
    expect(found, name).toEqual(wanted);
  }
});
