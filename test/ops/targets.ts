/** The list of ways to run a graph in float32 that every case is compared on with the interpreter. */
import type { DimValues } from "../../src/base/dims.ts";
import type { HostArray } from "../../src/base/dtypes.ts";
import type { Graph } from "../../src/graph/graph.ts";
import { check } from "../../src/loops/check.ts";
import { lower } from "../../src/loops/lower/index.ts";
import { decompose } from "../../src/loops/math.ts";
import { createNative } from "../../src/runtime/native/native.ts";
import { createRuntime } from "../../src/runtime/wasm.ts";
import { emitC } from "../../src/target/c/emit.ts";
import { emitWasm } from "../../src/target/wasm/emit.ts";
import { backends } from "../backends.ts";

export interface Target {
  readonly name: string;
  /** Compiles once; the result may be called with any sizes. */
  readonly prepare: (graph: Graph) => (args: readonly HostArray[], dims: DimValues) => readonly HostArray[];
}

const runtime = createRuntime();

const wasm: Target = {
  name: "WebAssembly",
  prepare: (graph) => {
    const executable = runtime.load(emitWasm(check(decompose(check(lower(graph))))));
    const destinations = graph.outputs.map(() => "host" as const);
    return (args, dims) => executable.run(args, destinations, dims) as HostArray[];
  },
};

const native = (): Target => {
  const { machine, load } = createNative(runtime.memory);
  return {
    name: "C",
    prepare: (graph) => {
      const executable = load(emitC(check(lower(graph, { machine: { ...machine, grain: 0 } }))));
      const destinations = graph.outputs.map(() => "host" as const);
      return (args, dims) => executable.run(args, destinations, dims) as HostArray[];
    },
  };
};

export const targets: readonly Target[] = [wasm, ...(backends.includes("native") ? [native()] : [])];
