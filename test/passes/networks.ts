/** Recurrent networks as graphs, written with the builder alone, for tests of passes. No tests here. */

import { gradients } from "../../src/autodiff/vjp.ts";
import { multiplyDims, symbol } from "../../src/base/dims.ts";
import { Builder } from "../../src/graph/build.ts";
import type { Graph, Node, Value } from "../../src/graph/graph.ts";

const [b, t] = [symbol("b"), symbol("t")];
const [features, units, classes] = [5, 4, 3];
const float = (...shape: Value["shape"]): { dtype: "float32"; shape: Value["shape"] } => ({ dtype: "float32", shape });

type Step = (
  body: Builder,
  h: Value,
  states: readonly Value[],
  x: Value,
  weights: Readonly<Record<string, Value>>,
) => readonly Value[];

/** x W + h U + bias, cut in four: i, f, c, o. */
const lstmStep: Step = (body, h, [c], x, { w, u, bias }) => {
  const op = (name: "add" | "mul", l: Value, r: Value): Value => body.add(name, {}, [l, r]);
  const xw = body.add("matmul", { transposeA: false, transposeB: false }, [x, w]);
  const hu = body.add("matmul", { transposeA: false, transposeB: false }, [h, u]);
  const z = op("add", op("add", xw, hu), body.broadcastTo(bias, hu.shape));
  const gate = (i: number, fn: "tanh" | "sigmoid"): Value =>
    body.add(fn, {}, [body.sliceAxis(z, 1, i * units, (i + 1) * units)]);
  const next = op("add", op("mul", gate(1, "sigmoid"), c), op("mul", gate(0, "sigmoid"), gate(2, "tanh")));
  return [op("mul", gate(3, "sigmoid"), body.add("tanh", {}, [next])), next];
};

/** With the reset gate behind the recurrent product. */
const gruStep: Step = (body, h, _, x, { w, u, bias }) => {
  const op = (name: "add" | "sub" | "mul", l: Value, r: Value): Value => body.add(name, {}, [l, r]);
  const product = body.add("matmul", { transposeA: false, transposeB: false }, [x, w]);
  const xw = op("add", product, body.broadcastTo(bias, product.shape));
  const hu = body.add("matmul", { transposeA: false, transposeB: false }, [h, u]);
  const part = (v: Value, i: number): Value => body.sliceAxis(v, 1, i * units, (i + 1) * units);
  const z = body.add("sigmoid", {}, [op("add", part(xw, 0), part(hu, 0))]);
  const r = body.add("sigmoid", {}, [op("add", part(xw, 1), part(hu, 1))]);
  const candidate = body.add("tanh", {}, [op("add", part(xw, 2), op("mul", r, part(hu, 2)))]);
  const one = body.full(h.shape, 1);
  return [op("add", op("mul", z, h), op("mul", op("sub", one, z), candidate))];
};

export const cells = {
  lstm: { step: lstmStep, gates: 4, states: 2 },
  gru: { step: gruStep, gates: 3, states: 1 },
} as const;
export type CellName = keyof typeof cells;

interface Network {
  readonly builder: Builder;
  readonly weights: readonly Value[];
  readonly x: Value;
  /** Logits of every step: [t, b, classes]. */
  readonly ys: Value;
}

/** A cell with a dense head in its step, so that sinking has work. `layers` of them one on the other. */
function network(name: CellName, layers = 1): Network {
  const { step, gates, states } = cells[name];
  const builder = new Builder(name);
  const x = builder.input("x", float(t, b, features));
  const weights: Value[] = [];
  let ys = x;
  for (let layer = 0; layer < layers; layer++) {
    const size = ys.shape[2];
    const isLast = layer === layers - 1;
    const own = [
      float(size, gates * units),
      float(units, gates * units),
      float(gates * units),
      float(units, isLast ? classes : units),
    ].map((type, i) => builder.input(`${["w", "u", "bias", "head"][i]}${layer}`, type));
    weights.push(...own);
    const body = new Builder(`${name} step`);
    const [w, u, bias, head] = own.map((value, i) => body.input(`c${i}`, value));
    const carry = Array.from({ length: states }, (_, i) => body.input(`s${i}`, float(b, units)));
    const xt = body.input("xt", float(b, size));
    const next = step(body, carry[0], carry.slice(1), xt, { w, u, bias });
    const y = body.add("matmul", { transposeA: false, transposeB: false }, [next[0], head]);
    const params = { body: body.finish([...next, y]), length: t, reverse: false, consts: 4, carry: states };
    const outs = builder.addAll("scan", params, [...own, ...carry.map(() => builder.full([b, units], 0)), ys]);
    ys = outs[states];
  }
  return { builder, weights, x, ys };
}

/** All logits. */
export function forwardGraph(name: CellName, layers = 1): Graph {
  const { builder, ys } = network(name, layers);
  return builder.finish([ys]);
}

/** The mean square of the logits and its gradients by all weights and, if asked, x. */
export function trainingGraph(
  name: CellName,
  { layers = 1, wantX = false }: { layers?: number; wantX?: boolean } = {},
): Graph {
  const { builder, weights, x, ys } = network(name, layers);
  const count = builder.broadcastTo(builder.add("dimSize", { dim: multiplyDims(t, b), dtype: "float32" }, []), []);
  const loss = builder.add("div", {}, [builder.sum(builder.add("mul", {}, [ys, ys]), [0, 1, 2]), count]);
  return builder.finish([loss, ...gradients(builder, loss, wantX ? [...weights, x] : weights)]);
}

/** A loop over [t, b, 3] whose step the test writes; consts: w [3, 3]. */
export function loop(
  step: (body: Builder, h: Value, w: Value, x: Value) => { next: Value; ys: readonly Value[] },
  xs?: (builder: Builder, x: Value) => Value,
): Graph {
  const [b, t] = [symbol("b"), symbol("t")];
  const builder = new Builder("loop");
  const w = builder.input("w", { dtype: "float32", shape: [3, 3] });
  const x = builder.input("x", { dtype: "float32", shape: [t, b, 3] });
  const body = new Builder("step");
  const [innerW, h, innerX] = [
    body.input("w", w),
    body.input("h", { dtype: "float32", shape: [b, 3] }),
    body.input("x", { dtype: "float32", shape: [b, 3] }),
  ];
  const { next, ys } = step(body, h, innerW, innerX);
  const params = { body: body.finish([next, ...ys]), length: t, reverse: true, consts: 1, carry: 1 };
  return builder.finish(builder.addAll("scan", params, [w, builder.full([b, 3], 0.5), xs?.(builder, x) ?? x]));
}

/** x w */
export const product = (body: Builder, x: Value, w: Value): Value =>
  body.add("matmul", { transposeA: false, transposeB: false }, [x, w]);

/** How often each op occurs among nodes, bodies of scans left out. */
export function countOps(nodes: readonly Node[]): Record<string, number> {
  const count: Record<string, number> = {};
  for (const { op } of nodes) count[op] = (count[op] ?? 0) + 1;
  return count;
}

/** The bodies of the scans of a graph, in order. */
export function bodiesOf({ nodes }: Graph): Graph[] {
  return nodes.flatMap((node) => (node.op === "scan" ? [node.params.body] : []));
}
