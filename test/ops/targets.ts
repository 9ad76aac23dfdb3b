/** The list of ways to run a graph in float32 that every case is compared on with the interpreter. */
import type { DimValues } from "../../src/base/dims.ts";
import type { HostArray } from "../../src/base/dtypes.ts";
import type { Graph } from "../../src/graph/graph.ts";

export interface Target {
  readonly name: string;
  /** Compiles once; the result may be called with any sizes. */
  readonly prepare: (graph: Graph) => (args: readonly HostArray[], dims: DimValues) => readonly HostArray[];
}

export const targets: readonly Target[] = [];
