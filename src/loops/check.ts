/**
 * Checks that a loop program is well formed: types and lanes, variables declared once and before use, buffers, sizes
 * and checks known. A failure is a bug of ours, so messages begin with `internal:`.
 */
import { formatDim } from "../base/dims.ts";
import { internal } from "../base/errors.ts";
import { sameType, typeOf } from "./build.ts";
import type { BinaryFn, Expr, Lanes, LoopType, Program, Scalar, Stmt, UnaryFn, Variable } from "./ir.ts";
import { printBody, printExpr } from "./print.ts";
import { blocks, expressions, operands } from "./walk.ts";

const unaryScalars: { readonly [F in UnaryFn]: readonly Scalar[] } = {
  neg: ["f32", "i32"],
  abs: ["f32", "i32"],
  sign: ["f32", "i32"],
  floor: ["f32"],
  nearest: ["f32"],
  sqrt: ["f32"],
  exp: ["f32"],
  log: ["f32"],
  tanh: ["f32"],
  sigmoid: ["f32"],
  erf: ["f32"],
  sin: ["f32"],
  cos: ["f32"],
  not: ["bool"],
  bitsToFloat: ["i32"],
  floatToBits: ["f32"],
};

const binaryScalars: { readonly [F in BinaryFn]: readonly Scalar[] } = {
  add: ["f32", "i32"],
  sub: ["f32", "i32"],
  mul: ["f32", "i32"],
  div: ["f32"],
  mod: ["f32", "i32"],
  pow: ["f32"],
  max: ["f32", "i32"],
  min: ["f32", "i32"],
  and: ["i32", "bool"],
  or: ["i32", "bool"],
  xor: ["i32"],
  shl: ["i32"],
  shr: ["i32"],
  less: ["f32", "i32"],
  lessEqual: ["f32", "i32"],
  equal: ["f32", "i32"],
};

function unaryType(fn: UnaryFn, operand: LoopType): LoopType {
  if (fn === "bitsToFloat") return typeOf("f32", operand.lanes);
  return fn === "floatToBits" ? typeOf("i32", operand.lanes) : operand;
}

/** Returns the program, or stops. */
export function check(program: Program): Program {
  const checker = new Checker(program);
  checker.block(program.body);
  return program;
}

class Checker {
  readonly #program: Program;
  readonly #declared = new Set<Variable>();
  readonly #names = new Set<string>();
  readonly #scope = new Set<Variable>();
  readonly #mutable = new Set<Variable>();
  readonly #buffers: ReadonlySet<unknown>;
  readonly #sizes: ReadonlySet<string>;
  readonly #seen = new Map<Expr, number>();
  /** Counts declarations and ends of scope: an expression checked under another count must be checked again. */
  #age = 0;

  constructor(program: Program) {
    this.#program = program;
    if (program.team !== undefined) this.#scope.add(program.team.index);
    this.#buffers = new Set(program.buffers);
    this.#sizes = new Set(program.sizes.map(formatDim));
    if (this.#buffers.size !== program.buffers.length) internal("a buffer is listed twice", { program: program.name });
    if (new Set(program.buffers.map((b) => b.name)).size !== program.buffers.length)
      internal("two buffers have one name", { program: program.name });
  }

  /** `loop` is the statement whose body this is, if it is a loop. */
  block(body: readonly Stmt[], loop?: Stmt & { kind: "for" }): void {
    const opened: Variable[] = [];
    for (const s of body) {
      for (const x of expressions(s)) this.#expr(x, s);
      this.#statement(s);
      if (s.kind === "let" || s.kind === "var") opened.push(this.#declare(s.variable, s));
      if (s.kind === "var") this.#mutable.add(s.variable);
      if (s.kind === "for") opened.push(this.#declare(s.variable, s));
      if (s.kind === "leave" && loop?.parallel !== false) this.#fail("there is no serial loop to leave", s);
      for (const inner of blocks(s)) this.block(inner, s.kind === "for" ? s : undefined);
      if (s.kind === "for") this.#scope.delete(s.variable);
    }
    for (const variable of opened) this.#scope.delete(variable);
    this.#age++;
  }

  #declare(variable: Variable, s: Stmt): Variable {
    if (this.#declared.has(variable) || this.#names.has(variable.name))
      this.#fail(`${variable.name} is declared twice`, s);
    this.#declared.add(variable);
    this.#names.add(variable.name);
    this.#scope.add(variable);
    this.#age++;
    return variable;
  }

  #statement(s: Stmt): void {
    switch (s.kind) {
      case "for":
        this.#type(s.from, "i32", 1, s);
        this.#type(s.to, "i32", 1, s);
        if (!Number.isInteger(s.step) || s.step < 1) this.#fail(`a loop steps by ${s.step}`, s);
        if (!sameType(s.variable.type, typeOf("i32", 1))) this.#fail("a loop counter is not i32", s);
        return;
      case "let":
      case "var":
        if (!sameType(s.variable.type, s.value.type))
          this.#fail(`${s.variable.name} has another type than its value`, s);
        return;
      case "set":
        if (!this.#scope.has(s.variable) || !this.#mutable.has(s.variable))
          this.#fail(`${s.variable.name} is set but is no var in scope`, s);
        if (!sameType(s.variable.type, s.value.type))
          this.#fail(`${s.variable.name} has another type than its value`, s);
        return;
      case "store":
        this.#buffer(s.buffer, s);
        this.#type(s.index, "i32", 1, s);
        this.#type(s.value, s.buffer.scalar, s.value.type.lanes, s);
        return;
      case "if":
      case "leave":
        this.#type(s.condition, "bool", 1, s);
        return;
      case "copy":
        this.#buffer(s.to, s);
        this.#buffer(s.from, s);
        for (const x of [s.toIndex, s.fromIndex, s.count]) this.#type(x, "i32", 1, s);
        return;
      case "fill":
        this.#buffer(s.buffer, s);
        for (const x of [s.index, s.count]) this.#type(x, "i32", 1, s);
        return;
      case "kernel":
        return;
      case "barrier":
        if (this.#program.team === undefined) this.#fail("there is no team to meet", s);
        return;
      case "require":
        this.#type(s.condition, "bool", 1, s);
        this.#type(s.value, "i32", 1, s);
        if (this.#program.checks[s.check] === undefined) this.#fail(`check ${s.check} is unknown`, s);
        return;
      default:
        s satisfies never;
    }
  }

  #expr(x: Expr, s: Stmt): void {
    if (this.#seen.get(x) === this.#age) return;
    for (const operand of operands(x)) this.#expr(operand, s);
    this.#kind(x, s);
    this.#seen.set(x, this.#age);
  }

  #kind(x: Expr, s: Stmt): void {
    const { lanes } = x.type;
    switch (x.kind) {
      case "const":
        return;
      case "ref":
        if (!this.#scope.has(x.variable)) this.#fail(`${x.variable.name} is used outside of its scope`, s);
        this.#result(x, x.variable.type, s);
        return;
      case "size":
        if (!this.#sizes.has(formatDim(x.dim))) this.#fail(`the size ${formatDim(x.dim)} is not listed`, s);
        this.#result(x, typeOf("i32", 1), s);
        return;
      case "load":
        this.#buffer(x.buffer, s);
        this.#type(x.index, "i32", 1, s);
        this.#result(x, typeOf(x.buffer.scalar, lanes), s);
        return;
      case "unary":
        if (!unaryScalars[x.fn].includes(x.x.type.scalar)) this.#fail(`${x.fn} of ${x.x.type.scalar}`, s);
        this.#result(x, unaryType(x.fn, x.x.type), s);
        return;
      case "binary":
        this.#binary(x, s);
        return;
      case "select":
        this.#type(x.condition, "bool", lanes, s);
        this.#result(x, x.a.type, s);
        this.#result(x, x.b.type, s);
        return;
      case "cast":
        if (x.x.type.lanes !== lanes) this.#fail("a cast changes lanes", s);
        return;
      case "splat":
        this.#type(x.x, x.type.scalar, 1, s);
        return;
      case "ramp":
        this.#type(x.base, "i32", 1, s);
        this.#result(x, typeOf("i32", lanes), s);
        return;
      case "lane":
        this.#result(x, typeOf(x.x.type.scalar, 1), s);
        if (x.lane < 0 || x.lane >= x.x.type.lanes) this.#fail(`there is no lane ${x.lane}`, s);
        return;
      default:
        x satisfies never;
    }
  }

  #binary(x: Expr & { kind: "binary" }, s: Stmt): void {
    if (!sameType(x.a.type, x.b.type)) this.#fail(`${x.fn} of two types: ${printExpr(x)}`, s);
    if (!binaryScalars[x.fn].includes(x.a.type.scalar)) this.#fail(`${x.fn} of ${x.a.type.scalar}`, s);
    const compares = x.fn === "less" || x.fn === "lessEqual" || x.fn === "equal";
    this.#result(x, compares ? typeOf("bool", x.a.type.lanes) : x.a.type, s);
  }

  #buffer(buffer: unknown, s: Stmt): void {
    if (!this.#buffers.has(buffer)) this.#fail("a buffer is not of the program", s);
  }

  #result(x: Expr, expected: LoopType, s: Stmt): void {
    if (!sameType(x.type, expected))
      this.#fail(
        `${printExpr(x)} has type ${x.type.scalar}x${x.type.lanes}, expected ${expected.scalar}x${expected.lanes}`,
        s,
      );
  }

  #type(x: Expr, scalar: Scalar, lanes: Lanes, s: Stmt): void {
    this.#result(x, typeOf(scalar, lanes), s);
  }

  #fail(what: string, s: Stmt): never {
    internal(`program ${this.#program.name}: ${what}, in: ${printBody([s])[0].trim()}`);
  }
}
