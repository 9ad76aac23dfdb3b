/**
 * Weights of a model that are made one by one, each when the model takes it: so that the file, the model and a single
 * weight are in memory together, not the file, the model and all weights between them.
 */
import type { Cell } from "../nn/index.ts";
import type { Tensor } from "../trace/index.ts";

export interface WeightToMake {
  /** In the model: `encoder.kernel`. */
  readonly path: string;
  readonly make: () => Tensor;
}

/** A record for `modelFromDefinition`, which reads each weight once. */
export function weightsOnDemand(weights: readonly WeightToMake[]): Readonly<Record<string, Tensor>> {
  const record: Record<string, Tensor> = Object.create(null);
  for (const { path, make } of weights) Object.defineProperty(record, path, { enumerable: true, get: make });
  return record;
}

/** The weights of a cell below a path; the arrays that they are made of are found when the first is asked for. */
export function weightsOfCell(
  path: string,
  cell: Cell,
  inputs: number,
  find: () => ReadonlyMap<string, () => Tensor>,
): WeightToMake[] {
  let found: ReadonlyMap<string, () => Tensor> | undefined;
  return Object.keys(cell.params([[inputs]])).map((name) => {
    const make = (): Tensor => {
      found ??= find();
      // What is found are the weights of this very cell.
      return (found.get(name) as () => Tensor)();
    };
    return { path: `${path}.${name}`, make };
  });
}
