/** tanh, sigmoid and erf in arithmetic: odd quotients of polynomials between two bounds. */
import { add, binary, mul } from "../build.ts";
import type { Expr } from "../ir.ts";
import { erfBound, erfP, erfQ, sigmoidBound, sigmoidP, sigmoidQ, tanhBound, tanhP, tanhQ } from "./coefficients.ts";
import type { Site } from "./site.ts";

/** tanh(x) = x P(x^2)/Q(x^2). */
export function hyperbolicTangent(x: Expr, site: Site): Expr {
  return oddQuotient("tanh", x, tanhP, tanhQ, tanhBound, site);
}

/** sigmoid(x) = 1/2 + 1/2 tanh(x/2) = 1/2 + x P(x^2)/Q(x^2). */
export function logistic(x: Expr, site: Site): Expr {
  return add(oddQuotient("sigmoid", x, sigmoidP, sigmoidQ, sigmoidBound, site), site.float(0.5));
}

/** erf(x) = x P(x^2)/Q(x^2). */
export function errorFunction(x: Expr, site: Site): Expr {
  return oddQuotient("erf", x, erfP, erfQ, erfBound, site);
}

/** Constant outside of +-bound, where the quotient is exactly its limit; max and min with a constant keep NaN. */
function oddQuotient(
  name: string,
  given: Expr,
  p: readonly number[],
  q: readonly number[],
  bound: number,
  site: Site,
): Expr {
  const above = binary("max", given, site.float(-bound));
  const x = site.share(`${name}X`, binary("min", above, site.float(bound)));
  const u = site.share(`${name}U`, mul(x, x));
  return binary("div", mul(x, site.polynomial(p, u)), site.polynomial(q, u));
}
