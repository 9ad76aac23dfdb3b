/** Initialisers: moments and bounds of many draws, orthogonality, gates. Seeds: keyFromSeed(n) in each test. */
import { expect, test } from "vitest";
import { keyFromSeed } from "../../src/base/random.ts";
import { type Initializer, initialValue, weight } from "../../src/nn/index.ts";

function draw(initializer: Initializer, shape: readonly number[], seed = 1, gates?: readonly string[]): Float32Array {
  return initialValue("weight", weight(shape, { initializer, gates }), keyFromSeed(seed));
}

function moments(x: Float32Array) {
  const mean = x.reduce((sum, value) => sum + value, 0) / x.length;
  const variance = x.reduce((sum, value) => sum + (value - mean) ** 2, 0) / x.length;
  return { mean, stddev: Math.sqrt(variance), largest: x.reduce((most, value) => Math.max(most, Math.abs(value)), 0) };
}

// For [300, 100]: fan in 300, fan out 100, average 200. A truncated normal is cut off at two of its own deviations,
// which are 1 / 0.8796 of the one that is asked for.
test.each([
  { name: "glorotUniform", stddev: Math.sqrt(1 / 200), limit: Math.sqrt(3 / 200) },
  { name: "glorotNormal", stddev: Math.sqrt(1 / 200), limit: (2 / 0.87962566) * Math.sqrt(1 / 200) },
  { name: "heUniform", stddev: Math.sqrt(2 / 300), limit: Math.sqrt(6 / 300) },
  { name: "heNormal", stddev: Math.sqrt(2 / 300), limit: (2 / 0.87962566) * Math.sqrt(2 / 300) },
  { name: "lecunUniform", stddev: Math.sqrt(1 / 300), limit: Math.sqrt(3 / 300) },
  { name: "lecunNormal", stddev: Math.sqrt(1 / 300), limit: (2 / 0.87962566) * Math.sqrt(1 / 300) },
  { name: "randomUniform", stddev: 0.05 / Math.sqrt(3), limit: 0.05 },
  { name: "randomNormal", stddev: 0.05, limit: 0.3 },
  { name: "truncatedNormal", stddev: 0.05 * 0.87962566, limit: 0.1 },
] as const)("$name has the spread and the bound of its rule (seed 7)", ({ name, stddev, limit }) => {
  const x = draw(name, [300, 100], 7);
  const { mean, stddev: got, largest } = moments(x);
  // 30 000 draws: five standard errors of the mean, and of the deviation (at most 1 / sqrt(2 n) of it).
  expect(Math.abs(mean)).toBeLessThan((5 * stddev) / Math.sqrt(30_000));
  expect(Math.abs(got / stddev - 1)).toBeLessThan(5 / Math.sqrt(60_000));
  expect(largest).toBeLessThanOrEqual(limit * (1 + 1e-6));
  expect(new Set(x).size).toBeGreaterThan(29_000);
});

test("options change the draw: mean, deviation, bounds, value, gain", () => {
  expect(moments(draw({ name: "randomNormal", mean: 3, stddev: 0.5 }, [10_000])).mean).toBeCloseTo(3, 1);
  const truncated = draw({ name: "truncatedNormal", mean: -0.1, stddev: 0.01 }, [10_000]);
  expect(truncated.every((x) => x >= -0.12 - 1e-7 && x <= -0.08 + 1e-7)).toBe(true);
  const uniform = draw({ name: "randomUniform", minimum: 2, maximum: 3 }, [1000]);
  expect(uniform.every((x) => x >= 2 && x < 3)).toBe(true);
  expect([...draw({ name: "constant", value: 4 }, [2])]).toEqual([4, 4]);
  expect([...draw({ name: "identity", gain: 2 }, [2, 3])]).toEqual([2, 0, 0, 0, 2, 0]);
  const wide = draw({ name: "varianceScaling", scale: 9, mode: "fanOut", distribution: "normal" }, [50, 400]);
  expect(moments(wide).stddev).toBeCloseTo(Math.sqrt(9 / 400), 2);
});

test.each([
  [6, 6],
  [8, 32],
  [32, 8],
])("orthogonal [%i, %i] has orthonormal rows or columns, whichever are fewer (seed 3)", (rows, columns) => {
  const x = draw({ name: "orthogonal", gain: 2 }, [rows, columns], 3);
  const count = Math.min(rows, columns);
  const length = Math.max(rows, columns);
  const at = (i: number, k: number) => (rows < columns ? x[i * columns + k] : x[k * columns + i]);
  for (let i = 0; i < count; i++) {
    for (let j = 0; j < count; j++) {
      let dot = 0;
      for (let k = 0; k < length; k++) dot += at(i, k) * at(j, k);
      expect(dot).toBeCloseTo(i === j ? 4 : 0, 5);
    }
  }
});

test("the same key gives the same numbers, another key others", () => {
  expect(draw("glorotUniform", [5, 5], 1)).toEqual(draw("glorotUniform", [5, 5], 1));
  expect(draw("glorotUniform", [5, 5], 1)).not.toEqual(draw("glorotUniform", [5, 5], 2));
});

test("each gate can have an initialiser of its own, which sees its block as a matrix", () => {
  const gates = ["input", "forget", "cell"];
  const bias = draw({ forget: "ones", cell: { name: "constant", value: 7 }, rest: "zeros" }, [6], 1, gates);
  expect([...bias]).toEqual([0, 0, 1, 1, 7, 7]);
  const kernel = draw({ forget: "identity", rest: "zeros" }, [2, 6], 1, gates);
  expect([...kernel]).toEqual([0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0]);
  // Three orthogonal blocks [4, 4], where one orthogonal [4, 12] would have columns of norm below one.
  const u = draw({ rest: "orthogonal" }, [4, 12], 1, gates);
  for (let j = 0; j < 12; j++) expect(Math.hypot(...[0, 1, 2, 3].map((i) => u[i * 12 + j]))).toBeCloseTo(1, 5);
});
