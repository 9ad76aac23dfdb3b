/**
 * Learning-rate schedules: functions of the step counter, computed inside the compiled training step. `step` counts
 * updates already made, from 0. Formulas and names follow Keras, so that its schedules carry over.
 */
import { OptionError } from "../base/errors.ts";
import {
  add,
  cast,
  cos,
  exp,
  floor,
  full,
  greater,
  maximum,
  minimum,
  mul,
  pow,
  sub,
  type Tensor,
  where,
} from "../trace/index.ts";
import { expectKnown, expectNumber } from "./options.ts";

/** A learning rate over time. `options` is its serialised form. */
export interface Schedule {
  readonly kind: string;
  readonly options: Readonly<Record<string, unknown>>;
  /** step int32 [] -> rate float32 [] */
  at(step: Tensor): Tensor;
}

/** The same rate at every step. */
export function constant(rate: number): Schedule {
  expectNumber("constant", "rate", rate, { atLeast: 0 });
  return { kind: "constant", options: { rate }, at: () => full([], rate) };
}

/** initialLearningRate * decayRate ^ (step / decaySteps); with `staircase` the exponent is rounded down. */
export function exponentialDecay(options: {
  initialLearningRate: number;
  decaySteps: number;
  decayRate: number;
  staircase?: boolean;
}): Schedule {
  const where = "exponentialDecay";
  expectKnown(where, options, ["initialLearningRate", "decaySteps", "decayRate", "staircase"]);
  const initial = expectNumber(where, "initialLearningRate", options.initialLearningRate, { atLeast: 0 });
  const decaySteps = expectNumber(where, "decaySteps", options.decaySteps, { above: 0 });
  const decayRate = expectNumber(where, "decayRate", options.decayRate, { above: 0 });
  const staircase = options.staircase ?? false;
  return {
    kind: where,
    options: { ...options },
    at: (step) => {
      const passed = mul(asFloat(step), 1 / decaySteps);
      // r^p = e^(p ln r)
      return mul(exp(mul(staircase ? floor(passed) : passed, Math.log(decayRate))), initial);
    },
  };
}

/**
 * Half a cosine from the initial rate down to alpha times it over `decaySteps`. With `warmupTarget`, first a line from
 * `initialLearningRate` to it over `warmupSteps`, and the cosine begins there.
 */
export function cosineDecay(options: {
  initialLearningRate: number;
  decaySteps: number;
  alpha?: number;
  warmupTarget?: number;
  warmupSteps?: number;
}): Schedule {
  const name = "cosineDecay";
  expectKnown(name, options, ["initialLearningRate", "decaySteps", "alpha", "warmupTarget", "warmupSteps"]);
  const initial = expectNumber(name, "initialLearningRate", options.initialLearningRate, { atLeast: 0 });
  const decaySteps = expectNumber(name, "decaySteps", options.decaySteps, { above: 0 });
  const alpha = expectNumber(name, "alpha", options.alpha ?? 0, { atLeast: 0, atMost: 1 });
  const warms = options.warmupTarget !== undefined;
  const top = warms ? expectNumber(name, "warmupTarget", options.warmupTarget, { atLeast: 0 }) : initial;
  const warmupSteps = warms ? expectNumber(name, "warmupSteps", options.warmupSteps ?? 0, { atLeast: 0 }) : 0;
  return {
    kind: name,
    options: { ...options },
    at: (step) => {
      const passed = asFloat(step);
      const share = mul(minimum(maximum(sub(passed, warmupSteps), 0), decaySteps), 1 / decaySteps);
      const falling = mul(add(mul(add(cos(mul(share, Math.PI)), 1), (1 - alpha) / 2), alpha), top);
      if (warmupSteps === 0) return falling;
      const rising = add(mul(passed, (top - initial) / warmupSteps), initial);
      return where(greater(passed, warmupSteps), falling, rising);
    },
  };
}

/** values[0] up to and including step boundaries[0], values[1] up to boundaries[1], ...; one value more than boundaries. */
export function piecewiseConstant(options: { boundaries: readonly number[]; values: readonly number[] }): Schedule {
  const name = "piecewiseConstant";
  expectKnown(name, options, ["boundaries", "values"]);
  const { boundaries, values } = options;
  if (values.length !== boundaries.length + 1 || boundaries.some((b, i) => i > 0 && b <= boundaries[i - 1])) {
    throw new OptionError(
      `${name}: expected growing boundaries and one value more than boundaries, got ${boundaries.length} boundaries [${boundaries.join(", ")}] and ${values.length} values. Add or remove a value.`,
      { boundaries, values },
    );
  }
  return {
    kind: name,
    options: { boundaries: [...boundaries], values: [...values] },
    at: (step) => {
      let rate: Tensor = full([], values[0]);
      boundaries.forEach((boundary, i) => {
        rate = where(greater(asFloat(step), boundary), values[i + 1], rate);
      });
      return rate;
    },
  };
}

/** From the initial rate to `endLearningRate` over `decaySteps` as (1 - step / decaySteps) ^ power, then constant. */
export function polynomialDecay(options: {
  initialLearningRate: number;
  decaySteps: number;
  endLearningRate?: number;
  power?: number;
}): Schedule {
  const name = "polynomialDecay";
  expectKnown(name, options, ["initialLearningRate", "decaySteps", "endLearningRate", "power"]);
  const initial = expectNumber(name, "initialLearningRate", options.initialLearningRate, { atLeast: 0 });
  const decaySteps = expectNumber(name, "decaySteps", options.decaySteps, { above: 0 });
  const end = expectNumber(name, "endLearningRate", options.endLearningRate ?? 0.0001, { atLeast: 0 });
  const power = expectNumber(name, "power", options.power ?? 1, { above: 0 });
  return {
    kind: name,
    options: { ...options },
    at: (step) => {
      const left = sub(1, mul(minimum(asFloat(step), decaySteps), 1 / decaySteps));
      // 0 ^ power is 0, but the logarithm behind `pow` is not defined there.
      const shaped = power === 1 ? left : where(greater(left, 0), pow(maximum(left, 1e-30), power), 0);
      return add(mul(shaped, initial - end), end);
    },
  };
}

/** A line up to the first rate of `after` over `steps` steps (the first update already has 1 / steps of it), then `after` from its start. */
export function linearWarmup(options: { steps: number; after: Schedule | number }): Schedule {
  const name = "linearWarmup";
  expectKnown(name, options, ["steps", "after"]);
  const steps = expectNumber(name, "steps", options.steps, { atLeast: 1, whole: true });
  const after = scheduleOf(options.after);
  return {
    kind: name,
    options: { steps, after: { kind: after.kind, ...after.options } },
    at: (step) => {
      const rise = minimum(mul(add(asFloat(step), 1), 1 / steps), 1);
      return mul(rise, after.at(maximum(sub(step, steps), 0)));
    },
  };
}

/** A schedule given as a number or as it is. */
export function scheduleOf(rate: Schedule | number): Schedule {
  return typeof rate === "number" ? constant(rate) : rate;
}

function asFloat(step: Tensor): Tensor {
  return cast(step, "float32");
}
