/** tanh, sigmoid and erf in arithmetic: odd quotients of polynomials between two bounds. */
import { add, binary, mul } from "../build.ts";
import type { Expr } from "../ir.ts";
import { erfP, erfQ, sigmoidP, sigmoidQ, tanhP, tanhQ } from "./coefficients.ts";
import type { Site } from "./site.ts";

/** tanh(x) = x P(x^2)/Q(x^2). */
export function hyperbolicTangent(x: Expr, site: Site): Expr {
  return oddQuotient("tanh", x, tanhP, tanhQ, 8.3, site);
}

/** sigmoid(x) = 1/2 + 1/2 tanh(x/2) = 1/2 + x P(x^2)/Q(x^2). */
export function logistic(x: Expr, site: Site): Expr {
  return add(oddQuotient("sigmoid", x, sigmoidP, sigmoidQ, 16.6, site), site.float(0.5));
}

/** erf(x) = x P(x^2)/Q(x^2). */
export function errorFunction(x: Expr, site: Site): Expr {
  return oddQuotient("erf", x, erfP, erfQ, 3.8, site);
}

/** Constant outside of +-bound, where the quotient has come to its limit; NaN passes max and min. */
function oddQuotient(name: string, given: Expr, p: readonly number[], q: readonly number[], bound: number, site: Site): Expr {
  const above = binary("max", given, site.float(-bound));
  const x = site.share(`${name}X`, binary("min", above, site.float(bound)));
  const u = site.share(`${name}U`, mul(x, x));
  return binary("div", mul(x, site.polynomial(p, u)), site.polynomial(q, u));
}
