/** Scans as rolled loops: LSTM-like, reversed, nested, empty; what is packed or copied, and where. */
import { describe, expect, test } from "vitest";
import { type Dim, multiplyDims, symbol } from "../../src/base/dims.ts";
import type { Builder } from "../../src/graph/build.ts";
import type { Graph, Value } from "../../src/graph/graph.ts";
import { print } from "../../src/loops/print.ts";
import { agree, graphOf } from "./agree.ts";

const [b, t] = [symbol("b"), symbol("t")];
const float = (...shape: Dim[]) => ({ dtype: "float32", shape }) as const;
const plain = { transposeA: false, transposeB: false };

/** One LSTM step: (u, h, c, xz) -> h', c', and h' with the gates for the gradient. */
function lstmBody(units: number): Graph {
  return graphOf((g) => {
    const u = g.input("u", float(units, 4 * units));
    const [h, c] = [g.input("h", float(b, units)), g.input("c", float(b, units))];
    const z = g.add("add", {}, [g.input("xz", float(b, 4 * units)), g.add("matmul", plain, [h, u])]);
    const gates = [0, 1, 2, 3].map((i) => g.sliceAxis(z, 1, i * units, (i + 1) * units));
    const [i, f, o] = [gates[0], gates[1], gates[3]].map((x) => g.add("sigmoid", {}, [x]));
    const next = g.add("add", {}, [g.add("mul", {}, [f, c]), g.add("mul", {}, [i, g.add("tanh", {}, [gates[2]])])]);
    const y = g.add("mul", {}, [o, g.add("tanh", {}, [next])]);
    return [y, next, y, i, f];
  }, "step");
}

function lstm(units: number, reverse = false): Graph {
  return graphOf((g) => {
    const x = g.input("x", float(t, b, 3));
    const [w, u] = [g.input("w", float(3, 4 * units)), g.input("u", float(units, 4 * units))];
    const rows = multiplyDims(t, b);
    const xw = g.add("matmul", plain, [g.reshape(x, [rows, 3]), w]);
    const xz = g.reshape(g.add("add", {}, [xw, g.broadcastTo(g.input("bias", float(4 * units)), [rows, 4 * units])]), [
      t,
      b,
      4 * units,
    ]);
    const zero = g.full([b, units], 0);
    const params = { body: lstmBody(units), length: t, reverse, consts: 1, carry: 2 };
    return [...g.addAll("scan", params, [u, zero, zero, xz])];
  }, "lstm");
}

const sizes = [
  { b: 3, t: 4 },
  { b: 6, t: 2 },
  { b: 1, t: 3 },
  { b: 8, t: 1 },
  { b: 4, t: 0 },
  { b: 0, t: 2 },
];

describe("an LSTM", () => {
  for (const reverse of [false, true]) {
    test(`${reverse ? "backwards" : "forwards"} means the same for every batch and length`, () => {
      for (const units of [1, 5, 8]) agree(lstm(units, reverse), sizes);
    });
  }

  test("packs its recurrent weights once, before the loop, and updates its state in place", () => {
    const text = print(agree(lstm(8), sizes));
    const loop = text.slice(text.indexOf("for t in"));
    expect(text.match(/kernel "pack"/g)).toHaveLength(1);
    expect(loop).not.toMatch(/kernel "(pack|keep)"/);
    expect(loop.match(/kernel/g)).toHaveLength(2);
  });
});

test("products of xs that are added to one of the carry, for every batch, length and direction", () => {
  for (const reverse of [false, true]) {
    const body = graphOf((g) => {
      const [w, u, bias] = [g.input("w", float(3, 20)), g.input("u", float(20, 20)), g.input("bias", float(20))];
      const [h, x] = [g.input("h", float(b, 20)), g.input("x", float(b, 3))];
      const start = g.add("broadcast", { shape: [b, 20], axes: [1] }, [bias]);
      const input = g.add("add", {}, [g.add("matmul", plain, [x, w]), start]);
      const next = g.add("tanh", {}, [g.add("add", {}, [input, g.add("matmul", plain, [h, u])])]);
      return [next, next];
    }, "body");
    const whole = graphOf((g) => {
      const consts = [g.input("w", float(3, 20)), g.input("u", float(20, 20)), g.input("bias", float(20))];
      const params = { body, length: t, reverse, consts: 3, carry: 1 };
      return [...g.addAll("scan", params, [...consts, g.full([b, 20], 0), g.input("x", float(t, b, 3))])];
    }, "simple RNN");
    const program = agree(whole, [...sizes, { b: 2, t: 1 }, { b: 7, t: 5 }, { b: 13, t: 3 }]);
    expect(print(program).match(/kernel "few rows"/g)).toHaveLength(1);
  }
});

/** A scan over t with one carry [b, 2] and one x [b, 2]. */
function over(
  g: Builder,
  step: (g: Builder, carry: Value, x: Value) => [Value, Value],
  x: Value,
  reverse = false,
): readonly Value[] {
  const body = graphOf(
    (inner) => step(inner, inner.input("carry", float(b, 2)), inner.input("x", float(b, 2))),
    "body",
  );
  return g.addAll("scan", { body, length: t, reverse, consts: 0, carry: 1 }, [g.full([b, 2], 1), x]);
}

test("a carry that is read after it has changed keeps its old value", () => {
  agree(
    graphOf((g) => [
      ...over(
        g,
        (body, carry, x) => {
          const next = body.add("add", {}, [carry, x]);
          const total = body.sum(next, [0, 1]);
          return [next, body.add("mul", {}, [carry, body.broadcastTo(total, [b, 2])])];
        },
        g.input("x", float(t, b, 2)),
      ),
    ]),
    sizes,
  );
});

test("carries that change places are not mixed up", () => {
  const body = graphOf((g) => {
    const [p, q, r] = ["p", "q", "r"].map((name) => g.input(name, float(b, 2)));
    return [q, r, g.add("add", {}, [p, q])];
  }, "body");
  agree(
    graphOf((g) => [
      ...g.addAll(
        "scan",
        { body, length: t, reverse: false, consts: 0, carry: 3 },
        ["p", "q", "r"].map((name) => g.input(name, float(b, 2))),
      ),
    ]),
    sizes,
  );
});

test("an inner scan over the carry of an outer one", () => {
  agree(
    graphOf((g) => [
      ...over(
        g,
        (outer, carry, x) => {
          const body = graphOf((inner) => {
            const [sum, row] = [inner.input("sum", float(2)), inner.input("row", float(2))];
            return [inner.add("tanh", {}, [inner.add("add", {}, [sum, row])]), inner.add("mul", {}, [sum, row])];
          }, "rows");
          const zero = outer.full([2], 0);
          const [last, ys] = outer.addAll("scan", { body, length: b, reverse: true, consts: 0, carry: 1 }, [
            zero,
            outer.add("add", {}, [carry, x]),
          ]);
          return [ys, outer.add("add", {}, [carry, outer.broadcastTo(last, [b, 2])])];
        },
        g.input("x", float(t, b, 2)),
        true,
      ),
    ]),
    sizes,
  );
});

test("a state that is kept in the buffer of an input, as a stream does", () => {
  const graph = graphOf((g) => {
    const [u, h, c] = [g.input("u", float(5, 20)), g.input("h", float(b, 5)), g.input("c", float(b, 5))];
    const params = { body: lstmBody(5), length: t, reverse: false, consts: 1, carry: 2 };
    return [...g.addAll("scan", params, [u, h, c, g.input("xz", float(t, b, 20))])];
  });
  const aliases = [
    { output: 0, input: 1 },
    { output: 1, input: 2 },
  ];
  const program = agree(graph, sizes, { aliases });
  expect(print(program)).not.toMatch(/kernel "(copy|keep)"/);
});

test("a last carry that is the first part of a concatenation has memory of its own in the loop", () => {
  const body = graphOf((g) => {
    const [p, q] = ["p", "q"].map((name) => g.input(name, float(2)));
    return [q, g.add("add", {}, [p, q])];
  }, "body");
  agree(
    graphOf((g) => {
      const params = { body, length: t, reverse: false, consts: 0, carry: 2 };
      return [g.add("concat", { axis: 0 }, g.addAll("scan", params, [g.input("p", float(2)), g.input("q", float(2))]))];
    }),
    sizes,
  );
});

test("the two directions of a bidirectional layer write to their halves of the result", () => {
  const program = agree(
    graphOf((g) => {
      const x = g.input("x", float(t, b, 2));
      const both = [false, true].map(
        (reverse) =>
          over(
            g,
            (body, carry, now) => [body.add("add", {}, [carry, now]), body.add("tanh", {}, [carry])],
            x,
            reverse,
          )[1],
      );
      return [g.add("concat", { axis: 2 }, both)];
    }),
    sizes,
  );
  expect(print(program)).not.toMatch(/"copy"|"concat"/);
});
