/** Activation functions of ONNX: those that recurrent nodes name, with their alpha and beta, and those that are nodes. */
import {
  abs,
  add,
  div,
  exp,
  expm1,
  greater,
  greaterEqual,
  maximum,
  minimum,
  mul,
  relu,
  where as select,
  sigmoid,
  softplus,
  sub,
  type Tensor,
  tanh,
} from "../../../trace/index.ts";
import type { Call } from "../evaluate.ts";
import { attribute, refuse } from "./call.ts";

export type Activation = (x: Tensor) => Tensor;

interface ActivationRule {
  /** The usual alpha and beta, as far as the function has them. */
  readonly usual: readonly number[];
  apply(x: Tensor, alpha: number, beta: number): Tensor;
}

export const leakyRelu = (x: Tensor, alpha: number): Tensor => select(greaterEqual(x, 0), x, mul(x, alpha));
export const thresholdedRelu = (x: Tensor, alpha: number): Tensor => select(greater(x, alpha), x, 0);
export const hardSigmoid = (x: Tensor, alpha: number, beta: number): Tensor =>
  minimum(maximum(add(mul(x, alpha), beta), 0), 1);
/** x for x >= 0, else alpha (e^x - 1), which sees no positive x. */
export const elu = (x: Tensor, alpha: number): Tensor =>
  select(greaterEqual(x, 0), x, mul(expm1(minimum(x, 0)), alpha));
export const softsign = (x: Tensor): Tensor => div(x, add(abs(x), 1));

/** By name in small letters, which is how ONNX Runtime compares them. */
const rules: ReadonlyMap<string, ActivationRule> = new Map<string, ActivationRule>([
  ["relu", { usual: [], apply: relu }],
  ["tanh", { usual: [], apply: tanh }],
  ["sigmoid", { usual: [], apply: sigmoid }],
  ["softsign", { usual: [], apply: softsign }],
  ["softplus", { usual: [], apply: softplus }],
  ["affine", { usual: [1, 0], apply: (x, alpha, beta) => add(mul(x, alpha), beta) }],
  ["leakyrelu", { usual: [0.01], apply: leakyRelu }],
  ["thresholdedrelu", { usual: [1], apply: thresholdedRelu }],
  ["scaledtanh", { usual: [1, 1], apply: (x, alpha, beta) => mul(tanh(mul(x, beta)), alpha) }],
  ["hardsigmoid", { usual: [0.2, 0.5], apply: hardSigmoid }],
  ["elu", { usual: [1], apply: elu }],
]);

/** The functions that a recurrent node names, `usual` for each direction if it names none. */
export function activationsOf(call: Call, usual: readonly string[], directions: number): readonly Activation[] {
  const named = attribute(call, "activations", "strings") ?? [];
  const names = named.length > 0 ? named : Array.from({ length: directions }, () => usual).flat();
  if (names.length !== usual.length * directions)
    return refuse(
      call,
      `${usual.length * directions} activations`,
      `${names.length}`,
      "Name one for each gate and direction",
    );
  // Each function takes the next alpha and beta, if it has such.
  const alphas = [...(attribute(call, "activation_alpha", "floats") ?? [])];
  const betas = [...(attribute(call, "activation_beta", "floats") ?? [])];
  return names.map((name) => {
    const rule = rules.get(name.toLowerCase());
    if (rule === undefined)
      return refuse(call, "an activation of ONNX", `"${name.slice(0, 80)}"`, "Choose another one");
    const [alpha = 0, beta = 0] = rule.usual;
    const own = [
      rule.usual.length > 0 ? (alphas.shift() ?? alpha) : 0,
      rule.usual.length > 1 ? (betas.shift() ?? beta) : 0,
    ];
    return (x) => rule.apply(x, own[0], own[1]);
  });
}

/** The exponential, for nodes of that name. */
export const exponential = exp;
/** mish(x) = x tanh(softplus(x)). */
export const mish = (x: Tensor): Tensor => mul(x, tanh(softplus(x)));
/** As selu, for any alpha and gamma. */
export const selu = (x: Tensor, alpha: number, gamma: number): Tensor =>
  mul(select(greater(x, 0), x, sub(mul(exp(minimum(x, 0)), alpha), alpha)), gamma);
