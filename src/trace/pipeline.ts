/**
 * From a traced graph to something that runs: the compiler's pipeline, as a list for each backend. Knows no tensors of
 * users.
 */

import { lazily } from "../base/lazy.ts";
import { unknownName } from "../base/names.ts";
import type { Graph } from "../graph/graph.ts";
import type { Program } from "../loops/ir.ts";
import { lower } from "../loops/lower/index.ts";
import { type Machine, simd128 } from "../loops/machine.ts";
import { decompose } from "../loops/math.ts";
import { optimise } from "../passes/pipeline.ts";
import type { Executable } from "../runtime/executable.ts";
import { createInterpretedRuntime } from "../runtime/interpreted.ts";
import { keptArtefact } from "../runtime/kept.ts";
import { environment } from "../runtime/node.ts";
import { emitC } from "../target/c/emit.ts";
import type { WasmArtefact } from "../target/target.ts";
import { emitWasm } from "../target/wasm/emit.ts";
import { device, native } from "./device.ts";

/**
 * What runs a program: WebAssembly; the machine's C compiler, in Node where there is one; or the graph interpreter,
 * which is slow and the definition.
 */
export const backendNames = ["wasm", "native", "interpreter"] as const;

/** One of `backendNames`. */
export type BackendName = (typeof backendNames)[number];

/** One graph on its way to a backend, with every stage kept for inspection. */
export interface Pipeline {
  /** As traced. */
  readonly graph: Graph;
  /** After the passes; the same as `graph` for the interpreter. */
  readonly optimised: Graph;
  /** As loops; undefined for the interpreter. */
  readonly loops: Program | undefined;
  /** The WebAssembly module, if that is the backend. */
  readonly bytes: Uint8Array | undefined;
  /** The network as C, if the backend is native. */
  readonly source: string | undefined;
  readonly executable: Executable;
}

/** An output that may overwrite the memory of an input: a variable that is assigned. */
export interface Alias {
  readonly output: number;
  readonly input: number;
}

type Rule = (graph: Graph, aliases: readonly Alias[], keeps: boolean) => Pipeline;

const rules: { readonly [B in BackendName]: Rule } = {
  wasm: (graph, aliases, keeps) => {
    const runtime = device();
    const { count } = runtime.threads();
    const optimised = lazily(() => optimise(graph)); //                   1. a better graph
    const loopsOn = (machine: Machine): Program => decompose(lower(optimised(), { aliases, machine })); //              2. loops, 3. scalar functions as arithmetic
    const loops = lazily(() => loopsOn({ ...simd128, threads: count }));
    const artefactFor = (threads: number): WasmArtefact => {
      const machine = { ...simd128, threads };
      const emit = (): WasmArtefact => emitWasm(threads === count ? loops() : loopsOn(machine)); // 4. code
      // What was kept needs none of the stages before, unless someone asks for them.
      return keeps ? keptArtefact({ graph, aliases, machine }, emit) : emit();
    };
    const artefact = artefactFor(count);
    const executable = runtime.load(artefact, () => artefactFor(1)); //   5. an instance
    return {
      graph,
      get optimised() {
        return optimised();
      },
      get loops() {
        return loops();
      },
      bytes: artefact.bytes,
      source: undefined,
      executable,
    };
  },
  native: (graph, aliases) => {
    const { machine, load } = native();
    const optimised = optimise(graph); //               1. a better graph
    const loops = lower(optimised, { aliases, machine }); // 2. loops for this machine
    const artefact = emitC(loops); //                   3. C
    const executable = load(artefact); //               4. a library
    return { graph, optimised, loops, bytes: undefined, source: artefact.source, executable };
  },
  interpreter: (graph) => {
    const executable = createInterpretedRuntime().load(graph);
    return { graph, optimised: graph, loops: undefined, bytes: undefined, source: undefined, executable };
  },
};

/** Takes a graph through all stages. With `keeps`, what they make is kept for other processes, or was kept by one. */
export function runPipeline(
  graph: Graph,
  backend: BackendName,
  aliases: readonly Alias[],
  { keeps }: { readonly keeps: boolean },
): Pipeline {
  return rules[backend](graph, aliases, keeps);
}

let usual: BackendName | undefined;

/** The backend of programs that name none: RECURVE_BACKEND, read once, else WebAssembly. */
export function usualBackend(): BackendName {
  usual ??= namedByEnvironment();
  return usual;
}

function namedByEnvironment(): BackendName {
  const name = environment("RECURVE_BACKEND") ?? "wasm";
  const found = backendNames.find((known) => known === name);
  if (found !== undefined) return found;
  throw unknownName("RECURVE_BACKEND", "backend", name, backendNames);
}
