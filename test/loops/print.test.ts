/** Small programs as text: what lowering makes of them, to the letter; and programs that the checker refuses. */
import { expect, test } from "vitest";
import { symbol } from "../../src/base/dims.ts";
import { add, binary, f32, i32, kernel, leave, letIn, load, loop, ref, splat, store } from "../../src/loops/build.ts";
import { check } from "../../src/loops/check.ts";
import { type Buffer, type Program, type Stmt, types } from "../../src/loops/ir.ts";
import { lower } from "../../src/loops/lower/index.ts";
import { print } from "../../src/loops/print.ts";
import { graphOf } from "./agree.ts";

const b = symbol("b");

test("a gate over a row vector: four lanes, and a tail for what is left", () => {
  const graph = graphOf((g) => {
    const x = g.input("x", { dtype: "float32", shape: [b, 6] });
    const bias = g.broadcastTo(g.input("bias", { dtype: "float32", shape: [6] }), [b, 6]);
    return [g.add("sigmoid", {}, [g.add("add", {}, [x, bias])])];
  }, "gate");
  expect(print(lower(graph))).toMatchInlineSnapshot(`
    "program gate
      input 0 f32 x[6*b]
      input 1 f32 bias[6]
      output 0 f32 out0[6*b]
      kernel "sigmoid" {
        parallel for i2 in 0..#b {
          parallel for v in 0..4 step 4 {
            out0[(i2 * 6) + v :4] = sigmoid(x[(i2 * 6) + v :4] + bias[v :4])
          }
          parallel for v1 in 4..6 {
            out0[(i2 * 6) + v1] = sigmoid(x[(i2 * 6) + v1] + bias[v1])
          }
        }
      }
    "
  `);
});

test("the sum of rows: rows go by while the columns stay in registers", () => {
  const graph = graphOf((g) => [g.sum(g.input("dz", { dtype: "float32", shape: [b, 20] }), [0])], "bias gradient");
  expect(print(lower(graph))).toMatchInlineSnapshot(`
    "program bias gradient
      input 0 f32 dz[20*b]
      output 0 f32 out0[20]
      kernel "reduce" {
        parallel for i1 in 0..16 step 16 {
          var sum: f32x4 = 0.0x4
          var sum1: f32x4 = 0.0x4
          var sum2: f32x4 = 0.0x4
          var sum3: f32x4 = 0.0x4
          for i in 0..#b {
            sum = sum + dz[(i * 20) + i1 :4]
            sum1 = sum1 + dz[(i * 20) + (i1 + 4) :4]
            sum2 = sum2 + dz[(i * 20) + (i1 + 8) :4]
            sum3 = sum3 + dz[(i * 20) + (i1 + 12) :4]
          }
          out0[i1 :4] = sum
          out0[i1 + 4 :4] = sum1
          out0[i1 + 8 :4] = sum2
          out0[i1 + 12 :4] = sum3
        }
        parallel for i3 in 16..20 step 4 {
          var sum4: f32x4 = 0.0x4
          for i2 in 0..#b {
            sum4 = sum4 + dz[(i2 * 20) + i3 :4]
          }
          out0[i3 :4] = sum4
        }
      }
    "
  `);
});

test("a running sum: a rolled loop whose carry is updated in place", () => {
  const body = graphOf((g) => {
    const [sum, x] = ["sum", "x"].map((name) => g.input(name, { dtype: "float32", shape: [4] }));
    const next = g.add("add", {}, [sum, x]);
    return [next, next];
  }, "body");
  const graph = graphOf((g) => {
    const params = { body, length: b, reverse: true, consts: 0, carry: 1 };
    return [...g.addAll("scan", params, [g.full([4], 0), g.input("x", { dtype: "float32", shape: [b, 4] })])];
  }, "cumulative");
  expect(print(lower(graph))).toMatchInlineSnapshot(`
    "program cumulative
      input 0 f32 x[4*b]
      output 0 f32 out0[4]
      output 1 f32 out1[4*b]
      kernel "broadcast" {
        fill out0[0], 4
      }
      for t in 0..#b {
        kernel "add" {
          parallel for v in 0..4 step 4 {
            let s: f32x4 = out0[v :4] + x[((#(4*b) + (t * -4)) + v) + -4 :4]
            out0[v :4] = s
            out1[((#(4*b) + (t * -4)) + v) + -4 :4] = s
          }
        }
      }
    "
  `);
});

test("a loop that ends by itself: it counts its steps and leaves, and zeros follow", () => {
  const body = graphOf((g) => {
    const x = g.input("x", { dtype: "float32", shape: [] });
    const next = g.add("add", {}, [x, x]);
    return [next, next, g.add("less", {}, [g.scalar(9), next])];
  }, "body");
  const graph = graphOf((g) => {
    const limit = g.input("limit", { dtype: "int32", shape: [] });
    const params = { body, length: b, reverse: false, consts: 0, carry: 1, limited: true, until: true };
    return [...g.addAll("scan", params, [g.input("start", { dtype: "float32", shape: [] }), limit])];
  }, "double");
  expect(print(lower(graph))).toMatchInlineSnapshot(`
    "program double
      input 0 i32 limit[1]
      input 1 f32 start[1]
      output 0 f32 out0[1]
      output 1 f32 out1[b]
      output 2 i32 out2[1]
      temp i32 stop[1]
      kernel "copy" {
        out0[0] = start[0]
      }
      let steps: i32 = max(min(limit[0], #b), 0)
      var done: i32 = 0
      for t in 0..steps {
        kernel "add less" {
          let x: f32 = out0[0]
          let s: f32 = x + x
          let s2: i32 = i32(9.0 < s)
          out0[0] = s
          out1[t] = s
          stop[0] = s2
        }
        done = t + 1
        leave if bool(stop[0])
      }
      out2[0] = done
      kernel "zeros" {
        fill out1[done], #b - done
      }
    "
  `);
});

const buffer: Buffer = { name: "x", scalar: "f32", size: 4, role: { kind: "temp" } };
const programOf = (...body: Stmt[]): Program => ({ name: "p", buffers: [buffer], sizes: [], checks: [], body });
const v = { name: "v", type: types.f32 };
const at = { name: "at", type: types.i32 };
const less = binary("less", load(buffer, i32(0)), f32(1));

test.each([
  [
    "a variable before it is declared",
    programOf(store(buffer, i32(0), ref(v)), letIn(v, f32(1))),
    /v is used outside of its scope/,
  ],
  ["a variable declared twice", programOf(letIn(v, f32(1)), letIn(v, f32(2))), /v is declared twice/],
  ["lanes that do not fit", programOf(letIn(v, splat(load(buffer, i32(0)), 4))), /v has another type than its value/],
  [
    "a size that is not listed",
    programOf(store(buffer, { kind: "size", type: types.i32, dim: b }, f32(1))),
    /size b is not listed/,
  ],
  ["an exit without a loop", programOf(leave(less)), /there is no serial loop to leave/],
  [
    "an exit from inside of a kernel",
    programOf(loop(at, i32(0), i32(4), 1, [kernel("k", [leave(less)])])),
    /there is no serial loop to leave/,
  ],
  [
    "an exit from a parallel loop",
    programOf(loop(at, i32(0), i32(4), 1, [leave(less)], true)),
    /there is no serial loop to leave/,
  ],
  [
    "a buffer of another program",
    programOf(store({ ...buffer }, add(i32(1), i32(2)), f32(1))),
    /a buffer is not of the program/,
  ],
])("the checker refuses %s", (_, program, message) => {
  expect(() => check(program)).toThrow(message);
});
