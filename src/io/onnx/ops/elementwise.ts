/** Operators on elements: arithmetic, comparisons, activations. What is known stays known. */
import { type Dim, isSymbolic, multiplyDims } from "../../../base/dims.ts";
import type { DType } from "../../../base/dtypes.ts";
import {
  abs,
  add,
  cast,
  clip as clipped,
  cos,
  div,
  equal,
  erf,
  exp,
  expm1,
  floor,
  greater,
  greaterEqual,
  less,
  lessEqual,
  log,
  logicalAnd,
  logicalNot,
  logicalOr,
  maximum,
  minimum,
  mod,
  mul,
  neg,
  notEqual,
  pow,
  relu,
  where as select,
  sigmoid,
  sign,
  sin,
  softplus,
  sqrt,
  sub,
  type Tensor,
  tanh,
} from "../../../trace/index.ts";
import type { Call, Rule } from "../evaluate.ts";
import { elementName } from "../tensors.ts";
import { isKnown, type Known, numbersOf, tensorOf, type Value } from "../value.ts";
import { elu, hardSigmoid, leakyRelu, mish, selu, softsign, thresholdedRelu } from "./activations.ts";
import {
  as,
  attribute,
  flag,
  float,
  floats,
  has,
  int,
  knownNumbers,
  type Rules,
  refuse,
  tensor,
  text,
  value,
} from "./call.ts";
import { type Fold, foldOne, folds, foldTwo, onNumbers } from "./fold.ts";
import { dtypeOf } from "./types.ts";

/** A function of float32. */
const floating = (apply: (x: Tensor, call: Call) => Tensor, fold?: (x: number) => number): Rule => {
  return (call) => {
    const x = value(call, 0);
    const known = isKnown(x) && fold !== undefined ? foldNumbers(x, fold) : undefined;
    return [known ?? apply(floats(call, 0), call)];
  };
};

/** A function of float32 and int32. */
const numeric = (apply: (x: Tensor) => Tensor, fold: (x: Dim) => Dim | undefined): Rule => {
  return (call) => {
    const x = value(call, 0);
    return [(isKnown(x) ? foldOne(x, x.dtype, fold) : undefined) ?? apply(tensor(call, 0))];
  };
};

function foldNumbers(x: Known, fold: (x: number) => number): Known | undefined {
  return foldOne(x, x.dtype, (one) => (isSymbolic(one) ? undefined : Math.fround(fold(one))));
}

/** A function of two, whose shapes are broadcast. */
const binary = (apply: (x: Tensor, y: Tensor, call: Call) => Tensor, fold: Fold, gives?: DType): Rule => {
  return (call) => {
    const [x, y] = [value(call, 0), value(call, 1)];
    const known = isKnown(x) && isKnown(y) ? foldTwo(x, y, gives ?? x.dtype, fold) : undefined;
    if (known !== undefined) return [known];
    const [left, right] = alike([tensor(call, 0), tensor(call, 1)]);
    return [apply(left, right, call)];
  };
};

/** Tensors of one type: ONNX has more types than Recurve, so that two of its own may meet here. */
function alike(xs: readonly Tensor[]): readonly Tensor[] {
  if (xs.every(({ dtype }) => dtype === xs[0].dtype)) return xs;
  const dtype = xs.some((x) => x.dtype === "float32") ? "float32" : "int32";
  return xs.map((x) => cast(x, dtype));
}

/** A function of any number of tensors. */
const variadic = (apply: (x: Tensor, y: Tensor) => Tensor, fold: Fold): Rule => {
  return (call) => {
    const all = call.ins.map((_, i) => value(call, i));
    const two = (a: Tensor | Known, b: Tensor | Known): Tensor | Known => {
      const known = isKnown(a) && isKnown(b) ? foldTwo(a, b, a.dtype, fold) : undefined;
      const [left, right] = [a, b].map((one) => tensorOf(one, call.where));
      return known ?? apply(...(alike([left, right]) as [Tensor, Tensor]));
    };
    return [all.reduce(two)];
  };
};

/** Whole numbers are cut towards zero. */
function divide(x: Tensor, y: Tensor): Tensor {
  return x.dtype === "float32" ? div(x, y) : cast(div(cast(x, "float32"), cast(y, "float32")), "int32");
}

/** The remainder with the sign of y, or with `fmod` that of x. */
function remainder(x: Tensor, y: Tensor, call: Call): Tensor {
  if (!flag(call, "fmod")) return mod(x, y);
  const rest = mod(abs(x), abs(y));
  return mul(sign(x), rest);
}

function power(x: Tensor, y: Tensor, call: Call): Tensor {
  const exponent = knownNumbers(call, 1);
  if (exponent?.length === 1 && exponent[0] === 2 && y.rank <= x.rank) return mul(x, x);
  const result = pow(cast(x, "float32"), cast(y, "float32"));
  return cast(result, x.dtype);
}

/** To the nearest whole number, of two the even one. */
function round(x: Tensor): Tensor {
  const near = floor(add(x, 0.5));
  const isOdd = notEqual(mod(near, 2), 0);
  return select(logicalAnd(equal(sub(near, x), 0.5), isOdd), sub(near, 1), near);
}

const compare = (apply: (x: Tensor, y: Tensor) => Tensor, fold: Fold): Rule => binary(apply, fold, "bool");
const logical = (apply: (x: Tensor, y: Tensor) => Tensor, fold: (a: number, b: number) => boolean): Rule =>
  binary((x, y) => apply(as(x, "bool"), as(y, "bool")), onNumbers(fold), "bool");

/** Within bounds that are attributes up to opset 10 and inputs later. */
function clip(call: Call): readonly Value[] {
  const x = tensor(call, 0);
  const bound = (name: string, i: number): Tensor | number | undefined =>
    has(call, i) ? as(tensor(call, i), x.dtype) : attribute(call, name, "float");
  const [low, high] = [bound("min", 1), bound("max", 2)];
  if (low !== undefined && high !== undefined) return [clipped(x, low, high)];
  if (low !== undefined) return [maximum(x, low)];
  return [high === undefined ? x : minimum(x, high)];
}

function whereRule(call: Call): readonly Value[] {
  const [condition, a, b] = [value(call, 0), value(call, 1), value(call, 2)];
  if (isKnown(condition) && isKnown(a) && isKnown(b)) {
    const chosen = numbersOf(condition);
    // One condition for all, or all of one shape: what exporters do with shapes.
    const same = a.elements.length === b.elements.length && [1, a.elements.length].includes(chosen?.length ?? -1);
    if (chosen !== undefined && same && a.shape.length === b.shape.length && condition.shape.length <= a.shape.length) {
      const at = (i: number): number => chosen[chosen.length === 1 ? 0 : i];
      return [{ ...a, elements: Array.from(a.elements, (one, i) => (at(i) !== 0 ? one : b.elements[i])) }];
    }
  }
  const [left, right] = alike([tensor(call, 1), tensor(call, 2)]);
  return [select(as(tensor(call, 0), "bool"), left, right)];
}

/** Another type. Among known elements free sizes stay what they are. */
function castRule(call: Call): readonly Value[] {
  const x = value(call, 0);
  const to = call.node.opType === "CastLike" ? tensor(call, 1).dtype : targetOf(call);
  if (isKnown(x)) {
    const known = foldOne(x, to, (one) => castElement(one, to));
    if (known !== undefined) return [known];
  }
  return [cast(tensor(call, 0), to)];
}

function castElement(one: Dim, to: DType): Dim | undefined {
  if (to === "float32") return one;
  if (isSymbolic(one)) return to === "bool" ? undefined : one;
  return to === "bool" ? Number(one !== 0) : Math.trunc(one);
}

function targetOf(call: Call): DType {
  const name = elementName(int(call, "to", 0), call.where);
  return dtypeOf(name) ?? refuse(call, "a type of numbers that Recurve has", name);
}

const same: Rule = ({ ins }) => [ins[0]];

/** The mean of the inputs. */
function meanOfAll(call: Call): readonly Value[] {
  const total = call.ins.map((_, i) => floats(call, i)).reduce((a, b) => add(a, b));
  return [div(total, call.ins.length)];
}

function gelu(x: Tensor, call: Call): Tensor {
  if (text(call, "approximate", "none") !== "tanh") return mul(mul(x, 0.5), add(erf(mul(x, Math.SQRT1_2)), 1));
  // sqrt(2 / pi) (x + 0.044715 x^3)
  const inner = mul(add(x, mul(mul(mul(x, x), x), 0.044715)), Math.sqrt(2 / Math.PI));
  return mul(mul(x, 0.5), add(tanh(inner), 1));
}

const alpha = (call: Call, usual: number): number => float(call, "alpha", usual);

export const elementwiseRules: Rules = {
  Add: binary(add, folds.add),
  Sub: binary(sub, folds.sub),
  Mul: binary(mul, folds.mul),
  Div: binary(divide, folds.div),
  Mod: binary(
    remainder,
    onNumbers((a, b) => ((a % b) + b) % b),
  ),
  Pow: binary(
    power,
    onNumbers((a, b) => a ** b),
  ),
  Min: variadic(minimum, onNumbers(Math.min)),
  Max: variadic(maximum, onNumbers(Math.max)),
  Sum: variadic(add, folds.add),
  Mean: meanOfAll,
  Equal: compare(equal, folds.equal),
  Less: compare(
    less,
    onNumbers((a, b) => a < b),
  ),
  LessOrEqual: compare(
    lessEqual,
    onNumbers((a, b) => a <= b),
  ),
  Greater: compare(
    greater,
    onNumbers((a, b) => a > b),
  ),
  GreaterOrEqual: compare(
    greaterEqual,
    onNumbers((a, b) => a >= b),
  ),
  And: logical(logicalAnd, (a, b) => a !== 0 && b !== 0),
  Or: logical(logicalOr, (a, b) => a !== 0 || b !== 0),
  Xor: logical(notEqual, (a, b) => (a !== 0) !== (b !== 0)),
  Not: (call) => {
    const x = value(call, 0);
    const known = isKnown(x)
      ? foldOne(x, "bool", (one) => (isSymbolic(one) ? undefined : Number(one === 0)))
      : undefined;
    return [known ?? logicalNot(as(tensor(call, 0), "bool"))];
  },
  Where: whereRule,
  Cast: castRule,
  CastLike: castRule,
  Clip: clip,
  Identity: same,
  Dropout: (call) => [call.ins[0]],
  Neg: numeric(neg, (x) => multiplyDims(-1, x)),
  Abs: numeric(abs, (x) => (isSymbolic(x) ? x : Math.abs(x))),
  Sign: numeric(sign, (x) => (isSymbolic(x) ? undefined : Math.sign(x))),
  Floor: floating(floor, Math.floor),
  Ceil: floating((x) => neg(floor(neg(x))), Math.ceil),
  Round: floating(round),
  Sqrt: floating(sqrt, Math.sqrt),
  Reciprocal: floating(
    (x) => div(1, x),
    (x) => 1 / x,
  ),
  Exp: floating(exp, Math.exp),
  Log: floating(log, Math.log),
  Sin: floating(sin),
  Cos: floating(cos),
  Tan: floating((x) => div(sin(x), cos(x))),
  Sinh: floating((x) => mul(sub(exp(x), exp(neg(x))), 0.5)),
  Cosh: floating((x) => mul(add(exp(x), exp(neg(x))), 0.5)),
  Erf: floating(erf),
  IsNaN: floating((x) => notEqual(x, x)),
  IsInf: floating((x) => equal(abs(x), Number.POSITIVE_INFINITY)),
  Tanh: floating(tanh),
  Sigmoid: floating(sigmoid),
  Relu: (call) => [tensor(call, 0).dtype === "float32" ? relu(tensor(call, 0)) : maximum(tensor(call, 0), 0)],
  Softplus: floating(softplus),
  Softsign: floating(softsign),
  LeakyRelu: floating((x, call) => leakyRelu(x, alpha(call, 0.01))),
  ThresholdedRelu: floating((x, call) => thresholdedRelu(x, alpha(call, 1))),
  PRelu: (call) => [select(less(floats(call, 0), 0), mul(floats(call, 0), floats(call, 1)), floats(call, 0))],
  Elu: floating((x, call) => elu(x, alpha(call, 1))),
  // max(0, x) + min(0, alpha (e^(x / alpha) - 1))
  Celu: floating((x, call) => add(relu(x), mul(expm1(minimum(div(x, alpha(call, 1)), 0)), alpha(call, 1)))),
  Selu: floating((x, call) => selu(x, alpha(call, 1.6732632423543772), float(call, "gamma", 1.0507009873554805))),
  HardSigmoid: floating((x, call) => hardSigmoid(x, alpha(call, 0.2), float(call, "beta", 0.5))),
  HardSwish: floating((x) => mul(x, hardSigmoid(x, 1 / 6, 0.5))),
  Swish: floating((x, call) => mul(x, sigmoid(mul(x, alpha(call, 1))))),
  Gelu: floating(gelu),
  Mish: floating(mish),
};
