/**
 * Scalar functions that targets lack, written in the arithmetic of the loop IR: one definition for every target, for
 * one lane and for four, with the same bits. `math/*.ts` hold the formulas; this file puts them in place.
 *
 *   function  error of a float32 result             remarks
 *   exp       2.5 ulp                               0 below -86.99, where the result is under 2^-125.5
 *   log       1 ulp                                 denormal numbers too
 *   tanh      6 ulp (3.3e-7 absolute)               exactly +-1 from 8.1333 on
 *   sigmoid   2e-7 absolute                         exactly 0 and 1 from 16.071 on
 *   erf       7 ulp (4e-7 absolute)                 exactly +-1 from 3.6015 on
 *   sin, cos  1e-7 absolute for |x| <= 8192         1e-6 up to 65536; in [-1, 1], but no more, beyond that
 *   pow       relative (3 + 3 |y log x|) 2^-24      0 and infinite where exp(y log |x|) is
 *
 * The coefficients come from scripts/fit-math.mjs; test/loops/math.test.ts measures these errors.
 */
import { lazily } from "../base/lazy.ts";
import { letIn, ref } from "./build.ts";
import type { Expr, Program, Stmt, UnaryFn } from "./ir.ts";
import { exponential, logarithm } from "./math/exponential.ts";
import { power } from "./math/power.ts";
import { errorFunction, hyperbolicTangent, logistic } from "./math/saturating.ts";
import { Site } from "./math/site.ts";
import { cosine, sine } from "./math/trigonometric.ts";
import { type Names, namesOf } from "./names.ts";
import { mapBlocks, mapExpressions, rewriteExpression } from "./walk.ts";

type Formula = (x: Expr, site: Site) => Expr;

const formulas: Readonly<Partial<Record<UnaryFn, Formula>>> = Object.freeze({
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
 * in front of the statement that asked for it. The same object where there is none of them. A target that has some of
 * these as functions says by `replaces` which are to go.
 */
export function decompose(program: Program, replaces: (x: Expr) => boolean = isDecomposed): Program {
  const body = rewriteBlock(
    program.body,
    replaces,
    lazily(() => namesOf(program)),
  );
  return body === program.body ? program : { ...program, body };
}

/** Whether `decompose` replaces this expression (its own function, not those of its operands). */
export function isDecomposed(x: Expr): boolean {
  return x.kind === "binary" ? x.fn === "pow" : x.kind === "unary" && formulas[x.fn] !== undefined;
}

/** The same list when there is nothing to replace in it. */
function rewriteBlock(block: readonly Stmt[], replaces: (x: Expr) => boolean, names: () => Names): readonly Stmt[] {
  const out: Stmt[] = [];
  for (const s of block) {
    const done = new Map<Expr, Expr>();
    const expandIn = (e: Expr): Expr => (replaces(e) ? expand(e, names(), out) : e);
    const after = mapExpressions(s, (x) => rewriteExpression(x, expandIn, done));
    out.push(mapBlocks(after, (inner) => rewriteBlock(inner, replaces, names)));
  }
  return out.length === block.length && out.every((s, i) => s === block[i]) ? block : out;
}

/** The arithmetic of one function; its shared parts go to `lets`. */
function expand(x: Expr, names: Names, lets: Stmt[]): Expr {
  const site = new Site(x.type.lanes, (base, value) => {
    const variable = names.variable(base, value.type);
    lets.push(letIn(variable, value));
    return ref(variable);
  });
  if (x.kind === "binary") return power(x.a, x.b, site);
  return x.kind === "unary" ? (formulas[x.fn]?.(x.x, site) ?? x) : x;
}
