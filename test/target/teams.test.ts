/** WebAssembly of programs that a team of threads runs equals the loop interpreter, whichever thread that lets go first. */
import { expect, test } from "vitest";
import { check } from "../../src/loops/check.ts";
import { interpret } from "../../src/loops/interpret.ts";
import type { Program } from "../../src/loops/ir.ts";
import { lower } from "../../src/loops/lower/index.ts";
import { simd128 } from "../../src/loops/machine.ts";
import { decompose } from "../../src/loops/math.ts";
import { optimise } from "../../src/passes/pipeline.ts";
import { createRuntime } from "../../src/runtime/wasm.ts";
import { emitWasm } from "../../src/target/wasm/emit.ts";
import { randomGraph, withGradients } from "../fuzz/graphs.ts";
import { mirrored, ring } from "./teams.ts";

const counts = [1, 2, 3, 4];
/** More threads than most machines have cores: then they take turns at the cores too. */
const runtime = createRuntime({ threads: 4 });

function expectLikeInterpreter(
  program: Program,
  inputs: readonly (Float32Array | Int32Array)[],
  dims: Record<string, number>,
): void {
  check(program);
  const outputs = program.buffers.filter(({ role }) => role.kind === "output").length;
  const destinations = Array.from({ length: outputs }, () => "host" as const);
  const got = runtime.load(emitWasm(program)).run(inputs, destinations, dims);
  for (const order of ["forward", "backward"] as const) {
    const expected = interpret(program, inputs, dims, { precision: "float32", order });
    expect(got.map((data) => [...(data ?? [])])).toEqual(expected.map((data) => [...data]));
  }
}

test.each(counts)("%i threads that divide two kernels see each other's work behind the barrier", (count) => {
  for (const n of [0, 1, 2, 3, 64, 1001])
    expectLikeInterpreter(mirrored(count), [Float32Array.from({ length: n }, (_, i) => i - 0.5)], { n });
});

test.each(counts)("%i threads meet in every step of a loop", (count) => {
  const start = Int32Array.from({ length: count }, (_, i) => i * 7 - 3);
  for (const n of [0, 1, 2, 300]) expectLikeInterpreter(ring(count), [start, Int32Array.of(-1, -1)], { n });
});

test("two threads that meet a hundred thousand times lose nothing", () => {
  const run = runtime.load(emitWasm(ring(2)));
  const n = 100_000;
  let expected = [1, 2];
  for (let step = 0; step < n; step++) expected = expected.map((x, i) => (x + expected[1 - i]) | 0);
  expect(run.run([Int32Array.of(1, 2), Int32Array.of(-1, -1)], ["host"], { n })).toEqual([Int32Array.from(expected)]);
});

test.each([0, 1, 2, 3])(
  "random graphs with their gradients give the bits of one thread on three, seeds 5 * %i and following",
  (part) => {
    for (let seed = part * 5; seed < part * 5 + 5; seed++) {
      const { graph, args, dims } = randomGraph(seed);
      const both = optimise(withGradients(graph));
      const alone = decompose(lower(both, { machine: simd128 }));
      const together = decompose(lower(both, { machine: { ...simd128, threads: 3, grain: 0 } }));
      const destinations = both.outputs.map(() => "host" as const);
      const expected = runtime.load(emitWasm(alone)).run(args, destinations, dims);
      const got = runtime.load(emitWasm(together), () => emitWasm(alone)).run(args, destinations, dims);
      expect(got, `seed ${seed}`).toEqual(expected);
    }
  },
);
