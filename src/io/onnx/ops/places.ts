/**
 * Operators that read and write elements at places that are computed: an index for every element along one axis, or several
 * for a row. Not here: `Gather`, which takes whole rows (`move.ts`).
 */
import { type Dim, isSymbolic } from "../../../base/dims.ts";
import { equalShapes, sizeOf } from "../../../base/shapes.ts";
import {
  add,
  cast,
  dimension,
  greater,
  less,
  mul,
  ones,
  range,
  reshape,
  scatterAdd,
  where as select,
  slice,
  squeeze,
  type Tensor,
  take,
} from "../../../trace/index.ts";
import type { Call } from "../evaluate.ts";
import type { Value } from "../value.ts";
import { axisOf, int, type Rules, refuse, tensor, text } from "./call.ts";

/** Indices below 0 count from the end. */
export function fromStart(indices: Tensor, size: Dim, known?: readonly number[]): Tensor {
  if (known?.every((index) => index >= 0)) return indices;
  return select(less(indices, 0), add(indices, dimension(size, "int32")), indices);
}

/** The flat positions of elements of x: along one axis as the indices say, on the others their own. */
function positions(x: Tensor, indices: Tensor, axis: number): Tensor {
  let at: Tensor | undefined;
  let stride: Dim = 1;
  for (let i = x.rank - 1; i >= 0; i--) {
    const own = range(indices.shape[i]);
    const places =
      i === axis
        ? fromStart(indices, x.shape[i])
        : reshape(
            own,
            indices.shape.map((size, j) => (i === j ? size : 1)),
          );
    const part = mul(places, dimension(stride, "int32"));
    at = at === undefined ? part : add(at, part);
    stride = sizeOf([stride, x.shape[i]]);
  }
  return at ?? indices;
}

/** Along one axis, the element that each index names: both of one rank. */
function gatherElements(call: Call): readonly Value[] {
  const x = tensor(call, 0);
  const axis = axisOf(call, int(call, "axis", 0), x.rank);
  return [take(reshape(x, [sizeOf(x.shape)]), positions(x, cast(tensor(call, 1), "int32"), axis))];
}

/** The same the other way: x with the updates at those places. */
function scatterElements(call: Call): readonly Value[] {
  const [x, updates] = [tensor(call, 0), tensor(call, 2)];
  const axis = axisOf(call, int(call, "axis", 0), x.rank);
  const at = positions(x, cast(tensor(call, 1), "int32"), axis);
  const count = sizeOf(x.shape);
  return [reshape(written(call, reshape(x, [count]), at, updates), x.shape)];
}

interface Rows {
  /** x with its first axes as one. */
  readonly table: Tensor;
  readonly at: Tensor;
}

/** indices [..i, k]: each names a place on the first k axes of x. */
function rowsOf(call: Call, x: Tensor, indices: Tensor): Rows {
  const depth = indices.shape[indices.rank - 1];
  if (isSymbolic(depth)) return refuse(call, "indices of a fixed length", depth.key);
  let at: Tensor | undefined;
  for (let i = 0; i < depth; i++) {
    const place = fromStart(squeeze(slice(indices, -1, i, i + 1), -1), x.shape[i]);
    at = at === undefined ? place : add(mul(at, dimension(x.shape[i], "int32")), place);
  }
  if (at === undefined) return refuse(call, "indices", "none");
  return { table: reshape(x, [sizeOf(x.shape.slice(0, depth)), ...x.shape.slice(depth)]), at };
}

/** indices [..i, k] -> [..i, ..rest]. */
function gatherND(call: Call): readonly Value[] {
  if (int(call, "batch_dims", 0) !== 0) return refuse(call, "batch_dims of 0", `${int(call, "batch_dims", 0)}`);
  const { table, at } = rowsOf(call, tensor(call, 0), cast(tensor(call, 1), "int32"));
  return [take(table, at)];
}

/** x with the updates [..i, ..rest] at the rows that indices [..i, k] name. */
function scatterND(call: Call): readonly Value[] {
  const x = tensor(call, 0);
  const { table, at } = rowsOf(call, x, cast(tensor(call, 1), "int32"));
  return [reshape(written(call, table, at, tensor(call, 2)), x.shape)];
}

/** A table [rows, ...rest] with the updates [...i, ...rest] at rows [...i]. Of two updates of one element the file says nothing. */
function written(call: Call, table: Tensor, at: Tensor, updates: Tensor): Tensor {
  const kind = text(call, "reduction", "none");
  const wanted = [...at.shape, ...table.shape.slice(1)];
  if (!equalShapes(updates.shape, wanted))
    refuse(call, `updates of ${wanted.length} axes, as the indices say`, "others");
  const [rows] = table.shape;
  const numbers = table.dtype === "bool" ? cast(updates, "int32") : updates;
  const sums = scatterAdd(at, numbers, rows);
  if (kind === "add") return add(table, sums);
  if (kind !== "none") return refuse(call, "a reduction of none or add", `"${kind.slice(0, 80)}"`);
  const times = scatterAdd(at, ones(at.shape, "int32"), rows);
  const isHit = reshape(greater(times, 0), [rows, ...table.shape.slice(1).map(() => 1)]);
  return select(isHit, cast(sums, table.dtype), table);
}

export const placesRules: Rules = {
  GatherElements: gatherElements,
  GatherND: gatherND,
  Scatter: scatterElements,
  ScatterElements: scatterElements,
  ScatterND: scatterND,
};
