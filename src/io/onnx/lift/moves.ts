/** Nodes that only move axes, or choose a step or a direction: no layers, but where the value lies. */
import { lastStep } from "../../../nn/index.ts";
import { attribute, axisOf, dims, has, int, intsOf, knownNumbers } from "../ops/call.ts";
import { isSequence } from "../value.ts";
import { addLayer, expectUnmasked, type LiftCall, liftedAt, newAtom, refuse, shapeOf } from "./drawing.ts";
import { embed, type LiftRule } from "./layers.ts";
import { type Axis, type Both, type Drawn, isEqualAxis, type Lifted, regrouped, type Stacked } from "./lifted.ts";

/** A rule for values whose axes are known; recurrent states of the graph's inputs stay what they are. */
function moving(move: (lift: LiftCall, x: Drawn | Both) => Lifted): LiftRule {
  return (lift) => {
    const x = liftedAt(lift, 0);
    if (x === undefined) return refuse(lift, "a value of the network", "a constant");
    if (x.kind === "stacked") return refuse(lift, "states of several layers one by one", "all of them together");
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
  const given = liftedAt(lift, 0);
  if (given === undefined) return embed(lift);
  const places = knownNumbers(lift.call, 1);
  const index = lift.call.ins[1];
  const isScalar = index !== undefined && !isSequence(index) && index.shape.length === 0;
  if (given.kind === "stacked") return [stateAt(lift, given, places ?? [], !isScalar)];
  return moving((own, x) => {
    const axis = axisOf(own.call, int(own.call, "axis", 0), x.axes.length);
    if (places?.length !== 1) return refuse(own, "one place of an axis", "several");
    return placeOf(own, x, { axis, place: places[0], keeps: !isScalar });
  })(lift);
};

/** One state of several, or two that are the directions of one layer. */
function stateAt(lift: LiftCall, { parts }: Stacked, places: readonly number[], keeps: boolean): Lifted {
  const chosen = places.map((place) => parts[place < 0 ? place + parts.length : place]);
  const [only, other] = chosen;
  if (int(lift.call, "axis", 0) !== 0 || only === undefined || places.length > 2)
    return refuse(lift, "the state of one layer", "another part of several states");
  if (places.length === 1) return keeps ? only : withAxes(only, only.axes.slice(1));
  if (other === undefined || !isEqualAxis(only.own[1], other.own[1]))
    return refuse(lift, "the state of one layer", "those of several");
  const over = newAtom(lift, 2, "d");
  return { kind: "both", names: [only.name, other.name], over, own: only.own, axes: [[over], ...only.axes.slice(1)] };
}

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
  const isTime = x.own.length === 3 && isEqualAxis(own, x.own[1]);
  const isLast = place === -1 || (own.length === 1 && lift.drawing.sizes.get(own[0]) === place + 1);
  if (!isTime || !isLast) return refuse(lift, "the last step of a sequence", `place ${place} of an axis`);
  if (own[0].startsWith("reversed"))
    return refuse(lift, "the last step of a sequence", "that of a layer that reads from the end, which is its first");
  // What came after the layer was not moved: the step is its state.
  const last = lift.drawing.lastOf.get(x.name) ?? lastOfSequence(lift, x);
  return { kind: "drawn", name: last, own: [x.own[0], ...x.own.slice(2)], axes };
}

function lastOfSequence(lift: LiftCall, x: Drawn): string {
  expectUnmasked(lift, x);
  return addLayer(lift, lastStep(), [x.name], { ...lift.call.node, name: "last_step", opType: "" });
}

type Bound = number | undefined;

interface Cut {
  readonly axis: number;
  readonly start: Bound;
  readonly end: Bound;
}

/** What a slice cuts, an axis at a time; sizes that are not numbers are undefined. */
function cutsOf(lift: LiftCall, rank: number): readonly Cut[] {
  const list = (name: string, i: number) =>
    attribute(lift.call, name, "ints") ?? (has(lift.call, i) ? dims(lift.call, i) : undefined);
  const [starts, ends] = [list("starts", 1) ?? [], list("ends", 2) ?? []];
  if ((list("steps", 4) ?? []).some((step) => step !== 1)) return refuse(lift, "steps of 1", "others");
  const bound = (size: unknown): Bound => (typeof size === "number" ? size : undefined);
  return (list("axes", 3) ?? starts.map((_, i) => i)).map((axis, i) => ({
    axis: axisOf(lift.call, Number(axis), rank),
    start: bound(starts[i]),
    end: bound(ends[i]),
  }));
}

const isEnd = (end: Bound): boolean => end !== undefined && end >= 2 ** 30;

/** The last step as a slice of one, a direction, or states of a layer. */
const slice: LiftRule = (lift) => {
  const x = liftedAt(lift, 0);
  return x?.kind === "stacked" ? [statesBetween(lift, x)] : sliceOf(lift);
};

const sliceOf = moving((lift, x) =>
  cutsOf(lift, x.axes.length).reduce<Drawn | Both>((part, { axis, start, end }) => {
    if (start === 0 && isEnd(end)) return part;
    if (start === undefined || (end !== start + 1 && !(start === -1 && isEnd(end))))
      return refuse(lift, "one place of an axis", "several");
    const found = placeOf(lift, part, { axis, place: start, keeps: true });
    return found.kind === "drawn" || found.kind === "both" ? found : part;
  }, x),
);

function statesBetween(lift: LiftCall, x: Stacked): Lifted {
  const count = x.parts.length;
  const [cut, ...others] = cutsOf(lift, 3);
  if (cut === undefined) return x;
  const { axis, start, end } = cut;
  const at = (place: Bound): number => Math.min(place === undefined ? -1 : place < 0 ? place + count : place, count);
  const [from, to] = [at(start), at(end)];
  if (axis !== 0 || others.length > 0 || from < 0 || to <= from)
    return refuse(lift, "states of a layer", "another part of several states");
  const places = Array.from({ length: to - from }, (_, i) => from + i);
  return places.length === count ? x : stateAt(lift, x, places, true);
}

const same: LiftRule = moving((_, x) => x);

/** States by layer and direction, and the two directions of a layer. */
const split: LiftRule = (lift) => {
  const x = liftedAt(lift, 0);
  const { outputs } = lift.call.node;
  if (x === undefined || x.kind === "state") return outputs.map(() => x);
  if (x.kind === "stacked") {
    const size = x.parts.length / outputs.length;
    const places = Array.from({ length: size }, (_, i) => i);
    return outputs.map((_, at) =>
      stateAt(
        lift,
        x,
        places.map((i) => at * size + i),
        true,
      ),
    );
  }
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
