/** WebAssembly of lowered graphs equals the loop interpreter in float32 to the last bit: the emitter adds no rounding. */
import { expect, test } from "vitest";
import { type DimValues, symbol } from "../../src/base/dims.ts";
import { Builder } from "../../src/graph/build.ts";
import type { Graph } from "../../src/graph/graph.ts";
import { interpret } from "../../src/loops/interpret.ts";
import { lower } from "../../src/loops/lower/index.ts";
import { decompose } from "../../src/loops/math.ts";
import { optimise } from "../../src/passes/pipeline.ts";
import { createRuntime } from "../../src/runtime/wasm.ts";
import { emitWasm } from "../../src/target/wasm/emit.ts";
import { randomArgs, randomGraph, withGradients } from "../fuzz/graphs.ts";

const runtime = createRuntime();

function expectSameBits(graph: Graph, args: readonly Float32Array[], dims: DimValues, what: string): void {
  const program = decompose(lower(graph));
  const expected = interpret(program, args, dims, { precision: "float32" });
  const destinations = graph.outputs.map(() => "host" as const);
  const got = runtime.load(emitWasm(program)).run(args, destinations, dims);
  for (const [i, data] of expected.entries()) expect([...(got[i] ?? [])], `${what}, output ${i}`).toEqual([...data]);
}

test.each([0, 1, 2, 3])("random graphs with their gradients and scans, seeds 5 * %i and following", (part) => {
  for (let seed = part * 5; seed < part * 5 + 5; seed++) {
    const { graph, args, dims } = randomGraph(seed);
    expectSameBits(graph, args, dims, `seed ${seed}`);
    const both = optimise(withGradients(graph));
    expectSameBits(both, args, dims, `gradients, seed ${seed}`);
  }
});

const products = [
  { m: 5, k: 7, n: 17 },
  { m: 1, k: 11, n: 40 },
  { m: 9, k: 3, n: 1 },
  { m: 4, k: 70, n: 8 },
];

test.each(products)("products $m x $k x $n of known and free sizes, either side transposed", ({ m, k, n }) => {
  for (const free of [false, true]) {
    for (const [transposeA, transposeB] of [
      [false, false],
      [true, false],
      [false, true],
    ]) {
      const b = new Builder("product");
      const [rows, depth, columns] = free ? [symbol("m"), symbol("k"), symbol("n")] : [m, k, n];
      const left = b.input("a", { dtype: "float32", shape: transposeA ? [depth, rows] : [rows, depth] });
      const right = b.input("b", { dtype: "float32", shape: transposeB ? [columns, depth] : [depth, columns] });
      const graph = b.finish([b.add("matmul", { transposeA, transposeB }, [left, right])]);
      const what = `${free ? "free" : "known"} ${transposeA} ${transposeB}`;
      expectSameBits(graph, randomArgs(graph, { m, k, n }, m), { m, k, n }, what);
    }
  }
});

test("a scan updates its carry in the memory of a variable", () => {
  const body = new Builder("body");
  const h = body.input("h", { dtype: "float32", shape: [3] });
  const x = body.input("x", { dtype: "float32", shape: [3] });
  const next = body.add("tanh", {}, [body.add("add", {}, [h, x])]);
  const b = new Builder("stream");
  const t = symbol("t");
  const init = b.input("h", { dtype: "float32", shape: [3] });
  const xs = b.input("xs", { dtype: "float32", shape: [t, 3] });
  const params = { body: body.finish([next, next]), length: t, reverse: false, consts: 0, carry: 1 };
  const graph = b.finish(b.addAll("scan", params, [init, xs]));
  const executable = runtime.load(emitWasm(decompose(lower(graph, { aliases: [{ output: 0, input: 0 }] }))));
  const state = runtime.allocate("float32", 3);
  const input = Float32Array.of(0.1, 0.2, 0.3, -0.4, 0.5, -0.6);
  const halves = [0, 1].map(
    (i) => executable.run([state, input.subarray(3 * i, 3 * i + 3)], [state, "host"], { t: 1 })[1],
  );
  const [last, whole] = executable.run([new Float32Array(3), input], ["host", "host"], { t: 2 });
  expect(state.read()).toEqual(last);
  expect(halves.flatMap((half) => [...(half ?? [])])).toEqual([...(whole ?? [])]);
});
