/**
 * Two sets of arrays side by side: how far they are apart, where, and at which step of time it begins. What
 * `recurve diff` prints; also for arrays that another program made. No model here.
 */
import { equalShapes, product } from "../base/shapes.ts";
import type { HostTensor, HostTensors } from "./hostTensor.ts";

/** How far two arrays of one name are apart. */
export interface Difference {
  /** In the first and in the second set; they differ where arrays were paired by their places. */
  readonly names: readonly [string, string];
  readonly shapes: readonly [readonly number[], readonly number[]];
  /** The largest absolute difference; Infinity for shapes that differ and where one alone is not a number. */
  readonly largest: number;
  /** The indices of the largest one; undefined where all are equal or shapes differ. */
  readonly at: readonly number[] | undefined;
  /** The largest absolute value of the first. */
  readonly scale: number;
  /** For arrays of three axes and more, the largest difference at each step (axis 1). */
  readonly steps: readonly number[] | undefined;
}

/** Pairs of names: of the first set and of the second. */
export type Pairs = readonly (readonly [string, string])[];

/** Compares what two models gave for the same inputs: arrays of one name, the given `pairs`, else those of one shape in order. */
export function compareArrays(first: HostTensors, second: HostTensors, pairs: Pairs = []): Difference[] {
  const fitting = pairs.filter(([a, b]) => {
    const known = Object.hasOwn(first, a) && Object.hasOwn(second, b);
    return known && equalShapes(first[a].shape, second[b].shape);
  });
  const names = pairNames(Object.entries(first), Object.entries(second), new Map(fitting));
  return names.map(([a, b]) => difference([a, b], first[a], second[b]));
}

/** Names of both, of the first's order. Arrays without a partner are left out. */
function pairNames(
  first: readonly (readonly [string, HostTensor])[],
  second: readonly (readonly [string, HostTensor])[],
  given: ReadonlyMap<string, string>,
): [string, string][] {
  const byName = new Set(second.map(([name]) => name));
  const known = new Map(first.flatMap(([name]) => (byName.has(name) ? [[name, name] as const] : [])));
  for (const [a, b] of given) if (!known.has(a) && !known.has(b)) known.set(a, b);
  const taken = new Set(known.values());
  return first.flatMap(([name, { shape }]): [string, string][] => {
    const own = known.get(name);
    if (own !== undefined) return [[name, own]];
    const found = second.find(([other, tensor]) => !taken.has(other) && equalShapes(tensor.shape, shape));
    if (found === undefined) return [];
    taken.add(found[0]);
    return [[name, found[0]]];
  });
}

function difference(names: readonly [string, string], a: HostTensor, b: HostTensor): Difference {
  const shapes = [a.shape, b.shape] as const;
  if (!equalShapes(a.shape, b.shape)) {
    return { names, shapes, largest: Number.POSITIVE_INFINITY, at: undefined, scale: 0, steps: undefined };
  }
  const { shape } = a;
  const inner = product(shape.slice(2));
  const steps = shape.length > 2 ? new Array<number>(shape[1]).fill(0) : undefined;
  let [largest, where, scale] = [0, -1, 0];
  for (let i = 0; i < a.data.length; i++) {
    const apart = distance(a.data[i], b.data[i]);
    if (apart > largest) [largest, where] = [apart, i];
    if (Math.abs(a.data[i]) > scale) scale = Math.abs(a.data[i]);
    if (steps !== undefined) {
      const t = Math.floor(i / inner) % shape[1];
      if (apart > steps[t]) steps[t] = apart;
    }
  }
  return { names, shapes, largest, at: where < 0 ? undefined : indices(where, shape), scale, steps };
}

/** Equal infinities and two NaN are not apart; one of them alone is infinitely far. */
function distance(a: number, b: number): number {
  if (Object.is(a, b) || a === b) return 0;
  const apart = Math.abs(a - b);
  return Number.isNaN(apart) ? Number.POSITIVE_INFINITY : apart;
}

function indices(at: number, shape: readonly number[]): number[] {
  let rest = at;
  const found: number[] = [];
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    found.unshift(rest % shape[axis]);
    rest = Math.floor(rest / shape[axis]);
  }
  return found;
}
