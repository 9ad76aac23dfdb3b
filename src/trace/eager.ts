/**
 * Eager calls: an operation called outside of any compiled function is a graph of its own. Programs are cached by the
 * structure of the graph and bounded in number, so that no loop of eager calls can grow anything.
 */

import { BoundedCache } from "../base/cache.ts";
import type { Graph, Value } from "../graph/graph.ts";
import { exactly, writeGraph } from "../graph/write.ts";
import type { Executable } from "../runtime/executable.ts";
import type { Trace } from "./context.ts";
import { execute, finish } from "./finish.ts";
import { runPipeline } from "./pipeline.ts";
import type { Tensor } from "./tensor.ts";

const programs = new BoundedCache<string, Executable>(256);

/** Closes an eager trace, runs it and returns its results. */
export function runEager(trace: Trace, results: readonly Value[]): Tensor[] {
  const finished = finish(trace, results);
  const key = `${finished.aliases.map(({ input }) => input).join()};${structureOf(finished.graph)}`;
  // Too many and too small to be worth a file each.
  const compile = (): Executable => runPipeline(finished.graph, "wasm", finished.aliases, { keeps: false }).executable;
  const executable = programs.get(key, compile);
  return execute(finished, executable, [], {});
}

/** A text that is equal for graphs which compute the same. */
function structureOf(graph: Graph): string {
  const { text, data } = writeGraph(graph, { names: false });
  return data.length === 0 ? text : `${text};${data.map((elements) => Array.from(elements, exactly).join()).join(";")}`;
}
