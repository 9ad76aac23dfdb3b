/** What stays in the loops of recurrent networks, and what leaves them. */
import { expect, test } from "vitest";
import { gradients } from "../../src/autodiff/vjp.ts";
import type { DimValues } from "../../src/base/dims.ts";
import { symbol } from "../../src/base/dims.ts";
import { Builder } from "../../src/graph/build.ts";
import type { Graph } from "../../src/graph/graph.ts";
import { interpret } from "../../src/graph/interpret.ts";
import { optimise } from "../../src/passes/pipeline.ts";
import { randomArgs } from "../fuzz/graphs.ts";
import { expectClose } from "../ops/harness.ts";
import { bodiesOf, type CellName, cells, countOps, forwardGraph, loop, product, trainingGraph } from "./networks.ts";

const names = Object.keys(cells) as CellName[];
const dims = { b: 2, t: 3 };

function expectSame(
  before: Graph,
  after: Graph,
  args: readonly (Float32Array | Int32Array)[],
  values: DimValues = dims,
): void {
  const [left, right] = [interpret(before, args, values), interpret(after, args, values)];
  left.forEach((data, i) => {
    expectClose(right[i], data, 1e-12);
  });
}

test.for(names)(
  "the loop of a forward %s with a head holds one product; the projections of input and output are one each for all steps",
  (name) => {
    const before = forwardGraph(name);
    const after = optimise(before);
    expect(countOps(bodiesOf(after)[0].nodes).matmul).toBe(1);
    expect(countOps(after.nodes).matmul).toBe(2);
    expectSame(before, after, randomArgs(before, dims, 1));
  },
);

test.for(names)(
  "the loops of a trained %s hold one product each; every weight gradient is one product outside",
  (name) => {
    const before = trainingGraph(name, { wantX: true });
    const after = optimise(before);
    const bodies = bodiesOf(after);
    expect(bodies.map(({ nodes }) => countOps(nodes).matmul)).toEqual([1, 1]);
    // Forward x W and h head; backward d logits head', dz W'; the gradients of w, u and head.
    expect(countOps(after.nodes).matmul).toBe(7);
    expectSame(before, after, randomArgs(before, dims, 2));
  },
);

test.for(names)("the backward loop of a %s carries only the gradient of its state", (name) => {
  const [, backward] = optimise(trainingGraph(name)).nodes.filter((node) => node.op === "scan");
  expect(backward.params.carry).toBe(cells[name].states);
});

test("the backward step of an lstm puts the gradients of its four gates together by one concatenation", () => {
  const [, backward] = bodiesOf(optimise(trainingGraph("lstm")));
  const { concat, pad } = countOps(backward.nodes);
  expect({ concat, pad }).toEqual({ concat: 1, pad: undefined });
});

test("no stack is handed out twice, and none that is an operand", () => {
  for (const name of names) {
    for (const body of bodiesOf(optimise(trainingGraph(name)))) {
      const ys = body.outputs.slice(cells[name].states);
      expect(new Set(ys).size).toBe(ys.length);
    }
  }
});

test.for([1, 2, 3])("a stack of %i lstms trains with two loops a layer and one product in each", (layers) => {
  const before = trainingGraph("lstm", { layers });
  const after = optimise(before);
  expect(bodiesOf(after).map(({ nodes }) => countOps(nodes).matmul)).toEqual(Array(2 * layers).fill(1));
  expectSame(before, after, randomArgs(before, dims, layers));
});

/** A loop that looks up rows of a table: h' = tanh(h + table[id]), and the gradient of the table. */
function embeddingGraph(): Graph {
  const [b, t] = [symbol("b"), symbol("t")];
  const builder = new Builder("embedding");
  const table = builder.input("table", { dtype: "float32", shape: [6, 3] });
  const ids = builder.input("ids", { dtype: "int32", shape: [t, b] });
  const body = new Builder("step");
  const inner = body.input("table", table);
  const h = body.input("h", { dtype: "float32", shape: [b, 3] });
  const id = body.input("id", { dtype: "int32", shape: [b] });
  const next = body.add("tanh", {}, [body.add("add", {}, [h, body.add("gather", { name: "word" }, [inner, id])])]);
  const params = { body: body.finish([next]), length: t, reverse: false, consts: 1, carry: 1 };
  const [last] = builder.addAll("scan", params, [table, builder.full([b, 3], 0), ids]);
  return builder.finish(gradients(builder, builder.sum(last, [0, 1]), [table]));
}

test("a table looked up in a loop is looked up before it, and its gradient is one scatter after the backward loop", () => {
  const before = embeddingGraph();
  const after = optimise(before);
  for (const { nodes } of bodiesOf(after)) {
    const { gather, scatterAdd } = countOps(nodes);
    expect({ gather, scatterAdd }).toEqual({ gather: undefined, scatterAdd: undefined });
  }
  const { gather, scatterAdd } = countOps(after.nodes);
  expect({ gather, scatterAdd }).toEqual({ gather: 1, scatterAdd: 1 });
  expectSame(before, after, [randomArgs(before, dims, 4)[0], Int32Array.of(0, 5, 5, 2, 3, 5)]);
});

test("what depends on weights alone is computed once", () => {
  const before = loop((body, h, w) => ({ next: product(body, h, body.add("tanh", {}, [w])), ys: [] }));
  const after = optimise(before);
  expect(countOps(bodiesOf(after)[0].nodes)).toEqual({ matmul: 1 });
  expectSame(before, after, randomArgs(before, dims, 5));
});

test("a bias added to the projection of x leaves the loop with it", () => {
  const before = loop((body, h, w, x) => {
    const projected = body.add("add", {}, [product(body, x, w), body.full(x.shape, 2)]);
    return { next: body.add("tanh", {}, [body.add("add", {}, [h, projected])]), ys: [] };
  });
  const after = optimise(before);
  expect(countOps(bodiesOf(after)[0].nodes)).toEqual({ add: 1, tanh: 1 });
  expectSame(before, after, randomArgs(before, dims, 6));
});

test("cheap work on x alone stays in the loop", () => {
  const before = loop((body, h, _, x) => ({ next: body.add("mul", {}, [h, body.add("tanh", {}, [x])]), ys: [] }));
  const after = optimise(before);
  expect(countOps(bodiesOf(after)[0].nodes)).toEqual({ tanh: 1, mul: 1 });
  expect(countOps(after.nodes)).toMatchObject({ scan: 1 });
});

test("a sum over time of x leaves no loop behind", () => {
  const before = loop((body, h, _, x) => ({ next: body.add("sub", {}, [h, x]), ys: [x] }));
  const after = optimise(before);
  expect(countOps(after.nodes).scan).toBeUndefined();
  expectSame(before, after, randomArgs(before, dims, 7));
});

test("a carry that never changes is a constant, and a step that reads it alone is done once", () => {
  const before = loop((body, h, w) => ({ next: h, ys: [product(body, h, w)] }));
  const after = optimise(before);
  expect(countOps(after.nodes).scan).toBeUndefined();
  expectSame(before, after, randomArgs(before, dims, 8));
});

test("an x that is the same at every step is a constant of the loop", () => {
  const before = loop(
    (body, h, w, x) => ({ next: body.add("tanh", {}, [body.add("add", {}, [h, product(body, x, w)])]), ys: [] }),
    (builder, x) => builder.broadcastTo(builder.sum(x, [0]), x.shape),
  );
  const after = optimise(before);
  expect(countOps(bodiesOf(after)[0].nodes)).toEqual({ add: 1, tanh: 1 });
  expect(after.nodes.find((node) => node.op === "scan")?.params).toMatchObject({ consts: 1, carry: 1 });
  expectSame(before, after, randomArgs(before, dims, 11));
});

test("random numbers drawn with a key of each step stay in the loop, and so does the product that reads them", () => {
  const before = loop((body, h, w, x) => {
    const key = body.cast(body.reshape(body.sliceAxis(body.sliceAxis(x, 0, 0, 1), 1, 0, 2), [2]), "int32");
    const noise = body.add("random", { shape: h.shape, distribution: "uniform" }, [key]);
    return { next: body.add("tanh", {}, [body.add("add", {}, [h, product(body, noise, w)])]), ys: [] };
  });
  const after = optimise(before);
  expect(countOps(bodiesOf(after)[0].nodes)).toMatchObject({ matmul: 1, random: 1 });
  expectSame(before, after, randomArgs(before, dims, 9));
});

test("zero steps give the initial carry, before and after", () => {
  for (const name of names) {
    const before = forwardGraph(name);
    const none = { b: 2, t: 0 };
    expectSame(before, optimise(before), randomArgs(before, none, 10), none);
  }
});
