/** exp and log in arithmetic. Not here: the bounds of their errors, which `math.ts` states. */
import { add, binary, cast, mul, select, sub, unary } from "../build.ts";
import type { Expr } from "../ir.ts";
import { expP, log2High, log2Low, logP, magic } from "./coefficients.ts";
import type { Site } from "./site.ts";

/** Twice the coefficients of exp(r) = 1 + r P(r). */
const twiceExpP = Object.freeze([2, ...expP.map((x) => 2 * x)]);

/** exp(x) = 2^(n-1) (2 exp(r)) with x = n log 2 + r; both factors are finite where the result is. */
export function exponential(given: Expr, site: Site): Expr {
  // Between these bounds n is from -126, where the power of two becomes 0, to 128, where the product overflows.
  // max and min with a constant keep NaN.
  const above = binary("max", given, site.float(-87.5));
  const x = site.share("expX", binary("min", above, site.float(89)));
  // sum = magic + (n - 1 + 127): its low bits, shifted to the exponent, are 2^(n-1).
  const bias = site.float(magic + 126);
  const sum = site.share("expSum", add(mul(x, site.float(Math.LOG2E)), bias));
  const n = site.share("expN", sub(sum, bias));
  const r = sub(sub(x, mul(n, site.float(log2High))), mul(n, site.float(log2Low)));
  const power = unary("bitsToFloat", binary("shl", unary("floatToBits", sum), site.integer(23)));
  return mul(site.polynomial(twiceExpP, site.share("expR", r)), power);
}

/** log(x) = e log 2 + log(m), m = 1 + f in [sqrt(1/2), sqrt(2)); s = f/(2 + f), log(m) = f - s (f - s^2 P(s^2)). */
export function logarithm(given: Expr, site: Site): Expr {
  const x = site.share("logX", given);
  const positive = binary("less", site.float(0), x);
  const pole = select(binary("equal", x, site.float(0)), site.float(Number.NEGATIVE_INFINITY), site.float(Number.NaN));
  const infinite = binary("equal", x, site.float(Number.POSITIVE_INFINITY));
  return select(infinite, x, select(positive, logarithmOfFinite(x, site), pole));
}

function logarithmOfFinite(x: Expr, site: Site): Expr {
  const denormal = site.share("logTiny", binary("less", x, site.float(2 ** -126)));
  const normal = select(denormal, mul(x, site.float(2 ** 24)), x);
  // The bits of 1 less those of sqrt(1/2): now the exponent counts from there.
  const bits = site.share("logBits", add(unary("floatToBits", normal), site.integer(0x3f800000 - 0x3f3504f3)));
  const exponent = cast(binary("shr", bits, site.integer(23)), "f32");
  const e = site.share("logE", sub(exponent, select(denormal, site.float(127 + 24), site.float(127))));
  const mantissa = add(binary("and", bits, site.integer(0x007fffff)), site.integer(0x3f3504f3));
  const f = site.share("logF", sub(unary("bitsToFloat", mantissa), site.float(1)));
  const s = site.share("logS", binary("div", f, add(f, site.float(2))));
  const w = site.share("logW", mul(s, s));
  const correction = sub(mul(s, sub(f, mul(w, site.polynomial(logP, w)))), mul(e, site.float(log2Low)));
  return sub(mul(e, site.float(log2High)), sub(correction, f));
}
