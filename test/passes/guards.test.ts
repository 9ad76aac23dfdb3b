/** Graphs for which a law looks true and is not: each pass must leave them as they are, or mean the same. */
import { expect, test } from "vitest";
import { symbol } from "../../src/base/dims.ts";
import { Builder } from "../../src/graph/build.ts";
import { checkGraph } from "../../src/graph/check.ts";
import type { Graph, Value } from "../../src/graph/graph.ts";
import { interpret } from "../../src/graph/interpret.ts";
import { narrow } from "../../src/passes/narrow.ts";
import { optimise } from "../../src/passes/pipeline.ts";
import { sink } from "../../src/passes/sink.ts";
import { randomArgs } from "../fuzz/graphs.ts";
import { expectClose } from "../ops/harness.ts";
import { bodiesOf, countOps, loop, product } from "./networks.ts";

const [b, t] = [symbol("b"), symbol("t")];
const dims = { b: 2, t: 3 };

function expectSame(before: Graph, after = optimise(before)): Graph {
  checkGraph(after);
  const args = randomArgs(before, dims, 3);
  const [wanted, found] = [before, after].map((graph) => interpret(graph, args, dims));
  wanted.forEach((data, i) => {
    expectClose(found[i], data, 1e-12);
  });
  return after;
}

/** A graph of x and y, both [b, 4]. */
function graphOf(build: (g: Builder, x: Value, y: Value) => readonly Value[]): Graph {
  const g = new Builder("guard");
  const [x, y] = ["x", "y"].map((name) => g.input(name, { dtype: "float32", shape: [b, 4] }));
  return g.finish(build(g, x, y));
}

const piece = (g: Builder, x: Value, from: number, to: number): Value =>
  g.add("pad", { low: [0, from], high: [0, 4 - to], value: 0 }, [g.sliceAxis(x, 1, from, to)]);
const add = (g: Builder, x: Value, y: Value): Value => g.add("add", {}, [x, y]);

test("a sum over time does not pass a pad with a number other than zero", () => {
  const weights = (g: Builder, x: Value): Value => g.add("matmul", { transposeA: true, transposeB: false }, [x, x]);
  expectSame(
    loop((g, h, _, x) => {
      const square = g.sliceAxis(g.sliceAxis(weights(g, x), 0, 0, 1), 1, 0, 2);
      const padded = g.add("pad", { low: [0, 1], high: [0, 0], value: 2 }, [square]);
      return { next: add(g, h, g.broadcastTo(padded, h.shape)), ys: [] };
    }),
  );
});

test("a step's value that depends on constants alone may be handed out and multiply a sum over time", () => {
  const before = loop((g, h, w, x) => {
    const row = g.broadcastTo(g.sum(w, [0]), h.shape);
    return { next: add(g, h, g.add("mul", {}, [product(g, x, w), row])), ys: [row] };
  });
  expectSame(before, sink(before));
  expectSame(before);
});

test("two carries that go on equal but start different are two", () => {
  const g = new Builder("two");
  const [x, y] = ["x", "y"].map((name) => g.input(name, { dtype: "float32", shape: [b, 3] }));
  const body = new Builder("step");
  const [p, q] = ["p", "q"].map((name) => body.input(name, x));
  const next = body.add("tanh", {}, [body.add("sub", {}, [p, q])]);
  const params = { body: body.finish([next, next, p, q]), length: t, reverse: false, consts: 0, carry: 2 };
  expectSame(g.finish(g.addAll("scan", params, [x, y])));
});

test("an x that was broadcast from one step is not taken for one without a time axis", () => {
  const before = loop(
    (g, h, w, x) => ({ next: g.add("tanh", {}, [add(g, h, product(g, x, w))]), ys: [x] }),
    (g, x) => g.add("broadcast", { shape: x.shape, axes: [0, 1, 2] }, [g.reshape(g.sum(x, [0]), [1, b, 3])]),
  );
  expectSame(before, narrow(before));
});

test("a broadcast of a reshaped value with axes of size 1 of its own", () => {
  expectSame(
    graphOf((g, x) => {
      const source = g.reshape(g.sum(x, [1]), [1, b]);
      return [g.add("broadcast", { shape: [b, 2, b], axes: [0, 1, 2] }, [g.reshape(source, [b, 1, 1])])];
    }),
  );
});

test("a partial sum of padded pieces that is read elsewhere too stays a value", () => {
  expectSame(
    graphOf((g, x, y) => {
      const part = add(g, piece(g, x, 0, 1), piece(g, y, 1, 3));
      return [add(g, part, piece(g, x, 3, 4)), part, g.add("tanh", {}, [part])];
    }),
  );
});

test("padded pieces of which some overlap", () => {
  expectSame(
    graphOf((g, x, y) => [
      add(g, add(g, piece(g, x, 0, 2), piece(g, y, 3, 4)), add(g, piece(g, y, 1, 3), piece(g, x, 2, 3))),
    ]),
  );
});

test("neighbouring slices that differ on another axis are not one", () => {
  expectSame(
    graphOf((g, x) => {
      const square = g.add("matmul", { transposeA: true, transposeB: false }, [x, x]);
      const cut = (row: number, column: number): Value =>
        g.sliceAxis(g.sliceAxis(square, 0, row, row + 2), 1, column, column + 2);
      return [g.add("concat", { axis: 1 }, [cut(0, 0), cut(1, 2)])];
    }),
  );
});

test("a float that was cut to a whole number stays cut", () => {
  expectSame(graphOf((g, x) => [g.cast(g.cast(g.add("mul", {}, [x, g.full(x.shape, 8)]), "int32"), "float32")]));
});

test("0 and -0 are two constants: 1/0 and 1/-0 differ", () => {
  const before = graphOf((g, x) =>
    [0, -0].map((zero) => g.add("div", {}, [g.add("abs", {}, [x]), g.full(x.shape, zero)])),
  );
  const [up, down] = interpret(optimise(before), randomArgs(before, dims, 1), dims);
  expect([up[0], down[0]]).toEqual([Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]);
});

/** Random numbers with a key made from a value of the step. */
function noise(g: Builder, x: Value): Value {
  const key = g.cast(g.reshape(g.sliceAxis(g.sliceAxis(x, 0, 0, 1), 1, 0, 2), [2]), "int32");
  return g.add("random", { shape: x.shape, distribution: "uniform" }, [key]);
}

test("a head that draws random numbers from its logits stays in the loop", () => {
  const before = loop((g, h, w, x) => {
    const logits = product(g, h, w);
    return { next: g.add("tanh", {}, [add(g, h, x)]), ys: [noise(g, logits), logits] };
  });
  const after = expectSame(before);
  expect(countOps(bodiesOf(after)[0].nodes)).toMatchObject({ matmul: 1, random: 1 });
});

test("an inner loop that draws random numbers stays in the outer one", () => {
  const before = loop((g, h, _, x) => {
    const body = new Builder("inner");
    const carry = body.input("c", h);
    const params = {
      body: body.finish([add(body, carry, noise(body, carry))]),
      length: 2,
      reverse: false,
      consts: 0,
      carry: 1,
    };
    return { next: add(g, h, g.addAll("scan", params, [x])[0]), ys: [] };
  });
  const after = expectSame(before);
  expect(countOps(bodiesOf(after)[0].nodes).scan).toBe(1);
});

test("an inner loop that the outer carry does not touch runs once for all outer steps", () => {
  const before = loop((g, h, w, x) => {
    const body = new Builder("inner");
    const [u, carry] = [body.input("u", w), body.input("c", h)];
    const params = {
      body: body.finish([body.add("tanh", {}, [product(body, carry, u)])]),
      length: 2,
      reverse: false,
      consts: 1,
      carry: 1,
    };
    return { next: g.add("tanh", {}, [add(g, h, g.addAll("scan", params, [w, x])[0])]), ys: [] };
  });
  const after = expectSame(before);
  expect(countOps(bodiesOf(after)[1].nodes).scan).toBeUndefined();
});

test("a product that the carry needs is computed once, also where it is summed up", () => {
  const before = (() => {
    const g = new Builder("shared");
    const w = g.input("w", { dtype: "float32", shape: [3, 3] });
    const body = new Builder("step");
    const [inner, h, sum] = [body.input("w", w), body.input("h", w), body.input("sum", w)];
    const square = body.add("matmul", { transposeA: true, transposeB: false }, [h, h]);
    const outputs = [body.add("tanh", {}, [add(body, square, inner)]), add(body, sum, square)];
    const params = { body: body.finish(outputs), length: t, reverse: false, consts: 1, carry: 2 };
    return g.finish(g.addAll("scan", params, [w, w, w]));
  })();
  const after = expectSame(before);
  expect([countOps(after.nodes).matmul, countOps(bodiesOf(after)[0].nodes).matmul]).toEqual([undefined, 1]);
});

test("a sum over time of a function of a head leaves the loop with the head", () => {
  const before = (() => {
    const g = new Builder("loss");
    const w = g.input("w", { dtype: "float32", shape: [3, 3] });
    const x = g.input("x", { dtype: "float32", shape: [t, b, 3] });
    const body = new Builder("step");
    const [inner, h, loss, xt] = [
      body.input("w", w),
      body.input("h", { dtype: "float32", shape: [b, 3] }),
      body.input("loss", { dtype: "float32", shape: [b, 3] }),
      body.input("x", { dtype: "float32", shape: [b, 3] }),
    ];
    const outputs = [
      body.add("tanh", {}, [add(body, h, xt)]),
      add(body, loss, body.add("exp", {}, [product(body, h, inner)])),
    ];
    const params = { body: body.finish(outputs), length: t, reverse: false, consts: 1, carry: 2 };
    const zero = g.full([b, 3], 0);
    return g.finish(g.addAll("scan", params, [w, zero, zero, x]));
  })();
  expect(countOps(bodiesOf(expectSame(before))[0].nodes)).toEqual({ add: 1, tanh: 1 });
});
