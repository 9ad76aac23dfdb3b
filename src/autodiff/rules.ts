/** The gradient rule of every op: one total table. The rules lie by family beside it. */
import type { OpName } from "../graph/ops.ts";
import { matmulRule, reduceRule } from "./contract.ts";
import * as elementwise from "./elementwise.ts";
import * as move from "./move.ts";
import { none, type VjpRule } from "./rule.ts";
import { scanRule } from "./scan.ts";

export const vjpRules: { readonly [K in OpName]: VjpRule<K> } = {
  ...elementwise.unaryRules,
  add: elementwise.addRule,
  sub: elementwise.subRule,
  mul: elementwise.mulRule,
  div: elementwise.divRule,
  mod: elementwise.modRule,
  pow: elementwise.powRule,
  max: elementwise.extremumRule,
  min: elementwise.extremumRule,
  less: none,
  lessEqual: none,
  equal: none,
  and: none,
  or: none,
  constant: none,
  dimSize: none,
  iota: none,
  select: elementwise.selectRule,
  cast: elementwise.castRule,
  broadcast: move.broadcastRule,
  reshape: move.reshapeRule,
  transpose: move.transposeRule,
  slice: move.sliceRule,
  pad: move.padRule,
  concat: move.concatRule,
  reverse: move.reverseRule,
  gather: move.gatherRule,
  scatterAdd: move.scatterAddRule,
  reduce: reduceRule,
  argmax: none,
  matmul: matmulRule,
  random: none,
  stopGradient: none,
  named: move.identityRule,
  scan: scanRule,
};
