/** The arrays of an .npz file as what a model reads: its inputs by name or place, and its state. Sentences name the file. */
import { DTypeError, FormatError, OptionError } from "../base/errors.ts";
import { nearestName } from "../base/nearest.ts";
import { leavesOf, mapTree } from "../base/trees.ts";
import type { HostTensors } from "../io/index.ts";
import type { Model, State } from "../nn/index.ts";
import { concrete, type Tensor } from "../trace/index.ts";

/** What the array of the state `encoder.h` is called. */
export const statePrefix = "state.";

/** What a model says of one of its inputs. */
export interface WantedInput {
  readonly name: string;
  readonly dtype: string;
  /** As sentences write it: `[b, t, 12]`. */
  readonly shape: string;
  /** Whether the model can do without. */
  readonly optional?: boolean;
}

/** The inputs in order, each by its name or as `input_0`; undefined for an optional one that is not there. */
export function chooseInputs(
  wanted: readonly WantedInput[],
  arrays: HostTensors,
  where: string,
): (Tensor | undefined)[] {
  const used = new Set<string>();
  const tensors = wanted.map(({ name, dtype, shape, optional = false }, i) => {
    const found = [name, `input_${i}`].find((key) => Object.hasOwn(arrays, key));
    if (found === undefined && optional) return undefined;
    if (found === undefined) {
      throw new OptionError(
        `${where}: expected an array "${name}" or "input_${i}" of ${dtype} ${shape}, got ${quote(Object.keys(arrays))}. Save it as np.savez("${where}", input_${i}=...).`,
        { input: name, got: Object.keys(arrays) },
      );
    }
    used.add(found);
    const array = arrays[found];
    if (array.dtype === dtype) return concrete({ dtype: array.dtype, shape: array.shape }, array.data);
    throw new DTypeError(
      `${where}: array "${found}": expected ${dtype} for the input "${name}", got ${array.dtype}. Save it with .astype("${dtype}").`,
      { input: name, expected: dtype, got: array.dtype },
    );
  });
  refuseStray(wanted, arrays, used, where);
  return tensors;
}

/** Raises OptionError for an array that is no input, unless it is an output or a state of an earlier run. */
function refuseStray(
  wanted: readonly WantedInput[],
  arrays: HostTensors,
  used: ReadonlySet<string>,
  where: string,
): void {
  const stray = Object.keys(arrays).find((name) => !used.has(name) && !/^(state\.|output_)/.test(name));
  if (stray === undefined) return;
  const names = wanted.flatMap(({ name }, i) => [name, `input_${i}`]);
  const near = nearestName(
    stray,
    names.filter((name) => !used.has(name)),
  );
  throw new OptionError(
    `${where}: expected the inputs ${quote(names)}, got an array "${stray}" too. ${near === undefined ? "Leave it out." : `Did you mean "${near}"?`}`,
    { stray },
  );
}

/** The state in arrays `state.<name>`, whole. */
export function chooseState(model: Model, arrays: HostTensors, batch: number, where: string): State {
  const zeros = model.zeroState(batch);
  const names = leavesOf<Tensor>(zeros).map(({ path }) => statePrefix + path);
  const unknown = Object.keys(arrays).find((name) => name.startsWith(statePrefix) && !names.includes(name));
  const missing = names.find((name) => !Object.hasOwn(arrays, name));
  if (unknown !== undefined || missing !== undefined) {
    const got = unknown === undefined ? `no "${missing}"` : `"${unknown}"`;
    throw new FormatError(
      `${where}: expected the states ${quote(names)}, got ${got}. Give what an earlier run of this model wrote.`,
      { names, unknown, missing },
    );
  }
  return mapTree<Tensor, Tensor>(zeros, (_, path) => {
    const { dtype, shape, data } = arrays[statePrefix + path];
    return concrete({ dtype, shape }, data);
  }) as State;
}

export function quote(names: readonly string[]): string {
  return names.length === 0 ? "none" : names.map((name) => `"${name}"`).join(", ");
}
