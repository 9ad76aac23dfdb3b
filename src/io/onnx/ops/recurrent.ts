/**
 * LSTM, GRU and RNN of ONNX (https://onnx.ai/onnx/operators/onnx__LSTM.html), each direction one scan. Where ONNX Runtime
 * and the text differ, it is as in ONNX Runtime: `clip` keeps what gates are given, not the cell's state.
 */
import { equalDims } from "../../../base/dims.ts";
import { formatShape } from "../../../base/shapes.ts";
import {
  add,
  clip as clipped,
  concat,
  expandDims,
  less,
  matmul,
  mul,
  range,
  reshape,
  scan,
  where as select,
  slice,
  split,
  squeeze,
  stack,
  sub,
  type Tensor,
  transpose,
  zeros,
} from "../../../trace/index.ts";
import type { Call } from "../evaluate.ts";
import { type Activation, activationsOf } from "./activations.ts";
import { attribute, flag, floats, has, int, type Rules, refuse, tensor, text } from "./call.ts";

/** One direction of a node: its weights, as products take them. */
interface Direction {
  /** [in, gates * units] and [units, gates * units]. */
  readonly kernel: Tensor;
  readonly recurrent: Tensor;
  /** [gates * units] each. */
  readonly bias: Tensor | undefined;
  readonly recurrentBias: Tensor | undefined;
  /** [units] each: of the input, output and forget gate. */
  readonly peepholes: readonly Tensor[] | undefined;
  readonly activations: readonly Activation[];
  /** What an activation is given, within bounds. */
  readonly bounded: (x: Tensor) => Tensor;
  readonly units: number;
}

type State = Readonly<Record<string, Tensor>>;

interface Kind {
  readonly gates: number;
  readonly activations: readonly string[];
  readonly states: readonly string[];
  /** One step: x [b, in]. */
  step(direction: Direction, call: Call): (state: State, x: Tensor) => State;
}

const kinds: { readonly [K in "RNN" | "GRU" | "LSTM"]: Kind } = {
  RNN: { gates: 1, activations: ["Tanh"], states: ["h"], step: rnnStep },
  GRU: { gates: 3, activations: ["Sigmoid", "Tanh"], states: ["h"], step: gruStep },
  LSTM: { gates: 4, activations: ["Sigmoid", "Tanh", "Tanh"], states: ["h", "c"], step: lstmStep },
};

export const recurrentRules: Rules = {
  RNN: (call) => recurrent(call, kinds.RNN),
  GRU: (call) => recurrent(call, kinds.GRU),
  LSTM: (call) => recurrent(call, kinds.LSTM),
};

/** h' = f(x W + h R + b). */
function rnnStep({ activations: [f], bounded, ...own }: Direction): (state: State, x: Tensor) => State {
  return ({ h }, x) => ({ h: f(bounded(add(withBias(matmul(x, own.kernel), own.bias), product(h, own)))) });
}

/** Gates z, r, h. z = f(..), r = f(..), n = g(..), h' = (1 - z) n + z h. */
function gruStep(own: Direction, call: Call): (state: State, x: Tensor) => State {
  const isLinearFirst = int(call, "linear_before_reset", 0) !== 0;
  const { units, bounded, kernel, recurrent, bias, recurrentBias } = own;
  const [f, g] = own.activations;
  const part = (w: Tensor | undefined, from: number, to: number): Tensor | undefined =>
    w && slice(w, -1, from * units, to * units);
  return ({ h }, x) => {
    const [xz, xr, xn] = split(withBias(matmul(x, kernel), bias), 3);
    const candidate = (left: Tensor): Tensor =>
      withBias(matmul(left, slice(recurrent, -1, 2 * units)), part(recurrentBias, 2, 3));
    const gates = withBias(matmul(h, slice(recurrent, -1, 0, 2 * units)), part(recurrentBias, 0, 2));
    const [hz, hr] = isLinearFirst ? split(product(h, own), 3) : split(gates, 2);
    const r = f(bounded(add(xr, hr)));
    const hn = isLinearFirst ? mul(r, split(product(h, own), 3)[2]) : candidate(mul(r, h));
    const z = f(bounded(add(xz, hz)));
    return { h: add(mul(sub(1, z), g(bounded(add(xn, hn)))), mul(z, h)) };
  };
}

/** Gates i, o, f, c. c' = f c + i g(..), h' = o h(c'). */
function lstmStep(own: Direction, call: Call): (state: State, x: Tensor) => State {
  const isCoupled = flag(call, "input_forget");
  const { bounded, peepholes: [pi, po, pf] = [] } = own;
  const [gate, candidate, output] = own.activations;
  const seen = (x: Tensor, p: Tensor | undefined, c: Tensor): Tensor => (p === undefined ? x : add(x, mul(p, c)));
  return ({ h, c }, x) => {
    const [xi, xo, xf, xc] = split(add(withBias(matmul(x, own.kernel), own.bias), product(h, own)), 4);
    const i = gate(bounded(seen(xi, pi, c)));
    const f = isCoupled ? sub(1, i) : gate(bounded(seen(xf, pf, c)));
    const next = add(mul(f, c), mul(i, candidate(bounded(xc))));
    const o = gate(bounded(seen(xo, po, next)));
    return { h: mul(o, output(next)), c: next };
  };
}

function product(h: Tensor, { recurrent, recurrentBias }: Pick<Direction, "recurrent" | "recurrentBias">): Tensor {
  return withBias(matmul(h, recurrent), recurrentBias);
}

function withBias(x: Tensor, bias: Tensor | undefined): Tensor {
  return bias === undefined ? x : add(x, bias);
}

const directionNames = ["forward", "reverse", "bidirectional"];

/** X [t, b, in] -> Y [t, directions, b, units], and each state after the last step, [directions, b, units]. */
function recurrent(call: Call, kind: Kind): readonly Tensor[] {
  const isBatchFirst = flag(call, "layout");
  const name = text(call, "direction", "forward");
  if (!directionNames.includes(name))
    refuse(call, `a direction of ${directionNames.join(", ")}`, `"${name.slice(0, 80)}"`);
  const count = name === "bidirectional" ? 2 : 1;
  const given = floats(call, 0);
  if (given.rank !== 3) refuse(call, "an input of three axes", `${given.rank}`, "Give [time, batch, features]");
  const x = isBatchFirst ? transpose(given, [1, 0, 2]) : given;
  const mask = maskOf(call, x);
  const runs = Array.from({ length: count }, (_, d) => {
    const own = directionOf(call, kind, d, count);
    const initial = kind.states.map((_, s) => initialOf(call, { x, units: own.units, at: 5 + s, d, isBatchFirst }));
    return run(kind.step(own, call), { x, mask, initial, states: kind.states, reverse: name === "reverse" || d === 1 });
  });
  const axis = isBatchFirst ? 2 : 1;
  const ys = runs.map(({ y }) => (isBatchFirst ? transpose(y, [1, 0, 2]) : y));
  const last = kind.states.map((state) =>
    stack(
      runs.map(({ carry }) => carry[state]),
      isBatchFirst ? 1 : 0,
    ),
  );
  return [
    concat(
      ys.map((y) => expandDims(y, axis)),
      axis,
    ),
    ...last,
  ];
}

/** The weights of direction d of a node. */
function directionOf(call: Call, { gates, activations }: Kind, d: number, count: number): Direction {
  const [w, r] = [1, 2].map((i) => transpose(squeeze(slice(floats(call, i), 0, d, d + 1), 0), [1, 0]));
  const units = r.shape[0] as number;
  const b = has(call, 3) ? squeeze(slice(floats(call, 3), 0, d, d + 1), 0) : undefined;
  const [bias, recurrentBias] = b === undefined ? [] : split(b, 2, 0);
  const p = gates === 4 && has(call, 7) ? squeeze(slice(floats(call, 7), 0, d, d + 1), 0) : undefined;
  const limit = attribute(call, "clip", "float");
  const all = activationsOf(call, activations, count);
  return {
    kernel: w,
    recurrent: r,
    bias,
    recurrentBias,
    peepholes: p && split(p, 3, 0),
    activations: all.slice(d * activations.length, (d + 1) * activations.length),
    bounded: (x) => (limit === undefined || limit === 0 ? x : clipped(x, -limit, limit)),
    units,
  };
}

interface Initial {
  readonly x: Tensor;
  readonly units: number;
  readonly at: number;
  readonly d: number;
  readonly isBatchFirst: boolean;
}

/** The state that a direction starts from, [b, units]: zeros if none is given. */
function initialOf(call: Call, { x, units, at, d, isBatchFirst }: Initial): Tensor {
  if (!has(call, at)) return zeros([x.shape[1], units]);
  const axis = isBatchFirst ? 1 : 0;
  const given = squeeze(slice(floats(call, at), axis, d, d + 1), axis);
  if (given.rank === 2 && equalDims(given.shape[1], units)) return given;
  return refuse(
    call,
    `an initial state of ${units} units`,
    formatShape(given.shape),
    "The operator has no projections: an LSTM with proj_size comes as a state_dict (.pt), not as ONNX",
  );
}

/** bool [t, b], true for the first steps of each row, where the node is given lengths. */
function maskOf(call: Call, x: Tensor): Tensor | undefined {
  if (!has(call, 4)) return undefined;
  const [t, b] = x.shape;
  return less(reshape(range(t), [t, 1]), reshape(tensor(call, 4), [1, b]));
}

interface Run {
  readonly x: Tensor;
  readonly mask: Tensor | undefined;
  readonly initial: readonly Tensor[];
  readonly states: readonly string[];
  readonly reverse: boolean;
}

/** One direction over the whole sequence. Steps that do not count keep the state, and give zeros. */
function run(step: (state: State, x: Tensor) => State, { x, mask, initial, states, reverse }: Run) {
  const init: State = Object.fromEntries(states.map((name, i) => [name, initial[i]]));
  const { carry, ys } = scan(
    (state: State, now: { readonly x: Tensor; readonly counts?: Tensor }) => {
      const next = step(state, now.x);
      if (now.counts === undefined) return { carry: next, y: next.h };
      const counts = expandDims(now.counts, 1);
      const kept = Object.fromEntries(states.map((name) => [name, select(counts, next[name], state[name])]));
      return { carry: kept, y: select(counts, next.h, 0) };
    },
    { init, xs: mask === undefined ? { x } : { x, counts: mask }, reverse },
  );
  return { carry, y: ys };
}
