/** Where the operands of pads and concatenations go: to their places at once, whatever shape they had on the way. */
import { expect, test } from "vitest";
import { type Dim, floorDivideDim, multiplyDims, subtractDims, symbol } from "../../src/base/dims.ts";
import type { Builder } from "../../src/graph/build.ts";
import type { Value } from "../../src/graph/graph.ts";
import { layout } from "../../src/loops/plan.ts";
import { agree, graphOf } from "./agree.ts";

const [m, t] = [symbol("m"), symbol("t")];
const float = (...shape: Dim[]) => ({ dtype: "float32", shape }) as const;
const pad = (g: Builder, x: Value, low: Dim[], high: Dim[]): Value => g.add("pad", { low, high, value: 7 }, [x]);
const concat = (g: Builder, axis: number, ...xs: Value[]): Value => g.add("concat", { axis }, xs);

test("pads before, behind, around, along several axes, and by sizes that are free", () => {
  const sizes = [{ m: 2 }, { m: 0 }, { m: 5 }];
  for (const [low, high] of [
    [
      [2, 0],
      [0, 0],
    ],
    [
      [0, 0],
      [0, 3],
    ],
    [
      [0, 1],
      [0, 2],
    ],
    [
      [1, 2],
      [0, 1],
    ],
    [
      [0, 0],
      [0, 0],
    ],
    [
      [m, 0],
      [1, 0],
    ],
  ] as const)
    agree(
      graphOf((g) => [pad(g, g.add("tanh", {}, [g.input("x", float(m, 5))]), [...low], [...high])]),
      sizes,
    );
});

/** Windows of four steps of x, of which the largest are kept where they are and the others become zero: [t, 3]. */
function keptLargest(g: Builder, x: Value): Value {
  const windows = floorDivideDim(t, 4);
  const whole = g.add("slice", { start: [0, 0], stop: [multiplyDims(4, windows), 3], step: [1, 1] }, [x]);
  const cut = g.reshape(whole, [windows, 4, 3]);
  const most = g.add("reduce", { kind: "max", axes: [1] }, [cut]);
  const spread = g.add("broadcast", { shape: [windows, 4, 3], axes: [0, 2] }, [most]);
  const kept = g.add("select", {}, [g.add("equal", {}, [cut, spread]), cut, g.full(cut.shape, 0)]);
  const flat = g.reshape(kept, [multiplyDims(4, windows), 3]);
  return pad(g, flat, [0, 0], [subtractDims(t, multiplyDims(4, windows)), 0]);
}

test("what is padded goes to its place at once, which may be that of what it is computed from", () => {
  const program = agree(
    graphOf((g) => {
      const x = g.add("matmul", { transposeA: false, transposeB: false }, [
        g.input("a", float(t, 5)),
        g.input("b", float(5, 3)),
      ]);
      return [g.sum(keptLargest(g, x), [0]), g.input("c", float(1))];
    }),
    [{ t: 8 }, { t: 11 }, { t: 3 }],
  );
  // One [t, 3] and the largest of each window; not three of them.
  expect(layout(program, { t: 4096 }).bytes).toBeLessThan(4096 * 3 * 4 * 1.5);
});

test("a part of a concatenation within another is not taken for a part of that", () => {
  const product = (g: Builder): Value =>
    g.add("matmul", { transposeA: false, transposeB: false }, [g.input("a", float(3, 6)), g.input("b", float(6, 4))]);
  agree(
    graphOf((g) => {
      const [x, y] = [product(g), g.input("y", float(2, 4))];
      return [concat(g, 0, y, x, concat(g, 0, x, y))];
    }),
  );
  agree(
    graphOf((g) => {
      const x = product(g);
      const wide = g.reshape(x, [2, 6]);
      return [concat(g, 0, wide, concat(g, 0, g.reshape(x, [2, 6]), wide)), concat(g, 0, g.reshape(x, [6, 2]))];
    }),
  );
});
