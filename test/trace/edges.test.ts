/** What must not pass in silence: numbers a type does not hold, sizes that make no sense, infinities, misused scans and variables. */
import { expect, test } from "vitest";
import { DTypeError, OptionError, RecurveError, ShapeError } from "../../src/base/errors.ts";
import {
  add,
  broadcastTo,
  compile,
  div,
  full,
  logicalNot,
  logSumExp,
  matmul,
  mod,
  mul,
  oneHot,
  ones,
  pad,
  randomKey,
  range,
  relu,
  reshape,
  scan,
  slice,
  spec,
  split,
  stack,
  sum,
  type Tensor,
  take,
  tensor,
  transpose,
  valueAndGrad,
  variable,
  where,
  zeros,
} from "../../src/trace/index.ts";
import { backends } from "../backends.ts";

const ints = (...values: number[]): Tensor => tensor(Int32Array.from(values));
const { POSITIVE_INFINITY: infinity, NaN: nan } = Number;

test("eager programs are told apart by infinities, NaN and the sign of zero", () => {
  const padded = [infinity, -infinity, nan, 0].map((value) => Array.from(pad(tensor([1]), [[1, 0]], value).data()));
  expect(padded).toEqual([
    [infinity, 1],
    [-infinity, 1],
    [nan, 1],
    [0, 1],
  ]);
  const sign = (zero: number): number =>
    scan((c: Tensor) => ({ carry: div(1, mul(c, tensor(zero))) }), { init: tensor(1), length: 1 }).carry.item();
  expect([sign(0), sign(-0)]).toEqual([infinity, -infinity]);
});

test("a number that int32 does not hold is refused beside an int32 tensor, not cut or wrapped", () => {
  for (const wrong of [1.5, 2 ** 31, nan]) {
    expect(() => add(ints(1), wrong)).toThrow(DTypeError);
    expect(() => compile((x: Tensor) => add(x, wrong))(ints(1))).toThrow(DTypeError);
    expect(() => where(tensor([true]), ints(1), wrong)).toThrow(DTypeError);
    expect(() => pad(ints(1), [[1, 1]], wrong)).toThrow(DTypeError);
    expect(() => full([2], wrong, "int32")).toThrow(DTypeError);
    expect(() => tensor([wrong], { dtype: "int32" })).toThrow(DTypeError);
  }
});

test("whole numbers above 2^24 keep every digit in full and where", () => {
  const large = 2 ** 24 + 1;
  expect(full([1], 2 ** 31 - 1, "int32").toArray()).toEqual([2 ** 31 - 1]);
  expect(where(tensor([true, false]), ints(0, 1), large).toArray()).toEqual([0, large]);
  expect(compile((x: Tensor) => where(tensor([true, false]), large, x))(ints(0, 1)).toArray()).toEqual([large, 1]);
});

test.each(backends)("every bool that is made of a number is 0 or 1 on %s", (backend) => {
  const fn = compile((x: Tensor) => [logicalNot(full([2], 2, "bool")), logicalNot(pad(x, [[1, 0]], 0.5))], { backend });
  expect(fn(tensor([true])).map((x) => Array.from(x.data()))).toEqual([
    [0, 0],
    [0, 0],
  ]);
});

test("a tensor is made of numbers and booleans in a known type, or not at all", () => {
  expect(() => tensor([1, undefined] as never)).toThrow(DTypeError);
  expect(() => tensor("abc" as never)).toThrow(DTypeError);
  expect(() => tensor([1], { dtype: "float64" as never })).toThrow(/float32, int32, bool/);
  expect(() => tensor(new Float32Array(6), { shape: [-2, -3] })).toThrow(ShapeError);
});

test.each(backends)("sizes that are negative or not whole are refused on %s", (backend) => {
  const x = tensor([1, 2, 3, 4, 5, 6]);
  const wrong: ((x: Tensor) => Tensor)[] = [
    () => zeros([-1]),
    () => zeros([1.5]),
    () => zeros([nan]),
    () => range(-3),
    () => range(2.5),
    (x) => reshape(x, [-1, -1]),
    (x) => reshape(x, [-2, -3]),
    (x) => reshape(x, [2.5, 2.4]),
    (x) => broadcastTo(sum(x), [-2]),
    (x) => pad(x, [[-1, 0]]),
    (x) => slice(x, 0, 1.5),
    () => oneHot(ints(0), -1),
    (x) => take(sum(x), ints(0)),
    (x) => scan((c: Tensor) => ({ carry: c }), { init: x, length: -2 }).carry,
    (x) => scan((c: Tensor) => ({ carry: c }), { init: x, length: 2.5 }).carry,
  ];
  for (const fn of wrong) {
    expect(() => compile(fn, { backend })(x), String(fn)).toThrow(ShapeError);
    expect(() => fn(x), String(fn)).toThrow(ShapeError);
  }
  expect(() => split(x, 2.5)).toThrow(OptionError);
  expect(() => split(x, -6)).toThrow(OptionError);
  expect(() => stack([])).toThrow(/^stack: /);
});

test("relu lets NaN through, and its gradient at 0 is 0", () => {
  expect(Array.from(relu(tensor([nan, -1, 0, 2])).data())).toEqual([nan, 0, 0, 2]);
  const { grads } = valueAndGrad((x: Tensor) => sum(relu(x)))(tensor([-1, 0, 2]));
  expect(grads.toArray()).toEqual([0, 0, 1]);
});

test("the log of a sum of nothing but zeros is -infinity, of an infinity infinity", () => {
  const rows = tensor([
    [-infinity, -infinity],
    [infinity, 1],
    [-infinity, 1],
  ]);
  expect(logSumExp(rows, 1).toArray()).toEqual([-infinity, infinity, 1]);
});

test("a matrix serves every leading axis of a transposed stack too", () => {
  const a = reshape(range(12, "float32"), [2, 2, 3]);
  const w = tensor([
    [1, 2],
    [3, 4],
  ]);
  const expected = matmul(transpose(a, [0, 2, 1]), w).toArray();
  expect(matmul(a, w, { transposeA: true }).toArray()).toEqual(expected);
});

test("a seed that is not a whole number is refused, for all of them would give one key", () => {
  expect(() => randomKey(0.5)).toThrow(OptionError);
});

test("an unknown backend is refused", () => {
  expect(() => compile((x: Tensor) => x, { backend: "webgpu" as never })).toThrow(/one of wasm, native, interpreter/);
});

test("what is no tensor beside an eager loss is handed through", () => {
  const fn = valueAndGrad((x: Tensor) => ({ value: sum(x), aux: { n: 3, name: "a", x } }), { aux: true });
  const { aux } = fn(tensor([1, 2]));
  expect([aux.n, aux.name, aux.x.toArray()]).toEqual([3, "a", [1, 2]]);
});

test("a scan of things that are no tensors says which", () => {
  const x = tensor([1]);
  const wrong: Readonly<Record<string, () => unknown>> = {
    init: () => scan((c: Tensor) => ({ carry: c }), { init: 0 as never, length: 2 }),
    "xs.0": () => scan((c: Tensor) => ({ carry: c }), { init: x, xs: [1, 2] as never }),
    "y.a": () => scan((c: Tensor) => ({ carry: c, y: { a: 1 } as never }), { init: x, length: 2 }),
    "{ carry, y }": () => scan((() => undefined) as never, { init: x, length: 2 }),
  };
  for (const [what, fn] of Object.entries(wrong)) {
    expect(fn).toThrow(OptionError);
    expect(fn).toThrow(what);
  }
});

test("a variable that was disposed of says so by its name, in compiled functions too", () => {
  const v = variable(tensor([1]), { name: "weight" });
  const fn = compile(() => v.read());
  fn();
  v[Symbol.dispose]();
  for (const use of [fn, () => v.read(), () => v.assign(tensor([2]))]) expect(use).toThrow(/^variable "weight": /);
  expect(() => variable(tensor([1]), { name: "w" }).assign(3 as never)).toThrow(RecurveError);
});

test.each(backends)("int32 division by zero has the remainder 0, floats NaN, on %s", (backend) => {
  const fn = compile((a: Tensor, b: Tensor, x: Tensor) => [mod(a, b), mod(x, 0)], { backend });
  const outs = fn(ints(5, -5), ints(0, 0), tensor([5]));
  expect(outs.map((x) => Array.from(x.data()))).toEqual([[0, 0], [nan]]);
});

test.each(backends)("sums and products over an empty axis are 0 on %s", (backend) => {
  const fn = compile((x: Tensor) => [sum(x, 0), matmul(transpose(x), x), matmul(x, ones([2, 3]))], {
    backend,
    inputs: [spec(["b", 2])],
  });
  expect(fn(zeros([0, 2])).map((x) => x.toArray())).toEqual([
    [0, 0],
    [
      [0, 0],
      [0, 0],
    ],
    [],
  ]);
});

test.each(backends)(
  "what is computed of nothing but constants may be an operand of a product or a table on %s",
  (backend) => {
    const fn = compile(
      (x: Tensor) => [matmul(x, ones([2, 3])), matmul(ones([3, 2]), ones([2, 1])), take(ones([3, 2]), ints(1))],
      { backend },
    );
    expect(fn(ones([1, 2])).map((x) => x.toArray())).toEqual([[[2, 2, 2]], [[2], [2], [2]], [[1, 1]]]);
  },
);
