/**
 * Loop nests over the elements of a shape. Axes that lie one behind the other in every access become one; the
 * innermost axis goes by vectors where every access allows it, the rest by shorter ones and by single elements.
 */
import { type Dim, equalDims, multiplyDims } from "../../base/dims.ts";
import { type Shape, sizeOf } from "../../base/shapes.ts";
import type { Value } from "../../graph/graph.ts";
import { type Affine, affine } from "../affine.ts";
import { i32, letIn, load, loop, ref, store } from "../build.ts";
import { type Buffer, type Expr, type Lanes, type Stmt, types, type Variable } from "../ir.ts";
import { vectorise } from "../vectorise.ts";
import { operands } from "../walk.ts";
import type { Context } from "./context.ts";
import type { Index } from "./elements.ts";
import { type Part, type Range, stretches, whole, widened } from "./share.ts";
import { indexOf, type View } from "./view.ts";

/** One store of a kernel: what goes where, for one element. */
export interface Target {
  readonly buffer: Buffer;
  readonly index: Expr;
  /** As memory holds it: f32 or i32. */
  readonly value: Expr;
}

/** The stores for the element at an index. */
export type Body = (index: Index) => readonly Target[];

/** A loop axis: one or more axes of the shape, joined. */
export interface Axis {
  readonly size: Dim;
  /** The axes of the shape; the last one gets the counter, the others 0. */
  readonly members: readonly number[];
}

/**
 * Loops that run `body` for every element of `shape`, or for those of a part of it. Without a part, a kernel that is to
 * divide its work by itself divides its longest axis.
 */
export function elementwiseNest(context: Context, shape: Shape, body: Body, part?: Part): Stmt[] {
  const axes = joinAxes(
    shape,
    (axis) => part !== undefined && axis >= part.axis,
    (index) => body(index).flatMap((t) => [t.index, t.value]),
  );
  if (axes.length === 0) return storesOf(context, body(indexAt(shape, [], [])));
  const ranges = part === undefined ? evenRanges(context, axes) : partRanges(shape, axes, part);
  const outer = axes.slice(0, -1).map(() => context.variable("i"));
  const last = axes.length - 1;
  const at = (counter: Variable): readonly Target[] => body(indexAt(shape, axes, [...outer, counter]));
  const loops = innermost(context, axes[last].size, ranges[last], at);
  return outer.reduceRight<Stmt[]>(
    (inside, counter, i) => [loop(counter, ranges[i].from, ranges[i].to, 1, inside, true)],
    loops,
  );
}

/** Loops that copy a value from one place to another. */
export function moveAll(context: Context, { shape }: Value, to: View, from: View, part?: Part): Stmt[] {
  const move: Body = (index) => [
    { buffer: to.buffer, index: indexOf(to, index), value: load(from.buffer, indexOf(from, index)) },
  ];
  return elementwiseNest(context, shape, move, part);
}

/** The stretch of each loop axis that a part asks for. */
export function partRanges(shape: Shape, axes: readonly Axis[], { axis, range }: Part): Range[] {
  return axes.map(({ size, members }) => {
    if (!members.includes(axis)) return whole(size);
    return widened(range, sizeOf(members.filter((member) => member > axis).map((member) => shape[member])));
  });
}

/** The stretch of each loop axis where a kernel chooses what to divide: the longest axis, an outer one if equal. */
export function evenRanges(context: Context, axes: readonly Axis[]): Range[] {
  const lengths = axes.map(({ size }) => (typeof size === "number" ? size : 1024));
  const chosen = lengths.indexOf(Math.max(...lengths));
  return axes.map(({ size }, i) =>
    i === chosen ? context.share(size, i === axes.length - 1 ? elementQuantum : 1) : whole(size),
  );
}

/** Neighbouring elements go to threads by so many: whole vectors and lines of the cache. */
const elementQuantum = 16;

function innermost(context: Context, length: Dim, range: Range, at: (counter: Variable) => readonly Target[]): Stmt[] {
  const single = (from: Expr): Stmt => {
    const counter = context.variable("v");
    return loop(counter, from, range.to, 1, storesOf(context, at(counter)), true);
  };
  const loops: Stmt[] = [];
  for (const { lanes, from, to } of stretches(context.machine.lanes, range, length)) {
    if (lanes === 1) return [...loops, single(from)];
    const counter = context.variable("v");
    const vectors = vectoriseTargets(at(counter), counter, lanes);
    if (vectors === undefined) return [single(range.from)];
    loops.push(loop(counter, from, to, lanes, storesOf(context, vectors), true));
  }
  return loops;
}

function vectoriseTargets(targets: readonly Target[], counter: Variable, lanes: Lanes): readonly Target[] | undefined {
  const vectors: Target[] = [];
  for (const { buffer, index, value } of targets) {
    const vector = coefficient(affine(index), counter) === 1 ? vectorise(value, counter, lanes) : undefined;
    if (vector === undefined) return undefined;
    vectors.push({ buffer, index, value: vector });
  }
  return vectors;
}

/** Every value is computed before the first is stored: a kernel may overwrite what it reads at the same index. */
function storesOf(context: Context, targets: readonly Target[]): Stmt[] {
  if (targets.length === 1) return targets.map((t) => store(t.buffer, t.index, t.value));
  const lets = targets.map((t) => letIn(context.variable("s", t.value.type), t.value));
  const stores = targets.map((t, i) => store(t.buffer, t.index, ref((lets[i] as { variable: Variable }).variable)));
  return [...lets, ...stores];
}

/**
 * The loop axes for a shape. Neighbours of one kind (`kindOf`) are joined where that changes no expression that
 * `expressions` makes of an index. Axes of size 1 vanish.
 */
export function joinAxes(
  shape: Shape,
  kindOf: (axis: number) => unknown,
  expressions: (index: Index) => readonly Expr[],
): Axis[] {
  const single = shape.flatMap((dim, axis): Axis[] => (dim === 1 ? [] : [{ size: dim, members: [axis] }]));
  if (single.length < 2) return single;
  const probes = single.map((_, i): Variable => ({ name: `?${i}`, type: types.i32 }));
  const forms = formsOf(expressions(indexAt(shape, single, probes)));
  const joined: Axis[] = [];
  single.forEach((axis, i) => {
    const last = joined.at(-1);
    const fits = i > 0 && kindOf(single[i - 1].members[0]) === kindOf(axis.members[0]);
    if (last !== undefined && fits && forms.every((form) => follow(form, probes[i - 1], probes[i], axis.size))) {
      joined[joined.length - 1] = {
        size: multiplyDims(last.size, axis.size),
        members: [...last.members, ...axis.members],
      };
    } else joined.push(axis);
  });
  return joined;
}

/** The index that loop counters stand for. */
export function indexAt(shape: Shape, axes: readonly Axis[], counters: readonly Variable[]): Expr[] {
  const index: Expr[] = shape.map(() => i32(0));
  axes.forEach(({ members }, i) => {
    index[members[members.length - 1]] = ref(counters[i]);
  });
  return index;
}

/** What one step of a counter adds, by the terms that are the counter itself. */
export function coefficient(form: Affine, counter: Variable): Dim {
  for (const { atom, coefficient: by } of form.terms.values())
    if (atom.kind === "ref" && atom.variable === counter) return by;
  return 0;
}

function follow(form: Affine, outer: Variable, inner: Variable, length: Dim): boolean {
  return equalDims(coefficient(form, outer), multiplyDims(coefficient(form, inner), length));
}

/** The form of every largest sum of i32 in some expressions: indices, and counters used as numbers. */
function formsOf(expressions: readonly Expr[]): Affine[] {
  const forms: Affine[] = [];
  const known = new Map<Expr, Affine>();
  const seen = new Set<Expr>();
  const visit = (x: Expr): void => {
    if (seen.has(x)) return;
    seen.add(x);
    if (x.type.scalar !== "i32" || x.type.lanes !== 1) {
      operands(x).forEach(visit);
      return;
    }
    const form = affine(x, known);
    forms.push(form);
    for (const { atom } of form.terms.values()) operands(atom).forEach(visit);
  };
  expressions.forEach(visit);
  return forms;
}
