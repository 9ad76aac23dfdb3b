/**
 * Learning-rate schedules: functions of the step counter, computed inside the compiled training step. `step` counts
 * updates already made, from 0. Formulas and names follow Keras, so that its schedules carry over.
 */
import { OptionError } from "../base/errors.ts";
import { checkOptionNames, finiteNumber, flag, readOptions, wholeNumber } from "../nn/options.ts";
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
import { expectOption, positive, rate, share } from "./options.ts";

/** A learning rate over time. `options` is its serialised form. */
export interface Schedule {
  readonly kind: string;
  readonly options: Readonly<Record<string, unknown>>;
  /** step int32 [] -> rate float32 [] */
  at(step: Tensor): Tensor;
}

/** The same rate at every step. */
export function constant(rate: number): Schedule {
  expectOption("constant", "rate", rate, atLeast0());
  return { kind: "constant", options: { rate }, at: () => full([], rate) };
}

/** initialLearningRate * decayRate ^ (step / decaySteps); with `staircase` the exponent is rounded down. */
export function exponentialDecay(options: {
  initialLearningRate: number;
  decaySteps: number;
  decayRate: number;
  staircase?: boolean;
}): Schedule {
  const rules = {
    initialLearningRate: atLeast0(),
    decaySteps: positive(),
    decayRate: positive(),
    staircase: flag(false),
  };
  const all = readOptions("exponentialDecay", options, rules);
  return {
    kind: "exponentialDecay",
    options: all,
    at: (step) => {
      const passed = mul(asFloat(step), 1 / all.decaySteps);
      // r^p = e^(p ln r)
      const power = exp(mul(all.staircase ? floor(passed) : passed, Math.log(all.decayRate)));
      return mul(power, all.initialLearningRate);
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
  const rules = {
    initialLearningRate: atLeast0(),
    decaySteps: positive(),
    alpha: share(0),
    warmupTarget: atLeast0(options.initialLearningRate),
    warmupSteps: atLeast0(0),
  };
  const all = readOptions("cosineDecay", options, rules);
  const { initialLearningRate: first, decaySteps, alpha, warmupTarget: top } = all;
  const warmupSteps = options.warmupTarget === undefined ? 0 : all.warmupSteps;
  return {
    kind: "cosineDecay",
    options: { ...options },
    at: (step) => {
      const passed = asFloat(step);
      const done = mul(minimum(maximum(sub(passed, warmupSteps), 0), decaySteps), 1 / decaySteps);
      const falling = mul(add(mul(add(cos(mul(done, Math.PI)), 1), (1 - alpha) / 2), alpha), top);
      if (warmupSteps === 0) return falling;
      const rising = add(mul(passed, (top - first) / warmupSteps), first);
      return where(greater(passed, warmupSteps), falling, rising);
    },
  };
}

/** values[0] up to and including step boundaries[0], values[1] up to boundaries[1], ...; one value more than boundaries. */
export function piecewiseConstant(options: { boundaries: readonly number[]; values: readonly number[] }): Schedule {
  const name = "piecewiseConstant";
  checkOptionNames(name, options, ["boundaries", "values"]);
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
  const rules = {
    initialLearningRate: atLeast0(),
    decaySteps: positive(),
    endLearningRate: atLeast0(0.0001),
    power: positive(1),
  };
  const all = readOptions("polynomialDecay", options, rules);
  const { initialLearningRate: first, decaySteps, endLearningRate: end, power } = all;
  return {
    kind: "polynomialDecay",
    options: all,
    at: (step) => {
      const left = sub(1, mul(minimum(asFloat(step), decaySteps), 1 / decaySteps));
      // 0 ^ power is 0, but the logarithm behind `pow` is not defined there.
      const shaped = power === 1 ? left : where(greater(left, 0), pow(maximum(left, 1e-30), power), 0);
      return add(mul(shaped, first - end), end);
    },
  };
}

/** A line up to the first rate of `after` over `steps` steps (the first update already has 1 / steps of it), then `after` from its start. */
export function linearWarmup(options: { steps: number; after: Schedule | number }): Schedule {
  const { steps, after } = readOptions("linearWarmup", options, { steps: wholeNumber(), after: rate<Schedule>() });
  const then = scheduleOf(after);
  return {
    kind: "linearWarmup",
    options: { steps, after: { kind: then.kind, ...then.options } },
    at: (step) => {
      const rise = minimum(mul(add(asFloat(step), 1), 1 / steps), 1);
      return mul(rise, then.at(maximum(sub(step, steps), 0)));
    },
  };
}

/** A schedule given as a number or as it is. */
export function scheduleOf(rate: Schedule | number): Schedule {
  return typeof rate === "number" ? constant(rate) : rate;
}

function atLeast0(fallback?: number): ReturnType<typeof finiteNumber> {
  return finiteNumber(fallback, 0);
}

function asFloat(step: Tensor): Tensor {
  return cast(step, "float32");
}
