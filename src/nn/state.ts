/** The state of a network as a value: zeros, and the check that a given state belongs to it. */

import { symbol } from "../base/dims.ts";
import { allocate } from "../base/dtypes.ts";
import { StateError } from "../base/errors.ts";
import { equalShapes, formatShape } from "../base/shapes.ts";
import { leavesOf, mapTree, type Tree } from "../base/trees.ts";
import { concrete, Tensor, type TensorSpec } from "../trace/index.ts";
import { type ByName, hasState } from "./forward.ts";
import type { StateSpec } from "./layer.ts";
import type { Network } from "./network.ts";

/** The states of all calls that have one, as declared. */
export function stateSpecs(network: Network): ByName<StateSpec> {
  return Object.fromEntries(network.calls.filter(hasState).map(({ name, state }) => [name, state]));
}

/** The same with a batch axis: a number, or free. */
export function batchedSpecs(network: Network, batch: number | undefined): ByName<TensorSpec> {
  const b = batch ?? symbol("b");
  return mapTree(
    stateSpecs(network),
    ({ dtype, shape }: StateSpec): TensorSpec => ({ dtype, shape: [b, ...shape] }),
  ) as ByName<TensorSpec>;
}

/** A state of zeros for `batch` rows. */
export function zeroState(network: Network, batch: number): ByName<Tensor> {
  return mapTree(stateSpecs(network), ({ dtype, shape }: StateSpec) => {
    const size = shape.reduce((product, n) => product * n, batch);
    return concrete({ dtype, shape: [batch, ...shape] }, allocate(dtype, size));
  }) as ByName<Tensor>;
}

/**
 * The given state, checked by name, shape and type, in the declared order; zeros for layers it does not speak of.
 * Raises StateError with both sizes.
 */
export function completeState(network: Network, given: ByName<Tensor> | undefined, batch: number): ByName<Tensor> {
  const zeros = zeroState(network, batch);
  if (given === undefined) return zeros;
  const where = `model "${network.name}"`;
  const names = Object.keys(zeros);
  const unknown = Object.keys(given).find((name) => !names.includes(name));
  if (unknown !== undefined) {
    const known =
      names.length === 0
        ? "the model has no recurrent layer"
        : `the layers with a state are ${names.map((n) => `"${n}"`).join(", ")}`;
    throw new StateError(
      `${where}: expected a state by the names of its layers, got "${unknown}", but ${known}. Give { [layer]: state }.`,
      {
        unknown,
        known: names,
      },
    );
  }
  return Object.fromEntries(
    names.map((name) => [
      name,
      given[name] === undefined ? zeros[name] : checked(where, name, zeros[name], given[name]),
    ]),
  );
}

function checked(where: string, layer: string, zeros: Tree<Tensor>, given: Tree<Tensor>): Tree<Tensor> {
  const parts = new Map(leavesOf(given, layer).map(({ path, leaf }) => [path, leaf]));
  const declared = leavesOf(zeros, layer).map(({ path }) => path);
  const unknown = [...parts.keys()].find((path) => !declared.includes(path));
  if (unknown !== undefined || parts.size < declared.length) {
    const missing = declared.find((path) => !parts.has(path));
    const problem = unknown === undefined ? `"${missing}" is missing` : `"${unknown}" is not part of it`;
    throw new StateError(
      `${where}: expected the state of "${layer}" to hold ${declared.join(", ")}, but ${problem}. Give a state of that structure.`,
      {
        layer,
        expected: declared,
        got: [...parts.keys()],
      },
    );
  }
  return mapTree(
    zeros,
    (zero, path) => {
      const part = parts.get(path);
      if (!(part instanceof Tensor))
        throw new StateError(`${where}: expected the state "${path}" to be a tensor. Make one with tensor(...).`, {
          path,
        });
      checkPart(where, path, zero, part);
      return part;
    },
    layer,
  );
}

function checkPart(where: string, path: string, zero: Tensor, part: Tensor): void {
  if (part.dtype === zero.dtype && equalShapes(part.shape, zero.shape)) return;
  const wrongBatch =
    part.dtype === zero.dtype && equalShapes(part.shape.slice(1), zero.shape.slice(1)) && part.rank === zero.rank;
  const data = { path, shapes: [zero.shape, part.shape] };
  if (wrongBatch) {
    throw new StateError(
      `${where}: expected the state "${path}" to have ${zero.shape[0]} rows like the input, got ${part.shape[0]} (${formatShape(part.shape)}). Give one row of state for each row of the batch.`,
      data,
    );
  }
  throw new StateError(
    `${where}: expected the state "${path}" to be ${zero.dtype} ${formatShape(zero.shape)}, got ${part.dtype} ${formatShape(part.shape)}. Give the state of a layer of the same size.`,
    data,
  );
}
