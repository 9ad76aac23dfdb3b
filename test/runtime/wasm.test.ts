/** Calls of programs: where arguments and results may lie, what a call may not disturb, and that nothing grows. */
import { expect, test } from "vitest";
import { symbol } from "../../src/base/dims.ts";
import { NumericError, UnsupportedError } from "../../src/base/errors.ts";
import { add, i32, load, loop, mul, ref, size, store, sub } from "../../src/loops/build.ts";
import { type Buffer, type Program, type Role, types } from "../../src/loops/ir.ts";
import { createRuntime } from "../../src/runtime/wasm.ts";
import { emitWasm } from "../../src/target/wasm/emit.ts";
import * as p from "../target/programs.ts";

const addition = emitWasm(p.elementwise((a, b) => add(a, b)));

/** out[i] = x[n - 1 - i] + y[i]: wrong if `out` is `x` and both are one memory. */
function reversedSum(role?: Role): Program {
  const n = symbol("n");
  const x: Buffer = p.buffer("x", n, role ?? { kind: "input", position: 0 });
  const [y, i] = [p.input(1, n), p.variable(types.i32)];
  const out = role === undefined ? p.output(0, n) : x;
  const at = role === undefined ? sub(sub(size(n), i32(1)), ref(i)) : ref(i);
  const body = [loop(i, i32(0), size(n), 1, [store(out, ref(i), add(load(x, at), load(y, ref(i))))])];
  return p.program("reversedSum", role === undefined ? [x, y, out] : [x, y], body, [n]);
}

test("arguments and results lie with the host or in device memory, in any mixture", () => {
  const runtime = createRuntime();
  const run = runtime.load(addition);
  const device = runtime.allocate("float32", 5);
  device.write(Float32Array.of(1, 2, 3, 4, 5));
  const host = Float32Array.of(10, 20, 30, 40, 50);
  const into = runtime.allocate("float32", 5);
  expect(run.run([device, host], ["host"], { n: 5 })).toEqual([Float32Array.of(11, 22, 33, 44, 55)]);
  expect(run.run([host, host], ["host"], { n: 5 })).toEqual([Float32Array.of(20, 40, 60, 80, 100)]);
  expect(run.run([device, device], [into], { n: 5 })).toEqual([undefined]);
  expect(into.read()).toEqual(Float32Array.of(2, 4, 6, 8, 10));
  expect(run.run([host.subarray(0, 2), host.subarray(1, 3)], ["host"], { n: 2 })).toEqual([Float32Array.of(30, 50)]);
  expect(device.read()).toEqual(Float32Array.of(1, 2, 3, 4, 5));
});

test("a device buffer may be argument and result although the program reads it after its first store", () => {
  const runtime = createRuntime();
  const run = runtime.load(emitWasm(reversedSum()));
  const x = runtime.allocate("float32", 4);
  x.write(Float32Array.of(1, 2, 3, 4));
  run.run([x, Float32Array.of(10, 20, 30, 40)], [x], { n: 4 });
  expect(x.read()).toEqual(Float32Array.of(14, 23, 32, 41));
});

test("a buffer that is argument and result in one place works from and to everywhere", () => {
  const runtime = createRuntime();
  const run = runtime.load(emitWasm(reversedSum({ kind: "inout", input: 0, output: 0 })));
  const [x, y] = [runtime.allocate("float32", 2), runtime.allocate("float32", 2)];
  const host = Float32Array.of(1, 2);
  const one = Float32Array.of(1, 1);
  expect(run.run([host, one], ["host"], { n: 2 })).toEqual([Float32Array.of(2, 3)]);
  run.run([host, one], [x], { n: 2 });
  expect(x.read()).toEqual(Float32Array.of(2, 3));
  run.run([x, one], [x], { n: 2 });
  expect(x.read()).toEqual(Float32Array.of(3, 4));
  run.run([x, one], [y], { n: 2 });
  expect([x.read(), y.read()]).toEqual([Float32Array.of(3, 4), Float32Array.of(4, 5)]);
  expect(run.run([x, one], ["host"], { n: 2 })).toEqual([Float32Array.of(4, 5)]);
  // The other argument is the same memory: it must be read as it was.
  run.run([x, x], [x], { n: 2 });
  expect(x.read()).toEqual(Float32Array.of(6, 8));
  run.run([y, x], [x], { n: 2 });
  expect([x.read(), y.read()]).toEqual([Float32Array.of(10, 13), Float32Array.of(4, 5)]);
  expect(host).toEqual(Float32Array.of(1, 2));
});

test("constants are written once and belong to their program", () => {
  const n = symbol("n");
  const table = p.buffer("table", 3, { kind: "constant", data: Float32Array.of(5, 6, 7) });
  const [x, out, i] = [p.input(0, n), p.output(0, n), p.variable(types.i32)];
  const program = p.program(
    "scale",
    [table, x, out],
    [loop(i, i32(0), size(n), 1, [store(out, ref(i), mul(load(table, ref(i)), load(x, ref(i))))])],
    [n],
  );
  const runtime = createRuntime();
  const run = runtime.load(emitWasm(program));
  expect(run.run([Float32Array.of(1, 2, 3)], ["host"], { n: 3 })).toEqual([Float32Array.of(5, 12, 21)]);
});

test("the memory grows under live buffers and keeps their contents", () => {
  const runtime = createRuntime();
  const small = runtime.allocate("int32", 3);
  small.write(Int32Array.of(1, 2, 3));
  const before = runtime.usage().size;
  const large = runtime.allocate("float32", 3_000_000);
  large.write(new Float32Array(3_000_000).fill(2));
  expect(runtime.usage().size).toBeGreaterThan(before);
  expect(small.read()).toEqual(Int32Array.of(1, 2, 3));
  const sum = runtime.load(addition).run([large, large], ["host"], { n: 3_000_000 })[0];
  expect(sum?.[2_999_999]).toBe(4);
});

test("a request beyond the memory of WebAssembly says how much there is", () => {
  const runtime = createRuntime();
  expect(() => runtime.allocate("float32", 2 ** 30)).toThrow(UnsupportedError);
  expect(() => runtime.allocate("float32", 2 ** 30)).toThrow("memory: expected 4096.0 MiB more beside");
  expect(runtime.allocate("float32", 1).read()).toEqual(Float32Array.of(0));
});

test("a thousand calls of changing sizes reserve nothing after the first at the largest size", () => {
  const runtime = createRuntime();
  const run = runtime.load(addition);
  run.run([new Float32Array(5000), new Float32Array(5000)], ["host"], { n: 5000 });
  const before = runtime.usage();
  for (let i = 0; i < 1000; i++) {
    const n = (i * 37) % 5000;
    const x = new Float32Array(n).fill(i);
    expect(run.run([x, x], ["host"], { n })[0]?.[n - 1]).toBe(n === 0 ? undefined : 2 * i);
  }
  expect(runtime.usage()).toEqual(before);
});

test("freed buffers give their memory back, once", () => {
  const runtime = createRuntime();
  const { used } = runtime.usage();
  const buffer = runtime.allocate("bool", 100);
  expect(buffer.read()).toEqual(new Int32Array(100));
  buffer.free();
  buffer.free();
  expect(runtime.usage().used).toBe(used);
  expect(() => buffer.read()).toThrow("internal: device memory is used after it was freed");
});

test("a failed check names its value, and the program runs again after it", () => {
  const runtime = createRuntime();
  const run = runtime.load(emitWasm(p.gatherRows(2, 1)));
  const table = Float32Array.of(7, 8);
  const call = (index: number): unknown => run.run([table, Int32Array.of(index)], ["host"], { n: 1 });
  expect(() => call(-3)).toThrow(
    new NumericError("gather: expected an index in 0..1, got -3.", { program: "gatherRows", check: 0, value: -3 }),
  );
  expect(call(1)).toEqual([Float32Array.of(8)]);
});

test("two programs share the scratch arena, and one that needs more moves it", () => {
  const runtime = createRuntime();
  const scan = runtime.load(emitWasm(p.leakyScan(2)));
  const sum = runtime.load(addition);
  const step = (): unknown =>
    scan.run([Float32Array.of(1, 1, 1, 1), Float32Array.of(0, 4)], ["host", "host"], { t: 2 });
  const expected = [Float32Array.of(1, 3, 1.5, 2.5), Float32Array.of(1.5, 2.5)];
  expect(step()).toEqual(expected);
  const many = new Float32Array(100_000).fill(1);
  expect(sum.run([many, many], ["host"], { n: 100_000 })[0]?.[99_999]).toBe(2);
  expect(step()).toEqual(expected);
});

test("an argument of another length or type than the program's is our own bug", () => {
  const runtime = createRuntime();
  const run = runtime.load(addition);
  expect(() => run.run([new Float32Array(2), new Float32Array(3)], ["host"], { n: 3 })).toThrow(
    "internal: an argument or result has another length or type",
  );
  expect(() => run.run([new Int32Array(3), new Float32Array(3)], ["host"], { n: 3 })).toThrow("internal: an argument");
});

test("calls that repeat, and change between device memories, sizes and programs, all see what they are given", () => {
  const runtime = createRuntime();
  const [run, other] = [runtime.load(addition), runtime.load(addition)];
  const [a, b] = [2, 3].map((value) => {
    const buffer = runtime.allocate("float32", 40);
    buffer.write(new Float32Array(40).fill(value));
    return buffer;
  });
  const host = (value: number, n: number): Float32Array => new Float32Array(n).fill(value);
  const sum = (x: typeof a, value: number): unknown => run.run([x, host(value, 40)], ["host"], { n: 40 })[0];
  for (const [x, value] of [
    [a, 2],
    [b, 3],
  ] as const) {
    for (let i = 0; i < 3; i++) expect(sum(x, i)).toEqual(host(value + i, 40));
    // A larger program moves the scratch memory of all.
    other.run([host(0, 1000 * value), host(0, 1000 * value)], ["host"], { n: 1000 * value });
    expect(sum(x, 7)).toEqual(host(value + 7, 40));
    expect(() => run.run([x, host(0, 39)], ["host"], { n: 40 })).toThrow("internal");
    expect(sum(x, 8)).toEqual(host(value + 8, 40));
    expect(run.run([host(1, 2), host(5, 2)], ["host"], { n: 2 })).toEqual([host(6, 2)]);
  }
  run.run([a, b], [a], { n: 40 });
  run.run([a, b], [a], { n: 40 });
  expect(a.read()).toEqual(host(8, 40));
});
