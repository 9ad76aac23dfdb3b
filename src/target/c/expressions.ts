/**
 * Spells expressions as C. Indices are plain arithmetic in `ptrdiff_t`; all other integers wrap and go through the
 * functions of the header; floats use operators, and a product that is added to something is fused with the sum.
 */
import type { Dim } from "../../base/dims.ts";
import { internal } from "../../base/errors.ts";
import type { BinaryFn, Buffer, Expr, LoopType, UnaryFn, Variable } from "../../loops/ir.ts";

/** What spelling an expression needs to know of the program around it. */
export interface Scope {
  variable(variable: Variable): string;
  size(dim: Dim): string;
  buffer(buffer: Buffer): string;
  /** Whether an integer is made of indices only. */
  isIndex(x: Expr): boolean;
}

/** C text and how tightly it binds: the higher, the looser. */
interface Text {
  readonly text: string;
  readonly level: number;
}
const atom = 0;
const prefix = 1;
const product = 2;
const sum = 3;
const comparison = 4;
const bitwise = 5;
const conjunction = 6;
const choice = 7;

/** The C type of a value. */
export function typeName({ scalar, lanes }: LoopType): string {
  if (lanes > 1) return `${scalar}x${lanes}`;
  return scalar === "f32" ? "float" : scalar === "i32" ? "int32_t" : "bool";
}

/** The value of an expression. */
export function valueText(x: Expr, scope: Scope): string {
  return spell(x, scope).text;
}

/** An integer that says where or how often. */
export function indexText(x: Expr, scope: Scope): string {
  return spellIndex(x, scope).text;
}

/** A place in memory as a pointer. */
export function pointerText(buffer: Buffer, index: Expr, scope: Scope): string {
  const at = spellIndex(index, scope).text;
  return at === "0" ? scope.buffer(buffer) : `&${scope.buffer(buffer)}[${at}]`;
}

function within({ text, level }: Text, limit: number): string {
  return level <= limit ? text : `(${text})`;
}

function call(name: string, ...operands: readonly string[]): Text {
  return { text: `${name}(${operands.join(", ")})`, level: atom };
}

/** A type as the endings of functions have it. */
function ending({ scalar, lanes }: LoopType): string {
  return lanes === 1 ? scalar : `${scalar}x${lanes}`;
}

function spell(x: Expr, scope: Scope): Text {
  switch (x.kind) {
    case "const":
      return constant(x.value, x.type);
    case "ref":
      return { text: scope.variable(x.variable), level: atom };
    case "size":
      return { text: scope.size(x.dim), level: atom };
    case "load":
      if (x.type.lanes > 1) return call(`load_${ending(x.type)}`, pointerText(x.buffer, x.index, scope));
      return { text: `${scope.buffer(x.buffer)}[${indexText(x.index, scope)}]`, level: atom };
    case "unary":
      return unary(x.fn, x, scope);
    case "binary":
      return binary(x, scope);
    case "select":
      return select(x, scope);
    case "cast":
      return cast(x.x, x.type, scope);
    case "splat":
      return call(`splat_${ending(x.type)}`, valueText(x.x, scope));
    case "ramp":
      return call(
        `ramp_${ending(x.type)}`,
        scope.isIndex(x.base) ? indexText(x.base, scope) : valueText(x.base, scope),
      );
    case "lane":
      return call(`lane_${ending(x.x.type)}`, valueText(x.x, scope), String(x.lane));
    default:
      return x satisfies never;
  }
}

// ---- constants ------------------------------------------------------------------------------------------------------

function constant(value: number, type: LoopType): Text {
  const one = scalarConstant(value, type);
  return type.lanes === 1 ? one : call(`splat_${ending(type)}`, one.text);
}

function scalarConstant(value: number, { scalar }: LoopType): Text {
  if (scalar === "bool") return { text: value === 0 ? "false" : "true", level: atom };
  if (scalar === "i32") {
    const text = value === -0x80000000 ? "INT32_MIN" : String(value | 0);
    return { text, level: text.startsWith("-") ? prefix : atom };
  }
  const text = floatText(Math.abs(value));
  const negative = value < 0 || Object.is(value, -0);
  return negative ? { text: `-${text}`, level: prefix } : { text, level: atom };
}

/** The shortest decimal that is this float32. */
function floatText(value: number): string {
  const wanted = Math.fround(value);
  if (Number.isNaN(wanted)) return "NAN";
  if (wanted === Infinity) return "INFINITY";
  let digits = 1;
  while (Math.fround(Number(wanted.toPrecision(digits))) !== wanted) digits++;
  const text = String(Number(wanted.toPrecision(digits)));
  return /[.e]/.test(text) ? `${text}f` : `${text}.0f`;
}

/** The number that an expression always is, in every lane. */
function constantOf(x: Expr): number | undefined {
  if (x.kind === "const") return x.value;
  return x.kind === "splat" ? constantOf(x.x) : undefined;
}

// ---- functions ------------------------------------------------------------------------------------------------------

function unary(fn: UnaryFn, { x, type }: Expr & { kind: "unary" }, scope: Scope): Text {
  const of = ending(type);
  if (fn === "neg" && type.scalar === "f32") return { text: `-${within(spell(x, scope), atom)}`, level: prefix };
  if (fn === "not" && type.lanes === 1) return { text: `!${within(spell(x, scope), atom)}`, level: prefix };
  // All others are functions of the header or, where they are made of several operations, of the network.
  if (fn === "bitsToFloat") return call(`${of}_of_bits`, valueText(x, scope));
  if (fn === "floatToBits") return call(`bits_of_${ending(x.type)}`, valueText(x, scope));
  return call(`${fn}_${of}`, valueText(x, scope));
}

type Binary = Expr & { kind: "binary" };
type BinaryRule = (x: Binary, scope: Scope) => Text;

const byName: BinaryRule = ({ fn, a, b }, scope) =>
  call(`${fn}_${ending(a.type)}`, valueText(a, scope), valueText(b, scope));

/** An operator for floats, a function that wraps for integers. */
const arithmetic =
  (operator: string, level: number): BinaryRule =>
  (x, scope) =>
    x.type.scalar === "f32" ? infix(operator, level, x, scope) : byName(x, scope);

/** Bitwise of integers, and of single bools what C has for conditions. */
const logical =
  (operator: string): BinaryRule =>
  (x, scope) => {
    if (x.type.scalar === "i32") return infix(operator, bitwise, x, scope);
    return x.type.lanes === 1 ? infix(operator.repeat(2), conjunction, x, scope) : byName(x, scope);
  };

const compare =
  (operator: string): BinaryRule =>
  (x, scope) => {
    if (x.a.type.lanes > 1) return byName(x, scope);
    const asIndices = scope.isIndex(x.a) && scope.isIndex(x.b);
    const [a, b] = [x.a, x.b].map((side) => (asIndices ? spellIndex(side, scope) : spell(side, scope)));
    return { text: `${within(a, sum)} ${operator} ${within(b, sum)}`, level: comparison };
  };

const binaryRules: Readonly<Record<BinaryFn, BinaryRule>> = {
  add: (x, scope) => fused(x, scope) ?? arithmetic("+", sum)(x, scope),
  sub: (x, scope) => fused(x, scope) ?? arithmetic("-", sum)(x, scope),
  mul: arithmetic("*", product),
  div: arithmetic("/", product),
  mod: remainder,
  pow: ({ fn, type }) =>
    internal(`the C target does not spell ${fn} of ${ending(type)}; it should have been decomposed`),
  max: extreme,
  min: extreme,
  and: logical("&"),
  or: logical("|"),
  xor: logical("^"),
  shl: byName,
  shr: byName,
  less: compare("<"),
  lessEqual: compare("<="),
  equal: compare("=="),
};

function binary(x: Binary, scope: Scope): Text {
  return binaryRules[x.fn](x, scope);
}

/** How loose the sides of an operator may be. Sums of floats are not associative: the right side is closer. */
const sides: Readonly<Record<number, readonly [number, number]>> = {
  [product]: [product, prefix],
  [sum]: [sum, product],
  [bitwise]: [prefix, prefix],
  [conjunction]: [comparison, comparison],
};

function infix(operator: string, level: number, { a, b }: Binary, scope: Scope): Text {
  const [left, right] = sides[level];
  return { text: `${within(spell(a, scope), left)} ${operator} ${within(spell(b, scope), right)}`, level };
}

/** a * b + c in one operation, if either side is a product. */
function fused({ fn, type, a, b }: Binary, scope: Scope): Text | undefined {
  if (type.scalar !== "f32") return undefined;
  const isProduct = (x: Expr): x is Binary => x.kind === "binary" && x.fn === "mul";
  const of = ending(type);
  const negative = (x: Expr): string => `-${within(spell(x, scope), atom)}`;
  if (isProduct(a)) {
    const rest = fn === "add" ? valueText(b, scope) : negative(b);
    return call(`fma_${of}`, valueText(a.a, scope), valueText(a.b, scope), rest);
  }
  if (!isProduct(b)) return undefined;
  const first = fn === "add" ? valueText(b.a, scope) : negative(b.a);
  return call(`fma_${of}`, first, valueText(b.b, scope), valueText(a, scope));
}

function remainder(x: Binary, scope: Scope): Text {
  const divisor = x.type.scalar === "i32" ? (constantOf(x.b) ?? 0) : 0;
  if (divisor <= 0 || (divisor & (divisor - 1)) !== 0) return byName(x, scope);
  const mask = constant(divisor - 1, x.b.type);
  return { text: `${within(spell(x.a, scope), atom)} & ${mask.text}`, level: bitwise };
}

/** max and min pass NaN on from either side; with a constant on one side that is a single instruction. */
function extreme(x: Binary, scope: Scope): Text {
  const [value, bound] = constantOf(x.a) === undefined ? [x.a, x.b] : [x.b, x.a];
  const limit = constantOf(bound) ?? Number.NaN;
  if (x.type.scalar !== "f32" || Number.isNaN(limit) || Object.is(limit, -0)) return byName(x, scope);
  const name = `${x.fn === "max" ? "at_least" : "at_most"}_${ending(x.type)}`;
  const found = call(name, valueText(value, scope), valueText(bound, scope));
  if (x.fn === "min" || limit !== 0) return found;
  // max(-0, 0) is 0.
  return { text: `${found.text} + ${constant(0, x.type).text}`, level: sum };
}

function select(x: Expr & { kind: "select" }, scope: Scope): Text {
  const parts = [x.condition, x.a, x.b].map((part) => spell(part, scope));
  if (x.type.lanes > 1) return call(`select_${ending(x.type)}`, ...parts.map(({ text }) => text));
  const [condition, a, b] = parts.map((part) => within(part, bitwise));
  return { text: `${condition} ? ${a} : ${b}`, level: choice };
}

function cast(x: Expr, to: LoopType, scope: Scope): Text {
  const from = x.type;
  if (from.scalar === to.scalar) return spell(x, scope);
  if (from.lanes > 1) return call(`${ending(to)}_of_${ending(from)}`, valueText(x, scope));
  if (to.scalar === "bool") {
    return { text: `${within(spell(x, scope), sum)} != ${from.scalar === "f32" ? "0.0f" : "0"}`, level: comparison };
  }
  if (from.scalar === "f32") return call("i32_of_f32", valueText(x, scope));
  return { text: `(${typeName(to)})${within(spell(x, scope), atom)}`, level: prefix };
}

// ---- indices --------------------------------------------------------------------------------------------------------

function spellIndex(x: Expr, scope: Scope): Text {
  if (x.kind === "select" && scope.isIndex(x.a) && scope.isIndex(x.b)) {
    const condition = within(spell(x.condition, scope), bitwise);
    const [a, b] = [x.a, x.b].map((side) => within(spellIndex(side, scope), sum));
    return { text: `${condition} ? ${a} : ${b}`, level: choice };
  }
  return x.kind === "binary" ? binaryIndex(x, scope) : spell(x, scope);
}

function binaryIndex(x: Binary, scope: Scope): Text {
  const { fn, a, b } = x;
  if (fn === "add" || fn === "sub") return indexSum(x, scope);
  if (fn === "mul") {
    const [left, right] = [a, b].map((side) => within(spellIndex(side, scope), product));
    return { text: `${left} * ${right}`, level: product };
  }
  if (!scope.isIndex(x)) return spell(x, scope);
  const [left, right] = [a, b].map((side) => spellIndex(side, scope));
  if (fn === "and") return { text: `${within(left, atom)} & ${within(right, prefix)}`, level: bitwise };
  return call(`${fn}_index`, left.text, right.text);
}

/** Indices are exact, so that their sums need no parentheses; a negative constant is taken away. */
function indexSum({ fn, a, b }: Binary, scope: Scope): Text {
  const left = within(spellIndex(a, scope), sum);
  const value = constantOf(b);
  if (value !== undefined && value < 0 && value > -0x80000000) {
    return { text: `${left} ${fn === "add" ? "-" : "+"} ${-value}`, level: sum };
  }
  const right = within(spellIndex(b, scope), fn === "add" ? sum : product);
  return { text: `${left} ${fn === "add" ? "+" : "-"} ${right}`, level: sum };
}
