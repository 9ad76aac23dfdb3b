/** Every op in the words of ONNX: the total table. */
import type { Node } from "../../../graph/graph.ts";
import type { OpName } from "../../../graph/ops.ts";
import { argmax, matmul, reduce } from "./contract.ts";
import { binary, cast, max, mod, order, same, select, unary } from "./elementwise.ts";
import { scan } from "./loop.ts";
import {
  broadcast,
  concat,
  constant,
  dimSize,
  gather,
  iota,
  pad,
  random,
  reshape,
  reverse,
  scatterAdd,
  slice,
  transpose,
} from "./move.ts";
import type { Place, Rule } from "./place.ts";

/** How each op is spelled. */
export const onnxRules: { readonly [K in OpName]: Rule<K> } = {
  neg: unary("Neg"),
  abs: unary("Abs"),
  sign: unary("Sign"),
  floor: unary("Floor"),
  sqrt: unary("Sqrt"),
  exp: unary("Exp"),
  log: unary("Log"),
  tanh: unary("Tanh"),
  sigmoid: unary("Sigmoid"),
  erf: unary("Erf"),
  sin: unary("Sin"),
  cos: unary("Cos"),
  not: unary("Not"),
  add: binary("Add"),
  sub: binary("Sub"),
  mul: binary("Mul"),
  div: binary("Div"),
  mod,
  pow: binary("Pow"),
  max,
  min: binary("Min"),
  less: order("Less"),
  lessEqual: order("LessOrEqual"),
  equal: binary("Equal"),
  and: binary("And"),
  or: binary("Or"),
  constant,
  dimSize,
  iota,
  select,
  cast,
  broadcast,
  reshape,
  transpose,
  slice,
  pad,
  concat,
  reverse,
  gather,
  scatterAdd,
  reduce,
  argmax,
  matmul,
  random,
  stopGradient: same,
  named: same,
  scan,
};

/** Spells one node. */
export function spellNode(node: Node, at: Place): readonly string[] {
  return (onnxRules[node.op] as Rule<OpName>)(node, at);
}
