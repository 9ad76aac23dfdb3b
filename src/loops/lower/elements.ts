/**
 * The total table of ops as element functions: from the index of an element of the result to an expression. Ops that
 * combine many elements, or that a loop of their own makes, are `"step"`: their results lie in memory.
 */
import { type Dim, equalDims, subtractDims } from "../../base/dims.ts";
import type { DType } from "../../base/dtypes.ts";
import { type Shape, sizeOf, stridesOf } from "../../base/shapes.ts";
import type { NodeOf } from "../../graph/graph.ts";
import type { BinaryOp, OpName, UnaryOp } from "../../graph/ops.ts";
import { affine, rebuild, scale, sum } from "../affine.ts";
import { binary, cast, constant, i32, select, size, unary } from "../build.ts";
import type { Expr } from "../ir.ts";
import { registerScalar } from "./context.ts";
import { randomBits, uniformOfBits } from "./random.ts";
import { broadcastView, reshapeView, reverseView, sliceView, transposeView, type View } from "./view.ts";

export type Index = readonly Expr[];
export type Read = (index: Index) => Expr;

export interface ElementRule<K extends OpName> {
  /** Roughly, in additions; from 4 on, work is not done twice if that can be helped. */
  readonly cost: number;
  /** Element i of the result needs element i of each operand only. */
  readonly pointwise: boolean;
  /** The result has the elements of the operand in the same order. */
  readonly sameOrder?: boolean;
  /** Whether elements cannot be computed one by one: the result is a view, or has data of its own. */
  readonly needsMemory?: (node: NodeOf<K>) => boolean;
  /** Whether one element of the operand goes to several of the result. */
  readonly repeats?: boolean;
  /** `ins` read the operands; undefined where the op has no element function for these shapes. */
  readonly at: (node: NodeOf<K>, ins: readonly Read[], index: Index) => Expr | undefined;
  /** The result as a view of the operand's view. */
  readonly view?: (node: NodeOf<K>, view: View) => View | undefined;
}

const unaryOf = (fn: UnaryOp, cost: number): ElementRule<UnaryOp> => ({
  cost,
  pointwise: true,
  at: (_, [x], index) => unary(fn, x(index)),
});

const binaryOf = (fn: BinaryOp, cost = 1): ElementRule<BinaryOp> => ({
  cost,
  pointwise: true,
  at: (_, [a, b], index) => binary(fn, a(index), b(index)),
});

/** Bools are compared as the numbers 0 and 1. */
const compareOf = (fn: BinaryOp): ElementRule<BinaryOp> => ({
  cost: 1,
  pointwise: true,
  at: (_, ins, index) => {
    const [a, b] = ins.map((read) => asNumber(read(index)));
    return binary(fn, a, b);
  },
});

const same = {
  cost: 0,
  pointwise: true,
  sameOrder: true,
  at: (_: unknown, [x]: readonly Read[], index: Index): Expr => x(index),
  view: (_: unknown, view: View): View => view,
};

export const elementRules: { readonly [K in OpName]: ElementRule<K> | "step" } = {
  neg: unaryOf("neg", 1),
  abs: unaryOf("abs", 1),
  sign: unaryOf("sign", 1),
  floor: unaryOf("floor", 1),
  sqrt: unaryOf("sqrt", 4),
  exp: unaryOf("exp", 12),
  log: unaryOf("log", 14),
  tanh: unaryOf("tanh", 14),
  sigmoid: unaryOf("sigmoid", 14),
  erf: unaryOf("erf", 16),
  sin: unaryOf("sin", 14),
  cos: unaryOf("cos", 14),
  not: unaryOf("not", 1),
  add: binaryOf("add"),
  sub: binaryOf("sub"),
  mul: binaryOf("mul"),
  div: binaryOf("div", 4),
  mod: binaryOf("mod", 6),
  pow: binaryOf("pow", 40),
  max: binaryOf("max"),
  min: binaryOf("min"),
  less: compareOf("less"),
  lessEqual: compareOf("lessEqual"),
  equal: compareOf("equal"),
  and: binaryOf("and"),
  or: binaryOf("or"),
  constant: {
    cost: 0,
    pointwise: false,
    needsMemory: ({ params }) => params.shape.length > 0,
    at: ({ params }: NodeOf<"constant">) =>
      params.shape.length === 0 ? constant(registerScalar(params.dtype), params.data[0]) : undefined,
  },
  dimSize: {
    cost: 0,
    pointwise: false,
    at: ({ params }: NodeOf<"dimSize">) => cast(size(params.dim), registerScalar(params.dtype)),
  },
  iota: {
    cost: 1,
    pointwise: false,
    at: ({ params }, _, index) => cast(index[params.axis], registerScalar(params.dtype)),
  },
  select: {
    cost: 1,
    pointwise: true,
    at: (_, [condition, x, y], index) => {
      const [a, b] = [x(index), y(index)];
      if (a.type.scalar !== "bool") return select(condition(index), a, b);
      return cast(select(condition(index), asNumber(a), asNumber(b)), "bool");
    },
  },
  cast: { cost: 1, pointwise: true, at: ({ params }, [x], index) => castTo(x(index), params.dtype) },
  broadcast: {
    cost: 0,
    pointwise: false,
    repeats: true,
    at: ({ params, ins }, [x], index) => x(ins[0].shape.map((dim, i) => (dim === 1 ? i32(0) : index[params.axes[i]]))),
    view: ({ params, ins }, view) => broadcastView(view, ins[0].shape, params),
  },
  reshape: {
    cost: 0,
    pointwise: false,
    sameOrder: true,
    needsMemory: ({ params, ins }) =>
      unreshape(
        ins[0].shape,
        params.shape,
        params.shape.map(() => i32(0)),
      ) === undefined,
    at: ({ params, ins }, [x], index) => {
      const before = unreshape(ins[0].shape, params.shape, index);
      return before === undefined ? undefined : x(before);
    },
    view: ({ params, ins }, view) => reshapeView(view, ins[0].shape, params.shape),
  },
  transpose: {
    cost: 0,
    pointwise: false,
    at: ({ params }, [x], index) => {
      const before: Expr[] = [];
      params.permutation.forEach((axis, i) => {
        before[axis] = index[i];
      });
      return x(before);
    },
    view: ({ params }, view) => transposeView(view, params),
  },
  slice: {
    cost: 0,
    pointwise: false,
    at: ({ params }, [x], index) => x(index.map((at, i) => linear(size(params.start[i]), [[at, params.step[i]]]))),
    view: ({ params }, view) => sliceView(view, params),
  },
  reverse: {
    cost: 0,
    pointwise: false,
    at: ({ params, outs }, [x], index) =>
      x(
        index.map((at, i) =>
          params.axes.includes(i) ? linear(size(subtractDims(outs[0].shape[i], 1)), [[at, -1]]) : at,
        ),
      ),
    view: ({ params, outs }, view) => reverseView(view, outs[0].shape, params),
  },
  gather: {
    cost: 4,
    pointwise: false,
    at: ({ ins }, [table, indices], index) => {
      const rank = ins[1].shape.length;
      return table([indices(index.slice(0, rank)), ...index.slice(rank)]);
    },
  },
  random: {
    cost: 100,
    pointwise: false,
    at: ({ params }, [key], index) => {
      const flat = linear(
        i32(0),
        stridesOf(params.shape).map((stride, i) => [index[i], stride]),
      );
      const bits = randomBits(key([i32(0)]), key([i32(1)]), flat);
      return params.distribution === "bits" ? bits : uniformOfBits(bits);
    },
  },
  stopGradient: same,
  named: same,
  pad: "step",
  concat: "step",
  scatterAdd: "step",
  reduce: "step",
  argmax: "step",
  matmul: "step",
  scan: "step",
};

/** start + sum of index * stride, in canonical form. */
function linear(start: Expr, terms: readonly (readonly [Expr, Dim])[]): Expr {
  return rebuild(terms.reduce((form, [at, stride]) => sum(form, scale(affine(at), stride)), affine(start)));
}

function asNumber(x: Expr): Expr {
  return x.type.scalar === "bool" ? cast(x, "i32") : x;
}

function castTo(x: Expr, dtype: DType): Expr {
  const to = registerScalar(dtype);
  // A bool becomes a float by way of 0 and 1.
  return x.type.scalar === "bool" && to === "f32" ? cast(cast(x, "i32"), "f32") : cast(x, to);
}

/** The index of an element before a reshape: known where axes are split, or have size 1, but none are joined. */
function unreshape(from: Shape, to: Shape, index: Index): Index | undefined {
  const before: Expr[] = new Array(from.length);
  let axis = to.length - 1;
  for (let i = from.length - 1; i >= 0; i--) {
    before[i] = i32(0);
    if (from[i] === 1) continue;
    const first = axisWhereFilled(from[i], to, axis);
    if (first === undefined) return undefined;
    const strides = stridesOf(to.slice(first, axis + 1));
    before[i] = linear(
      i32(0),
      strides.map((stride, j) => [index[first + j], stride]),
    );
    axis = first - 1;
  }
  return before;
}

/** The axis from which on the sizes up to `last` have the product `dim`. */
function axisWhereFilled(dim: Dim, to: Shape, last: number): number | undefined {
  for (let first = last; first >= 0; first--) if (equalDims(dim, sizeOf(to.slice(first, last + 1)))) return first;
  return undefined;
}
