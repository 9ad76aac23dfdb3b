/** Nodes that only move axes, or choose a step or a direction: no layers, but where the value lies. */
import { attribute, axisOf, dims, has, int, intsOf, knownNumbers } from "../ops/call.ts";
import { isSequence } from "../value.ts";
import { type LiftCall, liftedAt, refuse, shapeOf } from "./drawing.ts";
import { embed, type LiftRule } from "./layers.ts";
import { type Axis, type Both, type Drawn, type Lifted, regrouped } from "./lifted.ts";

/** A rule for values whose axes are known; recurrent states of the graph's inputs stay what they are. */
function moving(move: (lift: LiftCall, x: Drawn | Both) => Lifted): LiftRule {
  return (lift) => {
    const x = liftedAt(lift, 0);
    if (x === undefined) return refuse(lift, "a value of the network", "a constant");
    return lift.call.node.outputs.map(() => (x.kind === "state" ? x : move(lift, x)));
  };
}

const withAxes = <V extends Drawn | Both>(x: V, axes: readonly Axis[]): V => ({ ...x, axes });

const transpose = moving((lift, x) => {
  const order = attribute(lift.call, "perm", "ints") ?? x.axes.map((_, i) => x.axes.length - 1 - i);
  return withAxes(
    x,
    order.map((axis) => x.axes[axis]),
  );
});

const reshape = moving((lift, x) => {
  const axes = regrouped(x.axes, shapeOf(lift), lift.drawing.sizes);
  return axes === undefined ? refuse(lift, "a shape that keeps axes whole", "one that cuts them") : withAxes(x, axes);
});

const squeeze = moving((lift, x) => {
  const given = intsOf(lift.call, "axes", 1)?.map((axis) => axisOf(lift.call, axis, x.axes.length));
  const axes = given ?? x.axes.flatMap((axis, i) => (axis.length === 0 ? [i] : []));
  if (axes.some((i) => x.axes[i].length > 0)) return reshapeAxes(lift, x);
  return withAxes(
    x,
    x.axes.filter((_, i) => !axes.includes(i)),
  );
});

function reshapeAxes(lift: LiftCall, x: Drawn | Both): Lifted {
  const axes = regrouped(x.axes, shapeOf(lift), lift.drawing.sizes);
  return axes === undefined ? refuse(lift, "an axis of size 1", "another one") : withAxes(x, axes);
}

const unsqueeze = moving((lift, x) => {
  const given = intsOf(lift.call, "axes", 1) ?? [];
  const rank = x.axes.length + given.length;
  const added = new Set(given.map((axis) => axisOf(lift.call, axis, rank)));
  const rest = [...x.axes];
  return withAxes(
    x,
    Array.from({ length: rank }, (_, i) => (added.has(i) ? [] : (rest.shift() as Axis))),
  );
});

/** Rows of a table, one place of an axis, or one of two directions. */
const gather: LiftRule = (lift) => {
  if (liftedAt(lift, 0) === undefined) return embed(lift);
  return moving((own, x) => {
    const places = knownNumbers(own.call, 1);
    const axis = axisOf(own.call, int(own.call, "axis", 0), x.axes.length);
    const index = own.call.ins[1];
    const isScalar = index !== undefined && !isSequence(index) && index.shape.length === 0;
    if (places?.length !== 1) return refuse(own, "one place of an axis", "several");
    return placeOf(own, x, { axis, place: places[0], keeps: !isScalar });
  })(lift);
};

interface Place {
  readonly axis: number;
  readonly place: number;
  /** Whether the axis stays, with size 1. */
  readonly keeps: boolean;
}

function placeOf(lift: LiftCall, x: Drawn | Both, { axis, place, keeps }: Place): Lifted {
  const own = x.axes[axis];
  const axes = x.axes.flatMap((one, i): readonly Axis[] => (i !== axis ? [one] : keeps ? [[]] : []));
  if (own.length === 0) return withAxes(x, axes);
  if (x.kind === "both") {
    if (own.length === 1 && own[0] === x.over)
      return { kind: "drawn", name: x.names[place < 0 ? place + 2 : place], own: x.own, axes };
    return refuse(lift, "one of two directions", "a part of a state");
  }
  const over = lift.drawing.both.get(x.name);
  if (over !== undefined && own.length === 1 && own[0] === over) {
    const part = ["forward", "backward"][place < 0 ? place + 2 : place];
    const features = x.own[x.own.length - 1].filter((atom) => atom !== over);
    return { kind: "drawn", name: `${x.name}.parts.${part}`, own: [...x.own.slice(0, -1), features], axes };
  }
  const last = lift.drawing.lastOf.get(x.name);
  const isTime = own === x.own[1] || (own.length === 1 && own[0] === x.own[1]?.[0]);
  if (!isTime || place !== -1) return refuse(lift, "the last step of a sequence", `place ${place} of an axis`);
  // What came after the layer was not moved: the step is its state.
  if (last === undefined)
    return refuse(lift, "the last step of what a recurrent layer gives, reading forwards", `that of "${x.name}"`);
  return { kind: "drawn", name: last, own: [x.own[0], ...x.own.slice(2)], axes };
}

/** The last step as a slice of one, or a direction. */
const slice = moving((lift, x) => {
  const list = (name: string, i: number) =>
    attribute(lift.call, name, "ints") ?? (has(lift.call, i) ? dims(lift.call, i) : undefined);
  const [starts, ends] = [list("starts", 1) ?? [], list("ends", 2) ?? []];
  const axes = (list("axes", 3) ?? starts.map((_, i) => i)).map((axis) =>
    axisOf(lift.call, Number(axis), x.axes.length),
  );
  if ((list("steps", 4) ?? []).some((step) => step !== 1)) return refuse(lift, "steps of 1", "others");
  return axes.reduce<Drawn | Both>((part, axis, i) => {
    const [start, end] = [starts[i], ends[i]];
    if (start === 0 && typeof end === "number" && end >= 2 ** 30) return part;
    if (
      typeof start !== "number" ||
      (end !== start + 1 && !(start === -1 && typeof end === "number" && end >= 2 ** 30))
    )
      return refuse(lift, "one place of an axis", "several");
    const found = placeOf(lift, part, { axis, place: start, keeps: true });
    return found.kind === "state" ? part : found;
  }, x);
});

const same: LiftRule = moving((_, x) => x);

/** States by layer and direction, and the two directions of a layer. */
const split: LiftRule = (lift) => {
  const x = liftedAt(lift, 0);
  const { outputs } = lift.call.node;
  if (x === undefined || x.kind === "state") return outputs.map(() => x);
  const axis = axisOf(lift.call, int(lift.call, "axis", 0), x.axes.length);
  if (outputs.length !== 2 || x.axes[axis].length !== 1) return refuse(lift, "a sequence as a whole", "parts of it");
  return outputs.map((_, place) => placeOf(lift, x, { axis, place, keeps: true }));
};

export const moveRules: Readonly<Record<string, LiftRule>> = {
  Transpose: transpose,
  Reshape: reshape,
  Flatten: reshape,
  Squeeze: squeeze,
  Unsqueeze: unsqueeze,
  Gather: gather,
  Slice: slice,
  Split: split,
  Identity: same,
  Cast: same,
};
