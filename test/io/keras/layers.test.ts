/** Single layers of Keras configurations as layers of Recurve: what no file of the fixtures shows. */
import { expect, test } from "vitest";
import { UnsupportedError } from "../../../src/base/errors.ts";
import { type Reading, readLayer } from "../../../src/io/keras/layer.ts";
import type { Dialect } from "../../../src/io/keras/values.ts";

function read(className: string, config: object, dialect: Dialect = "keras3") {
  const reading: Reading = { where: "a.keras", dialect, own: {}, made: new Map(), notes: new Set() };
  return readLayer({ class_name: className, config }, reading, "one");
}

test("a product along time sums masked steps in Keras: older files keep their masks, and say so", () => {
  expect(read("Dot", { axes: 1, normalize: false }).options).toEqual({ axes: 1, normalize: false });
  expect(read("Dot", { axes: 1, normalize: false }, "keras2").options.useMasks).toBe(false);
  expect(read("Dot", { axes: [2, 1] }, "tfjs").options.useMasks).toBe(false);
  expect(read("Dot", { axes: -1 }, "tfjs").options.useMasks).toBeUndefined();
});

test("a ReLU is read where Recurve has the function", () => {
  const options = { max_value: null, negative_slope: 0, threshold: 0 };
  expect(read("ReLU", options).options).toEqual({ activation: "relu" });
  expect(read("ReLU", { ...options, max_value: 6 }).options).toEqual({ activation: "relu6" });
  expect(read("ReLU", { ...options, negative_slope: 0.1 }).options).toEqual({
    activation: { name: "leakyRelu", negativeSlope: 0.1 },
  });
  expect(() => read("ReLU", { ...options, max_value: 1 })).toThrow(UnsupportedError);
  expect(() => read("ReLU", { ...options, max_value: 6, negative_slope: 0.1 })).toThrow(UnsupportedError);
});

test("statistics of other axes than the features, or of all numbers, are refused", () => {
  const given = { mean: null, variance: null, invert: false };
  expect(read("Normalization", { axis: [-1], ...given }).options.axis).toBe(-1);
  expect(read("Normalization", { axis: [], ...given }).options.axis).toBe("all");
  expect(read("Normalization", { axis: null, ...given }).options.axis).toBe("all");
  for (const axis of [[1], [1, 2], [-1, -2], "x"]) {
    expect(() => read("Normalization", { axis, ...given })).toThrow(/one, axis: expected the last axis/);
  }
});
