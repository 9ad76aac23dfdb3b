/** Inputs for a model when nobody has given any: the same random numbers at every call. */

import { formatDim } from "../base/dims.ts";
import type { DType } from "../base/dtypes.ts";
import { UnsupportedError } from "../base/errors.ts";
import type { Loaded } from "../io/formats.ts";
import { type HostTensors, hostTensors } from "../io/index.ts";
import { dtypeOf } from "../io/onnx/ops/types.ts";
import { cast, normal, randomKey, type Tensor, uniform } from "../trace/index.ts";

/** Rows, and steps or whatever else is free. */
const [rows, steps] = [2, 8];

/** What the sentences and tables of commands call them. */
export const drawnName = `drawn inputs (${rows} rows, ${steps} steps)`;

interface Wanted {
  readonly dtype: DType;
  /** Sizes that are free by their names; undefined for one without. */
  readonly shape: readonly (number | string | undefined)[];
}

/** By place, as commands read arrays of inputs: normal numbers, and indices that every embedding of the model has. */
export function drawnInputs({ model, graph }: Loaded): HostTensors {
  const wanted = model !== undefined && graph === undefined ? wantedByModel(model) : wantedByGraph(graph);
  const sizes = new Map<string, number>();
  const drawn = wanted.map(({ dtype, shape }, i) => {
    const own = shape.map((size, axis) => {
      if (typeof size === "number") return size;
      const free = axis === 0 ? rows : steps;
      if (size === undefined) return free;
      sizes.set(size, sizes.get(size) ?? free);
      return sizes.get(size) as number;
    });
    return [`input_${i}`, drawnTensor(i, dtype, own, indices(model))] as const;
  });
  return hostTensors(Object.fromEntries(drawn));
}

function drawnTensor(seed: number, dtype: DType, shape: readonly number[], limit: number): Tensor {
  const key = randomKey(seed);
  if (dtype === "float32") return normal(key, shape);
  const whole = cast(uniform(key, shape, { maximum: limit }), "int32");
  return dtype === "bool" ? cast(whole, "bool") : whole;
}

/** How many indices all embeddings have; 2 where there are none. */
function indices(model: Loaded["model"]): number {
  const limits = (model?.layers ?? []).flatMap(({ options }) =>
    "inputDim" in options && typeof options["inputDim"] === "number" ? [options["inputDim"]] : [],
  );
  return limits.length === 0 ? 2 : Math.min(...limits);
}

function wantedByModel(model: NonNullable<Loaded["model"]>): Wanted[] {
  return model.inputs.map(({ spec: { dtype, shape } }) => ({
    dtype,
    shape: shape.map((size) => (typeof size === "number" ? size : formatDim(size))),
  }));
}

function wantedByGraph(graph: Loaded["graph"]): Wanted[] {
  return (graph?.inputs ?? []).map(({ name, dtype, shape }) => {
    const own = dtypeOf(dtype);
    if (own === undefined) {
      throw new UnsupportedError(
        `drawn inputs: expected inputs of a type that Recurve has, got ${dtype} for "${name}". Give --inputs <file>.`,
        { input: name },
      );
    }
    return { dtype: own, shape: shape.map((size) => size ?? undefined) };
  });
}
