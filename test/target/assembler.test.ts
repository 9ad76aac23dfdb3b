/** Modules that the assembler writes are valid, and its instructions compute what the specification says. */
import { expect, test } from "vitest";
import { type FunctionBuilder, ModuleBuilder, type ValType } from "../../src/target/wasm/assembler.ts";
import { Bytes } from "../../src/target/wasm/bytes.ts";
import { laneOpcodes, memoryOpcodes, plainOpcodes } from "../../src/target/wasm/opcodes.ts";

const memoryImport = { module: "env", name: "memory" };

function compile(write: (module: ModuleBuilder) => void): {
  call: (...args: number[]) => number;
  floats: Float32Array;
  ints: Int32Array;
} {
  const module = new ModuleBuilder();
  write(module);
  const bytes = module.finish(memoryImport);
  expect(WebAssembly.validate(bytes)).toBe(true);
  const memory = new WebAssembly.Memory({ initial: 1 });
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: { memory } });
  return {
    call: exports.run as (...args: number[]) => number,
    floats: new Float32Array(memory.buffer),
    ints: new Int32Array(memory.buffer),
  };
}

function single(
  params: readonly ValType[],
  results: readonly ValType[],
  write: (f: FunctionBuilder) => void,
): ReturnType<typeof compile> {
  return compile((module) => {
    const f = module.function("run", params, results);
    module.export("run", f);
    write(f);
  });
}

test("LEB128 numbers are the bytes of the specification's examples", () => {
  const bytes = (format: "unsigned" | "signed", value: number): number[] => {
    const out = new Bytes();
    out[format](value);
    return [...out.view()];
  };
  expect(bytes("unsigned", 624485)).toEqual([0xe5, 0x8e, 0x26]);
  expect(bytes("unsigned", 4294967295)).toEqual([0xff, 0xff, 0xff, 0xff, 0x0f]);
  expect(bytes("signed", -123456)).toEqual([0xc0, 0xbb, 0x78]);
  expect(bytes("signed", 64)).toEqual([0xc0, 0x00]);
  expect(bytes("signed", -64)).toEqual([0x40]);
});

test.each([0, 1, -1, 63, 64, -64, -65, 127, 128, 8191, 8192, -8193, 2147483647, -2147483648])(
  "i32.const %i arrives as it is",
  (value) => {
    expect(single([], ["i32"], (f) => f.i32(value)).call()).toBe(value);
  },
);

test("parameters, locals of mixed types and float constants", () => {
  const { call } = single(["i32", "f32"], ["f32"], (f) => {
    const [a, , c] = [f.local("f32"), f.local("v128"), f.local("f32")];
    f.f32(0.1);
    f.set(a);
    f.get(1);
    f.tee(c);
    f.get(a);
    f.op("f32.add");
    f.get(0);
    f.op("f32.convert_i32_s");
    f.op("f32.mul");
  });
  expect(call(3, 0.5)).toBeCloseTo(1.8, 6);
});

test("a loop with blocks, branches and a call sums up to its argument", () => {
  const { call } = compile((module) => {
    const run = module.function("run", ["i32"], ["i32"]);
    const square = module.function("square", ["i32"], ["i32"]);
    module.export("run", run);
    square.get(0);
    square.get(0);
    square.op("i32.mul");
    const sum = run.local("i32");
    run.block();
    run.loop();
    run.get(0);
    run.op("i32.eqz");
    run.brIf(1);
    run.get(sum);
    run.get(0);
    run.call(square.index);
    run.op("i32.add");
    run.set(sum);
    run.get(0);
    run.i32(1);
    run.op("i32.sub");
    run.set(0);
    run.br(0);
    run.end();
    run.end();
    run.get(sum);
  });
  expect(call(10)).toBe(385);
});

test("if and else take their side", () => {
  const { call } = single(["i32"], ["i32"], (f) => {
    const result = f.local("i32");
    f.get(0);
    f.if();
    f.i32(7);
    f.set(result);
    f.else();
    f.i32(9);
    f.set(result);
    f.end();
    f.get(result);
  });
  expect([call(1), call(0)]).toEqual([7, 9]);
});

test("loads and stores take static offsets; copy and fill move bytes", () => {
  const { call, floats, ints } = single([], [], (f) => {
    f.i32(16);
    f.i32(0);
    f.memory("v128.load32_splat", 4);
    f.memory("v128.store", 16);
    f.i32(0);
    f.i32(0);
    f.memory("v128.load", 0);
    f.storeLane(64, 3);
    f.i32(128);
    f.i32(0);
    f.i32(16);
    f.memoryCopy();
    f.i32(0);
    f.i32(0);
    f.i32(4);
    f.memoryFill();
  });
  floats.set([1, 2, 3, 4]);
  call();
  expect([...floats.subarray(8, 12)]).toEqual([2, 2, 2, 2]);
  expect(floats[16]).toBe(4);
  expect([...floats.subarray(32, 36)]).toEqual([1, 2, 3, 4]);
  expect(ints[0]).toBe(0);
});

/** [instruction, arguments, result] for instructions on scalars. */
const scalars = [
  ["i32.eqz", [0], 1],
  ["i32.lt_u", [1, -1], 1],
  ["i32.rem_s", [-7, 3], -1],
  ["i32.shr_s", [-8, 1], -4],
  ["i32.shr_u", [-8, 1], 2147483644],
  ["f32.copysign", [3, -1], -3],
  ["f32.nearest", [2.5], 2],
  ["i32.trunc_sat_f32_s", [3e9], 2147483647],
  ["i32.reinterpret_f32", [1], 0x3f800000],
  ["f32.reinterpret_i32", [0x40490fdb], Math.fround(Math.PI)],
] as const;

test.each(scalars)("%s", (name, args, result) => {
  const floats = (name.includes("f32") && !name.endsWith("_i32")) || name.includes("reinterpret_f32");
  const type = floats ? "f32" : "i32";
  const out = name.startsWith("f32") ? "f32" : "i32";
  const { call } = single(
    args.map(() => type),
    [out],
    (f) => {
      for (let i = 0; i < args.length; i++) f.get(i);
      f.op(name);
    },
  );
  expect(call(...args)).toBe(result);
});

/** [instruction, lanes of the operands, lanes of the result]. */
const vectors = [
  [
    "f32x4.add",
    [
      [1, 2, 3, 4],
      [10, 20, 30, 40],
    ],
    [11, 22, 33, 44],
  ],
  [
    "f32x4.pmax",
    [
      [1, Number.NaN, 3, -1],
      [2, 0, 1, -2],
    ],
    [2, Number.NaN, 3, -1],
  ],
  [
    "f32x4.pmin",
    [
      [1, Number.NaN, 3, -1],
      [2, 0, 1, -2],
    ],
    [1, Number.NaN, 1, -2],
  ],
  ["f32x4.nearest", [[0.5, 1.5, -2.5, 7.1]], [0, 2, -2, 7]],
  ["f32x4.sqrt", [[4, 9, 16, 0]], [2, 3, 4, 0]],
  [
    "f32x4.div",
    [
      [1, 2, 3, 4],
      [2, 2, 2, 2],
    ],
    [0.5, 1, 1.5, 2],
  ],
] as const;

test.each(vectors)("%s", (name, operands, result) => {
  const { call, floats } = single([], [], (f) => {
    f.i32(0);
    for (const lanes of operands) f.v128(Float32Array.from(lanes));
    f.op(name);
    f.memory("v128.store", 0);
  });
  call();
  expect([...floats.subarray(0, 4)]).toEqual([...result]);
});

test("every instruction of the tables is one that the engine knows", () => {
  const valid = (
    params: readonly ValType[],
    results: readonly ValType[],
    write: (f: FunctionBuilder) => void,
  ): boolean => {
    const module = new ModuleBuilder();
    const f = module.function("run", params, results);
    for (let i = 0; i < params.length; i++) f.get(i);
    write(f);
    return WebAssembly.validate(module.finish(memoryImport));
  };
  const types: ValType[] = ["i32", "f32", "v128"];
  const lists = [
    [],
    ...types.map((a) => [a]),
    ...types.flatMap((a) => types.map((b) => [a, b])),
    ["v128", "v128", "v128"],
    ["i32", "i32", "i32"],
  ] as ValType[][];
  const results: ValType[][] = [[], ["i32"], ["f32"], ["v128"]];
  const known = (write: (f: FunctionBuilder) => void): boolean =>
    lists.some((list) => results.some((result) => valid(list, result, write)));
  for (const name of Object.keys(plainOpcodes) as (keyof typeof plainOpcodes)[])
    expect(
      known((f) => f.op(name)),
      name,
    ).toBe(true);
  for (const name of Object.keys(memoryOpcodes) as (keyof typeof memoryOpcodes)[])
    expect(
      known((f) => f.memory(name, 4)),
      name,
    ).toBe(true);
  for (const name of Object.keys(laneOpcodes) as (keyof typeof laneOpcodes)[])
    expect(
      known((f) => f.lane(name, 3)),
      name,
    ).toBe(true);
});
