/** Prints loop programs as readable, C-like text: for people and for golden tests. Nothing reads it back. */
import { formatDim } from "../base/dims.ts";
import type { BinaryFn, Buffer, Expr, LoopType, Program, Stmt, UnaryFn } from "./ir.ts";

/** The text of a program: its buffers, then its body. */
export function print(program: Program): string {
  const buffers = program.buffers.map((b) => `  ${printRole(b)} ${b.scalar} ${b.name}[${formatDim(b.size)}]`);
  const checks = program.checks.map((check, i) => `  check ${i}: ${check.message}`);
  const team = program.team === undefined ? "" : `, ${program.team.count} threads: ${program.team.index.name}`;
  return [`program ${program.name}${team}`, ...buffers, ...checks, ...printBody(program.body, "  "), ""].join("\n");
}

/** The text of some statements, each line beginning with `indent`. */
export function printBody(body: readonly Stmt[], indent = ""): string[] {
  return body.flatMap((s) => printStatement(s, indent));
}

function printRole({ role }: Buffer): string {
  if (role.kind === "inout") return `inout ${role.input}>${role.output}`;
  return "position" in role ? `${role.kind} ${role.position}` : role.kind;
}

function printStatement(s: Stmt, indent: string): string[] {
  const inner = (body: readonly Stmt[]): string[] => printBody(body, `${indent}  `);
  switch (s.kind) {
    case "for": {
      const step = s.step === 1 ? "" : ` step ${s.step}`;
      const head = `${s.parallel ? "parallel " : ""}for ${s.variable.name} in ${printExpr(s.from)}..${printExpr(s.to)}${step}`;
      return [`${indent}${head} {`, ...inner(s.body), `${indent}}`];
    }
    case "let":
    case "var":
      return [`${indent}${s.kind} ${s.variable.name}: ${printType(s.variable.type)} = ${printExpr(s.value)}`];
    case "set":
      return [`${indent}${s.variable.name} = ${printExpr(s.value)}`];
    case "store":
      return [`${indent}${printPlace(s.buffer, s.index, s.value.type)} = ${printExpr(s.value)}`];
    case "if": {
      const tail = s.else.length === 0 ? [] : [`${indent}} else {`, ...inner(s.else)];
      return [`${indent}if ${printExpr(s.condition)} {`, ...inner(s.then), ...tail, `${indent}}`];
    }
    case "leave":
      return [`${indent}leave if ${printExpr(s.condition)}`];
    case "copy":
      return [
        `${indent}copy ${s.to.name}[${printExpr(s.toIndex)}] <- ${s.from.name}[${printExpr(s.fromIndex)}], ${printExpr(s.count)}`,
      ];
    case "fill":
      return [`${indent}fill ${s.buffer.name}[${printExpr(s.index)}], ${printExpr(s.count)}`];
    case "kernel":
      return [`${indent}kernel "${s.name}" {`, ...inner(s.body), `${indent}}`];
    case "barrier":
      return [`${indent}barrier`];
    case "require":
      return [`${indent}require ${printExpr(s.condition)} else check ${s.check} with ${printExpr(s.value)}`];
    default:
      return s satisfies never;
  }
}

const infix: Partial<Record<BinaryFn, string>> = {
  add: "+",
  sub: "-",
  mul: "*",
  div: "/",
  and: "&",
  or: "|",
  xor: "^",
  shl: "<<",
  shr: ">>",
  less: "<",
  lessEqual: "<=",
  equal: "==",
};
const prefix: Partial<Record<UnaryFn, string>> = { neg: "-", not: "!" };

/** The text of an expression; compound operands are in parentheses. */
export function printExpr(x: Expr): string {
  switch (x.kind) {
    case "const":
      return `${printConstant(x.value, x.type)}${printLanes(x.type)}`;
    case "ref":
      return x.variable.name;
    case "size":
      return `#${parenthesise(formatDim(x.dim))}`;
    case "load":
      return printPlace(x.buffer, x.index, x.type);
    case "unary":
      return prefix[x.fn] === undefined ? `${x.fn}(${printExpr(x.x)})` : `${prefix[x.fn]}${printInner(x.x)}`;
    case "binary":
      return infix[x.fn] === undefined
        ? `${x.fn}(${printExpr(x.a)}, ${printExpr(x.b)})`
        : `${printInner(x.a)} ${infix[x.fn]} ${printInner(x.b)}`;
    case "select":
      return `${printInner(x.condition)} ? ${printInner(x.a)} : ${printInner(x.b)}`;
    case "cast":
      return `${printType(x.type)}(${printExpr(x.x)})`;
    case "splat":
      return `splat(${printExpr(x.x)})`;
    case "ramp":
      return `ramp(${printExpr(x.base)})`;
    case "lane":
      return `${printInner(x.x)}.${x.lane}`;
    default:
      return x satisfies never;
  }
}

function printInner(x: Expr): string {
  const compound = x.kind === "select" || (x.kind === "binary" && infix[x.fn] !== undefined);
  return compound ? `(${printExpr(x)})` : printExpr(x);
}

function parenthesise(text: string): string {
  return /[ *]/.test(text) ? `(${text})` : text;
}

function printPlace(buffer: Buffer, index: Expr, type: LoopType): string {
  return `${buffer.name}[${printExpr(index)}${type.lanes === 1 ? "" : ` :${type.lanes}`}]`;
}

function printType(type: LoopType): string {
  return `${type.scalar}${printLanes(type)}`;
}

function printLanes({ lanes }: LoopType): string {
  return lanes === 1 ? "" : `x${lanes}`;
}

function printConstant(value: number, type: LoopType): string {
  if (type.scalar !== "f32") return String(value);
  const text = Object.is(value, -0) ? "-0" : String(Number(value.toPrecision(9)));
  return /^-?\d+$/.test(text) ? `${text}.0` : text;
}
