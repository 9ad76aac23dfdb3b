/** Coefficients from the lowest power up, as scripts/fit-math.mjs prints them, and the constants of range reduction. */

/** exp(r) = 1 + r P(r), |r| <= log(2)/2, relative error 9.2e-8. */
export const expP = Object.freeze([0.999999702, 0.499991477, 0.166676551, 0.0418981574, 0.00828906987]);

/** log((1 + s)/(1 - s)) = s (2 + w P(w)), w = s^2, |s| <= 3 - sqrt 8, relative error 8.1e-10. */
export const logP = Object.freeze([0.666667759, 0.399775773, 0.298710644]);

/** tanh(x) = x P(u)/Q(u), u = x^2, |x| <= 9, relative error 2.3e-8. */
export const tanhP = Object.freeze([1, 0.133839816, 0.0034989675, 0.000020659696, 1.34158755e-8]);
export const tanhQ = Object.freeze([1, 0.46717304, 0.0258901753, 0.00032909424, 7.80347591e-7]);

/** sigmoid(x) = 1/2 + x P(u)/Q(u), u = x^2, |x| <= 17.4, absolute error 7.7e-9. */
export const sigmoidP = Object.freeze([0.249999985, 0.00837110076, 0.0000548583666, 8.15279648e-8, 1.34162343e-11]);
export const sigmoidQ = Object.freeze([1, 0.116817676, 0.00162092457, 0.00000517364469, 3.09728976e-9]);

/** erf(x) = x P(u)/Q(u), u = x^2, |x| <= 3.85, relative error 5.4e-8. */
export const erfP = Object.freeze([
  1.12837911, 0.196019292, 0.0534600727, 0.00399670843, 0.000288416893, 0.00000198610337,
]);
export const erfQ = Object.freeze([1, 0.507049441, 0.11640086, 0.0154347271, 0.00121537433, 0.0000376111711]);

/** Where the quotients above, in float32 arithmetic, are exactly 1, 1/2 and 1, and nowhere before larger than that. */
export const tanhBound = 8.13330364;
export const sigmoidBound = 16.0710659;
export const erfBound = 3.60151672;

/** sin(r) = r (1 + u P(u)), u = r^2, |r| <= pi/4, absolute error 3.8e-9. */
export const sinP = Object.freeze([-0.166666552, 0.00833218824, -0.00019517995]);

/** cos(r) = 1 - u/2 + u^2 P(u), u = r^2, |r| <= pi/4, absolute error 1.1e-10. */
export const cosP = Object.freeze([0.0416666456, -0.00138873013, 0.0000244306702]);

/** log 2 = high + low; high has 15 bits, so that a whole number of up to 9 bits times it is exact. */
export const log2High = 0.693145751953125;
export const log2Low = Math.LN2 - log2High;

/** pi/2 = high + middle + low; high and middle have 8 and 11 bits: exact times a whole number of up to 13 bits. */
export const halfPiHigh = 1.5703125;
export const halfPiMiddle = 4.837512969970703e-4;
export const halfPiLow = Math.PI / 2 - halfPiHigh - halfPiMiddle;

/** Adding 1.5 2^23 to a small float rounds it to whole, with the integer in the low bits of the sum. */
export const magic = 1.5 * 2 ** 23;
