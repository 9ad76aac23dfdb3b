/** Makers of cases that come up for many ops, and the independent references that they compare with. */
import { symbol } from "../../src/base/dims.ts";
import { type Case, float, int } from "./harness.ts";

/** Free sizes b and t, and what they are in every case. */
export const b = symbol("b");
export const t = symbol("t");
export const dims = { b: 2, t: 3 };
export const shape = [b, 4];

/** Smooth or not at its kinks, a unary op from float to float over a domain. */
export function unary(
  op: "neg" | "abs" | "sign" | "floor" | "sqrt" | "exp" | "log" | "tanh" | "sigmoid" | "erf" | "sin" | "cos",
  f: (x: number) => number,
  from = -3,
  to = 3,
): Case {
  return {
    name: `of [b, 4] in [${from}, ${to})`,
    operands: [float(shape, from, to)],
    dims,
    build: (g, [x]) => g.add(op, {}, [x]),
    expected: (x) => x.map(f),
  };
}

type Binary = "add" | "sub" | "mul" | "div" | "mod" | "pow" | "max" | "min" | "less" | "lessEqual" | "equal";

export function binary(op: Binary, f: (x: number, y: number) => number, operands = [float(shape), float(shape)]): Case {
  return {
    name: `of two ${operands[0].dtype} [b, 4]`,
    operands,
    dims,
    build: (g, ins) => g.add(op, {}, ins),
    expected: (x, y) => x.map((_, i) => f(x[i], y[i])),
  };
}

export function saturated(op: "tanh" | "sigmoid"): Case {
  return { name: "far from zero", operands: [float([16], -40, 40)], build: (g, ins) => g.add(op, {}, ins) };
}

/** Products and sums that leave int32 wrap around. */
export function wrapping(op: "add" | "sub" | "mul", exact: (x: bigint, y: bigint) => bigint): Case {
  const wide = int([8], -(2 ** 31), 2 ** 31);
  return {
    name: "of int32 that wraps",
    operands: [wide, wide],
    build: (g, ins) => g.add(op, {}, ins),
    expected: (x, y) => x.map((_, i) => Number(BigInt.asIntN(32, exact(BigInt(x[i]), BigInt(y[i]))))),
  };
}

export function power(exponent: number): Case {
  return {
    name: `with the constant exponent ${exponent}`,
    operands: [float(shape)],
    dims,
    build: (g, [x]) => g.add("pow", {}, [x, g.full(x.shape, exponent)]),
    expected: (x) =>
      x.map((v) =>
        Number.isInteger(exponent)
          ? Array.from({ length: exponent }, () => v).reduce((p, q) => p * q, 1)
          : Math.exp(exponent * Math.log(v)),
      ),
  };
}

// m = b, k = 4, n = t
export function matmul(transposeA: boolean, transposeB: boolean): Case {
  return {
    name: `${transposeA ? "transposed" : "plain"} by ${transposeB ? "transposed" : "plain"}`,
    operands: [float(transposeA ? [4, b] : [b, 4]), float(transposeB ? [t, 4] : [4, t])],
    dims,
    build: (g, ins) => g.add("matmul", { transposeA, transposeB }, ins),
    expected: (x, y) =>
      Array.from({ length: 6 }, (_, at) => {
        const [i, j] = [Math.floor(at / 3), at % 3];
        const a = (k: number): number => x[transposeA ? k * 2 + i : i * 4 + k];
        const c = (k: number): number => y[transposeB ? j * 4 + k : k * 3 + j];
        return a(0) * c(0) + a(1) * c(1) + a(2) * c(2) + a(3) * c(3);
      }),
  };
}

export function batched(): Case {
  return {
    name: "of stacks",
    operands: [float([b, 2, 3]), float([b, 2, 3])],
    dims,
    build: (g, ins) => g.add("matmul", { transposeA: false, transposeB: true }, ins),
    expected: (x, y) =>
      Array.from({ length: 8 }, (_, at) => {
        const [s, i, j] = [at >> 2, (at >> 1) & 1, at & 1];
        return [0, 1, 2].reduce((sum, k) => sum + x[s * 6 + i * 3 + k] * y[s * 6 + j * 3 + k], 0);
      }),
  };
}

/** erf(x) = 2/sqrt(pi) times the integral of exp(-u^2) from 0 to x, by Simpson's rule. */
export function simpsonErf(x: number): number {
  const n = 4000;
  const h = x / n;
  let sum = 0;
  for (let i = 0; i <= n; i++) sum += Math.exp(-((i * h) ** 2)) * (i === 0 || i === n ? 1 : i % 2 === 1 ? 4 : 2);
  return ((2 / Math.sqrt(Math.PI)) * sum * h) / 3;
}
