/**
 * Micro-benchmark of lowered graphs: matrix products of several shapes and an LSTM, as one step and as a scan, each
 * compared with the interpreter. Build with `tsc` and run with Node, as `wasm.ts`.
 */
import type { DimValues } from "../src/base/dims.ts";
import type { Shape } from "../src/base/shapes.ts";
import { Builder } from "../src/graph/build.ts";
import type { Graph, Value } from "../src/graph/graph.ts";
import { interpret } from "../src/graph/interpret.ts";
import { lower } from "../src/loops/lower/index.ts";
import { decompose } from "../src/loops/math.ts";
import { optimise } from "../src/passes/pipeline.ts";
import { createRuntime } from "../src/runtime/wasm.ts";
import { emitWasm } from "../src/target/wasm/emit.ts";
import { noise, time } from "./timing.ts";

const runtime = createRuntime();
const elements = (shape: Shape): number => shape.reduce<number>((a, b) => a * (b as number), 1);

/** Compiles, compares with the interpreter and times a graph of float32 inputs with known shapes. */
async function measure(name: string, graph: Graph, flops: number, dims: DimValues = {}): Promise<void> {
  const start = performance.now();
  const artefact = emitWasm(decompose(lower(optimise(graph))));
  const emitted = performance.now();
  const executable = runtime.load(artefact);
  const compiled = performance.now();
  const inputs = graph.inputs.map(({ value }, i) => noise(elements(value.shape), i));
  const args = inputs.map((data) => {
    const buffer = runtime.allocate("float32", data.length);
    buffer.write(data);
    return buffer;
  });
  const outs = graph.outputs.map(({ shape }) => runtime.allocate("float32", elements(shape)));
  executable.run(args, outs, dims);
  const expected = flops < 1e8 ? interpret(graph, inputs, dims) : [];
  const worst = expected.map((data, i) => difference(outs[i].read(), data));
  const seconds = await time(() => executable.run(args, outs, dims));
  const times = `${(seconds * 1e6).toFixed(2)} µs, ${(flops / seconds / 1e9).toFixed(1)} GFLOP/s`;
  const made = `${artefact.bytes.length} bytes, emitted in ${(emitted - start).toFixed(1)} ms, loaded in ${(compiled - emitted).toFixed(1)} ms`;
  console.log(`${name}: ${times}; ${made}; error ${worst.map((x) => x.toExponential(1)).join(" ")}`);
}

function difference(got: ArrayLike<number>, expected: ArrayLike<number>): number {
  let worst = 0;
  for (let i = 0; i < expected.length; i++)
    worst = Math.max(worst, Math.abs(got[i] - expected[i]) / Math.max(1, Math.abs(expected[i])));
  return worst;
}

function product(m: number, k: number, n: number, transposeA = false, transposeB = false): Promise<void> {
  const b = new Builder("product");
  const left = b.input("a", { dtype: "float32", shape: transposeA ? [k, m] : [m, k] });
  const right = b.input("b", { dtype: "float32", shape: transposeB ? [n, k] : [k, n] });
  const out = b.add("matmul", { transposeA, transposeB }, [left, right]);
  return measure(
    `${m}x${k}x${n}${transposeA ? " A transposed" : ""}${transposeB ? " B transposed" : ""}`,
    b.finish([out]),
    2 * m * k * n,
  );
}

/** (x [b, in], h, c [b, units], weights) -> [h, c] */
function lstmStep(b: Builder, x: Value, h: Value, c: Value, w: Value, u: Value, bias: Value): Value[] {
  const [rows, units] = [h.shape[0], h.shape[1] as number];
  const product = b.add("add", {}, [
    b.add("matmul", { transposeA: false, transposeB: false }, [x, w]),
    b.add("matmul", { transposeA: false, transposeB: false }, [h, u]),
  ]);
  const z = b.add("add", {}, [product, b.broadcastTo(bias, [rows, 4 * units])]);
  const [i, f, g, o] = [0, 1, 2, 3].map((gate) => b.sliceAxis(z, 1, gate * units, (gate + 1) * units));
  const gated = b.add("mul", {}, [b.add("sigmoid", {}, [i]), b.add("tanh", {}, [g])]);
  const next = b.add("add", {}, [b.add("mul", {}, [b.add("sigmoid", {}, [f]), c]), gated]);
  return [b.add("mul", {}, [b.add("sigmoid", {}, [o]), b.add("tanh", {}, [next])]), next];
}

const lstmWeights = (b: Builder, inputs: number, units: number): Value[] => [
  b.input("w", { dtype: "float32", shape: [inputs, 4 * units] }),
  b.input("u", { dtype: "float32", shape: [units, 4 * units] }),
  b.input("bias", { dtype: "float32", shape: [4 * units] }),
];

function step(rows: number, inputs: number, units: number): Promise<void> {
  const b = new Builder("step");
  const [x, h, c] = [inputs, units, units].map((width, i) =>
    b.input("xhc"[i], { dtype: "float32", shape: [rows, width] }),
  );
  const [w, u, bias] = lstmWeights(b, inputs, units);
  return measure(
    `LSTM step ${inputs}->${units}, ${rows} rows`,
    b.finish(lstmStep(b, x, h, c, w, u, bias)),
    8 * rows * units * (inputs + units),
  );
}

function sequence(length: number, rows: number, inputs: number, units: number): Promise<void> {
  const body = new Builder("body");
  const [w, u, bias] = lstmWeights(body, inputs, units);
  const [h, c] = ["h", "c"].map((name) => body.input(name, { dtype: "float32", shape: [rows, units] }));
  const x = body.input("x", { dtype: "float32", shape: [rows, inputs] });
  const next = lstmStep(body, x, h, c, w, u, bias);
  const b = new Builder("sequence");
  const xs = b.input("xs", { dtype: "float32", shape: [length, rows, inputs] });
  const state = [0, 1].map((i) => b.input("hc"[i], { dtype: "float32", shape: [rows, units] }));
  const params = { body: body.finish([...next, next[0]]), length, reverse: false, consts: 3, carry: 2 };
  const outs = b.addAll("scan", params, [...lstmWeights(b, inputs, units), ...state, xs]);
  return measure(
    `LSTM ${inputs}->${units}, ${rows} rows, ${length} steps`,
    b.finish(outs),
    8 * length * rows * units * (inputs + units),
  );
}

await product(32, 64, 256);
await product(3200, 256, 97);
await product(3200, 12, 256);
await product(64, 3200, 256, true);
await product(3200, 256, 64, false, true);
await product(1, 110, 400);
await step(1, 10, 100);
await step(32, 12, 64);
await sequence(100, 32, 12, 64);
await sequence(100, 1, 10, 100);
