/** What differentiation asks of every op besides its rule. One total table. */
import type { BinaryOp, OpName, UnaryOp } from "../graph/ops.ts";

export interface Trait {
  /** Whether a gradient can flow through the op at all. */
  readonly flows: boolean;
  /** Whether the backward pass computes the result again rather than load it: true where that costs about as much as a load. */
  readonly again: boolean;
}

const cheap: Trait = { flows: true, again: true };
const costly: Trait = { flows: true, again: false };
const cheapStop: Trait = { flows: false, again: true };
const costlyStop: Trait = { flows: false, again: false };

const elementwise: { readonly [K in UnaryOp | BinaryOp]: Trait } = {
  neg: cheap,
  abs: cheap,
  sign: cheapStop,
  floor: cheapStop,
  sqrt: costly,
  exp: costly,
  log: costly,
  tanh: costly,
  sigmoid: costly,
  erf: costly,
  sin: costly,
  cos: costly,
  not: cheapStop,
  add: cheap,
  sub: cheap,
  mul: cheap,
  div: cheap,
  mod: cheap,
  pow: costly,
  max: cheap,
  min: cheap,
  less: cheapStop,
  lessEqual: cheapStop,
  equal: cheapStop,
  and: cheapStop,
  or: cheapStop,
};

export const traits: { readonly [K in OpName]: Trait } = {
  ...elementwise,
  constant: cheapStop,
  dimSize: cheapStop,
  iota: cheapStop,
  select: cheap,
  cast: cheap,
  broadcast: cheap,
  reshape: cheap,
  transpose: cheap,
  slice: cheap,
  pad: cheap,
  concat: cheap,
  reverse: cheap,
  gather: costly,
  scatterAdd: costly,
  reduce: costly,
  argmax: costlyStop,
  matmul: costly,
  // Counter-based: its bits come from the key alone.
  random: cheapStop,
  stopGradient: cheapStop,
  named: cheap,
  scan: costly,
};
