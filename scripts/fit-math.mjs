/**
 * Finds the coefficients of `src/loops/math/coefficients.ts` and prints them with the error that is left before
 * rounding of the arithmetic. Plain Node, no arguments. Not part of the product: run it when a range or a degree changes.
 *
 * Each function is fitted as P(u)/Q(u), Q(0) = 1, so that max |weight (P - f Q) / Q| is least: weighted least squares on
 * Chebyshev nodes, reweighted by the denominator before (Sanathanan and Koerner 1963) and by the error before (Lawson
 * 1961). Coefficients are rounded to float32 one by one, and those that are still free are fitted again each time.
 */
/** The functions to fit: f and weight in u on [from, to], degrees of P and Q. */
const problems = {
  // exp(r) = 1 + r P(r), |r| <= ln(2)/2; relative error.
  exp: { from: -0.3467, to: 0.3467, degrees: [4, 0], f: (r) => expm1Ratio(r), weight: (r) => r / Math.exp(r) },
  // log((1 + s)/(1 - s)) = 2 s + s w P(w), w = s^2, |s| <= (sqrt 2 - 1)/(sqrt 2 + 1); relative error.
  log: { from: 0, to: 0.02945, degrees: [2, 0], f: logRatio, weight: (w) => w / 2 },
  // tanh(x) = x P(u)/Q(u), u = x^2, P(0) = 1; relative error.
  tanh: {
    from: 0,
    to: 9 ** 2,
    degrees: [4, 4],
    first: 1,
    limit: 1,
    f: (u) => odd(Math.tanh, u),
    weight: (u) => 1 / odd(Math.tanh, u),
  },
  // sigmoid(x) = 1/2 + x P(u)/Q(u), u = x^2; absolute error.
  sigmoid: {
    from: 0,
    to: 17.4 ** 2,
    degrees: [4, 4],
    limit: 0.5,
    f: (u) => odd((x) => Math.tanh(x / 2) / 2, u),
    weight: Math.sqrt,
  },
  // erf(x) = x P(u)/Q(u), u = x^2; relative error.
  erf: { from: 0, to: 3.85 ** 2, degrees: [5, 5], limit: 1, f: (u) => odd(erf, u), weight: (u) => 1 / odd(erf, u) },
  // sin(r) = r (1 + u P(u)), cos(r) = 1 - u/2 + u^2 P(u), u = r^2, |r| <= pi/4.
  sin: { from: 0, to: 0.62, degrees: [2, 0], f: sinRatio, weight: (u) => u },
  cos: { from: 0, to: 0.62, degrees: [2, 0], f: cosRatio, weight: (u) => u * u },
};

function odd(f, u) {
  const x = Math.sqrt(Math.max(u, 1e-12));
  return f(x) / x;
}

function expm1Ratio(r) {
  return Math.abs(r) < 1e-9 ? 1 : Math.expm1(r) / r;
}

/** (log((1+s)/(1-s))/s - 2)/w as its series, 2/3 + 2w/5 + 2w^2/7 + ...; likewise below. */
function logRatio(w) {
  return series(w, 24, (k) => 2 / (2 * k + 3));
}

function sinRatio(u) {
  return series(-u, 12, (k) => -1 / factorial(2 * k + 3));
}

function cosRatio(u) {
  return series(-u, 12, (k) => 1 / factorial(2 * k + 4));
}

function series(u, terms, coefficient) {
  let sum = 0;
  for (let k = terms; k >= 0; k--) sum = sum * u + coefficient(k);
  return sum;
}

function factorial(n) {
  return n < 2 ? 1 : n * factorial(n - 1);
}

/** erf(x) = 2/sqrt(pi) exp(-x^2) sum 2^k x^(2k+1) / (1 3 5 ... (2k+1)): all terms positive. */
function erf(x) {
  let term = x;
  let sum = x;
  for (let k = 1; k < 400 && term > sum * 1e-18; k++) sum += term *= (2 * x * x) / (2 * k + 1);
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}

// ---- fitting ----------------------------------------------------------------------------------------------------

/** Solves min |A c - b| by Householder reflections; the columns are scaled first. */
function leastSquares(rows, b) {
  const n = rows[0].length;
  const scales = Array.from({ length: n }, (_, j) => Math.hypot(...rows.map((row) => row[j])) || 1);
  const a = rows.map((row, i) => [...row.map((x, j) => x / scales[j]), b[i]]);
  for (let j = 0; j < n; j++) {
    const norm = Math.sqrt(a.slice(j).reduce((sum, row) => sum + row[j] ** 2, 0));
    const v = a.slice(j).map((row) => row[j]);
    v[0] += v[0] < 0 ? -norm : norm;
    const vv = v.reduce((sum, x) => sum + x * x, 0);
    for (let k = j; k <= n; k++) {
      const dot = (2 * v.reduce((sum, x, i) => sum + x * a[j + i][k], 0)) / vv;
      for (let i = 0; i < v.length; i++) a[j + i][k] -= dot * v[i];
    }
  }
  const c = new Array(n).fill(0);
  for (let j = n - 1; j >= 0; j--) {
    c[j] = a[j][n];
    for (let k = j + 1; k < n; k++) c[j] -= a[j][k] * c[k];
    c[j] /= a[j][j];
  }
  return c.map((x, j) => x / scales[j]);
}

function evaluate(c, u) {
  return c.reduceRight((sum, x) => sum * u + x, 0);
}

/** One weighted least squares for the coefficients that `fixed` leaves undefined; P first, then Q without its 1. */
function refine({ nodes, values, weights, p }, fixed, before) {
  const free = fixed.flatMap((x, j) => (x === undefined ? [j] : []));
  const [rows, right] = [[], []];
  for (const [i, u] of nodes.entries()) {
    const w = weights[i] / evaluate([1, ...before.slice(p + 1)], u);
    const full = fixed.map((_, j) => w * (j <= p ? u ** j : -values[i] * u ** (j - p)));
    rows.push(free.map((j) => full[j]));
    right.push(w * values[i] - fixed.reduce((sum, x, j) => sum + (x === undefined ? 0 : x * full[j]), 0));
  }
  const solved = leastSquares(rows, right);
  return fixed.map((x, j) => x ?? solved[free.indexOf(j)]);
}

/** The best of some rounds, each with weights that grow where the error of the round before was large. */
function minimise({ from, to, degrees, f, weight }, fixed, start, rounds) {
  const [p, count] = [degrees[0], 400];
  const angles = Array.from({ length: count }, (_, i) => (Math.PI * (i + 0.5)) / count);
  const nodes = angles.map((angle) => (from + to) / 2 - ((to - from) / 2) * Math.cos(angle));
  const [values, weights] = [nodes.map(f), nodes.map(weight)];
  const lawson = new Array(count).fill(1);
  let c = start;
  let best = { error: Number.POSITIVE_INFINITY, c };
  for (let round = 0; round < rounds; round++) {
    c = refine({ nodes, values, weights: weights.map((w, i) => w * Math.sqrt(lawson[i])), p }, fixed, c);
    const [numerator, denominator] = [c.slice(0, p + 1), [1, ...c.slice(p + 1)]];
    const quotients = nodes.map((u) => evaluate(numerator, u) / evaluate(denominator, u));
    const errors = quotients.map((x, i) => Math.abs(weights[i] * (x - values[i])));
    const error = Math.max(...errors);
    if (error < best.error) best = { error, c };
    const sum = errors.reduce((total, e, i) => total + e * lawson[i], 0);
    for (const [i, e] of errors.entries()) lawson[i] = Math.max((lawson[i] * e * count) / sum, 1e-9);
  }
  return best;
}

/** Fits, then rounds the coefficients to float32 from the lowest power up. */
function solve(problem) {
  const [p, q] = problem.degrees;
  const fixed = new Array(p + 1 + q).fill(undefined);
  fixed[0] = problem.first;
  const start = fixed.map((_, j) => Number(j === 0));
  let { c, error } = minimise(problem, fixed, start, 200);
  const exact = error;
  const order = fixed.map((_, j) => j).sort((i, j) => (i <= p ? i : i - p) - (j <= p ? j : j - p));
  for (const j of order) {
    if (fixed[j] !== undefined) continue;
    fixed[j] = Math.fround(c[j]);
    if (fixed.includes(undefined)) ({ c, error } = minimise(problem, fixed, c, 60));
  }
  const numerator = fixed.slice(0, p + 1);
  const denominator = [1, ...fixed.slice(p + 1)];
  return { exact, error: worst(problem, numerator, denominator), numerator, denominator };
}

function worst({ from, to, f, weight }, numerator, denominator) {
  let error = 0;
  for (let i = 0; i <= 20000; i++) {
    const u = from + ((to - from) * i) / 20000;
    error = Math.max(error, Math.abs(weight(u) * (evaluate(numerator, u) / evaluate(denominator, u) - f(u))));
  }
  return error;
}

/**
 * The last float32 at which x P(x^2)/Q(x^2), in float32 arithmetic by Horner's rule, is exactly `limit` before it is
 * larger for the first time: every float from `start` on is tried.
 */
function saturation(p, q, start, end, limit) {
  const { fround } = Math;
  const horner = (c, u) => c.slice(0, -1).reduceRight((sum, x) => fround(fround(sum * u) + x), c[c.length - 1]);
  const x = new Float32Array([start]);
  const bits = new Int32Array(x.buffer);
  let last;
  for (; x[0] <= end; bits[0]++) {
    const u = fround(x[0] * x[0]);
    const y = fround(fround(x[0] * horner(p, u)) / horner(q, u));
    if (y > limit) return last;
    if (y === limit) last = x[0];
  }
  return last;
}

for (const [name, problem] of Object.entries(problems)) {
  const { exact, error, numerator, denominator } = solve(problem);
  console.log(`${name}: error ${exact.toExponential(2)}, with rounded coefficients ${error.toExponential(2)}`);
  console.log(`  P: ${numerator.map((x) => Number(x.toPrecision(9))).join(", ")}`);
  if (problem.limit === undefined) continue;
  console.log(`  Q: ${denominator.map((x) => Number(x.toPrecision(9))).join(", ")}`);
  const end = Math.sqrt(problem.to);
  const bound = saturation(numerator, denominator, end / 2, end, problem.limit);
  console.log(`  bound: ${Number(bound.toPrecision(9))}`);
}
