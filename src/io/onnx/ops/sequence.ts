/** Lists of tensors, as scripted loops of PyTorch make them: known one by one, or all steps of a loop in one tensor. */
import { addDims, type Dim } from "../../../base/dims.ts";
import { concat, reshape, slice, squeeze, stack, type Tensor, transpose } from "../../../trace/index.ts";
import type { Call } from "../evaluate.ts";
import { isSequence, knownScalar, type Sequence, tensorOf, type Value } from "../value.ts";
import { axisOf, flag, has, int, intsOf, numbers, type Rules, refuse, tensor } from "./call.ts";

function sequence(call: Call): Sequence {
  const [found] = call.ins;
  return isSequence(found) ? found : refuse(call, "a list of tensors", "a tensor", "Check the model");
}

function items({ items: all }: Sequence, { where }: Call): readonly Tensor[] {
  return all.flatMap((one) => (isSequence(one) ? [] : [tensorOf(one, where)]));
}

/** All of them along an axis that is there, or a new one. */
function concatenated(call: Call): readonly Value[] {
  const list = sequence(call);
  const isNew = flag(call, "new_axis");
  const axis = int(call, "axis", 0);
  if (list.stacked === undefined) return [isNew ? stack(items(list, call), axis) : concat(items(list, call), axis)];
  const x = list.stacked;
  // The steps are axis 0 of [n, ...]: where they are to lie, or beside the axis that they become one with.
  const at = axisOf(call, axis, isNew ? x.rank : x.rank - 1);
  const rest = x.shape.slice(1).map((_, i) => i + 1);
  const moved = transpose(x, [...rest.slice(0, at), 0, ...rest.slice(at)]);
  if (isNew) return [moved];
  return [
    reshape(
      moved,
      moved.shape.flatMap((size, i) => (i === at ? [-1] : i === at + 1 ? [] : [size])),
    ),
  ];
}

function insert(call: Call): readonly Value[] {
  const list = sequence(call);
  const at = has(call, 2) ? numbers(call, 2)[0] : list.items.length;
  if (list.stacked !== undefined) return refuse(call, "a list of known length", "one of a loop");
  return [{ items: [...list.items.slice(0, at), tensor(call, 1), ...list.items.slice(at)] }];
}

function at(call: Call): readonly Value[] {
  const list = sequence(call);
  const [place] = numbers(call, 1);
  if (list.stacked === undefined) return [list.items.at(place) ?? refuse(call, "a place in the list", `${place}`)];
  const start: Dim = place < 0 ? addDims(list.stacked.shape[0], place) : place;
  return [squeeze(slice(list.stacked, 0, start, addDims(start, 1)), 0)];
}

/** Parts of one axis, as a list. */
function split(call: Call): readonly Value[] {
  const x = tensor(call, 0);
  const axis = axisOf(call, int(call, "axis", 0), x.rank);
  const size = x.shape[axis];
  const given = intsOf(call, "", 1);
  if (typeof size !== "number") return refuse(call, "an axis of a fixed size", size.key);
  const width = given === undefined ? 1 : given.length === 1 ? given[0] : undefined;
  if (width !== undefined && (width < 1 || size / width > 4096))
    return refuse(call, "1 to 4096 parts", `parts of ${width}`);
  const sizes = width === undefined ? (given ?? []) : Array.from({ length: Math.ceil(size / width) }, () => width);
  let from = 0;
  const parts = sizes.map((length) => {
    const start = from;
    from = Math.min(from + length, size);
    const part = slice(x, axis, start, from);
    return given === undefined && !flag(call, "keepdims", true) ? squeeze(part, axis) : part;
  });
  return [{ items: parts }];
}

export const sequenceRules: Rules = {
  SequenceEmpty: () => [{ items: [] }],
  SequenceConstruct: (call) => [{ items: call.ins.map((_, i) => tensor(call, i)) }],
  SequenceInsert: insert,
  SequenceAt: at,
  SequenceLength: (call) => {
    const { items: all, stacked } = sequence(call);
    return [knownScalar(stacked === undefined ? all.length : stacked.shape[0])];
  },
  ConcatFromSequence: concatenated,
  SplitToSequence: split,
};
