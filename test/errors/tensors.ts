/** What goes wrong with tensors, compiled functions, gradients, scans and variables. */
import {
  add,
  any,
  compile,
  concat,
  full,
  grad,
  greater,
  logicalAnd,
  matmul,
  mul,
  oneHot,
  pad,
  randomKey,
  reshape,
  scan,
  sigmoid,
  slice,
  spec,
  split,
  squeeze,
  sum,
  type Tensor,
  take,
  tensor,
  topK,
  transpose,
  variable,
  zeros,
} from "../../src/trace/index.ts";
import type { Provocations } from "./provocations.ts";

const row = tensor([1, 2, 3]);
const rows = zeros([4, 3]);
const ids = (...values: number[]): Tensor => tensor(Int32Array.from(values));
const declared = compile((a: Tensor, b: Tensor) => add(a, b), {
  name: "difference",
  inputs: [spec(["b", 3]), spec(["b", 3])],
});

/** A tensor that has left the function in which it was traced. */
function escaped(): Tensor {
  let inner: Tensor | undefined;
  compile(
    (x: Tensor) => {
      inner = mul(x, 2);
      return inner;
    },
    { name: "first" },
  )(row);
  return compile((x: Tensor) => add(x, inner as Tensor), { name: "second" })(row);
}

export const tensors: Provocations = {
  "rows of different lengths": () => tensor([[1, 2], [3]]),
  "data of another size than the shape": () => tensor(new Float32Array(5), { shape: [2, 3] }),
  "the item of many": () => row.item(),
  "shapes that do not broadcast": () => add(rows, zeros([4])),
  "two types in one operation": () => add(row, ids(1, 2, 3)),
  "a function of whole numbers": () => sigmoid(ids(1)),
  "logic on numbers": () => logicalAnd(row, row),
  "an operand that is no tensor": () => add(row, [1, 2, 3] as never),
  "matrices that do not fit": () => matmul(rows, zeros([4, 2])),
  "the product of vectors": () => matmul(row, row),
  "stacks of matrices of different numbers": () => matmul(zeros([2, 3, 4]), zeros([5, 4, 3])),
  "an axis out of range": () => sum(rows, 2),
  "a reshape to another number of elements": () => reshape(rows, [5, 3]),
  "a reshape that can not divide": () => reshape(rows, [5, -1]),
  "an axis twice in a transpose": () => transpose(rows, [0, 0]),
  "a slice outside": () => slice(rows, 0, 2, 6),
  "unequal parts": () => split(rows, 2, 1),
  "a concatenation of different widths": () => concat([rows, zeros([2, 2])], 0),
  "a concatenation of nothing": () => concat([]),
  "a concatenation of types": () => concat([row, ids(1)]),
  "padding for another rank": () => pad(rows, [[1, 1]]),
  "a squeeze of a wide axis": () => squeeze(rows, 0),
  "an index out of range": () => take(rows, ids(0, 4)),
  "an index out of range, in a table with a name": () => take(rows, ids(-1), { name: "letters" }),
  "an index of another type": () => take(rows, row),
  "an argument of another type": () => compile((x: unknown) => x, { name: "f" })(new Map()),
  "an argument of another shape than declared": () => declared(rows, zeros([4, 2])),
  "arguments that disagree on a free size": () => declared(rows, zeros([5, 3])),
  "an argument too few": () => (declared as unknown as (x: Tensor) => unknown)(rows),
  "an async function to compile": () => compile((async () => row) as never, { name: "slow" })(),
  "data inside a compiled function": () => compile((x: Tensor) => full([], x.data()[0]), { name: "f" })(row),
  "a tensor that has left its function": () => escaped(),
  "a gradient of whole numbers": () => grad((x: Tensor) => sum(x))(ids(1, 2)),
  "a gradient of many numbers": () => grad((x: Tensor) => mul(x, x))(row),
  "a gradient of nothing": () => grad((() => undefined) as never)(row),
  "a scan without a length": () => scan((carry: Tensor) => ({ carry, y: carry }), { init: row }),
  "a scan over a scalar": () =>
    scan((carry: Tensor, x: Tensor) => ({ carry, y: x }), { init: row, xs: tensor(1), name: "sum" }),
  "a scan over sequences of different lengths": () =>
    scan((carry: Tensor, x: { a: Tensor; b: Tensor }) => ({ carry, y: x.a }), { init: row, xs: { a: rows, b: row } }),
  "a scan whose carry changes its shape": () =>
    scan(({ h }: { h: Tensor }, x: Tensor) => ({ carry: { h: concat([h, x]) }, y: x }), {
      init: { h: row },
      xs: rows,
      name: "encoder",
    }),
  "a scan whose carry changes its type": () =>
    scan((_: Tensor, x: Tensor) => ({ carry: ids(1, 2, 3), y: x }), { init: row, xs: rows }),
  "a scan whose carry is no tensor": () =>
    scan((_: Tensor, x: Tensor) => ({ carry: 1 as never, y: x }), { init: row, xs: rows }),
  "a scan whose carry has other parts": () =>
    scan(({ h }: { h: Tensor }, x: Tensor) => ({ carry: { c: h } as never, y: x }), { init: { h: row }, xs: rows }),
  "a variable that is assigned another shape": () => variable(row, { name: "w" }).assign(rows),
  "a variable that is assigned another type": () => variable(row, { name: "w" }).assign(ids(1, 2, 3)),
  "a variable that is assigned inside a scan": () => {
    const total = variable(row, { name: "total" });
    const step = (carry: Tensor, x: Tensor): { carry: Tensor; y: Tensor } => {
      total.assign(x);
      return { carry, y: x };
    };
    return compile(() => scan(step, { init: row, xs: rows }).carry)();
  },
  "a scan of numbers": () =>
    scan((carry: { h: Tensor }) => ({ carry, y: carry.h }), { init: { h: 0 as never }, length: 2 }),
  "a scan with an option that it does not know": () =>
    scan((carry: Tensor) => ({ carry }), { init: row, lenght: 2 } as never),
  "a step that returns another name": () => scan((carry: Tensor) => ({ carry, ys: carry }), { init: row, length: 2 }),
  "a scan of a fraction of steps": () => scan((carry: Tensor) => ({ carry }), { init: row, length: 2, steps: 1.5 }),
  "a scan of float steps": () => scan((carry: Tensor) => ({ carry }), { init: row, length: 2, steps: tensor(1) }),
  "a condition to stop that is no scalar": () =>
    scan((carry: Tensor) => ({ carry }), { init: row, length: 2, until: (carry) => greater(carry, 0) }),
  "a loop with until that goes backwards": () =>
    scan((carry: Tensor) => ({ carry }), { init: row, length: 2, reverse: true, until: (c) => any(greater(c, 0)) }),
  "more of the largest than there are": () => topK(row, 4),
  "the largest none": () => topK(row, 0),
  "the largest of whole numbers": () => topK(ids(1, 2), 1),
  "a condition over numbers": () => any(row),
  "an option of a sum that it does not know": () => sum(row, 0, { keepdims: true } as never),
  "a step that returns nothing": () => scan((() => undefined) as never, { init: row, length: 2, name: "encoder" }),
  "a variable that was disposed of": () => {
    const w = variable(row, { name: "w" });
    w[Symbol.dispose]();
    return w.read();
  },
  "a variable that is assigned a number": () => variable(row, { name: "w" }).assign(3 as never),
  "a fraction beside whole numbers": () => mul(ids(1, 2), 0.5),
  "an element that is no number": () => tensor([1, undefined] as never),
  "an element type that is none": () => zeros([2], "float64" as never),
  "a negative size": () => zeros([2, -1]),
  "a size that is no size": () => spec(["b", "2*t"]),
  "a slice beyond a free size": () =>
    compile((x: Tensor) => slice(x, 0, 0, 10), { name: "head", inputs: [spec(["t", 3])] })(rows),
  "counting with a free size": () =>
    compile((x: Tensor) => mul(x, x.shape[0] as number), { name: "f", inputs: [spec(["b", 3])] })(rows),
  "arithmetic with a free size": () =>
    compile((x: Tensor) => mul(x, (x.shape[0] as number) * 2), { name: "f", inputs: [spec(["b", 3])] })(rows),
  "a backend that is none": () => compile((x: Tensor) => x, { name: "f", backend: "webgpu" as never }),
  "a seed that is a fraction": () => randomKey(0.5),
  "an axis of a scalar": () => concat([tensor(1), tensor(2)]),
  "one-hot of floats": () => oneHot(row, 3),
  "more memory than there is": () =>
    compile((x: Tensor) => add(x, full([4096, 1024, 512], 0)), { name: "huge" })(tensor(1)),
};
