/** pow in arithmetic: products and roots where the exponent is a small constant, else exp(y log |x|). */
import { add, binary, mul, select, unary } from "../build.ts";
import type { Expr } from "../ir.ts";
import { exponential, logarithm } from "./exponential.ts";
import type { Site } from "./site.ts";

/** Halves of whole numbers up to this size become products. */
const largestProduct = 16;

export function power(x: Expr, y: Expr, site: Site): Expr {
  const exponent = constantOf(y);
  if (exponent !== undefined && Number.isInteger(2 * exponent) && Math.abs(exponent) <= largestProduct) {
    return smallPower(x, exponent, site);
  }
  return generalPower(site.share("powX", x), site.share("powY", y), site);
}

/** The number that an expression always is, in every lane. */
function constantOf(x: Expr): number | undefined {
  if (x.kind === "const") return x.value;
  return x.kind === "splat" ? constantOf(x.x) : undefined;
}

/** x^n by squaring, times sqrt(x) for a half, and one division for a negative exponent. */
function smallPower(given: Expr, exponent: number, site: Site): Expr {
  if (exponent < 0) return binary("div", site.float(1), smallPower(given, -exponent, site));
  const whole = Number.isInteger(exponent);
  // A fraction of -0 has the power 0, and -0 + 0 = 0.
  let square = site.share("powX", whole ? given : add(given, site.float(0)));
  let product = whole ? undefined : unary("sqrt", square);
  for (let n = Math.floor(exponent); n > 0; n = Math.floor(n / 2)) {
    if (n % 2 === 1) product = product === undefined ? square : mul(product, square);
    if (n > 1) square = site.share("powSquare", mul(square, square));
  }
  return product ?? site.float(1);
}

function generalPower(x: Expr, y: Expr, site: Site): Expr {
  const size = site.share("powSize", unary("abs", x));
  const [zero, one] = [site.float(0), site.float(1)];
  const raised = exponential(mul(y, logarithm(size, site)), site);
  // |x| = 1 needs its own case only where y is infinite or NaN.
  const positive = select(binary("equal", size, one), one, raised);
  const whole = site.share("powWhole", binary("equal", unary("floor", y), y));
  const half = site.share("powHalf", mul(y, site.float(0.5)));
  const odd = binary("and", whole, unary("not", binary("equal", unary("floor", half), half)));
  const signBit = binary("and", unary("floatToBits", x), site.integer(-0x80000000));
  const sign = select(odd, signBit, site.integer(0));
  const signed = unary("bitsToFloat", binary("xor", unary("floatToBits", positive), sign));
  // x < 0 has no real power of a fraction, but for x = -infinity.
  const negative = binary("and", binary("less", x, zero), binary("less", site.float(Number.NEGATIVE_INFINITY), x));
  const unreal = binary("and", negative, unary("not", whole));
  return select(binary("equal", y, zero), one, select(unreal, site.float(Number.NaN), signed));
}
