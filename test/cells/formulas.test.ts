/**
 * The cells for which no other framework's numbers are at hand, against their papers' formulas written out in plain
 * numbers. Those that Keras, PyTorch, TensorFlow 1 and ONNX Runtime have are in `test/parity`.
 */
import { expect, test } from "vitest";
import { leavesOf, type Tree } from "../../src/base/trees.ts";
import {
  type Cell,
  clockworkCell,
  gruCell,
  highwayCell,
  indRNNCell,
  intersectionRNNCell,
  lstmCell,
  mguCell,
  nasCell,
  phasedLSTMCell,
  residualCell,
  runCell,
  simpleRNNCell,
  sruCell,
  ugrnnCell,
  weightNormCell,
} from "../../src/nn/index.ts";
import { compile, type Tensor, tensor } from "../../src/trace/index.ts";
import { paramsOf, random } from "./cells.ts";

type Row = readonly number[];
type Weights = { readonly [path: string]: Matrix };
type State = { readonly [name: string]: Row };
/** One step in plain numbers: what a row of inputs and states gives. */
type Formula = (x: Row, state: State, w: Weights, step: number, time: number) => { y: Row; state: State };

/** A weight as rows; a vector is one row. */
type Matrix = readonly Row[];

const sigmoid = (v: number): number => 1 / (1 + Math.exp(-v));
const relu = (v: number): number => Math.max(v, 0);
const tanh = Math.tanh;
const zip = (f: (...vs: number[]) => number, ...rows: Row[]): number[] =>
  rows[0].map((_, i) => f(...rows.map((row) => row[i])));
const plus = (...rows: Row[]): number[] => zip((...vs) => vs.reduce((a, b) => a + b), ...rows);
const times = (...rows: Row[]): number[] => zip((...vs) => vs.reduce((a, b) => a * b), ...rows);
const product = (x: Row, m: Matrix): number[] => m[0].map((_, j) => x.reduce((total, v, i) => total + v * m[i][j], 0));
const split = (row: Row, parts: number): number[][] =>
  Array.from(
    { length: parts },
    (_, p) => row.slice((p * row.length) / parts, ((p + 1) * row.length) / parts) as number[],
  );
const mix = (gate: Row, a: Row, b: Row): number[] => zip((g, v, w) => g * v + (1 - g) * w, gate, a, b);
const map = (row: Row, f: (v: number) => number): number[] => row.map(f);

/** Layer normalisation of each of some parts by itself, times a gain. */
function normal(row: Row, gain: Row, parts: number, epsilon: number): number[] {
  const all = split(row, parts).flatMap((part) => {
    const mean = part.reduce((a, b) => a + b) / part.length;
    const variance = part.reduce((a, b) => a + (b - mean) ** 2, 0) / part.length;
    return part.map((v) => (v - mean) / Math.sqrt(variance + epsilon));
  });
  return times(all, gain);
}

const sums = (x: Row, h: Row, w: Weights): number[] =>
  plus(product(x, w.kernel), product(h, w.recurrentKernel), w.bias[0]);

const epsilon = 0.01;

const formulas: {
  readonly [name: string]: { readonly cell: Cell; readonly inputs?: number[][]; readonly f: Formula };
} = {
  "minimal gated unit": {
    cell: mguCell({ units: 3 }),
    f(x, { h }, w) {
      const [xf, xn] = split(plus(product(x, w.kernel), w.bias[0]), 2);
      const gate = map(plus(xf, split(product(h, w.recurrentKernel), 2)[0]), sigmoid);
      const n = map(plus(xn, split(product(times(gate, h), w.recurrentKernel), 2)[1]), tanh);
      const y = mix(gate, n, h);
      return { y, state: { h: y } };
    },
  },
  UGRNN: {
    cell: ugrnnCell({ units: 3 }),
    f(x, { h }, w) {
      const [g, n] = split(sums(x, h, w), 2);
      const y = mix(map(g, sigmoid), h, map(n, tanh));
      return { y, state: { h: y } };
    },
  },
  "intersection RNN": {
    cell: intersectionRNNCell({ units: 2 }),
    f(x, { h }, w) {
      const [g, n, d, o] = split(sums(x, h, w), 4);
      return { y: mix(map(d, sigmoid), x, map(o, relu)), state: { h: mix(map(g, sigmoid), h, map(n, tanh)) } };
    },
  },
  IndRNN: {
    cell: indRNNCell({ units: 3 }),
    f(x, { h }, w) {
      const y = map(plus(product(x, w.kernel), times(h, w.recurrentKernel[0]), w.bias[0]), relu);
      return { y, state: { h: y } };
    },
  },
  "SRU with peepholes": {
    cell: sruCell({ units: 3, usePeepholes: true }),
    f(x, { c }, w) {
      const [n, f, r, s] = split(product(x, w.kernel), 4);
      const [bf, br] = split(w.bias[0], 2);
      const [vf, vr] = split(w.peephole[0], 2);
      const next = mix(map(plus(f, bf, times(vf, c)), sigmoid), c, n);
      return { y: mix(map(plus(r, br, times(vr, c)), sigmoid), map(next, tanh), s), state: { c: next } };
    },
  },
  NAS: {
    cell: nasCell({ units: 3, useBias: true }),
    f(x, { h, c }, w) {
      const a = split(product(x, w.kernel), 8);
      const m = split(plus(product(h, w.recurrentKernel), w.bias[0]), 8);
      const p = a.map((one, k) => (k === 3 ? times(one, m[k]) : plus(one, m[k])));
      const [l0, l1] = [times(map(p[0], sigmoid), map(p[1], relu)), plus(map(p[2], sigmoid), map(p[3], relu))];
      const [l2, l3] = [times(map(p[4], tanh), map(p[5], sigmoid)), plus(map(p[6], tanh), map(p[7], sigmoid))];
      const next = times(map(plus(map(l0, tanh), c), tanh), map(l1, tanh));
      const y = map(times(next, map(plus(map(l2, tanh), map(l3, sigmoid)), tanh)), tanh);
      return { y, state: { h: y, c: next } };
    },
  },
  "phased LSTM": {
    cell: phasedLSTMCell({ units: 3, leak: 0.1 }),
    inputs: [[2], [1]],
    f(x, { h, c }, w, _step, time) {
      const [i, f, g, o] = split(sums(x, h, w), 4);
      const memory = plus(times(map(f, sigmoid), c), times(map(i, sigmoid), map(g, tanh)));
      const shown = times(map(o, sigmoid), map(memory, tanh));
      const k = w.logPeriod[0].map((logPeriod, j) => {
        const turns = time / Math.exp(logPeriod) - w.phase[0][j];
        const cycle = turns - Math.floor(turns);
        const r = w.ratioOn[0][j];
        return cycle < r / 2 ? (2 * cycle) / r : cycle < r ? 2 - (2 * cycle) / r : 0.1 * cycle;
      });
      const y = mix(k, shown, h);
      return { y, state: { h: y, c: mix(k, memory, c) } };
    },
  },
  clockwork: {
    cell: clockworkCell({ units: 4, periods: [1, 3] }),
    f(x, { h }, w, step) {
      const period = [1, 1, 3, 3];
      const u = w.recurrentKernel.map((row, i) => row.map((v, j) => (period[i] >= period[j] ? v : 0)));
      const next = map(plus(product(x, w.kernel), product(h, u), w.bias[0]), tanh);
      const y = next.map((v, j) => (step % period[j] === 0 ? v : h[j]));
      return { y, state: { h: y } };
    },
  },
  "simple RNN, normalised": {
    cell: simpleRNNCell({ units: 3, layerNorm: true, epsilon }),
    f(x, { h }, w) {
      const sum = plus(product(x, w.kernel), product(h, w.recurrentKernel));
      const y = map(plus(normal(sum, w.gain[0], 1, epsilon), w.bias[0]), tanh);
      return { y, state: { h: y } };
    },
  },
  "LSTM, normalised": {
    cell: lstmCell({ units: 3, layerNorm: true, epsilon }),
    f(x, { h, c }, w) {
      const sum = plus(product(x, w.kernel), product(h, w.recurrentKernel));
      const [i, f, g, o] = split(plus(normal(sum, w.gain[0], 4, epsilon), w.bias[0]), 4);
      const written = plus(times(map(f, sigmoid), c), times(map(i, sigmoid), map(g, tanh)));
      const next = plus(normal(written, w.cellGain[0], 1, epsilon), w.cellBias[0]);
      const y = times(map(o, sigmoid), map(next, tanh));
      return { y, state: { h: y, c: next } };
    },
  },
  "LSTM with coupled gates and peepholes": {
    cell: lstmCell({ units: 3, coupledGates: true, usePeepholes: true }),
    f(x, { h, c }, w) {
      const [f, g, o] = split(sums(x, h, w), 3);
      const [pf, po] = split(w.peephole[0], 2);
      const next = mix(map(plus(f, times(pf, c)), sigmoid), c, map(g, tanh));
      const y = times(map(plus(o, times(po, next)), sigmoid), map(next, tanh));
      return { y, state: { h: y, c: next } };
    },
  },
  "GRU, reset after, normalised": {
    cell: gruCell({ units: 3, layerNorm: true, epsilon }),
    f(x, { h }, w) {
      const [xz, xr, xn] = split(plus(normal(product(x, w.kernel), w.gain[0], 3, epsilon), w.bias[0]), 3);
      const [hz, hr, hn] = split(plus(normal(product(h, w.recurrentKernel), w.gain[1], 3, epsilon), w.bias[1]), 3);
      const n = map(plus(xn, times(map(plus(xr, hr), sigmoid), hn)), tanh);
      const y = mix(map(plus(xz, hz), sigmoid), h, n);
      return { y, state: { h: y } };
    },
  },
  "residual of a weight-normed simple RNN": {
    cell: residualCell(weightNormCell(simpleRNNCell({ units: 2 }))),
    f(x, { h }, w) {
      const scaled = (m: Matrix, gain: Row): Matrix =>
        m.map((row) => row.map((v, j) => (v * gain[j]) / Math.hypot(...m.map((one) => one[j]))));
      const [kernel, recurrentKernel] = ["kernel", "recurrentKernel"].map((name) =>
        scaled(w[`cell.${name}`], w[`gain.${name}`][0]),
      );
      const next = map(sums(x, h, { kernel, recurrentKernel, bias: w["cell.bias"] }), tanh);
      return { y: plus(x, next), state: { h: next } };
    },
  },
  "highway of a simple RNN with two gates": {
    cell: highwayCell(simpleRNNCell({ units: 2 }), { coupleGates: false }),
    f(x, { h }, w) {
      const gate = (name: string): Row => map(plus(product(x, w[`${name}.kernel`]), w[`${name}.bias`][0]), sigmoid);
      const cell = { kernel: w["cell.kernel"], recurrentKernel: w["cell.recurrentKernel"], bias: w["cell.bias"] };
      const next = map(sums(x, h, cell), tanh);
      return { y: plus(times(gate("carry"), x), times(gate("transform"), next)), state: { h: next } };
    },
  },
};

test.each(Object.keys(formulas))("%s: what its formula says, at each of five steps", (name) => {
  const { cell, inputs = [[2]], f } = formulas[name];
  const params = paramsOf({ make: () => cell, inputs });
  const t = 5;
  const x = random([1, t, 2], 90);
  const time = tensor([0.3, 1.1, 4.2, 4.3, 9], { shape: [1, t, 1] });
  const xs = inputs.length === 1 ? [x] : [x, time];
  const got = compile((given: Tree<Tensor>, all: Tensor[]) => runCell(cell, { params: given, x: all }).y, {
    backend: "interpreter",
  })(params, xs);
  const weights = Object.fromEntries(leavesOf<Tensor>(params).map(({ path, leaf }) => [path, matrixOf(leaf)]));
  const shapes = leavesOf(cell.state(inputs));
  let state: State = Object.fromEntries(
    shapes.map(({ path, leaf }) => [path, Array<number>(leaf.shape[0] as number).fill(0)]),
  );
  const want = Array.from({ length: t }, (_, step) => {
    const row = [...x.data()].slice(2 * step, 2 * step + 2);
    const result = f(row, state, weights, step, time.data()[step]);
    state = result.state;
    return result.y;
  }).flat();
  expect(got.data().length).toBe(want.length);
  // What goes in and comes out is float32.
  got.data().forEach((value, i) => {
    expect(Math.abs(value - want[i]), `${i}`).toBeLessThanOrEqual(2e-6);
  });
});

test("what a cell starts as: open gates, gains of one, periods between their bounds", () => {
  const spec = (cell: Cell, inputs: number[][], path: string) =>
    leavesOf(cell.params(inputs)).find((one) => one.path === path)?.leaf.initializer;
  expect(spec(lstmCell({ units: 2 }), [[2]], "bias")).toEqual({ forget: "ones", rest: "zeros" });
  expect(spec(lstmCell({ units: 2, unitForgetBias: false }), [[2]], "bias")).toBe("zeros");
  expect(spec(ugrnnCell({ units: 2 }), [[2]], "bias")).toEqual({ update: "ones", rest: "zeros" });
  expect(spec(intersectionRNNCell({ units: 2 }), [[2]], "bias")).toEqual({
    update: "ones",
    depth: "ones",
    rest: "zeros",
  });
  expect(spec(gruCell({ units: 2, layerNorm: true }), [[2]], "gain")).toBe("ones");
  expect(spec(highwayCell(simpleRNNCell({ units: 2 }), { carryBias: 2 }), [[2]], "carry.bias")).toEqual({
    name: "constant",
    value: 2,
  });
  const phased = phasedLSTMCell({
    units: 2,
    periodInitMin: 2,
    periodInitMax: 8,
    ratioOn: 0.2,
    trainableRatioOn: false,
  });
  expect(spec(phased, [[2], [1]], "logPeriod")).toEqual({
    name: "randomUniform",
    minimum: Math.log(2),
    maximum: Math.log(8),
  });
  const ratioOn = leavesOf(phased.params([[2], [1]])).find(({ path }) => path === "ratioOn")?.leaf;
  expect(ratioOn).toMatchObject({ initializer: { name: "constant", value: 0.2 }, trainable: false });
});

function matrixOf(x: Tensor): Matrix {
  const width = x.shape.at(-1) as number;
  const data = [...x.data()];
  return Array.from({ length: data.length / width }, (_, i) => data.slice(i * width, (i + 1) * width));
}
