/** Recurrences of every form that a scan can have, as step graphs, and the same scan written out step by step. */
import { type Dim, symbol } from "../../src/base/dims.ts";
import { type Builder, inline } from "../../src/graph/build.ts";
import type { Graph, Value } from "../../src/graph/graph.ts";
import type { OpParams } from "../../src/graph/ops.ts";
import type { ValueType } from "../../src/graph/rules.ts";
import { stepGraph } from "../ops/bodies.ts";
import { float, type Operand } from "../ops/harness.ts";

const b = symbol("b");
const units = 3;
const features = 2;

/** A scan and what its operands are filled with. `length` is free: the operands' leading axis. */
export interface Recurrence {
  readonly name: string;
  readonly step: Graph;
  readonly consts: number;
  readonly carry: number;
  readonly operands: (length: Dim) => readonly Operand[];
}

const f = (...shape: ValueType["shape"]): ValueType => ({ dtype: "float32", shape });

const un = (g: Builder, op: "tanh" | "sigmoid" | "exp" | "sin" | "neg", x: Value): Value => g.add(op, {}, [x]);
const add = (g: Builder, x: Value, y: Value): Value => g.add("add", {}, [x, y]);
const mul = (g: Builder, x: Value, y: Value): Value => g.add("mul", {}, [x, y]);
const dot = (g: Builder, x: Value, y: Value): Value =>
  g.add("matmul", { transposeA: false, transposeB: false }, [x, y]);

/** Pre-activations x W + h U + bias of `blocks` gates, each [b, units]. */
function gates(g: Builder, blocks: number, w: Value, u: Value, bias: Value, x: Value, h: Value): Value[] {
  const sum = add(g, dot(g, x, w), dot(g, h, u));
  const all = add(g, sum, g.broadcastTo(bias, sum.shape));
  return Array.from({ length: blocks }, (_, k) => g.sliceAxis(all, 1, k * units, (k + 1) * units));
}

/** An LSTM cell: gates i, f, g, o. */
export const lstmStep = stepGraph(
  "lstm",
  [f(features, 4 * units), f(units, 4 * units), f(4 * units), f(b, units), f(b, units), f(b, features)],
  (g, [w, u, bias, h, c, x]) => {
    const [i, forget, cell, o] = gates(g, 4, w, u, bias, x, h);
    const next = add(g, mul(g, un(g, "sigmoid", forget), c), mul(g, un(g, "sigmoid", i), un(g, "tanh", cell)));
    const out = mul(g, un(g, "sigmoid", o), un(g, "tanh", next));
    return [out, next, out];
  },
);

const gruStep = stepGraph(
  "gru",
  [f(features, 3 * units), f(units, 3 * units), f(3 * units), f(b, units), f(b, features)],
  (g, [w, u, bias, h, x]) => {
    const [z, r] = gates(g, 3, w, u, bias, x, h).map((gate) => un(g, "sigmoid", gate));
    const [, , candidate] = gates(g, 3, w, u, bias, x, mul(g, r, h));
    const kept = mul(g, z, h);
    const fresh = mul(g, g.add("sub", {}, [g.full(z.shape, 1), z]), un(g, "tanh", candidate));
    const out = add(g, kept, fresh);
    return [out, out];
  },
);

/** A scan inside of the step: h' = the end of 2 steps of k' = sin(k a + x); y = all of them. */
const nestedStep = stepGraph("outer", [f(units), f(b, units), f(b, units)], (g, [a, h, x]) => {
  const inner = stepGraph("inner", [f(units), f(b, units), f(b, units)], (s, [a2, x2, k]) => {
    const next = un(s, "sin", add(s, mul(s, k, s.broadcastTo(a2, k.shape)), x2));
    return [next, mul(s, next, next)];
  });
  const [last, all] = g.addAll("scan", { body: inner, length: 2, reverse: true, consts: 2, carry: 1 }, [a, x, h]);
  return [last, all];
});

/** A counter of steps, a float that depends on it, a carry that passes through and one that is never used. */
const severalStep = stepGraph(
  "several",
  [f(b), { dtype: "int32", shape: [] }, f(b), f(b), f(b), f(b)],
  (g, [a, n, h, same, idle, x]) => {
    const count = g.broadcastTo(g.cast(n, "float32"), h.shape);
    const next = un(g, "tanh", add(g, mul(g, h, a), mul(g, count, add(g, x, same))));
    return [g.add("add", {}, [n, g.scalar(1, "int32")]), next, same, x, mul(g, idle, h), x];
  },
);

/** Values of constants alone that are dear, a mask from a key, a gradient that is stopped. */
const invariantStep = stepGraph(
  "invariant",
  [f(b), { dtype: "int32", shape: [2] }, f(b), f(b)],
  (g, [a, key, h, x]) => {
    const growth = un(g, "exp", un(g, "neg", un(g, "exp", a)));
    const draws = g.add("random", { shape: [b], distribution: "uniform" }, [key]);
    const kept = g.add("less", {}, [draws, g.full([b], 0.6)]);
    const masked = g.add("select", {}, [kept, mul(g, h, growth), g.add("stopGradient", {}, [h])]);
    const next = un(g, "sin", add(g, mul(g, masked, h), x));
    return [next, mul(g, growth, next)];
  },
);

export const recurrences: readonly Recurrence[] = [
  {
    name: "an LSTM-like cell",
    step: lstmStep,
    consts: 3,
    carry: 2,
    operands: (t) => [
      float([features, 4 * units], -1, 1),
      float([units, 4 * units], -1, 1),
      float([4 * units], -1, 1),
      float([b, units], -1, 1),
      float([b, units], -1, 1),
      float([t, b, features]),
    ],
  },
  {
    name: "a GRU-like cell",
    step: gruStep,
    consts: 3,
    carry: 1,
    operands: (t) => [
      float([features, 3 * units], -1, 1),
      float([units, 3 * units], -1, 1),
      float([3 * units], -1, 1),
      float([b, units], -1, 1),
      float([t, b, features]),
    ],
  },
  {
    name: "a scan in the step",
    step: nestedStep,
    consts: 1,
    carry: 1,
    operands: (t) => [float([units], -1, 1), float([b, units], -1, 1), float([t, b, units], -1, 1)],
  },
  {
    name: "several carries, whole numbers among them",
    step: severalStep,
    consts: 1,
    carry: 4,
    operands: (t) => [
      float([b], -1, 1),
      { dtype: "int32", shape: [], from: 1, to: 3 },
      float([b], -1, 1),
      float([b], -1, 1),
      float([b], -1, 1),
      float([t, b], -1, 1),
    ],
  },
  {
    name: "dear values of constants, a mask and a stopped gradient",
    step: invariantStep,
    consts: 2,
    carry: 1,
    operands: (t) => [
      float([b], -1, 0),
      { dtype: "int32", shape: [2], from: 0, to: 99 },
      float([b], 0.2, 1),
      float([t, b], -1, 1),
    ],
  },
  {
    name: "no xs",
    step: stepGraph("free", [f(b), f(b)], (g, [a, h]) => {
      const next = un(g, "sin", mul(g, h, a));
      return [next, mul(g, next, a)];
    }),
    consts: 1,
    carry: 1,
    operands: () => [float([b]), float([b])],
  },
];

/** The scan of a recurrence as one node. */
export function rolled(
  g: Builder,
  { step, consts, carry }: Recurrence,
  length: Dim,
  reverse: boolean,
  ins: readonly Value[],
): readonly Value[] {
  const params: OpParams["scan"] = { body: step, length, reverse, consts, carry };
  return g.addAll("scan", params, ins);
}

/** The same with the step copied `length` times, nothing rolled. */
export function unrolled(
  g: Builder,
  { step, consts, carry }: Recurrence,
  length: number,
  reverse: boolean,
  ins: readonly Value[],
): readonly Value[] {
  let state = ins.slice(consts, consts + carry);
  const stacks: Value[][] = step.outputs.slice(carry).map(() => []);
  const order = Array.from({ length }, (_, t) => (reverse ? length - 1 - t : t));
  for (const t of order) {
    const xs = ins.slice(consts + carry).map((x) => g.reshape(g.sliceAxis(x, 0, t, t + 1), x.shape.slice(1)));
    const outs = inline(g, step, [...ins.slice(0, consts), ...state, ...xs]);
    state = outs.slice(0, carry);
    outs.slice(carry).forEach((y, i) => {
      stacks[i][t] = g.reshape(y, [1, ...y.shape]);
    });
  }
  return [...state, ...stacks.map((ys) => g.add("concat", { axis: 0 }, ys))];
}
