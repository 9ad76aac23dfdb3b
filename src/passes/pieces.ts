/**
 * Laws of values in pieces along one axis: slices of a concatenation, a concatenation of slices, and the sum of padded
 * pieces. The last is the gradient of a value that was cut (the four gates of an LSTM): one concatenation.
 */
import { addDims, type Dim, equalDims, subtractDims } from "../base/dims.ts";
import type { Builder } from "../graph/build.ts";
import type { NodeOf, Value } from "../graph/graph.ts";
import type { Law } from "./algebra.ts";
import { producerOf } from "./splat.ts";

/** A slice that lies in one piece of a concatenation is a slice of that piece. */
export const sliceConcat: Law<"slice"> = (builder, { params, ins: [x] }) => {
  const inner = producerOf(builder, x, "concat");
  if (inner === undefined) return undefined;
  const { axis } = inner.params;
  if (params.step[axis] !== 1) return undefined;
  const [start, stop] = [params.start[axis], params.stop[axis]];
  let low: Dim = 0;
  for (const piece of inner.ins) {
    const high = addDims(low, piece.shape[axis]);
    if (isAtMost(low, start) && isAtMost(stop, high)) {
      const move = (dims: readonly Dim[]): Dim[] => dims.map((dim, i) => (i === axis ? subtractDims(dim, low) : dim));
      return builder.add("slice", { start: move(params.start), stop: move(params.stop), step: params.step }, [piece]);
    }
    low = high;
  }
  return undefined;
};

/** Whether a <= b is known. */
function isAtMost(a: Dim, b: Dim): boolean {
  return equalDims(a, b) || (typeof a === "number" && typeof b === "number" && a <= b);
}

/** Neighbouring slices of one value, put together again, are one slice; nested concatenations are one. */
export const joinSlices: Law<"concat"> = (builder, { params: { axis }, ins }) => {
  const flat = ins.flatMap((value) => {
    const inner = producerOf(builder, value, "concat");
    return inner?.params.axis === axis ? inner.ins : [value];
  });
  const joined: Value[] = [];
  for (const value of flat) {
    const last = joined[joined.length - 1];
    const both = last === undefined ? undefined : joinTwo(builder, last, value, axis);
    if (both === undefined) joined.push(value);
    else joined[joined.length - 1] = both;
  }
  if (joined.length === ins.length) return undefined;
  return joined.length === 1 ? joined[0] : builder.add("concat", { axis }, joined);
};

function joinTwo(builder: Builder, left: Value, right: Value, axis: number): Value | undefined {
  const [a, b] = [producerOf(builder, left, "slice"), producerOf(builder, right, "slice")];
  if (
    a === undefined ||
    b === undefined ||
    a.ins[0] !== b.ins[0] ||
    !equalDims(a.params.stop[axis], b.params.start[axis])
  )
    return undefined;
  const alike = (i: number): boolean =>
    equalDims(a.params.start[i], b.params.start[i]) && equalDims(a.params.stop[i], b.params.stop[i]);
  const fits = a.params.step.every((step, i) => step === 1 && b.params.step[i] === 1 && (i === axis || alike(i)));
  if (!fits) return undefined;
  const stop = a.params.stop.map((dim, i) => (i === axis ? b.params.stop[i] : dim));
  return builder.add("slice", { start: a.params.start, stop, step: a.params.step }, a.ins);
}

/** A term of a sum that is zero but for one range of one axis. */
interface Piece {
  readonly value: Value;
  readonly axis: number;
  readonly low: Dim;
  readonly stop: Dim;
}

/** A sum of padded pieces that lie side by side as one concatenation, plus the other terms of the sum. */
export function joinPads(builder: Builder, root: NodeOf<"add">, partial: ReadonlySet<Value>): Value | undefined {
  const terms = termsOf(builder, root, partial);
  const pieces = terms.map((value) => pieceOf(builder, value));
  for (const axis of new Set(pieces.flatMap((piece) => (piece === undefined ? [] : [piece.axis])))) {
    const chain = chainOf(pieces.filter((piece) => piece?.axis === axis) as Piece[]);
    if (chain.length < 2) continue;
    const joined = concatOf(builder, chain, root.outs[0]);
    if (joined === undefined) continue;
    const used = new Set(chain);
    const others = terms.filter((_, i) => pieces[i] === undefined || !used.has(pieces[i]));
    return others.reduce((sum, value) => builder.add("add", {}, [sum, value]), joined);
  }
  return undefined;
}

/** The summands of a tree of additions whose partial sums nobody else reads. */
function termsOf(builder: Builder, root: NodeOf<"add">, partial: ReadonlySet<Value>): Value[] {
  return root.ins.flatMap((value) => {
    const inner = partial.has(value) ? producerOf(builder, value, "add") : undefined;
    return inner === undefined ? [value] : termsOf(builder, inner, partial);
  });
}

function pieceOf(builder: Builder, value: Value): Piece | undefined {
  const pad = producerOf(builder, value, "pad");
  if (pad === undefined || pad.params.value !== 0) return undefined;
  const { low, high } = pad.params;
  const axes = low.flatMap((dim, i) => (dim === 0 && high[i] === 0 ? [] : [i]));
  const [inner] = pad.ins;
  if (axes.length !== 1) return undefined;
  const [axis] = axes;
  return { value: inner, axis, low: low[axis], stop: addDims(low[axis], inner.shape[axis]) };
}

/** Pieces side by side, in order: each starts where one before stopped, or, where numbers are known, later. */
function chainOf(pieces: readonly Piece[]): Piece[] {
  const left = new Set(pieces);
  const chain: Piece[] = [];
  let at: Dim = 0;
  for (;;) {
    const candidates = [...left].filter(({ low }) => isAtMost(at, low));
    const next = candidates.find(({ low }) => equalDims(low, at)) ?? nearest(candidates);
    if (next === undefined) return chain;
    left.delete(next);
    chain.push(next);
    at = next.stop;
  }
}

function nearest(pieces: readonly Piece[]): Piece | undefined {
  return pieces.reduce<Piece | undefined>(
    (best, piece) => (best === undefined || isAtMost(piece.low, best.low) ? piece : best),
    undefined,
  );
}

/** The chain with zeros in its gaps; undefined where a gap has no known size. */
function concatOf(builder: Builder, chain: readonly Piece[], like: Value): Value | undefined {
  const { axis } = chain[0];
  const parts: Value[] = [];
  let at: Dim = 0;
  const fill = (to: Dim): boolean => {
    if (equalDims(at, to)) return true;
    if (typeof at !== "number" || typeof to !== "number") return false;
    const size = to - at;
    parts.push(
      builder.full(
        like.shape.map((dim, i) => (i === axis ? size : dim)),
        0,
        like.dtype,
      ),
    );
    return true;
  };
  for (const { value, low, stop } of chain) {
    if (!fill(low)) return undefined;
    parts.push(value);
    at = stop;
  }
  if (!fill(like.shape[axis])) return undefined;
  return builder.add("concat", { axis }, parts);
}
