/**
 * `runCell`: a cell over a sequence as a pure function of tensors, for use inside `compile` and `grad` and outside of
 * models, and `runCellStep`, one step of it. The loop is that of the layers (`recurrence.ts`); for other loops use `scan`.
 */
import { OptionError, ShapeError } from "../../base/errors.ts";
import { formatShape } from "../../base/shapes.ts";
import { leavesByPath, leavesOf, mapTree, type Tree } from "../../base/trees.ts";
import { expandDims, randomKey, squeeze, Tensor, traced } from "../../trace/index.ts";
import type { Cell } from "../cells/cell.ts";
import { type CheckpointSteps, context, type NamedTensors } from "../layer.ts";
import { maskOfLengths, zeroWhereMasked } from "../masks.ts";
import { firstState } from "../network/forward.ts";
import { checkOptionNames } from "../options.ts";
import { runLoop, runStep, swapTimeAndBatch } from "./recurrence.ts";

export interface RunCellOptions {
  /** The cell's weights, as `cell.params` declares them. */
  readonly params: Tree<Tensor>;
  /** [b, t, ...], or [t, b, ...] with `timeMajor`; a list where the cell takes several inputs a step. */
  readonly x: Tensor | readonly Tensor[];
  /** What rows start from, by name; the cell's initial state, which is zeros if it says nothing else, for parts not given. */
  readonly state?: Tree<Tensor>;
  /** int32 [b]: how many steps of each row count, 0 to t. */
  readonly lengths?: Tensor;
  /** bool [b, t] (also with `timeMajor`): which steps count. */
  readonly mask?: Tensor;
  /** bool [b, t] (also with `timeMajor`): rows that start anew before a step. */
  readonly resets?: Tensor;
  /** What every step sees whole, [b, ...], and which parts of it count, bool [b, m]. */
  readonly constants?: readonly Tensor[];
  readonly constantMasks?: readonly (Tensor | undefined)[];
  readonly timeMajor?: boolean;
  /** Whether there is no batch axis: x [t, ...], state [...], lengths [], mask [t]; the results have none either. */
  readonly unbatched?: boolean;
  /** From the last step to the first; outputs stay in the positions of their inputs. */
  readonly goBackwards?: boolean;
  readonly zeroOutputForMask?: boolean;
  readonly gradientHorizon?: number;
  /** Steps between the states that a gradient saves, as of `scan`. */
  readonly checkpoint?: CheckpointSteps;
  readonly training?: boolean;
  readonly key?: number | Tensor;
}

export interface RunCellResult {
  /** The output at every step, in the layout of x. */
  readonly y: Tensor;
  /** After the last valid step of each row, [b, ...]. */
  readonly state: NamedTensors;
  /** After every step, in the layout of x. Costs nothing where it is not used. */
  readonly states: NamedTensors;
}

const names = [
  "params",
  "x",
  "state",
  "lengths",
  "mask",
  "resets",
  "constants",
  "constantMasks",
  "timeMajor",
  "unbatched",
  "goBackwards",
  "zeroOutputForMask",
  "gradientHorizon",
  "checkpoint",
  "training",
  "key",
];

/**
 * Runs a cell over whole sequences in one loop. It means, for one row,
 *
 *   for (let t = 0; t < x.length; t++) if (mask[t]) { out = cell.step({ params, state, x: x[t] }); state = out.state; }
 *
 * with what is documented at each option. Raises ShapeError or OptionError for arguments that do not fit.
 */
export function runCell(cell: Cell, options: RunCellOptions): RunCellResult {
  const where = `runCell(${cell.kind})`;
  checkOptionNames(where, options, names);
  if (options.unbatched === true) return oneRow(where, cell, options);
  const { timeMajor = false, gradientHorizon: horizon } = options;
  if (horizon !== undefined && !(Number.isInteger(horizon) && horizon > 0)) {
    throw new OptionError(
      `${where}: expected "gradientHorizon" to be a positive whole number, got ${String(horizon)}. Leave it out for the whole sequence.`,
      { horizon },
    );
  }
  const run = (): RunCellResult => {
    const { x, key, training } = options;
    const given = (x instanceof Tensor ? [x] : x).map((one) =>
      timeMajor ? swapTimeAndBatch(expectSteps(where, one)) : expectSteps(where, one),
    );
    const mask = maskOf(where, options, given[0]);
    const xs = mask === undefined ? given : given.map((one) => zeroWhereMasked(one, mask));
    const { constants = [], constantMasks = [] } = options;
    const initial = initialOf(cell, options, xs, 2);
    const result = runLoop({
      where,
      cell,
      params: options.params,
      state: stateOver(where, initial, options.state),
      xs,
      context: context({ training, key: typeof key === "number" ? randomKey(key) : key }),
      mask,
      resets: options.resets,
      initial,
      constants,
      constantMasks,
      reverse: options.goBackwards ?? false,
      zeroOutputForMask: options.zeroOutputForMask ?? false,
      horizon,
      checkpoint: options.checkpoint,
      wants: { sequences: true, states: true },
    });
    const { y, state, states } = result as unknown as RunCellResult;
    if (!timeMajor) return { y, state, states };
    const turned = mapTree<Tensor, Tensor>(states, swapTimeAndBatch) as NamedTensors;
    return { y: swapTimeAndBatch(y), state, states: turned };
  };
  return traced(where, () => run() as unknown as Tree<Tensor>) as unknown as RunCellResult;
}

export interface RunCellStepOptions
  extends Pick<RunCellOptions, "params" | "state" | "constants" | "constantMasks" | "training" | "key"> {
  /** [b, ...]; a list where the cell takes several inputs a step. */
  readonly x: Tensor | readonly Tensor[];
  /** bool [b]: the rows that take this step; the others keep their state. */
  readonly mask?: Tensor;
}

const stepNames = ["params", "x", "state", "mask", "constants", "constantMasks", "training", "key"];

/** One step of a cell: x [b, ...] -> the output [b, ...] and the state after it. A state that is not given is the initial one. */
export function runCellStep(
  cell: Cell,
  options: RunCellStepOptions,
): { readonly y: Tensor; readonly state: NamedTensors } {
  const where = `runCellStep(${cell.kind})`;
  checkOptionNames(where, options, stepNames);
  const { params, x, mask, constants = [], constantMasks = [], training, key } = options;
  const run = (): Tree<Tensor> => {
    const given = x instanceof Tensor ? [x] : x;
    const xs = mask === undefined ? given : given.map((one) => zeroWhereMasked(one, mask));
    const { y, state } = runStep({
      where,
      cell,
      params,
      state: stateOver(where, initialOf(cell, options, xs, 1), options.state),
      xs,
      context: context({ training, key: typeof key === "number" ? randomKey(key) : key }),
      mask,
      constants,
      constantMasks,
      reverse: false,
      zeroOutputForMask: false,
      wants: { sequences: false, states: false },
    });
    return { y, state };
  };
  return traced(where, run) as { y: Tensor; state: NamedTensors };
}

/** The same without a batch axis: a batch of one row. */
function oneRow(where: string, cell: Cell, { unbatched: _, ...options }: RunCellOptions): RunCellResult {
  if (options.timeMajor === true)
    throw new OptionError(
      `${where}: expected unbatched or timeMajor, got both. Without a batch time is the first axis anyway: leave out timeMajor.`,
    );
  const { params, ...rest } = options;
  const into = (value: unknown): unknown =>
    mapTree<unknown, unknown>(value as Tree<unknown>, (leaf) => (leaf instanceof Tensor ? expandDims(leaf, 0) : leaf));
  const { key, ...tensors } = rest;
  const run = (): Tree<Tensor> =>
    mapTree<Tensor, Tensor>(
      runCell(cell, {
        params,
        key,
        ...(into(tensors) as Omit<RunCellOptions, "params" | "key">),
      }) as unknown as Tree<Tensor>,
      (leaf) => squeeze(leaf, 0),
    );
  return traced(where, run) as unknown as RunCellResult;
}

function expectSteps(where: string, x: Tensor): Tensor {
  if (x instanceof Tensor && x.rank >= 3) return x;
  const got = x instanceof Tensor ? formatShape(x.shape) : typeof x;
  throw new ShapeError(
    `${where}: expected x to be [batch, time, features], got ${got}. Add the axes that are missing with expandDims.`,
  );
}

function maskOf(where: string, { lengths, mask }: RunCellOptions, x: Tensor): Tensor | undefined {
  if (lengths !== undefined && mask !== undefined)
    throw new OptionError(`${where}: expected lengths or a mask, got both. Give the one that you have.`);
  return lengths === undefined ? mask : maskOfLengths(lengths, x);
}

function initialOf(
  cell: Cell,
  { params, constants = [], constantMasks = [] }: Pick<RunCellOptions, "params" | "constants" | "constantMasks">,
  xs: readonly Tensor[],
  axes: 1 | 2,
): Tree<Tensor> {
  const batch = xs[0].shape[0];
  const shapes = xs.map(({ shape }) => shape.slice(axes) as number[]);
  const spec = cell.state(
    shapes,
    constants.map(({ shape }) => shape.slice(1)),
  );
  return firstState(spec, batch, [cell.initialState?.({ params, batch, constants, constantMasks })]);
}

function stateOver(where: string, initial: Tree<Tensor>, given: Tree<Tensor> | undefined): Tree<Tensor> {
  if (given === undefined) return initial;
  const known = leavesOf<Tensor>(initial).map(({ path }) => path);
  const own = leavesByPath<Tensor>(given);
  const unknown = [...own.keys()].find((path) => !known.includes(path));
  if (unknown !== undefined)
    throw new OptionError(
      `${where}: expected the state by name (${known.join(", ")}), got "${unknown}". Give { state: { ${known[0]}: ... } }.`,
      { unknown, known },
    );
  return mapTree<Tensor, Tensor>(initial, (leaf, path) => own.get(path) ?? leaf);
}
