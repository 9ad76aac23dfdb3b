/** Nothing grows while calls are repeated: neither programs nor the memory in use. */

import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";
import {
  add,
  compile,
  dense,
  gru,
  matmul,
  mul,
  sequential,
  sum,
  type Tensor,
  tanh,
  variable,
  zeros,
} from "../../src/index.ts";
import { device } from "../../src/trace/device.ts";
import { random } from "./data.ts";
import { watchModules } from "./modules.ts";

/** Collects garbage and lets the finalisers run, which give memory back. */
async function collectGarbage(): Promise<void> {
  setFlagsFromString("--expose-gc");
  for (let i = 0; i < 3; i++) {
    runInNewContext("gc")();
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Compiles nothing and reserves nothing once it has run a few times. */
function expectSteady(once: (i: number) => void, times = 1000): void {
  for (let i = 0; i < 5; i++) once(i);
  const { used } = device().usage();
  const { modules } = watchModules(() => {
    for (let i = 0; i < times; i++) once(i);
  });
  expect(modules).toEqual([]);
  expect(device().usage().used).toBeLessThanOrEqual(used);
}

test("a thousand eager operations", () => {
  const w = random([4, 4]);
  let x = random([2, 4], 2);
  expectSteady(() => {
    x = tanh(add(matmul(x, w), 0.1));
  });
});

test("a thousand calls of a compiled function that assigns a variable", () => {
  const total = variable(zeros([3]), { name: "total" });
  const x = random([3]);
  const f = compile((y: Tensor) => {
    total.assign(add(mul(total.read(), 0.5), y));
    return sum(total.read());
  });
  expectSteady(() => f(x));
  expect(f.programs).toBe(1);
});

test("a thousand runs, steps and pushes of a model, with streams opened meanwhile", () => {
  const model = sequential([gru({ units: 3 }), dense({ units: 1 })], { input: { shape: [null, 2] } });
  const [x, step] = [random([2, 6, 2]), random([1, 2])];
  let state = model.zeroState(2);
  let stream = model.stream();
  expectSteady((i) => {
    state = model.run(x, { state }).state;
    model.step(random([2, 2], i), { state });
    if (i % 100 === 0) stream = model.stream();
    stream.push(step);
  });
  expect(model.programs).toBe(3);
});

test("eager operations on a thousand sizes give back the memory of the programs that they no longer use", async () => {
  const sizes = async (from: number): Promise<number> => {
    for (let n = from; n < from + 400; n++) mul(zeros([n]), 2);
    await collectGarbage();
    return device().usage().used;
  };
  const first = await sizes(1);
  await sizes(401);
  // Frames of the 256 programs that are kept, and the arena, which fits the largest call.
  expect((await sizes(801)) - first).toBeLessThan(64 * 1024);
});
