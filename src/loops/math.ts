/**
 * Scalar functions that targets lack, written in the arithmetic of the loop IR: one definition for every target, for
 * one lane and for four, with the same bits. `math/*.ts` hold the formulas; this file puts them in place.
 *
 *   function  error of the float32 result                      where
 *   exp       2 ulp                                            0 below -86.99 (2^-125.5), infinite from 88.7229 on
 *   log       2 ulp                                            everywhere, denormal numbers too
 *   tanh      4 ulp                                            exactly +-1 from about 8.3 on
 *   sigmoid   2e-7 absolute                                    exactly 0 or 1 outside of about +-16.6
 *   erf       4 ulp                                            exactly +-1 from about 3.8 on
 *   sin, cos  1.5e-7 absolute                                  |x| <= 8192; beyond it an error of up to |x| / 2^23
 *   pow       relative (4 + 4 |y log x|) 2^-24                 as exp; NaN for x < 0 unless y is whole
 *
 * The coefficients come from scripts/fit-math.mjs; test/loops/math.test.ts measures these errors.
 */
import { letIn, ref } from "./build.ts";
import type { Expr, Program, Stmt } from "./ir.ts";
import { exponential, logarithm } from "./math/exponential.ts";
import { power } from "./math/power.ts";
import { errorFunction, hyperbolicTangent, logistic } from "./math/saturating.ts";
import { Site } from "./math/site.ts";
import { cosine, sine } from "./math/trigonometric.ts";
import { type Names, namesOf } from "./names.ts";
import { mapBlocks, mapExpressions, rewriteExpression, visitExpressions } from "./walk.ts";

const formulas: { readonly [fn: string]: ((x: Expr, site: Site) => Expr) | undefined } = Object.freeze({
  exp: exponential,
  log: logarithm,
  tanh: hyperbolicTangent,
  sigmoid: logistic,
  erf: errorFunction,
  sin: sine,
  cos: cosine,
});

/**
 * The program without exp, log, tanh, sigmoid, erf, sin, cos and pow: each becomes arithmetic, its shared parts `let`s
 * in front of the statement that asked for it. The same object where there is none of them.
 */
export function decompose(program: Program): Program {
  let found = false;
  visitExpressions(program.body, (x) => {
    found ||= isDecomposed(x);
  });
  return found ? { ...program, body: rewriteBlock(program.body, namesOf(program)) } : program;
}

/** Whether `decompose` replaces this expression (its own function, not those of its operands). */
export function isDecomposed(x: Expr): boolean {
  return x.kind === "binary" ? x.fn === "pow" : x.kind === "unary" && formulas[x.fn] !== undefined;
}

function rewriteBlock(block: readonly Stmt[], names: Names): readonly Stmt[] {
  return block.flatMap((s) => {
    const lets: Stmt[] = [];
    const done = new Map<Expr, Expr>();
    const after = mapExpressions(s, (x) => rewriteExpression(x, (e) => expand(e, names, lets), done));
    return [...lets, mapBlocks(after, (inner) => rewriteBlock(inner, names))];
  });
}

function expand(x: Expr, names: Names, lets: Stmt[]): Expr {
  if (x.kind !== "unary" && x.kind !== "binary") return x;
  const site = new Site(x.type.lanes, (base, value) => {
    const variable = names.variable(base, value.type);
    lets.push(letIn(variable, value));
    return ref(variable);
  });
  if (x.kind === "binary") return x.fn === "pow" ? power(x.a, x.b, site) : x;
  return formulas[x.fn]?.(x.x, site) ?? x;
}
