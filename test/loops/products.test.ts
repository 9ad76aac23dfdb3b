/** Products and reductions of every size class, stride and axis equal the graph interpreter. */
import { describe, expect, test } from "vitest";
import { type Dim, multiplyDims, symbol } from "../../src/base/dims.ts";
import type { Builder } from "../../src/graph/build.ts";
import type { Value } from "../../src/graph/graph.ts";
import type { ReduceKind } from "../../src/graph/ops.ts";
import { agree, graphOf } from "./agree.ts";

const [m, n, k] = ["m", "n", "k"].map(symbol);
const float = (...shape: Dim[]) => ({ dtype: "float32", shape }) as const;

function product(sizes: readonly Dim[], transposeA: boolean, transposeB: boolean, batch: readonly Dim[] = []) {
  const [rows, inner, columns] = sizes;
  return graphOf(
    (g) => {
      const a = g.input("a", float(...batch, ...(transposeA ? [inner, rows] : [rows, inner])));
      const b = g.input("b", float(...batch, ...(transposeB ? [columns, inner] : [inner, columns])));
      return [g.add("matmul", { transposeA, transposeB }, [a, b])];
    },
    `matmul ${sizes.map((d) => (typeof d === "number" ? d : d.key)).join("x")}`,
  );
}

const flips = [
  [false, false],
  [true, false],
  [false, true],
  [true, true],
] as const;

describe("matmul", () => {
  for (const rows of [1, 2, 3, 4, 5, 7, 8, 70]) {
    test(`of ${rows} rows by every class of columns and depth`, () => {
      for (const columns of [1, 2, 3, 4, 5, 8, 13, 45]) {
        for (const inner of [1, 3, 4, 9]) for (const [a, b] of flips) agree(product([rows, inner, columns], a, b));
      }
    });
  }

  test("of free sizes", () => {
    const sizes = [
      { m: 1, n: 1, k: 1 },
      { m: 3, n: 37, k: 5 },
      { m: 4, n: 8, k: 4 },
      { m: 70, n: 9, k: 2 },
      { m: 6, n: 3, k: 0 },
      { m: 0, n: 8, k: 3 },
    ];
    for (const [a, b] of flips) {
      agree(product([m, k, n], a, b), sizes);
      agree(product([m, 6, 10], a, b), [{ m: 1 }, { m: 4 }, { m: 67 }, { m: 0 }]);
      agree(product([6, k, 10], a, b), [{ k: 0 }, { k: 1 }, { k: 300 }]);
      agree(product([3, k, 2], a, b), [{ k: 0 }, { k: 5 }]);
    }
  });

  test("of a depth that goes by blocks", () => {
    for (const [a, b] of flips) {
      agree(product([5, 400, 11], a, b));
      agree(product([9, k, 16], a, b), [{ k: 256 }, { k: 257 }, { k: 520 }]);
    }
  });

  test("of rows long enough to stream, and of an A by columns that is copied", () => {
    for (const [a, b] of flips) {
      for (const rows of [1, 3, 5, 67]) agree(product([rows, 6, 70], a, b));
      agree(product([66, 400, 65], a, b));
      agree(product([m, k, 71], a, b), [
        { m: 1, k: 5 },
        { m: 7, k: 260 },
        { m: 66, k: 3 },
      ]);
    }
  });

  test("of a transpose of something computed, which goes to its place at once", () => {
    agree(
      graphOf((g) => {
        const x = g.add("tanh", {}, [g.input("x", float(m, n, 5))]);
        const rows = g.reshape(g.transpose(x, [1, 0, 2]), [multiplyDims(m, n), 5]);
        return [g.add("matmul", { transposeA: false, transposeB: false }, [rows, g.input("w", float(5, 9))])];
      }),
      [{ m: 3, n: 4 }],
    );
  });

  test("of stacks of matrices", () => {
    for (const [a, b] of flips) {
      agree(product([5, 3, 9], a, b, [2, 3]));
      agree(product([2, 3, 4], a, b, [m]), [{ m: 3 }, { m: 0 }]);
      agree(product([5, 3, 9], a, b, [1]));
    }
  });

  test("of operands that are slices and transposes of others", () => {
    agree(
      graphOf((g) => {
        const a = g.sliceAxis(g.input("a", float(6, 10)), 1, 2, 9);
        const b = g.transpose(g.input("b", float(7, 3, 8)), [1, 0, 2]);
        return [
          g.add("matmul", { transposeA: false, transposeB: false }, [a, g.reshape(g.sliceAxis(b, 0, 1, 2), [7, 8])]),
        ];
      }),
    );
  });
});

/** A B + C D + what is added to them. */
function sumOfProducts(
  [rows, columns]: readonly [Dim, Dim],
  depths: readonly Dim[],
  addends: (g: Builder) => Value[],
  flip: (typeof flips)[number] = flips[0],
) {
  const [transposeA, transposeB] = flip;
  return graphOf(
    (g) => {
      const products = depths.map((depth, i) => {
        const a = g.input(`a${i}`, float(...(transposeA ? [depth, rows] : [rows, depth])));
        const b = g.input(`b${i}`, float(...(transposeB ? [columns, depth] : [depth, columns])));
        return g.add("matmul", { transposeA, transposeB }, [a, b]);
      });
      const [first, ...others] = [...addends(g), ...products];
      return [others.reduce((sum, x) => g.add("add", {}, [sum, x]), first)];
    },
    `sum of products of ${depths.map((d) => (typeof d === "number" ? d : d.key)).join()}`,
  );
}

describe("sums of products", () => {
  const bias = (columns: Dim) => (g: Builder) => [
    g.add("broadcast", { shape: [m, columns], axes: [1] }, [g.input("bias", float(columns))]),
  ];
  const rowsSeen = [{ m: 1 }, { m: 3 }, { m: 4 }, { m: 8 }, { m: 13 }, { m: 0 }];

  test("begin with a bias and go on from one product to the next, for every class of rows and columns", () => {
    for (const columns of [3, 4, 9, 37, 70]) {
      for (const flip of flips) agree(sumOfProducts([m, columns], [5, 3], bias(columns), flip), rowsSeen);
    }
  });

  test("are one kernel, in which nothing is added afterwards", () => {
    const program = agree(sumOfProducts([m, 32], [5, 3], bias(32)), [{ m: 9 }]);
    expect(program.body.filter((s) => s.kind === "kernel")).toHaveLength(1);
  });

  test("whose terms go by blocks, before and after one that does not", () => {
    for (const depths of [
      [600, 3],
      [3, 600],
      [520, 700],
      [k, 4, k],
    ])
      agree(sumOfProducts([m, 11], depths, bias(11)), [
        { m: 2, k: 5 },
        { m: 9, k: 530 },
      ]);
  });

  test("with matrices, with transposes, which no vector reads, and with what is computed", () => {
    const matrix = (g: Builder): Value[] => [g.input("c", float(m, 20))];
    const turned = (g: Builder): Value[] => [g.transpose(g.input("c", float(20, m)), [1, 0])];
    const computed = (g: Builder): Value[] => [g.add("tanh", {}, [g.input("c", float(m, 20))])];
    const none = (): Value[] => [];
    for (const addends of [matrix, turned, computed, none]) {
      agree(sumOfProducts([m, 20], [6, 5], addends), rowsSeen);
      agree(sumOfProducts([m, 20], [6], addends), rowsSeen);
    }
  });

  test("that a loop adds to what it carries", () => {
    agree(
      graphOf((g) => {
        const body = graphOf((inner) => {
          const total = inner.input("total", float(6, 9));
          const [a, b] = [inner.input("a", float(5, 6)), inner.input("b", float(5, 9))];
          return [inner.add("add", {}, [total, inner.add("matmul", { transposeA: true, transposeB: false }, [a, b])])];
        }, "body");
        const xs = [g.input("a", float(n, 5, 6)), g.input("b", float(n, 5, 9))];
        const params = { body, length: n, reverse: false, consts: 0, carry: 1 };
        return [...g.addAll("scan", params, [g.full([6, 9], 1), ...xs])];
      }),
      [{ n: 3 }, { n: 0 }],
    );
  });
});

describe("products with one B", () => {
  const two = (depth: Dim, later: (g: Builder, first: Value) => Value) =>
    graphOf((g) => {
      const b = g.input("b", float(depth, 21));
      const product = (a: Value): Value => g.add("matmul", { transposeA: true, transposeB: false }, [a, b]);
      const first = product(g.input("a", float(depth, 6)));
      return [first, product(later(g, first))];
    }, "two products");

  test("are made together, and are what they are alone", () => {
    for (const depth of [600, k]) {
      const program = agree(
        two(depth, (g) => g.input("c", float(depth, 10))),
        [{ k: 3 }, { k: 530 }, { k: 0 }],
      );
      expect(program.body.filter((s) => s.kind === "kernel")).toHaveLength(1);
    }
  });

  test("wait for each other where one needs the other", () => {
    const needs = (g: Builder, first: Value): Value =>
      g.add("broadcast", { shape: [600, 4], axes: [1] }, [g.reshape(g.sum(g.sliceAxis(first, 0, 0, 4), [1]), [4])]);
    const program = agree(two(600, needs));
    expect(program.body.filter((s) => s.kind === "kernel").length).toBeGreaterThan(2);
  });
});

function reduction(
  kind: ReduceKind,
  shape: readonly Dim[],
  axes: readonly number[],
  dtype: "float32" | "int32" = "float32",
) {
  return graphOf((g) => {
    const x = g.input("x", { dtype, shape });
    const y = dtype === "float32" ? g.add("mul", {}, [x, x]) : x;
    return [g.add("reduce", { kind, axes }, [y])];
  }, `${kind} over ${axes.join()} of rank ${shape.length}`);
}

describe("reduce", () => {
  const subsets = [[0], [1], [2], [0, 1], [0, 2], [1, 2], [0, 1, 2]];
  for (const kind of ["sum", "max", "min"] as const) {
    test(`${kind} over every set of axes`, () => {
      for (const axes of subsets) {
        for (const shape of [
          [2, 3, 4],
          [3, 5, 7],
          [2, 2, 37],
          [33, 1, 18],
          [4, 3, 2],
        ])
          agree(reduction(kind, shape, axes));
        agree(reduction(kind, [m, 3, n], axes), [
          { m: 2, n: 5 },
          { m: 3, n: 32 },
          { m: 1, n: 70 },
          { m: 0, n: 4 },
          { m: 3, n: 0 },
        ]);
        agree(reduction(kind, [3, 5, 7], axes, "int32"));
      }
    });
  }

  test("the sum of a transposed operand", () => {
    agree(
      graphOf((g) => [
        g.sum(g.transpose(g.input("x", float(5, 6)), [1, 0]), [1]),
        g.sum(g.transpose(g.input("y", float(5, 6)), [1, 0]), [0]),
      ]),
    );
  });

  test("a softmax, and the gradient of an embedding", () => {
    agree(
      graphOf((g) => {
        const x = g.input("x", float(m, 11));
        const spread = (v: typeof x) => g.add("broadcast", { shape: [m, 11], axes: [0] }, [v]);
        const e = g.add("exp", {}, [g.add("sub", {}, [x, spread(g.add("reduce", { kind: "max", axes: [1] }, [x]))])]);
        const y = g.add("div", {}, [e, spread(g.sum(e, [1]))]);
        const rows = g.add("scatterAdd", { rows: 3 }, [g.input("i", { dtype: "int32", shape: [m] }), y]);
        return [y, rows, g.add("argmax", { axis: 1 }, [y]), g.add("argmax", { axis: 0 }, [y])];
      }),
      [{ m: 1 }, { m: 6 }],
    );
  });
});
