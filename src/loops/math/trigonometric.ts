/** sin and cos in arithmetic: x = n pi/2 + r, then a polynomial of r by the quadrant n. */
import { add, binary, mul, select, sub, unary } from "../build.ts";
import type { Expr } from "../ir.ts";
import { cosP, halfPiHigh, halfPiLow, halfPiMiddle, magic, sinP } from "./coefficients.ts";
import type { Site } from "./site.ts";

export function sine(x: Expr, site: Site): Expr {
  return circular("sin", x, 0, site);
}

/** cos(x) = sin(x + pi/2): one quadrant further. */
export function cosine(x: Expr, site: Site): Expr {
  return circular("cos", x, 1, site);
}

function circular(name: string, given: Expr, shift: 0 | 1, site: Site): Expr {
  const x = site.share(`${name}X`, given);
  const sum = site.share(`${name}Sum`, add(mul(x, site.float(2 / Math.PI)), site.float(magic)));
  const n = site.share(`${name}N`, sub(sum, site.float(magic)));
  const parts = [halfPiHigh, halfPiMiddle, halfPiLow];
  const rest = parts.reduce((r, part) => sub(r, mul(n, site.float(part))), x);
  // Large x leave a rest beyond pi/4; the bounds keep the result in [-1, 1], and NaN as it is.
  const r = site.share(`${name}R`, binary("min", binary("max", rest, site.float(-0.79)), site.float(0.79)));
  const u = site.share(`${name}Square`, mul(r, r));
  const q = site.share(`${name}Quadrant`, add(unary("floatToBits", sum), site.integer(shift)));
  const odd = mul(r, site.polynomial([1, ...sinP], u));
  const even = add(sub(site.float(1), mul(u, site.float(0.5))), mul(mul(u, u), site.polynomial(cosP, u)));
  const isSine = binary("equal", binary("and", q, site.integer(1)), site.integer(0));
  const sign = binary("shl", binary("and", q, site.integer(2)), site.integer(30));
  return unary("bitsToFloat", binary("xor", unary("floatToBits", select(isSine, odd, even)), sign));
}
