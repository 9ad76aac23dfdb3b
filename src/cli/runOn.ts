/** A model or a graph run on the arrays of an .npz file: what `run` writes and `diff` compares. */
import { OptionError } from "../base/errors.ts";
import { formatShape } from "../base/shapes.ts";
import { leavesOf } from "../base/trees.ts";
import type { Loaded } from "../io/formats.ts";
import { type HostTensors, hostTensors } from "../io/index.ts";
import { dtypeOf } from "../io/onnx/ops/types.ts";
import type { Model } from "../nn/index.ts";
import type { Tensor } from "../trace/index.ts";
import { chooseInputs, chooseState, statePrefix } from "./arrays.ts";

export interface RunRequest {
  /** The file of the model, and that of its inputs: for errors. */
  readonly path: string;
  readonly inputs: string;
  /** The state to begin with, `state.<name>`, and the file that it is from. */
  readonly before?: HostTensors | undefined;
  readonly stateIn?: string | undefined;
}

export interface RunArrays {
  readonly outputs: HostTensors;
  /** `state.<name>`; a graph has its states among its outputs. */
  readonly states: HostTensors;
}

/** Runs what a file holds. Outputs of a model are `output_0`, ..., those of a graph have its names. */
export function runOn(opened: Loaded, arrays: HostTensors, request: RunRequest): RunArrays {
  const { model, graph } = opened;
  // A graph runs as it is: the layers made of it may have other axes first.
  if (model === undefined || graph !== undefined) return { outputs: runGraph(opened, arrays, request), states: {} };
  return runModel(model, arrays, request, (i) => `output_${i}`);
}

/** The same with the output of every layer of a model, by its name. */
export function runEveryLayer(opened: Loaded, arrays: HostTensors, request: RunRequest): HostTensors {
  if (opened.model === undefined || opened.graph !== undefined) return runGraph(opened, arrays, request);
  const model = opened.model.withEveryOutput();
  const names = model.outputs.map(({ name }) => name);
  const { outputs, states } = runModel(model, arrays, request, (i) => names[i]);
  return { ...outputs, ...states };
}

function runModel(
  model: Model,
  arrays: HostTensors,
  { inputs, before, stateIn = "" }: RunRequest,
  nameOf: (i: number) => string,
): RunArrays {
  const wanted = model.inputs.map(({ name, spec }) => ({ name, dtype: spec.dtype, shape: formatShape(spec.shape) }));
  const x = chooseInputs(wanted, arrays, inputs) as Tensor[];
  const state = before === undefined ? undefined : chooseState(model, before, x[0].shape[0] as number, stateIn);
  const result = model.run(x, { state });
  const outputs: readonly Tensor[] = Array.isArray(result.outputs) ? result.outputs : [result.outputs];
  return {
    outputs: hostTensors(Object.fromEntries(outputs.map((output, i) => [nameOf(i), output]))),
    states: hostTensors(
      Object.fromEntries(leavesOf<Tensor>(result.state).map(({ path, leaf }) => [statePrefix + path, leaf])),
    ),
  };
}

function runGraph({ graph }: Loaded, arrays: HostTensors, { path, inputs, before }: RunRequest): HostTensors {
  if (graph === undefined) {
    throw new OptionError(`${path}: expected a model to run, got arrays. Give the model that they belong to.`, {
      path,
    });
  }
  if (before !== undefined) {
    throw new OptionError(
      `${path}: expected no --state-in, since the graph has its states among its inputs, got one. Give them in ${inputs} by their names.`,
      { path },
    );
  }
  const wanted = graph.inputs.map(({ name, dtype, shape }) => ({
    name,
    // Arrays of 64 bits are read as int32, as the graph computes with them.
    dtype: dtypeOf(dtype) ?? dtype,
    shape: `[${shape.map((size) => size ?? "?").join(", ")}]`,
  }));
  const tensors = chooseInputs(wanted, arrays, inputs) as Tensor[];
  return hostTensors(graph.run(Object.fromEntries(wanted.map(({ name }, i) => [name, tensors[i]]))));
}
