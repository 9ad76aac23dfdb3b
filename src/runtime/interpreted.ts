/**
 * A runtime that compiles nothing: it runs graphs through the graph interpreter. For tests, diagnoses and machines
 * without WebAssembly. Slow and obvious; the same behaviour as `wasm.ts`, device memory and in-place results included.
 */
import { allocate, type DType, type HostArray } from "../base/dtypes.ts";
import { internal } from "../base/errors.ts";
import type { Graph } from "../graph/graph.ts";
import { interpret } from "../graph/interpret.ts";
import type { Argument, DeviceBuffer, Executable, Runtime } from "./executable.ts";

/** Makes executables of graphs instead of artefacts. */
export interface InterpretedRuntime extends Runtime {
  load(graph: Graph): Executable;
}

export function createInterpretedRuntime(): InterpretedRuntime {
  return { allocate: (dtype, length) => new HostBuffer(dtype, length), load: interpretedExecutable };
}

/** The executable of one graph, computed by the interpreter in float32 precision. */
export function interpretedExecutable(graph: Graph): Executable {
  const run: Executable["run"] = (args, destinations, dims) => {
    // All arguments are read before any result is written, so a buffer may be argument and result.
    const results = interpret(graph, args.map(contentsOf), dims, { precision: "float32" });
    return graph.outputs.map((output, i) => {
      const data = toHost(results[i], output.dtype);
      const to = destinations[i];
      if (to === "host") return data;
      to.write(data);
      return undefined;
    });
  };
  return { run, runAsync: async (...call) => run(...call) };
}

function contentsOf(argument: Argument): HostArray {
  return "read" in argument ? argument.read() : argument;
}

/** A copy: an interpreter's result may be one of its arguments. */
function toHost(data: ArrayLike<number>, dtype: DType): HostArray {
  const host = allocate(dtype, data.length);
  host.set(data);
  return host;
}

/** Device memory that is only a host array. */
class HostBuffer implements DeviceBuffer {
  readonly dtype: DType;
  #data: HostArray;

  constructor(dtype: DType, length: number) {
    this.dtype = dtype;
    this.#data = allocate(dtype, length);
  }

  get length(): number {
    return this.#data.length;
  }

  read(): HostArray {
    return this.#data.slice();
  }

  write(data: HostArray): void {
    if (data.length !== this.length)
      internal("a device buffer is written with another number of elements", {
        expected: this.length,
        got: data.length,
      });
    this.#data.set(data);
  }

  fill(make: (elements: HostArray) => void): void {
    make(this.#data);
  }

  free(): void {
    this.#data = allocate(this.dtype, 0);
  }
}
