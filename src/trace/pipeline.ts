/**
 * From a traced graph to something that runs: the compiler's pipeline, as a list. Knows no tensors of users.
 */

import type { Graph } from "../graph/graph.ts";
import type { Program } from "../loops/ir.ts";
import { lower } from "../loops/lower/index.ts";
import { decompose } from "../loops/math.ts";
import { optimise } from "../passes/pipeline.ts";
import type { Executable } from "../runtime/executable.ts";
import { createInterpretedRuntime } from "../runtime/interpreted.ts";
import { emitWasm } from "../target/wasm/emit.ts";
import { device } from "./device.ts";

/** Where a program runs: compiled to WebAssembly, or by the graph interpreter, which is slow and the definition. */
export const targetNames = ["wasm", "interpreter"] as const;

/** One of `targetNames`. */
export type TargetName = (typeof targetNames)[number];

/** One graph on its way to a target, with every stage kept for inspection. */
export interface Pipeline {
  /** As traced. */
  readonly graph: Graph;
  /** After the passes; the same as `graph` for the interpreter. */
  readonly optimised: Graph;
  /** As loops, with every function spelled in arithmetic; undefined for the interpreter. */
  readonly loops: Program | undefined;
  /** The WebAssembly module; undefined for the interpreter. */
  readonly bytes: Uint8Array | undefined;
  readonly executable: Executable;
}

/** An output that may overwrite the memory of an input: a variable that is assigned. */
export interface Alias {
  readonly output: number;
  readonly input: number;
}

/** Takes a graph through all stages. */
export function runPipeline(graph: Graph, target: TargetName, aliases: readonly Alias[]): Pipeline {
  if (target === "interpreter") {
    return {
      graph,
      optimised: graph,
      loops: undefined,
      bytes: undefined,
      executable: createInterpretedRuntime().load(graph),
    };
  }
  const optimised = optimise(graph); //                 1. a better graph
  const loops = decompose(lower(optimised, { aliases })); // 2. loops, 3. scalar functions as arithmetic
  const artefact = emitWasm(loops); //                  4. code
  const executable = device().load(artefact); //        5. an instance
  return { graph, optimised, loops, bytes: artefact.bytes, executable };
}
