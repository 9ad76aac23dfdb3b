/** Cells of a user's own, as they are given to `defineCell`. */
import { defineCell, stateOf } from "../../../../src/nn/index.ts";
import {
  abs,
  add,
  argmax,
  cast,
  concat,
  cos,
  div,
  erf,
  floor,
  grad,
  greater,
  less,
  log,
  logicalAnd,
  logicalOr,
  matmul,
  max,
  maximum,
  minimum,
  mod,
  mul,
  neg,
  notEqual,
  oneHot,
  pad,
  pow,
  range,
  reverse,
  scan,
  where as select,
  sign,
  sin,
  size,
  slice,
  stopGradient,
  sub,
  sum,
  type Tensor,
  take,
  tanh,
} from "../../../../src/trace/index.ts";

export { mgu } from "../../../cells/cells.ts";

/** A cell of odd operations: a modulo of either sign, a sum over units, a quotient. */
export const oddCell = ({ units }: { readonly units: number }) =>
  defineCell({
    name: "odd",
    options: { units },
    params: (inputSize) => ({ w: [inputSize, units] }),
    state: { h: [units], total: [] },
    step({ params: { w }, state: { h, total }, x }) {
      const wrapped = sub(mod(add(matmul(x, w), h), 0.75), 0.25);
      const next = div(wrapped, add(maximum(sum(wrapped, -1, { keepDims: true }), 0.5), 1));
      return { y: next, state: { h: next, total: add(total, sum(next, -1)) } };
    },
  });

/** A cell with loops inside: one that stops by itself, and one over as many steps as its state says, perhaps none. */
export const loopCell = ({ units }: { readonly units: number }) =>
  defineCell({
    name: "loops",
    options: { units },
    params: (inputSize) => ({ w: [inputSize, units] }),
    state: { h: [units] },
    step({ params: { w }, state: { h }, x }) {
      const seen = matmul(x, w);
      const found = scan((before: Tensor) => ({ carry: add(mul(before, 0.5), seen), y: before }), {
        init: h,
        length: 6,
        until: (now) => greater(max(now), 0.25),
      });
      const settled = add(found.carry, mul(sum(found.ys, 0), div(cast(found.steps, "float32"), 100)));
      const steps = cast(mul(max(settled), 8), "int32");
      const walked = scan(({ total, odd }: Walk, t: Tensor) => oneStep(settled, { total, odd }, t), {
        init: { total: h, odd: greater(sum(h), 0) },
        xs: range(4),
        steps,
        reverse: true,
      });
      const flags = sum(cast(walked.ys, "float32"));
      const next = tanh(add(walked.carry.total, mul(flags, 0.1)));
      return { y: select(walked.carry.odd, next, neg(next)), state: { h: next } };
    },
  });

interface Walk {
  readonly total: Tensor;
  readonly odd: Tensor;
}

function oneStep(by: Tensor, { total, odd }: Walk, t: Tensor) {
  const next = add(total, mul(by, add(cast(t, "float32"), 1)));
  return { carry: { total: next, odd: notEqual(odd, greater(sum(next), 0)) }, y: greater(max(next), 0.5) };
}

/** A cell that moves numbers about: rows of tables, places, ends, order. */
export const movingCell = ({ units }: { readonly units: number }) =>
  defineCell({
    name: "moving",
    options: { units },
    outputSize: 2 * units,
    params: (inputSize) => ({ w: [inputSize, units], table: [units, units] }),
    state: { h: [units], place: stateOf([], "int32") },
    step({ params: { w, table }, state: { h, place }, x }) {
      const best = argmax(add(matmul(x, w), h), -1);
      const turned = matmul(matmul(h, table, { transposeB: true }), matmul(h, h, { transposeA: true }));
      const moved = add(add(take(table, best), turned), cast(oneHot(mod(add(best, place), units), units), "float32"));
      const shifted = slice(
        pad(
          reverse(moved, -1),
          [
            [0, 0],
            [2, 1],
          ],
          0.125,
        ),
        -1,
        1,
        units + 1,
      );
      const isUp = logicalOr(greater(shifted, 0), logicalAnd(less(shifted, -1), less(h, 0)));
      const bent = select(isUp, sin(shifted), sub(pow(abs(shifted), 1.5), erf(cos(shifted))));
      const next = div(mul(sign(bent), log(add(stopGradient(abs(bent)), 1))), size(h, 0));
      return { y: floor(mul(concat([next, minimum(next, h)], -1), 16)), state: { h: next, place: best } };
    },
  });

/** A cell that changes a table of rows by a gradient before it reads it. */
export const learningCell = ({ units }: { readonly units: number }) =>
  defineCell({
    name: "learning",
    options: { units },
    params: (inputSize) => ({ w: [inputSize, units], table: [units, units] }),
    state: { h: [units] },
    step({ params: { w, table }, state: { h }, x }) {
      const best = argmax(add(matmul(x, w), h), -1);
      const change = grad((rows: Tensor) => sum(mul(take(rows, best), h)))(table);
      const next = tanh(add(take(sub(table, mul(change, 0.25)), best), h));
      return { y: next, state: { h: next } };
    },
  });
