/** What must not be done for the steps that a loop leaves out, and what may be done all the same. */
import { expect, test } from "vitest";
import { gradients } from "../../src/autodiff/vjp.ts";
import { symbol } from "../../src/base/dims.ts";
import type { HostArray } from "../../src/base/dtypes.ts";
import { Builder } from "../../src/graph/build.ts";
import { checkGraph } from "../../src/graph/check.ts";
import type { Graph, ScanNode, Value } from "../../src/graph/graph.ts";
import { interpret } from "../../src/graph/interpret.ts";
import { printGraph } from "../../src/graph/print.ts";
import { lower } from "../../src/loops/lower/index.ts";
import { print } from "../../src/loops/print.ts";
import { optimise } from "../../src/passes/pipeline.ts";
import { emitWasm } from "../../src/target/wasm/emit.ts";
import { randomArgs } from "../fuzz/graphs.ts";
import { expectClose } from "../ops/harness.ts";
import { targets } from "../ops/targets.ts";
import { bodiesOf, countOps, product } from "../passes/networks.ts";

const [b, t] = [symbol("b"), symbol("t")];
const dims = { b: 2, t: 5 };
const limited = { length: t, reverse: false, limited: true };
const float = (...shape: Value["shape"]) => ({ dtype: "float32", shape }) as const;

/** A loop over x [t, b, 3] that runs `limit` steps, with a matrix w; the carry starts at 0. */
function loop(
  step: (g: Builder, h: Value, w: Value, x: Value) => { next: Value; ys: readonly Value[] },
  carry: Value["shape"] = [b, 3],
): { builder: Builder; ins: readonly Value[]; outs: readonly Value[] } {
  const builder = new Builder("loop");
  const [w, x] = [builder.input("w", float(3, 3)), builder.input("x", float(t, b, 3))];
  const limit = builder.input("limit", { dtype: "int32", shape: [] });
  const body = new Builder("step");
  const [innerW, h, innerX] = [body.input("w", w), body.input("h", float(...carry)), body.input("x", float(b, 3))];
  const { next, ys } = step(body, h, innerW, innerX);
  const params = { ...limited, body: body.finish([next, ...ys]), consts: 1, carry: 1 };
  return { builder, ins: [w, x], outs: builder.addAll("scan", params, [w, builder.full(carry, 0), x, limit]) };
}

function argumentsOf(graph: Graph, limit: number): HostArray[] {
  return randomArgs(graph, dims, 7).map((x, i) => (graph.inputs[i].name === "limit" ? Int32Array.of(limit) : x));
}

/** The optimised graph, which means the same, in float64 and in WebAssembly. */
function expectSame(before: Graph, limits: readonly number[] = [0, 2, 5]): Graph {
  const after = checkGraph(optimise(before));
  const run = targets[0].prepare(after);
  for (const limit of limits) {
    const args = argumentsOf(before, limit);
    const wanted = interpret(before, args, dims);
    const [found, target] = [interpret(after, args, dims), run(args, dims)];
    wanted.forEach((data, i) => {
      expectClose(found[i], data, 1e-12);
      expectClose(target[i], data, 1e-4);
    });
  }
  return after;
}

const transposed = { transposeA: true, transposeB: false };
const rnn = (g: Builder, h: Value, w: Value, x: Value): Value =>
  g.add("tanh", {}, [g.add("add", {}, [product(g, x, w), product(g, h, w)])]);

test("a sum over time of products of what is not zero at the steps left out counts the steps done", () => {
  const { builder, outs } = loop(
    (g, h, w, x) => {
      // Computed behind the loop from the y, which is zero there.
      const y = g.add("tanh", {}, [x]);
      const below = g.add("sub", {}, [g.full(x.shape, 1), y]);
      return { next: g.add("add", {}, [h, g.add("matmul", transposed, [below, below])]), ys: [y, product(g, x, w)] };
    },
    [3, 3],
  );
  const after = expectSame(builder.finish(outs));
  expect(countOps(bodiesOf(after)[0].nodes).matmul).toBe(undefined);
  expect(countOps(after.nodes)).toMatchObject({ matmul: 2 });
});

test("the projection of the input and the head leave a loop that leaves steps out; the product with the state stays", () => {
  const { builder, outs } = loop((g, h, w, x) => {
    const next = rnn(g, h, w, x);
    return { next, ys: [product(g, next, w)] };
  });
  const after = expectSame(builder.finish(outs));
  expect(countOps(bodiesOf(after)[0].nodes).matmul).toBe(1);
  expect(countOps(after.nodes).matmul).toBe(2);
});

test("the gradient of a weight is one product behind the loop, over the rows of the steps done", () => {
  const { builder, ins, outs } = loop((g, h, w, x) => {
    const next = rnn(g, h, w, x);
    return { next, ys: [next] };
  });
  const loss = builder.sum(builder.add("mul", {}, [outs[1], outs[1]]), [0, 1, 2]);
  const after = expectSame(builder.finish(gradients(builder, loss, [ins[0]])));
  // The projection in front of the loop, and the gradients of the two uses of the weight behind it.
  expect(countOps(after.nodes).matmul).toBe(3);
  const [, backward] = after.nodes.filter((node): node is ScanNode => node.op === "scan");
  expect(backward.params.carry).toBe(1);
  const ends = [...print(lower(after)).matchAll(/for k\S* in 0\.\.(.*) \{/g)].map(([, end]) => end);
  const bounded = ends.filter((end) => end.includes("steps"));
  expect(bounded).toEqual(bounded.map(() => expect.stringMatching(/^steps\d* \* #b$/)));
  expect(bounded).toHaveLength(2);
});

test("an index of a step left out is not looked up", () => {
  const builder = new Builder("lookup");
  const table = builder.input("table", float(4, 3));
  const indices = builder.input("indices", { dtype: "int32", shape: [t] });
  const limit = builder.input("limit", { dtype: "int32", shape: [] });
  const body = new Builder("step");
  const [rows, h, at] = [
    body.input("rows", table),
    body.input("h", float(3)),
    body.input("at", { dtype: "int32", shape: [] }),
  ];
  const next = body.add("add", {}, [h, body.add("gather", { name: "rows" }, [rows, at])]);
  const params = { ...limited, body: body.finish([next]), consts: 1, carry: 1 };
  const graph = builder.finish(builder.addAll("scan", params, [table, builder.full([3], 0), indices, limit]));
  const args = [randomArgs(graph, { t: 3 }, 1)[0], Int32Array.of(1, 3, 99), Int32Array.of(2)];
  const run = targets[0].prepare(optimise(graph));
  expectClose(run(args, { t: 3 })[0], interpret(graph, args, { t: 3 })[0], 1e-6);
  expect(() => run([...args.slice(0, 2), Int32Array.of(3)], { t: 3 })).toThrow(/expected an index from 0 to 3, got 99/);
});

test("an inner loop whose number of steps changes with the outer step stays in the outer loop", () => {
  const builder = new Builder("nested");
  const x = builder.input("x", float(t, 4));
  const counts = builder.add("iota", { shape: [t], axis: 0, dtype: "int32" }, []);
  const inner = new Builder("inner");
  const [total, one] = [inner.input("total", float()), inner.input("one", float())];
  const sum = inner.add("add", {}, [total, one]);
  const graph = inner.finish([sum, sum]);
  const body = new Builder("outer");
  const [row, count] = [body.input("row", float(4)), body.input("count", { dtype: "int32", shape: [] })];
  const params = { body: graph, length: 4, reverse: true, consts: 0, carry: 1, limited: true };
  const outs = body.addAll("scan", params, [body.full([], 0), row, count]);
  const outer = { body: body.finish(outs), length: t, reverse: false, consts: 0, carry: 0 };
  const before = builder.finish(builder.addAll("scan", outer, [x, counts]));
  const after = checkGraph(optimise(before));
  const args = randomArgs(before, { t: 6 }, 1);
  const wanted = interpret(before, args, { t: 6 });
  const got = targets[0].prepare(after)(args, { t: 6 });
  wanted.forEach((data, i) => {
    expectClose(got[i], data, 1e-6);
  });
});

test("a limit that is the length is none", () => {
  const { builder, outs } = loop((g, h, w, x) => ({ next: rnn(g, h, w, x), ys: [] }));
  const graph = builder.finish(outs);
  const size = builder.add("dimSize", { dim: t, dtype: "int32" }, []);
  const whole = { ...graph, nodes: [...builder.nodes.slice(0, -2), builder.nodes.at(-1), builder.nodes.at(-2)] };
  const scan = whole.nodes.at(-1) as ScanNode;
  const full = { ...scan, ins: [...scan.ins.slice(0, -1), size] };
  const after = optimise({ ...graph, nodes: [...whole.nodes.slice(0, -1), full] as Graph["nodes"] });
  expect(printGraph(after)).not.toContain("limit %");
});

test("a loop that ends by itself is one loop with an exit, and its code does not grow with its length", () => {
  const body = new Builder("double");
  const h = body.input("h", float());
  const next = body.add("add", {}, [h, h]);
  const step = body.finish([next, next, body.add("less", {}, [body.scalar(1000), next])]);
  const programs = [10, 1000, 100_000].map((length) => {
    const g = new Builder("until");
    const params = { body: step, length, reverse: false, consts: 0, carry: 1, until: true };
    return lower(optimise(g.finish(g.addAll("scan", params, [g.input("start", float())]))));
  });
  const [text] = programs.map(print);
  expect(text.match(/\bfor \w+ in/g)?.length).toBe(1);
  expect(text).toContain("leave if bool(stop[0])");
  const bytes = programs.map((program) => emitWasm(program).bytes.length);
  // Literals of up to three bytes more, in two places.
  expect(Math.max(...bytes) - Math.min(...bytes)).toBeLessThanOrEqual(12);
});
