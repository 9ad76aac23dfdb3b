/** Laws of scan: rolled = unrolled, values and first and second gradients, for recurrences of every form. */
import { describe, expect, test } from "vitest";
import { gradients } from "../../src/autodiff/vjp.ts";
import { symbol } from "../../src/base/dims.ts";
import { Builder } from "../../src/graph/build.ts";
import { checkGraph } from "../../src/graph/check.ts";
import type { Graph, Value } from "../../src/graph/graph.ts";
import { interpret } from "../../src/graph/interpret.ts";
import { stepGraph } from "../ops/bodies.ts";
import { argumentsOf, expectClose, float } from "../ops/harness.ts";
import { lstmStep, type Recurrence, recurrences, rolled, unrolled } from "./recurrences.ts";

type Form = typeof rolled | typeof unrolled;

/** Results of a scan; or the gradients of order 1 or 2 of their weighted sum, for each float operand. */
function build(recurrence: Recurrence, form: Form, length: number, reverse: boolean, order: 0 | 1 | 2): Graph {
  const g = new Builder("test");
  const operands = recurrence.operands(length);
  const ins = operands.map(({ dtype, shape }, i) => g.input(`in${i}`, { dtype, shape }));
  const outs = form(g, recurrence, length, reverse, ins);
  if (order === 0) return checkGraph(g.finish(outs));
  const wrt = ins.filter(({ dtype }) => dtype === "float32");
  const first = gradients(g, weightedSum(g, outs), wrt);
  if (order === 1) return checkGraph(g.finish(first));
  return checkGraph(g.finish(gradients(g, weightedSum(g, first), wrt)));
}

/** Every element with a weight of its own, so that no two can be exchanged unnoticed. */
function weightedSum(g: Builder, values: readonly Value[]): Value {
  const sums = values
    .filter(({ dtype }) => dtype === "float32")
    .map((value, i) => {
      const key = g.add("constant", { dtype: "int32", shape: [2], data: Int32Array.of(7, i) }, []);
      const weights = g.add("random", { shape: value.shape, distribution: "uniform" }, [key]);
      return g.sum(
        g.add("mul", {}, [value, weights]),
        value.shape.map((_, axis) => axis),
      );
    });
  return sums.reduce((x, y) => g.add("add", {}, [x, y]));
}

const orderNames = ["values", "gradients", "gradients of gradients"] as const;

describe.each(recurrences)("a scan of $name", (recurrence) => {
  for (const [length, reverse] of [
    [4, false],
    [4, true],
    [1, false],
  ] as const) {
    for (const order of [0, 1, 2] as const) {
      test(`has the ${orderNames[order]} of its steps written out (${length} steps${reverse ? ", backwards" : ""})`, () => {
        const dims = { b: 2 };
        const args = argumentsOf({ name: "", operands: recurrence.operands(length), dims, build: () => [] });
        const wanted = interpret(build(recurrence, unrolled, length, reverse, order), args, dims);
        const got = interpret(build(recurrence, rolled, length, reverse, order), args, dims);
        wanted.forEach((values, i) => {
          expectClose(got[i], values, 1e-12);
        });
      });
    }
  }

  test("hands back its initial carry, with gradient one, when there are no steps", () => {
    const dims = { b: 2 };
    const { consts, carry } = recurrence;
    const args = argumentsOf({ name: "", operands: recurrence.operands(0), dims, build: () => [] });
    const values = interpret(build(recurrence, rolled, 0, false, 0), args, dims);
    for (let i = 0; i < carry; i++) expect([...values[i]]).toEqual([...args[consts + i]]);
    const grads = interpret(build(recurrence, rolled, 0, false, 1), args, dims);
    const floats = recurrence.operands(0).flatMap(({ dtype }, i) => (dtype === "float32" ? [i] : []));
    floats.forEach((position, i) => {
      const isCarry = position >= consts && position < consts + carry;
      expect(grads[i].every((x) => x !== 0)).toBe(isCarry || grads[i].length === 0);
    });
  });
});

// x [t,b,2] -> h [t,b,3]: the recurrence that the graph should mean, as numbers only.
function plainLstm(
  w: Float64Array,
  u: Float64Array,
  bias: Float64Array,
  h: Float64Array,
  c: Float64Array,
  x: Float64Array,
  t: number,
  b: number,
): { h: Float64Array; c: Float64Array; ys: number[] } {
  const sigmoid = (v: number): number => 1 / (1 + Math.exp(-v));
  const ys: number[] = [];
  for (let s = 0; s < t; s++) {
    const before = h.slice();
    for (let r = 0; r < b; r++) {
      for (let j = 0; j < 3; j++) {
        const z = [0, 1, 2, 3].map((gate) => {
          const at = gate * 3 + j;
          let sum = bias[at];
          for (let k = 0; k < 2; k++) sum += x[(s * b + r) * 2 + k] * w[k * 12 + at];
          for (let k = 0; k < 3; k++) sum += before[r * 3 + k] * u[k * 12 + at];
          return sum;
        });
        c[r * 3 + j] = sigmoid(z[1]) * c[r * 3 + j] + sigmoid(z[0]) * Math.tanh(z[2]);
        h[r * 3 + j] = sigmoid(z[3]) * Math.tanh(c[r * 3 + j]);
      }
    }
    ys.push(...h);
  }
  return { h, c, ys };
}

test("a scan of an LSTM cell computes what a plain loop over numbers computes, at any b and t", () => {
  const t = symbol("t");
  const lstm = recurrences[0];
  const g = new Builder("lstm");
  const ins = lstm.operands(t).map(({ dtype, shape }, i) => g.input(`in${i}`, { dtype, shape }));
  const graph = checkGraph(g.finish(rolled(g, lstm, t, false, ins)));
  for (const dims of [
    { b: 1, t: 1 },
    { b: 3, t: 5 },
  ]) {
    const args = argumentsOf({ name: "", operands: lstm.operands(t), dims, build: () => [] });
    const [w, u, bias, h, c, x] = args.map((arg) => Float64Array.from(arg));
    const wanted = plainLstm(w, u, bias, h, c, x, dims.t, dims.b);
    const got = interpret(graph, args, dims);
    expectClose(got[0], wanted.h, 1e-14);
    expectClose(got[1], wanted.c, 1e-14);
    expectClose(got[2], wanted.ys, 1e-14);
  }
});

/** The backward scan of an LSTM whose loss reads `outputs` of it. */
function lstmBackward(outputs: readonly number[]): { forward: Graph; backward: Graph; saved: number } {
  const t = symbol("t");
  const lstm = recurrences[0];
  const g = new Builder("train");
  const ins = lstm.operands(t).map(({ dtype, shape }, i) => g.input(`in${i}`, { dtype, shape }));
  const outs = rolled(g, lstm, t, false, ins);
  gradients(
    g,
    weightedSum(
      g,
      outputs.map((i) => outs[i]),
    ),
    ins.slice(0, 3),
  );
  const scans = g.nodes.flatMap((node) => (node.op === "scan" ? [node] : []));
  expect(scans.length).toBe(2);
  const [forward, backward] = scans.map((node) => node.params.body);
  return { forward, backward, saved: forward.outputs.length - lstmStep.outputs.length };
}

test("the backward pass of an LSTM saves seven values of [b, units] a step and repeats nothing dear", () => {
  const { forward, backward, saved } = lstmBackward([2]);
  // Gates i, f, g, o, tanh(c), and the carry h, c as it enters the step.
  expect(saved).toBe(7);
  expect(forward.outputs.slice(3).every(({ shape }) => shape.length === 2 && shape[1] === 3)).toBe(true);
  const ops = backward.nodes.map(({ op }) => op);
  expect(ops.filter((op) => op === "matmul").length).toBe(3); // dW, dU and dh; no gradient of x was asked for.
  expect(ops.filter((op) => op === "tanh" || op === "sigmoid" || op === "exp")).toEqual([]);
});

test("a gradient that stops short of a carry carries nothing for it", () => {
  const f = { dtype: "float32" as const, shape: [2] };
  const step = stepGraph("two", [f, f, f], (g, [h, k, x]) => [g.add("mul", {}, [h, x]), g.add("add", {}, [k, x])]);
  const g = new Builder("test");
  const ins = [float([2]), float([2]), float([3, 2])].map(({ dtype, shape }, i) => g.input(`in${i}`, { dtype, shape }));
  const [h] = g.addAll("scan", { body: step, length: 3, reverse: false, consts: 0, carry: 2 }, ins);
  gradients(g, g.sum(h, [0]), [ins[0]]);
  const backward = g.nodes.flatMap((node) => (node.op === "scan" ? [node.params] : [])).at(-1);
  expect(backward?.carry).toBe(1);
  expect(backward?.body.outputs.length).toBe(1);
});

test("the graph of a gradient is no larger for a thousand steps than for ten", () => {
  const sizes = [10, 1000].map((length) => build(recurrences[0], rolled, length, false, 1).nodes.length);
  expect(sizes[0]).toBe(sizes[1]);
});
