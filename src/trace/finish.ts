/**
 * Closing a root trace: its graph, where each input comes from, and what happens to each output. The common end of
 * compiled functions and eager calls.
 */
import type { DimValues } from "../base/dims.ts";
import type { HostArray } from "../base/dtypes.ts";
import { evaluateShape } from "../base/shapes.ts";
import type { Graph, Value } from "../graph/graph.ts";
import type { Argument, Destination, Executable, Results } from "../runtime/executable.ts";
import type { Binding, Trace } from "./context.ts";
import type { Alias } from "./pipeline.ts";
import { resultTensor, type Tensor } from "./tensor.ts";
import type { Variable } from "./variable.ts";

/** A closed root graph with its connections to the world outside. */
export interface Finished {
  readonly graph: Graph;
  readonly bindings: readonly Binding[];
  /** The types of the first outputs, which are results; the rest are assigned variables. */
  readonly results: readonly Value[];
  readonly assigned: readonly Variable[];
  readonly aliases: readonly Alias[];
}

/** Ends a root trace whose results are `results`. */
export function finish(trace: Trace, results: readonly Value[]): Finished {
  const assigned = [...trace.variables].filter(([, entry]) => entry.assigned);
  const graph = trace.builder.finish([...results, ...assigned.map(([, entry]) => entry.value)]);
  const bindings = [...trace.bindings];
  const aliases = assigned.map(([variable], i) => ({
    output: results.length + i,
    input: bindings.findIndex((binding) => binding.kind === "variable" && binding.variable === variable),
  }));
  return { graph, bindings, results, assigned: assigned.map(([variable]) => variable), aliases };
}

/** Runs an executable of a finished trace. */
export function execute(
  finished: Finished,
  executable: Executable,
  args: readonly Tensor[],
  dims: DimValues,
): Tensor[] {
  return resultsOf(finished, executable.run(inputsOf(finished, args), destinationsOf(finished), dims), dims);
}

/** The same without waiting, where that is a difference: see `Executable.runAsync`. */
export async function executeAsync(
  finished: Finished,
  executable: Executable,
  args: readonly Tensor[],
  dims: DimValues,
): Promise<Tensor[]> {
  const outs = await executable.runAsync(inputsOf(finished, args), destinationsOf(finished), dims);
  return resultsOf(finished, outs, dims);
}

function destinationsOf({ results, assigned }: Finished): Destination[] {
  const destinations = new Array<Destination>(results.length + assigned.length).fill("host");
  for (let i = 0; i < assigned.length; i++) destinations[results.length + i] = assigned[i].buffer;
  return destinations;
}

function resultsOf({ results }: Finished, outs: Results, dims: DimValues): Tensor[] {
  const tensors = new Array<Tensor>(results.length);
  for (let i = 0; i < results.length; i++) {
    const { dtype, shape } = results[i];
    tensors[i] = resultTensor({ dtype, shape: evaluateShape(shape, dims) }, outs[i] as HostArray);
  }
  return tensors;
}

/** The data of every input of the graph in this call. */
export function inputsOf({ bindings }: Finished, args: readonly Tensor[]): Argument[] {
  const inputs = new Array<Argument>(bindings.length);
  for (let i = 0; i < bindings.length; i++) {
    const binding = bindings[i];
    if (binding.kind === "argument") inputs[i] = args[binding.position].elements();
    else inputs[i] = binding.kind === "variable" ? binding.variable.buffer : binding.tensor.elements();
  }
  return inputs;
}
