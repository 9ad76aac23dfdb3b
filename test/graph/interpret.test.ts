/** What the interpreter does besides the meaning of single ops (test/ops): precision, errors, observing, diagnosing. */
import { expect, test } from "vitest";
import { symbol } from "../../src/base/dims.ts";
import { NumericError } from "../../src/base/errors.ts";
import { bitsAt, keyFromSeed, uniformAt } from "../../src/base/random.ts";
import { Builder } from "../../src/graph/build.ts";
import { firstNonFinite } from "../../src/graph/diagnose.ts";
import { erf } from "../../src/graph/interpret/elementwise.ts";
import { interpret } from "../../src/graph/interpret.ts";
import { stepGraph } from "../ops/bodies.ts";

const scalar = { dtype: "float32", shape: [] } as const;

test("an index outside of a table stops the program and names the table", () => {
  const b = new Builder("test");
  const table = b.input("table", { dtype: "float32", shape: [2000, 1] });
  const indices = b.input("indices", { dtype: "int32", shape: [2] });
  const graph = b.finish([b.add("gather", { name: "tokens" }, [table, indices])]);
  for (const index of [2000, -1]) {
    const run = (): unknown => interpret(graph, [new Float32Array(2000), Int32Array.of(3, index)]);
    expect(run).toThrow(NumericError);
    expect(run).toThrow(`embedding "tokens": expected an index from 0 to 1999, got ${index}.`);
  }
});

test("float64 is the default, and float32 rounds every result", () => {
  const b = new Builder("test");
  const x = b.input("x", scalar);
  const graph = b.finish([b.add("exp", {}, [x])]);
  expect(interpret(graph, [Float64Array.of(0.1)])[0][0]).toBe(Math.exp(0.1));
  expect(interpret(graph, [Float64Array.of(0.1)], {}, { precision: "float32" })[0][0]).toBe(
    Math.fround(Math.exp(Math.fround(0.1))),
  );
});

test("results are fresh arrays, never the arguments", () => {
  const b = new Builder("test");
  const x = b.input("x", scalar);
  const data = Float64Array.of(1);
  const [result] = interpret(b.finish([b.add("named", { name: "x" }, [x])]), [data]);
  result[0] = 2;
  expect(data[0]).toBe(1);
});

test("the op random draws what base/random draws (seed 5)", () => {
  const b = new Builder("test");
  const key = b.input("key", { dtype: "int32", shape: [2] });
  const draws = (["bits", "uniform"] as const).map((distribution) =>
    b.add("random", { shape: [2, 3], distribution }, [key]),
  );
  const words = keyFromSeed(5);
  const [bits, uniform] = interpret(b.finish(draws), [Int32Array.from(words)]);
  expect([...bits]).toEqual([0, 1, 2, 3, 4, 5].map((i) => bitsAt(words, i)));
  expect([...uniform]).toEqual([0, 1, 2, 3, 4, 5].map((i) => uniformAt(words, i)));
});

// Abramowitz and Stegun, Handbook of Mathematical Functions, table 7.1.
test("erf has its tabulated values", () => {
  expect(erf(0.5)).toBeCloseTo(0.5204998778, 10);
  expect(erf(1)).toBeCloseTo(0.8427007929, 10);
  expect(erf(2)).toBeCloseTo(0.995322265, 9);
  expect([erf(0), erf(Number.POSITIVE_INFINITY), erf(-9)]).toEqual([0, 1, -1]);
});

/** h' = exp(h), five times: 0, 1, 2.7, 15, 3.8e6, infinity. */
function towers(): ReturnType<Builder["finish"]> {
  const b = new Builder("test");
  const h = b.input("h", scalar);
  const step = stepGraph("step", [scalar], (g, [x]) => {
    g.scope = "encoder/rnn";
    return [g.add("named", { name: "hidden" }, [g.add("exp", {}, [x])])];
  });
  return b.finish(b.addAll("scan", { body: step, length: symbol("t"), reverse: false, consts: 0, carry: 1 }, [h]));
}

test("observers see every node with the steps of the scans around it", () => {
  const seen: string[] = [];
  interpret(
    towers(),
    [Float64Array.of(0)],
    { t: 2 },
    { observe: ({ node, path, values }) => seen.push(`${node.op} ${path} ${values[0][0].toFixed(2)}`) },
  );
  expect(seen).toEqual(["exp 0 1.00", "named 0 1.00", "exp 1 2.72", "named 1 2.72", "scan  2.72"]);
});

test("the first number to leave the finite is found with its layer, step and name", () => {
  expect(firstNonFinite(towers(), [Float64Array.of(0)], { t: 4 })).toBe(undefined);
  expect(firstNonFinite(towers(), [Float64Array.of(0)], { t: 7 })).toEqual({
    scope: "encoder/rnn",
    op: "exp",
    step: 4,
    path: [4],
    name: "hidden",
    kind: "infinity",
  });
});

test("an argument that holds NaN is named before any operation", () => {
  expect(firstNonFinite(towers(), [Float64Array.of(Number.NaN)], { t: 1 })).toMatchObject({
    op: "input",
    name: "h",
    kind: "NaN",
  });
});

test("infinities that constants bring, as masks do, are not reported", () => {
  const b = new Builder("test");
  const x = b.input("x", { dtype: "float32", shape: [3] });
  const masked = b.add("select", {}, [
    b.add("less", {}, [x, b.full([3], 0)]),
    b.full([3], Number.NEGATIVE_INFINITY),
    x,
  ]);
  const graph = b.finish([b.add("exp", {}, [masked])]);
  expect(firstNonFinite(graph, [Float64Array.of(-1, 0, 1)])).toBe(undefined);
});
