/** At least one case for every op: a total map, so that a new op must bring its own. */
import { addDims } from "../../src/base/dims.ts";
import type { OpName } from "../../src/graph/ops.ts";
import { bodies } from "./bodies.ts";
import { bool, type Case, float, int } from "./harness.ts";
import { b, batched, binary, dims, matmul, power, saturated, shape, simpsonErf, t, unary, wrapping } from "./makers.ts";

const ints = [int(shape), int(shape)];
const bools = [bool(shape), bool(shape)];
const nonZero = [int(shape), int(shape, 1, 4)];

export const cases: { readonly [K in OpName]: readonly Case[] } = {
  neg: [
    unary("neg", (x) => -x),
    {
      name: "of int32",
      operands: [int([3])],
      build: (g, [x]) => g.add("neg", {}, [x]),
      expected: (x) => x.map((v) => 0 - v),
    },
  ],
  abs: [
    unary("abs", (x) => Math.max(x, -x)),
    {
      name: "of int32",
      operands: [int([9])],
      build: (g, [x]) => g.add("abs", {}, [x]),
      expected: (x) => x.map((v) => Math.max(v, -v)),
    },
  ],
  sign: [
    unary("sign", (x) => Number(x > 0) - Number(x < 0)),
    { name: "of int32", operands: [int([9], -1, 2)], build: (g, [x]) => g.add("sign", {}, [x]), expected: (x) => x },
  ],
  floor: [unary("floor", (x) => x - (((x % 1) + 1) % 1))],
  sqrt: [unary("sqrt", (x) => x ** 0.5, 0.1, 4)],
  exp: [unary("exp", (x) => Math.E ** x)],
  log: [unary("log", (x) => Math.log2(x) * Math.LN2, 0.1, 4)],
  tanh: [unary("tanh", (x) => Math.sinh(x) / Math.cosh(x)), saturated("tanh")],
  sigmoid: [unary("sigmoid", (x) => (1 + Math.tanh(x / 2)) / 2), saturated("sigmoid")],
  erf: [unary("erf", simpsonErf)],
  sin: [unary("sin", (x) => Math.cos(x - Math.PI / 2))],
  cos: [unary("cos", (x) => Math.sin(x + Math.PI / 2))],
  not: [
    {
      name: "of bool",
      operands: [bool([6])],
      build: (g, [x]) => g.add("not", {}, [x]),
      expected: (x) => x.map((v) => Number(v === 0)),
    },
  ],
  add: [binary("add", (x, y) => x + y), binary("add", (x, y) => x + y, ints), wrapping("add", (x, y) => x + y)],
  sub: [binary("sub", (x, y) => x - y), binary("sub", (x, y) => x - y, ints), wrapping("sub", (x, y) => x - y)],
  mul: [binary("mul", (x, y) => x * y), binary("mul", (x, y) => x * y, ints), wrapping("mul", (x, y) => x * y)],
  div: [binary("div", (x, y) => x / y, [float(shape), float(shape, 0.5, 3)])],
  mod: [
    binary("mod", (x, y) => x - Math.floor(x / y) * y, [float(shape), float(shape, 0.6, 2)]),
    binary("mod", (x, y) => x - Math.floor(x / y) * y, [float(shape), float(shape, -2, -0.6)]),
    binary("mod", (x, y) => ((x % y) + y) % y, nonZero),
    binary("mod", (x, y) => x - Math.floor(x / y) * y, [int(shape), int(shape, -4, 0)]),
  ],
  pow: [
    binary("pow", (x, y) => Math.exp(y * Math.log(x)), [float(shape, 0.3, 2), float(shape)]),
    power(2),
    power(3),
    power(1),
    power(0),
    { ...power(-1.5), operands: [float(shape, 0.5, 2)] },
  ],
  max: [binary("max", (x, y) => Math.max(x, y)), binary("max", (x, y) => Math.max(x, y), ints)],
  min: [binary("min", (x, y) => Math.min(x, y)), binary("min", (x, y) => Math.min(x, y), ints)],
  less: [
    binary("less", (x, y) => Number(x < y)),
    binary("less", (x, y) => Number(x < y), [int(shape, 0, 2), int(shape, 0, 2)]),
  ],
  lessEqual: [
    binary("lessEqual", (x, y) => Number(x <= y)),
    binary("lessEqual", (x, y) => Number(x <= y), [int(shape, 0, 2), int(shape, 0, 2)]),
  ],
  equal: [
    binary("equal", (x, y) => Number(x === y), [int(shape, 0, 2), int(shape, 0, 2)]),
    binary("equal", (x, y) => Number(x === y), bools),
  ],
  and: [
    {
      name: "of bools",
      operands: bools,
      dims,
      build: (g, ins) => g.add("and", {}, ins),
      expected: (x, y) => x.map((v, i) => v * y[i]),
    },
  ],
  or: [
    {
      name: "of bools",
      operands: bools,
      dims,
      build: (g, ins) => g.add("or", {}, ins),
      expected: (x, y) => x.map((v, i) => Math.max(v, y[i])),
    },
  ],
  constant: [
    {
      name: "of floats",
      operands: [],
      build: (g) => g.add("constant", { dtype: "float32", shape: [2, 2], data: Float32Array.of(1, -2, 0.5, 3) }, []),
      expected: () => [1, -2, 0.5, 3],
    },
    { name: "of a bool", operands: [], build: (g) => g.scalar(1, "bool"), expected: () => [1] },
  ],
  dimSize: [
    {
      name: "of a product",
      operands: [float([b, t])],
      dims,
      build: (g, [x]) => [g.add("dimSize", { dim: addDims(b, t, 4), dtype: "int32" }, []), x],
      expected: () => [9],
    },
    {
      name: "as a float",
      operands: [float([b])],
      dims,
      build: (g, [x]) => [g.add("dimSize", { dim: b, dtype: "float32" }, []), x],
      expected: () => [2],
    },
  ],
  iota: [
    {
      name: "along the first axis",
      operands: [],
      dims,
      build: (g) => g.add("iota", { shape: [b, 3], axis: 0, dtype: "int32" }, []),
      expected: () => [0, 0, 0, 1, 1, 1],
    },
    {
      name: "along the last axis, in floats",
      operands: [],
      dims,
      build: (g) => g.add("iota", { shape: [b, 3], axis: 1, dtype: "float32" }, []),
      expected: () => [0, 1, 2, 0, 1, 2],
    },
  ],
  select: [
    {
      name: "of floats",
      operands: [bool(shape), float(shape), float(shape)],
      dims,
      build: (g, ins) => g.add("select", {}, ins),
      expected: (c, x, y) => c.map((v, i) => (v === 1 ? x : y)[i]),
    },
    {
      name: "of whole numbers",
      operands: [bool(shape), int(shape), int(shape)],
      dims,
      build: (g, ins) => g.add("select", {}, ins),
      expected: (c, x, y) => c.map((v, i) => (v === 1 ? x : y)[i]),
    },
  ],
  cast: [
    {
      name: "from float32 to int32",
      operands: [float(shape, -9, 9)],
      dims,
      build: (g, [x]) => g.cast(x, "int32"),
      expected: (x) => x.map((v) => (v < 0 ? Math.ceil(v) : Math.floor(v)) + 0),
    },
    {
      name: "from int32 to float32",
      operands: [int(shape)],
      dims,
      build: (g, [x]) => g.cast(x, "float32"),
      expected: (x) => x,
    },
    {
      name: "from int32 to bool",
      operands: [int(shape, -1, 2)],
      dims,
      build: (g, [x]) => g.cast(x, "bool"),
      expected: (x) => x.map(Math.abs),
    },
    {
      name: "from bool to float32",
      operands: [bool(shape)],
      dims,
      build: (g, [x]) => g.cast(x, "float32"),
      expected: (x) => x,
    },
    {
      name: "beyond int32, which saturates",
      operands: [float([1], -1, 0)],
      build: (g, [x]) => g.cast(g.add("mul", {}, [x, g.full([1], 1e20)]), "int32"),
      expected: () => [-(2 ** 31)],
    },
  ],
  broadcast: [
    {
      name: "of new leading axes",
      operands: [float([2])],
      dims,
      build: (g, [x]) => g.broadcastTo(x, [b, 3, 2]),
      expected: (x) => Array.from({ length: 6 }, () => x).flat(),
    },
    {
      name: "of an axis of size one",
      operands: [float([2, 1])],
      dims,
      build: (g, [x]) => g.broadcastTo(x, [t, 2, b]),
      expected: (x) => [1, 2, 3].flatMap(() => [x[0], x[0], x[1], x[1]]),
    },
    {
      name: "to inner axes",
      operands: [float([b, 2])],
      dims,
      build: (g, [x]) => g.add("broadcast", { shape: [b, t, 2], axes: [0, 2] }, [x]),
      expected: (x) => [0, 0, 0, 2, 2, 2].flatMap((at) => [x[at], x[at + 1]]),
    },
  ],
  reshape: [
    {
      name: "that merges axes",
      operands: [float([b, 3, 2])],
      dims,
      build: (g, [x]) => g.reshape(x, [b, 6]),
      expected: (x) => x,
    },
  ],
  transpose: [
    {
      name: "of a matrix",
      operands: [float([b, 3])],
      dims,
      build: (g, [x]) => g.transpose(x, [1, 0]),
      expected: (x) => [0, 3, 1, 4, 2, 5].map((i) => x[i]),
    },
    {
      name: "that turns three axes",
      operands: [float([b, 2, t])],
      dims,
      build: (g, [x]) => g.transpose(x, [2, 0, 1]),
      expected: (x) => [0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11].map((i) => x[i]),
    },
  ],
  slice: [
    {
      name: "of an inner range",
      operands: [float([b, 5])],
      dims,
      build: (g, [x]) => g.sliceAxis(x, 1, 1, 4),
      expected: (x) => [1, 2, 3, 6, 7, 8].map((i) => x[i]),
    },
    {
      name: "with a step",
      operands: [float([7])],
      build: (g, [x]) => g.add("slice", { start: [1], stop: [7], step: [2] }, [x]),
      expected: (x) => [x[1], x[3], x[5]],
    },
    {
      name: "with a step that ends inside",
      operands: [float([b, 7])],
      dims,
      build: (g, [x]) => g.add("slice", { start: [0, 0], stop: [b, 5], step: [1, 3] }, [x]),
      expected: (x) => [x[0], x[3], x[7], x[10]],
    },
    {
      name: "to the last step of a free size",
      operands: [float([t, 2])],
      dims,
      build: (g, [x]) => g.sliceAxis(x, 0, addDims(t, -1), t),
      expected: (x) => x.slice(4),
    },
  ],
  pad: [
    {
      name: "with a value",
      operands: [float([b, 2])],
      dims,
      build: (g, [x]) => g.add("pad", { low: [1, 0], high: [0, 1], value: 7 }, [x]),
      expected: (x) => [7, 7, 7, x[0], x[1], 7, x[2], x[3], 7],
    },
  ],
  concat: [
    {
      name: "of two widths",
      operands: [float([b, 2]), float([b, 1])],
      dims,
      build: (g, ins) => g.add("concat", { axis: 1 }, ins),
      expected: (x, y) => [x[0], x[1], y[0], x[2], x[3], y[1]],
    },
    {
      name: "of two free lengths",
      operands: [float([b, 2]), float([t, 2]), float([1, 2])],
      dims,
      build: (g, ins) => g.add("concat", { axis: 0 }, ins),
      expected: (...xs) => xs.flat(),
    },
  ],
  reverse: [
    {
      name: "of one axis",
      operands: [float([b, t])],
      dims,
      build: (g, [x]) => g.add("reverse", { axes: [1] }, [x]),
      expected: (x) => [2, 1, 0, 5, 4, 3].map((i) => x[i]),
    },
  ],
  gather: [
    {
      name: "of rows",
      operands: [float([5, 2]), int([b, t], 0, 5)],
      dims,
      build: (g, ins) => g.add("gather", { name: "tokens" }, ins),
      expected: (x, at) => at.flatMap((i) => [x[2 * i], x[2 * i + 1]]),
    },
    {
      name: "of one element",
      operands: [float([5]), int([], 0, 5)],
      build: (g, ins) => g.add("gather", { name: "" }, ins),
      expected: (x, [i]) => [x[i]],
    },
    {
      name: "of whole numbers",
      operands: [int([3]), int([4], 0, 3)],
      build: (g, ins) => g.add("gather", { name: "" }, ins),
      expected: (x, at) => at.map((i) => x[i]),
    },
  ],
  scatterAdd: [
    {
      name: "of rows that come up more than once",
      operands: [int([b, t], 0, 4), float([b, t, 2])],
      dims,
      build: (g, ins) => g.add("scatterAdd", { rows: 4 }, ins),
      expected: (at, x) =>
        Array.from({ length: 8 }, (_, i) =>
          at.reduce((sum, row, j) => (row === i >> 1 ? sum + x[2 * j + (i & 1)] : sum), 0),
        ),
    },
  ],
  reduce: [
    {
      name: "sum over the last axis",
      operands: [float([b, 3])],
      dims,
      build: (g, [x]) => g.sum(x, [1]),
      expected: (x) => [x[0] + x[1] + x[2], x[3] + x[4] + x[5]],
    },
    {
      name: "sum over two axes",
      operands: [float([b, 3, t])],
      dims,
      build: (g, [x]) => g.sum(x, [0, 2]),
      expected: (x) => [0, 1, 2].map((j) => x.reduce((s, v, i) => (Math.floor(i / 3) % 3 === j ? s + v : s), 0)),
    },
    {
      name: "sum of whole numbers",
      operands: [int([b, 3])],
      dims,
      build: (g, [x]) => g.sum(x, [0, 1]),
      expected: (x) => [x.reduce((p, q) => p + q)],
    },
    {
      name: "max",
      operands: [float([b, 4])],
      dims,
      build: (g, [x]) => g.add("reduce", { kind: "max", axes: [1] }, [x]),
      expected: (x) => [Math.max(...x.slice(0, 4)), Math.max(...x.slice(4))],
    },
    {
      name: "min",
      operands: [float([b, 4])],
      dims,
      build: (g, [x]) => g.add("reduce", { kind: "min", axes: [0] }, [x]),
      expected: (x) => [0, 1, 2, 3].map((i) => Math.min(x[i], x[i + 4])),
    },
    {
      name: "max of whole numbers",
      operands: [int([5])],
      build: (g, [x]) => g.add("reduce", { kind: "max", axes: [0] }, [x]),
      expected: (x) => [Math.max(...x)],
    },
  ],
  argmax: [
    {
      name: "of floats",
      operands: [float([b, 4])],
      dims,
      build: (g, [x]) => g.add("argmax", { axis: 1 }, [x]),
      expected: (x) => [x.slice(0, 4), x.slice(4)].map((row) => row.indexOf(Math.max(...row))),
    },
    {
      name: "takes the first of ties",
      operands: [int([6], 0, 2)],
      build: (g, [x]) => g.add("argmax", { axis: 0 }, [x]),
      expected: (x) => [x.indexOf(Math.max(...x))],
    },
  ],
  matmul: [matmul(false, false), matmul(true, false), matmul(false, true), matmul(true, true), batched()],
  random: [
    {
      name: "uniform",
      operands: [int([2], -999, 999)],
      dims,
      build: (g, [key]) => g.add("random", { shape: [b, 3], distribution: "uniform" }, [key]),
    },
    {
      name: "bits",
      operands: [int([2], -999, 999)],
      dims,
      build: (g, [key]) => g.add("random", { shape: [5], distribution: "bits" }, [key]),
    },
  ],
  stopGradient: [
    {
      name: "is its operand",
      operands: [int(shape)],
      dims,
      build: (g, ins) => g.add("stopGradient", {}, ins),
      expected: (x) => x,
    },
  ],
  named: [
    {
      name: "is its operand",
      operands: [float(shape)],
      dims,
      build: (g, ins) => g.add("named", { name: "hidden" }, ins),
      expected: (x) => x,
    },
  ],
  scan: bodies,
};
