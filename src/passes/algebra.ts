/**
 * Laws of elementwise arithmetic: x*1, x+0, --x, a choice whose condition is known. Only what holds for every number,
 * the not-finite too, and to the last bit but for the sign of a zero: 0*x stays, as 0*NaN is NaN.
 */
import { equalShapes } from "../base/shapes.ts";
import type { Builder } from "../graph/build.ts";
import type { Node, NodeOf, Value } from "../graph/graph.ts";
import { binaryOps, type OpName, type OpParams, unaryOps } from "../graph/ops.ts";
import { producerOf, splatLike } from "./splat.ts";

/** From a node to the value that replaces its result, or undefined. */
export type Law<K extends OpName> = (builder: Builder, node: NodeOf<K>) => Value | undefined;

/** Laws of one op, tried in order. */
export type Laws = { readonly [K in OpName]?: readonly Law<K>[] };

/** The value that the first fitting law gives. */
export function applyLaws(laws: Laws, builder: Builder, node: Node): Value | undefined {
  for (const law of (laws[node.op] ?? []) as readonly Law<OpName>[]) {
    const value = law(builder, node as NodeOf<OpName>);
    if (value !== undefined) return value;
  }
  return undefined;
}

/** The other operand where one of two is this number everywhere. */
function neutral<K extends OpName>(number: number): Law<K> {
  return (builder, { ins: [a, b] }) =>
    builder.numberOf(b) === number ? a : builder.numberOf(a) === number ? b : undefined;
}

/** The first operand where the second is this number everywhere. */
function neutralRight<K extends OpName>(number: number): Law<K> {
  return (builder, { ins: [a, b] }) => (builder.numberOf(b) === number ? a : undefined);
}

/** op(x, x) = x */
const idempotent = (_: Builder, { ins: [a, b] }: { readonly ins: readonly Value[] }): Value | undefined =>
  a === b ? a : undefined;

/** The operand of a negation. */
const negated = (builder: Builder, value: Value): Value | undefined => producerOf(builder, value, "neg")?.ins[0];

export const arithmeticLaws: Laws = {
  add: [
    neutral(0),
    (builder, { ins: [a, b] }) => {
      const [x, y] = [negated(builder, a), negated(builder, b)];
      if (y !== undefined) return builder.add("sub", {}, [a, y]);
      return x === undefined ? undefined : builder.add("sub", {}, [b, x]);
    },
  ],
  sub: [
    neutralRight(0),
    (builder, { ins: [a, b] }) => (builder.numberOf(a) === 0 ? builder.add("neg", {}, [b]) : undefined),
    (builder, { ins: [a, b] }) => {
      const y = negated(builder, b);
      return y === undefined ? undefined : builder.add("add", {}, [a, y]);
    },
  ],
  mul: [
    neutral(1),
    (builder, { ins: [a, b] }) => {
      if (builder.numberOf(b) === -1) return builder.add("neg", {}, [a]);
      return builder.numberOf(a) === -1 ? builder.add("neg", {}, [b]) : undefined;
    },
    (builder, { ins: [a, b] }) =>
      a.dtype === "int32" && [a, b].some((x) => builder.numberOf(x) === 0) ? splatLike(builder, 0, a) : undefined,
  ],
  div: [
    neutralRight(1),
    (builder, { ins: [a, b] }) => {
      const by = builder.numberOf(b);
      return by !== undefined && isPowerOfTwo(by)
        ? builder.add("mul", {}, [a, splatLike(builder, 1 / by, b)])
        : undefined;
    },
  ],
  pow: [
    neutralRight(1),
    (builder, { ins: [a, b] }) => (builder.numberOf(b) === 2 ? builder.add("mul", {}, [a, a]) : undefined),
  ],
  max: [idempotent],
  min: [idempotent],
  and: [idempotent, neutral(1)],
  or: [idempotent, neutral(0)],
  neg: [
    (builder, { ins: [x] }) => negated(builder, x),
    (builder, { ins: [x] }) => {
      const difference = producerOf(builder, x, "sub");
      return difference === undefined ? undefined : builder.add("sub", {}, difference.ins.toReversed());
    },
  ],
  abs: [
    (builder, { ins: [x] }) => {
      const inner = negated(builder, x);
      return inner === undefined ? undefined : builder.add("abs", {}, [inner]);
    },
  ],
  not: [(builder, { ins: [x] }) => producerOf(builder, x, "not")?.ins[0]],
  select: [
    (_, { ins: [, a, b] }) => (a === b ? a : undefined),
    (builder, { ins: [condition, a, b] }) => {
      const known = builder.numberOf(condition);
      return known === undefined ? undefined : known !== 0 ? a : b;
    },
    (builder, { ins: [condition, a, b] }) => {
      const inner = producerOf(builder, condition, "not")?.ins[0];
      return inner === undefined ? undefined : builder.add("select", {}, [inner, b, a]);
    },
    (builder, { ins: [condition, a, b] }) => {
      const inner = producerOf(builder, a, "select");
      return inner?.ins[0] === condition ? builder.add("select", {}, [condition, inner.ins[1], b]) : undefined;
    },
  ],
  cast: [
    (_, { params, ins: [x] }) => (x.dtype === params.dtype ? x : undefined),
    (builder, { params, ins: [x] }) => {
      // Any type holds a bool; other round trips may lose digits.
      const source = producerOf(builder, x, "cast")?.ins[0];
      return source?.dtype === "bool" ? builder.cast(source, params.dtype) : undefined;
    },
  ],
  // A size that turned out to be known.
  dimSize: [
    (builder, { params: { dim, dtype } }) => (typeof dim === "number" ? builder.scalar(dim, dtype) : undefined),
  ],
};

function isPowerOfTwo(x: number): boolean {
  const exponent = Math.log2(Math.abs(x));
  return Number.isInteger(exponent) && Math.abs(exponent) <= 100;
}

/** Elementwise ops on operands broadcast alike work on what was broadcast. */
export function belowBroadcast(builder: Builder, node: Node): Value | undefined {
  if (!elementwiseOps.has(node.op)) return undefined;
  const spreads = node.ins.map((value) => producerOf(builder, value, "broadcast"));
  const widest = spreads.find((spread) => spread !== undefined && spread.ins[0].shape.length > 0) ?? spreads[0];
  if (widest === undefined) return undefined;
  const { shape, axes } = widest.params;
  const source = widest.ins[0];
  const fits = spreads.every(
    (spread) =>
      spread !== undefined &&
      (spread.ins[0].shape.length === 0 ||
        (String(spread.params.axes) === String(axes) && equalShapes(spread.ins[0].shape, source.shape))),
  );
  if (!fits) return undefined;
  const ins = spreads.map((spread) => builder.broadcastTo(spread?.ins[0] as Value, source.shape));
  const small = builder.add(node.op, node.params as OpParams[OpName], ins);
  return builder.add("broadcast", { shape, axes }, [small]);
}

const elementwiseOps: ReadonlySet<OpName> = new Set<OpName>([...unaryOps, ...binaryOps, "select", "cast"]);
