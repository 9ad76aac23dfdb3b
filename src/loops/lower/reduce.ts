/**
 * Reductions. Along the innermost axis: vector accumulators, then a horizontal sum in a fixed order. Along outer axes:
 * the innermost axis is kept, and four vectors of columns stay in registers while the rows go by. What is reduced is computed
 * on the way.
 */
import type { Dim } from "../../base/dims.ts";
import type { Shape } from "../../base/shapes.ts";
import type { Value } from "../../graph/graph.ts";
import type { ReduceKind } from "../../graph/ops.ts";
import { affine, isMultiple } from "../affine.ts";
import { add, binary, constant, i32, lane, letIn, loop, ref, set, size, splat, store, varOf, when } from "../build.ts";
import { type Expr, type Lanes, type Stmt, types, type Variable } from "../ir.ts";
import { vectorise } from "../vectorise.ts";
import { substitute } from "../walk.ts";
import type { Context } from "./context.ts";
import type { Index, Read } from "./elements.ts";
import { type Axis, coefficient, evenRanges, indexAt, joinAxes, partRanges } from "./nest.ts";
import { isWholeBy, type Part, type Range, upTo, whole } from "./share.ts";
import { indexOf, type View } from "./view.ts";

export interface Reduction {
  readonly kind: ReduceKind;
  /** Shape of what is reduced, and which of its axes vanish. */
  readonly shape: Shape;
  readonly axes: readonly number[];
  /** f32 or i32 in one lane. */
  readonly read: Read;
  readonly out: View;
  /** The stretch of an axis of `shape` to go through, if not all or what the kernel chooses. */
  readonly part?: Part;
}

interface Plan extends Reduction {
  readonly context: Context;
  readonly loops: readonly Axis[];
  readonly ranges: readonly Range[];
  readonly counters: readonly Variable[];
}

/** Loops that write a reduction to its view. */
export function reduceNest(context: Context, reduction: Reduction): Stmt[] {
  const { shape, axes, read, out } = reduction;
  const target = (index: Index): Expr =>
    indexOf(
      out,
      index.filter((_, axis) => !axes.includes(axis)),
    );
  const { part } = reduction;
  const loops = joinAxes(
    shape,
    (axis) => `${axes.includes(axis)} ${part !== undefined && axis >= part.axis}`,
    (index) => [read(index), target(index)],
  );
  const counters = loops.map(() => context.variable("i"));
  const isKept = ({ members }: Axis): boolean => !axes.includes(members[0]);
  const ranges = part === undefined ? keptRanges(context, loops, isKept) : partRanges(shape, loops, part);
  const plan: Plan = { ...reduction, context, loops, ranges, counters };
  const kept = loops.map((_, i) => i).filter((i) => isKept(loops[i]));
  const last = loops.length - 1;
  const columns =
    kept.at(-1) === last && kept.length > 0 && isWide(loops[last].size) ? columnBlocks(plan, target) : undefined;
  if (columns !== undefined) return nest(plan, kept.slice(0, -1), columns, true);
  return nest(plan, kept, rowTotal(plan, target), true);
}

/** Only axes that are kept can be divided: every sum is made by one thread, in one order. */
function keptRanges(context: Context, loops: readonly Axis[], isKept: (axis: Axis) => boolean): Range[] {
  const chosen = evenRanges(context, loops.filter(isKept));
  let next = 0;
  return loops.map((axis) => (isKept(axis) ? chosen[next++] : whole(axis.size)));
}

function isReduced(plan: Plan, i: number): boolean {
  return plan.axes.includes(plan.loops[i].members[0]);
}

function isWide(length: Dim): boolean {
  return typeof length !== "number" || length >= 4;
}

function nest(plan: Plan, which: readonly number[], inside: Stmt[], parallel = false): Stmt[] {
  return which.reduceRight<Stmt[]>(
    (body, i) => [loop(plan.counters[i], plan.ranges[i].from, plan.ranges[i].to, 1, body, parallel)],
    inside,
  );
}

function elementAt(plan: Plan, counters: readonly Variable[] = plan.counters): Expr {
  return plan.read(indexAt(plan.shape, plan.loops, counters));
}

function reducedAxes(plan: Plan): number[] {
  return plan.loops.map((_, i) => i).filter((i) => isReduced(plan, i));
}

// ---- along the innermost axis -----------------------------------------------------------------------------------

function rowTotal(plan: Plan, target: (index: Index) => Expr): Stmt[] {
  const index = indexAt(plan.shape, plan.loops, plan.counters);
  const total = plan.context.variable("total", elementAt(plan).type);
  const vectors = vectorTotal(plan, total);
  const body = vectors ?? scalarTotal(plan, total);
  return [...body, store(plan.out.buffer, target(index), ref(total))];
}

function scalarTotal(plan: Plan, total: Variable): Stmt[] {
  const x = elementAt(plan);
  return [
    varOf(total, start(plan.kind, x)),
    ...nest(plan, reducedAxes(plan), [set(total, combine(plan.kind, ref(total), x))]),
  ];
}

/** `total` as a let; undefined where the innermost axis cannot go by vectors. */
function vectorTotal(plan: Plan, total: Variable): Stmt[] | undefined {
  const last = plan.loops.length - 1;
  if (last < 0 || !isReduced(plan, last) || !isWide(plan.loops[last].size)) return undefined;
  const { context, kind } = plan;
  const counter = plan.counters[last];
  const scalar = elementAt(plan);
  const length = plan.loops[last].size;
  const lanes = lanesFor(length, context.machine.lanes);
  const vector = vectorise(scalar, counter, lanes);
  if (vector === undefined) return undefined;
  const several = typeof length !== "number" || length >= 8 * lanes;
  const sums = Array.from({ length: several ? 4 : 1 }, () => context.variable("sum", vector.type));
  const tail = isMultiple(length, lanes) ? undefined : context.variable("rest", scalar.type);
  const step = (at: Variable, value: Expr): Stmt => set(at, combine(kind, ref(at), value));

  const inner: Stmt[] = [];
  const quarter = (by: number): Expr => binary("and", size(length), i32(-by));
  if (several) {
    const wide = sums.map((sum, i) => step(sum, substitute(vector, counter, add(ref(counter), i32(lanes * i)))));
    inner.push(loop(counter, i32(0), quarter(4 * lanes), 4 * lanes, wide));
  }
  const single = several ? context.variable("i") : counter;
  if (!several || !isMultiple(length, 4 * lanes)) {
    inner.push(
      loop(single, several ? quarter(4 * lanes) : i32(0), quarter(lanes), lanes, [
        step(sums[0], substitute(vector, counter, ref(single))),
      ]),
    );
  }
  if (tail !== undefined) {
    const rest = context.variable("i");
    inner.push(loop(rest, quarter(lanes), size(length), 1, [step(tail, substitute(scalar, counter, ref(rest)))]));
  }
  const before = sums.map((sum) => varOf(sum, splat(start(kind, scalar), lanes)));
  if (tail !== undefined) before.push(varOf(tail, start(kind, scalar)));
  const loops = nest(plan, reducedAxes(plan).slice(0, -1), inner);
  return [...before, ...loops, ...horizontal(context, kind, sums, tail, total)];
}

/** The widest vector that a length fills. */
function lanesFor(length: Dim, widest: Lanes): Lanes {
  if (typeof length !== "number") return widest;
  return ([16, 8] as const).find((lanes) => lanes <= widest && length >= lanes) ?? 4;
}

/** ((s0 + s1) + (s2 + s3)), then the lanes in the same way, then the tail. */
function horizontal(
  context: Context,
  kind: ReduceKind,
  sums: readonly Variable[],
  tail: Variable | undefined,
  total: Variable,
): Stmt[] {
  const pairs = (xs: readonly Expr[]): Expr => {
    if (xs.length === 1) return xs[0];
    const half = xs.length / 2;
    return combine(kind, pairs(xs.slice(0, half)), pairs(xs.slice(half)));
  };
  const vector = context.variable("all", sums[0].type);
  const lanes = Array.from({ length: vector.type.lanes }, (_, i) => lane(ref(vector), i));
  const all = pairs(lanes);
  return [letIn(vector, pairs(sums.map(ref))), letIn(total, tail === undefined ? all : combine(kind, all, ref(tail)))];
}

// ---- along outer axes --------------------------------------------------------------------------------------------

/** Blocks of four vectors, one, and single columns; undefined where the innermost axis cannot go by vectors. */
function columnBlocks(plan: Plan, target: (index: Index) => Expr): Stmt[] | undefined {
  const last = plan.loops.length - 1;
  const length = plan.loops[last].size;
  const counter = plan.counters[last];
  const index = indexAt(plan.shape, plan.loops, plan.counters);
  const widest = plan.context.machine.lanes;
  if (vectorise(elementAt(plan), counter, widest) === undefined || coefficient(affine(target(index)), counter) !== 1)
    return undefined;
  const range = plan.ranges[last];
  const to = (by: number): Expr => (by === 1 ? range.to : upTo(range, by));
  const widths = blockWidths(range, length, widest);
  let { from } = range;
  return widths.map((by, i) => {
    const fresh: Plan =
      i === 0
        ? plan
        : {
            ...plan,
            counters: plan.counters.map((c, j) => (isReduced(plan, j) || j === last ? plan.context.variable("i") : c)),
          };
    const block = loop(fresh.counters[last], from, to(by), by, columnBlock(fresh, by, target), true);
    from = to(by);
    return block;
  });
}

/** The block widths that a range of columns needs: four vectors, then a vector, four columns, one. */
function blockWidths(range: Range, length: Dim, lanes: Lanes): number[] {
  const all = [...new Set([4 * lanes, lanes, 4, 1])];
  const { from, to } = range;
  if (from.kind === "const" && to.kind === "const") {
    const count = to.value - from.value;
    return all.filter((width, i) => (i === 0 ? count : count % all[i - 1]) >= width);
  }
  const last = all.findIndex((width) => isWholeBy(range, length, width));
  return last < 0 ? all : all.slice(0, last + 1);
}

function columnBlock(plan: Plan, width: number, target: (index: Index) => Expr): Stmt[] {
  const counter = plan.counters[plan.loops.length - 1];
  const scalar = elementAt(plan);
  const widest = plan.context.machine.lanes;
  const lanes = width === 1 ? 1 : width < widest ? 4 : widest;
  const value = lanes === 1 ? scalar : (vectorise(scalar, counter, lanes) as Expr);
  const first = start(plan.kind, scalar);
  const shifts = Array.from({ length: width / lanes }, (_, i) => add(ref(counter), i32(lanes * i)));
  const sums = shifts.map(() => plan.context.variable("sum", value.type));
  const steps = sums.map((sum, i) => set(sum, combine(plan.kind, ref(sum), substitute(value, counter, shifts[i]))));
  const place = target(indexAt(plan.shape, plan.loops, plan.counters));
  return [
    ...sums.map((sum) => varOf(sum, splat(first, lanes))),
    ...nest(plan, reducedAxes(plan), steps),
    ...sums.map((sum, i) => store(plan.out.buffer, substitute(place, counter, shifts[i]), ref(sum))),
  ];
}

// ---- arithmetic --------------------------------------------------------------------------------------------------

const fns = { sum: "add", max: "max", min: "min" } as const;

function combine(kind: ReduceKind, a: Expr, b: Expr): Expr {
  return binary(fns[kind], a, b);
}

function start(kind: ReduceKind, x: Expr): Expr {
  const float = x.type.scalar === "f32";
  if (kind === "sum") return constant(x.type.scalar, 0);
  const low = float ? Number.NEGATIVE_INFINITY : -(2 ** 31);
  const high = float ? Number.POSITIVE_INFINITY : 2 ** 31 - 1;
  return constant(x.type.scalar, kind === "max" ? low : high);
}

/** The position of the first largest element along one axis. */
export function argmaxNest(context: Context, operand: Value, axis: number, read: Read, out: View): Stmt[] {
  const { shape } = operand;
  const part = context.part(operand);
  const outermost = shape.findIndex((_, i) => i !== axis);
  const counters = shape.map(() => context.variable("i"));
  const index = counters.map(ref);
  const first = read(index.map((x, i) => (i === axis ? i32(0) : x)));
  const best = context.variable("best", first.type);
  const at = context.variable("at", types.i32);
  const x = context.variable("x", first.type);
  const better = when(binary("less", ref(best), ref(x)), [set(best, ref(x)), set(at, index[axis])]);
  const inner = [
    varOf(best, first),
    varOf(at, i32(0)),
    loop(counters[axis], i32(1), size(shape[axis]), 1, [letIn(x, read(index)), better]),
    store(
      out.buffer,
      indexOf(
        out,
        index.filter((_, i) => i !== axis),
      ),
      ref(at),
    ),
  ];
  return shape.reduceRight<Stmt[]>((body, dim, i) => {
    const range = part?.axis === i ? part.range : i === outermost ? context.share(dim, 1) : whole(dim);
    return i === axis ? body : [loop(counters[i], range.from, range.to, 1, body, true)];
  }, inner);
}
