/**
 * Functions that machines lack, such as tanh, as functions of C: written once for each width that a network uses,
 * from the formulas that all targets share (`loops/math.ts`).
 */
import { letIn, ref, unary } from "../../loops/build.ts";
import type { Expr, Lanes, Program, Stmt, UnaryFn, Variable } from "../../loops/ir.ts";
import { decompose, isDecomposed } from "../../loops/math.ts";
import { visitExpressions } from "../../loops/walk.ts";
import { contract } from "./contract.ts";

/** A function of one operand, and the lanes that it is for. */
export interface MathFunction {
  readonly fn: UnaryFn;
  readonly lanes: Lanes;
}

/** Those that a program uses, in a fixed order. */
export function mathFunctions(program: Program): MathFunction[] {
  const found = new Map<string, MathFunction>();
  visitExpressions(program.body, (x) => {
    if (x.kind === "unary" && isDecomposed(x)) found.set(`${x.fn}${x.type.lanes}`, { fn: x.fn, lanes: x.type.lanes });
  });
  return [...found.keys()].sort().map((key) => found.get(key) as MathFunction);
}

/** The body of such a function: its parameter, what it computes, and what it returns. */
export function definitionOf({ fn, lanes }: MathFunction): {
  readonly x: Variable;
  readonly body: readonly (Stmt & { kind: "let" })[];
  readonly result: Expr;
} {
  const type = { scalar: "f32", lanes } as const;
  const x: Variable = { name: "x", type };
  const given = letIn({ name: "y", type }, unary(fn, ref(x)));
  const program = decompose({ name: fn, buffers: [], sizes: [], checks: [], body: [given] });
  const lets = contract(program).body as readonly (Stmt & { kind: "let" })[];
  return { x, body: lets.slice(0, -1), result: (lets.at(-1) as Stmt & { kind: "let" }).value };
}

/** The program with its powers in arithmetic: what they become depends on their exponents. */
export function withoutPowers(program: Program): Program {
  return decompose(program, (x) => x.kind === "binary" && isDecomposed(x));
}
