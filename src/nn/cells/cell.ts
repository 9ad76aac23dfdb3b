/**
 * The protocol of cells: one time step as a pure function `(params, state, x) -> (y, state)`. Nothing here knows of
 * sequences; `rnn.ts` holds the loop.
 */
import { ShapeError, StateError } from "../../base/errors.ts";
import { equalShapes, formatShape } from "../../base/shapes.ts";
import { leavesOf, type Tree } from "../../base/trees.ts";
import { Tensor } from "../../trace/index.ts";
import type { Context, ParamSpec, StateSpec } from "../layer.ts";
import type { Options } from "../options.ts";

/** The shape of each input of one step, without the batch axis. */
export type StepShapes = readonly (readonly number[])[];

export interface CellCall {
  readonly params: Tree<Tensor>;
  readonly state: Tree<Tensor>;
  /** The (first) input of this step, [b, ...]. */
  readonly x: Tensor;
  /** All inputs of this step. */
  readonly xs: readonly Tensor[];
  readonly context: Context;
}

export interface CellResult {
  readonly y: Tensor;
  readonly state: Tree<Tensor>;
}

/** A cell: made by `defineCell`, the built-in ones too. */
export interface Cell {
  readonly kind: string;
  readonly options: Options;
  params(inputs: StepShapes): Tree<ParamSpec>;
  state(inputs: StepShapes): Tree<StateSpec>;
  /** The shape of y, without the batch axis. */
  output(inputs: StepShapes): readonly number[];
  step(call: CellCall): CellResult;
}

/** A cell as a definition holds it. */
export type CellDefinition = { readonly kind: string; readonly options: Options };

export function definitionOfCell(cell: Cell): CellDefinition {
  return { kind: cell.kind, options: cell.options };
}

/** One step, after which the state is checked: it must have the structure, shapes and types that went in. */
export function stepCell(where: string, cell: Cell, call: CellCall): CellResult {
  const result = cell.step(call);
  if (!((result as Partial<CellResult> | undefined)?.y instanceof Tensor))
    throw new StateError(`${where}: step returned no output "y". Return { y, state }, both made of tensors.`);
  const after = new Map(leavesOf(result.state).map(({ path, leaf }) => [path, leaf]));
  const before = leavesOf(call.state);
  for (const { path, leaf } of before) {
    const next = after.get(path);
    if (next === undefined) {
      throw new StateError(
        `${where}: step returned no state "${path}", but its initial state has one. Return every part of the state.`,
        { path },
      );
    }
    if (!equalShapes(next.shape, leaf.shape) || next.dtype !== leaf.dtype) {
      throw new ShapeError(
        `${where}: step returned a state "${path}" of ${next.dtype} ${formatShape(next.shape)}, but its initial state is ${leaf.dtype} ${formatShape(leaf.shape)}. Return a state of the same shape.`,
        { path, shapes: [leaf.shape, next.shape] },
      );
    }
  }
  if (after.size === before.length) {
    checkOutput(where, cell, call, result);
    return result;
  }
  const extra = [...after.keys()].filter((path) => before.every((leaf) => leaf.path !== path));
  throw new StateError(
    `${where}: step returned a state ${quote(extra)} that it did not declare. Declare it in the cell's state.`,
    { extra },
  );
}

/** What the cell says of its output is what the layers above and `model.outputs` are told. */
function checkOutput(where: string, cell: Cell, { xs, x }: CellCall, { y }: CellResult): void {
  const declared = [x.shape[0], ...cell.output(xs.map(({ shape }) => shape.slice(1) as number[]))];
  if (equalShapes(y.shape, declared)) return;
  throw new ShapeError(
    `${where}: step returned an output of ${formatShape(y.shape)}, but the cell declares ${formatShape(declared)}. Give outputSize (or outputShape) the size that step returns.`,
    { shapes: [declared, y.shape] },
  );
}

function quote(names: readonly string[]): string {
  return names.map((name) => `"${name}"`).join(", ");
}
