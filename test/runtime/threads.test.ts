/** Threads of programs: who may have how many, calls of every kind, failures in any thread, and that nothing stays behind. */
import { execFileSync } from "node:child_process";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test, vi } from "vitest";
import { NumericError, OptionError } from "../../src/base/errors.ts";
import { add } from "../../src/loops/build.ts";
import { type Host, hosts } from "../../src/runtime/host.ts";
import { type Surroundings, threads } from "../../src/runtime/threads.ts";
import { createRuntime } from "../../src/runtime/wasm.ts";
import { withoutSharing } from "../../src/target/wasm/alone.ts";
import { emitWasm } from "../../src/target/wasm/emit.ts";
import * as p from "../target/programs.ts";
import { idle, mirrored, ring, stray } from "../target/teams.ts";

const never = Int32Array.of(-1, -1);
const pair = Int32Array.of(1, 2);

function sleep(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}

const node = { versions: { node: "20.19.0" }, getBuiltinModule: process.getBuiltinModule };
const page = {
  document: {},
  crossOriginIsolated: true,
  navigator: { hardwareConcurrency: 6 },
  SharedArrayBuffer,
  Worker: class {},
  Blob,
};

test.each<[string, Surroundings, number, string]>([
  [
    "Node with RECURVE_THREADS",
    { process: { ...node, env: { RECURVE_THREADS: "3" } }, SharedArrayBuffer },
    3,
    "RECURVE_THREADS says so",
  ],
  ["an isolated page", page, 6, "there are 6 cores"],
  [
    "an isolated page on a large machine",
    { ...page, navigator: { hardwareConcurrency: 64 } },
    16,
    "there are 64 cores, and 16 threads are the most",
  ],
  [
    "a page that is not isolated",
    { ...page, crossOriginIsolated: false, SharedArrayBuffer: undefined },
    1,
    "this page is not cross-origin isolated (see docs/threads.md)",
  ],
  ["a worker of a page", { ...page, document: undefined }, 1, "this is a worker, which starts no threads of its own"],
  [
    "Deno",
    { process: { ...node, env: { RECURVE_THREADS: "3" } }, SharedArrayBuffer, Deno: {} },
    1,
    "threads are started in Node and in pages only, and this is another host",
  ],
  ["an engine without shared memory", {}, 1, "this JavaScript engine has no shared memory"],
])("%s", (_, around, count, reason) => {
  expect(threads(around)).toEqual({ count, reason });
});

test.each(["0", "17", "two", "1.5", "-1"])("RECURVE_THREADS=%s is an error", (text) => {
  const around = { process: { ...node, env: { RECURVE_THREADS: text } }, SharedArrayBuffer };
  expect(() => threads(around)).toThrow(OptionError);
  expect(() => threads(around)).toThrow(`RECURVE_THREADS: expected a whole number from 1 to 16, got "${text}".`);
});

test("calls follow each other at once and after the workers have gone to sleep", () => {
  const runtime = createRuntime({ threads: 2 });
  const run = runtime.load(emitWasm(ring(2)));
  const call = (): unknown => run.run([pair, never], ["host"], { n: 3 });
  for (let i = 0; i < 5000; i++) expect(call()).toEqual([Int32Array.of(12, 12)]);
  for (let i = 0; i < 5; i++) {
    sleep(20);
    expect(call()).toEqual([Int32Array.of(12, 12)]);
  }
});

test("programs of fewer threads than there are leave the others alone", () => {
  const runtime = createRuntime({ threads: 4 });
  const runs = [2, 4, 1, 3].map((count) => ({ count, run: runtime.load(emitWasm(ring(count))) }));
  for (let round = 0; round < 50; round++) {
    for (const { count, run } of runs) {
      const [result] = run.run([new Int32Array(count).fill(1), never], ["host"], { n: 4 });
      expect(result).toEqual(new Int32Array(count).fill(16));
    }
  }
});

test.each([0, 1, 2])(
  "a check that fails in thread %i stops all three, names its value, and the program runs again",
  (who) => {
    const runtime = createRuntime({ threads: 3 });
    const run = runtime.load(emitWasm(ring(3)));
    const call = (plan: Int32Array): unknown => run.run([Int32Array.of(1, 1, 1), plan], ["host"], { n: 20 });
    for (const step of [0, 7, 19]) {
      expect(() => call(Int32Array.of(who, step))).toThrow(
        new NumericError(`ring: stopped in step ${step}.`, { program: "ring3", check: 0, value: step }),
      );
      expect(call(never)).toEqual([new Int32Array(3).fill(2 ** 20)]);
    }
  },
);

test.each([0, 1])(
  "a thread that breaks down, number %i, is our own bug and does not leave the others waiting",
  async (who) => {
    const said = vi.spyOn(console, "error").mockImplementation(() => {});
    const runtime = createRuntime({ threads: 2 });
    const run = runtime.load(emitWasm(stray(2)));
    expect(() => run.run([Int32Array.of(who)], ["host"], {})).toThrow('internal: the compiled program "stray" stopped');
    expect(run.run([Int32Array.of(5)], ["host"], {})).toEqual([Int32Array.of(5, 5)]);
    // What a worker says comes when the event loop has its turn; of the calling thread the error has said it.
    await vi.waitFor(() => expect(said.mock.calls).toHaveLength(who));
    if (who === 1) expect(String(said.mock.calls[0])).toContain("recurve: a thread has stopped: RuntimeError");
    said.mockRestore();
  },
);

test("workers follow a memory that grows between calls", () => {
  const runtime = createRuntime({ threads: 2 });
  const run = runtime.load(emitWasm(mirrored(2)));
  const kept = [];
  for (let i = 0; i < 8; i++) {
    const before = runtime.usage().size;
    kept.push(runtime.allocate("float32", before / 8));
    const n = 50_000 + 100_000 * i;
    const [result] = run.run([Float32Array.from({ length: n }, (_, at) => at)], ["host"], { n });
    expect(runtime.usage().size).toBeGreaterThan(before);
    expect([result?.[0], result?.[n - 1]]).toEqual([2 * (n - 1), 0]);
    if (i === 6) sleep(5);
  }
});

test("results of a shared memory are plain arrays that nothing shares", () => {
  const runtime = createRuntime({ threads: 2 });
  const [result] = runtime.load(emitWasm(mirrored(2))).run([Float32Array.of(1, 2)], ["host"], { n: 2 });
  expect(result?.buffer).toBeInstanceOf(ArrayBuffer);
  const buffer = runtime.allocate("float32", 3);
  expect(buffer.read().buffer).toBeInstanceOf(ArrayBuffer);
});

test("an asynchronous call is the same call", async () => {
  const runtime = createRuntime({ threads: 2 });
  const run = runtime.load(emitWasm(ring(2)));
  expect(await run.runAsync([pair, never], ["host"], { n: 3 })).toEqual([Int32Array.of(12, 12)]);
  await expect(run.runAsync([pair, Int32Array.of(1, 2)], ["host"], { n: 3 })).rejects.toThrow(NumericError);
  const alone = runtime.load(emitWasm(p.elementwise((a, b) => add(a, b))));
  expect(await alone.runAsync([Float32Array.of(1), Float32Array.of(2)], ["host"], { n: 1 })).toEqual([
    Float32Array.of(3),
  ]);
});

test("workers forget programs that are garbage collected, and many programs come and go", async () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const runtime = createRuntime({ threads: 2 });
  const artefact = emitWasm(mirrored(2));
  const last = runtime.load(emitWasm(ring(2)));
  last.run([pair, never], ["host"], { n: 3 });
  const { used } = runtime.usage();
  const rounds = (): void => {
    for (let i = 0; i < 60; i++)
      expect(runtime.load(artefact).run([Float32Array.of(i)], ["host"], { n: 1 })).toEqual([Float32Array.of(2 * i)]);
  };
  for (let round = 0; round < 20; round++) {
    rounds();
    collect();
    // Finalisers run when the event loop has its turn.
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
  for (let round = 0; round < 20 && runtime.usage().known > 2; round++) {
    collect();
    await new Promise((resolve) => setTimeout(resolve, 5));
    last.run([pair, never], ["host"], { n: 3 });
  }
  expect(runtime.usage().known).toBeLessThanOrEqual(2);
  // Frames and modules of at most one more are there.
  expect(runtime.usage().used - used).toBeLessThan(4096);
});

/** A host whose workers can not be made, as where a Content-Security-Policy forbids them. */
const forbidden: Host = {
  mayWait: true,
  start: () => {
    throw new Error("forbidden");
  },
};

const endAtOnce: Host["start"] = (_, { failed }) => {
  failed("no such file");
  return () => {};
};

test.each<[string, Host, string]>([
  ["can not be made", forbidden, "workers can not be started: forbidden"],
  ["end as they begin", { mayWait: true, start: endAtOnce }, "its workers do not run: no such file"],
])("where workers %s the program runs on one thread, and says why", async (_, host, reason) => {
  const runtime = createRuntime({ threads: 2, host });
  let made = 0;
  const run = runtime.load(emitWasm(ring(2)), () => {
    made++;
    return emitWasm(mirrored(1));
  });
  expect(made).toBe(0);
  // The twin is another program here, so that one can tell who ran.
  const call = (): unknown => run.run([Float32Array.of(1, 2)], ["host"], { n: 2 });
  expect([call(), call()]).toEqual([[Float32Array.of(4, 2)], [Float32Array.of(4, 2)]]);
  expect(await run.runAsync([Float32Array.of(1, 2)], ["host"], { n: 2 })).toEqual([Float32Array.of(4, 2)]);
  expect(made).toBe(1);
  expect(runtime.threads()).toEqual({ count: 1, reason });
});

test("a caller waits for workers once and not for ever, then runs on one thread until they are there", () => {
  let begin = (): void => {};
  const slow: Host = {
    mayWait: true,
    start: (start, events) => {
      begin = () => void hosts.node().start(start, events);
      return () => {};
    },
  };
  const runtime = createRuntime({ threads: 2, host: slow });
  const run = runtime.load(emitWasm(idle(2)), () => emitWasm(mirrored(1)));
  expect(run.run([Float32Array.of(1)], ["host"], { n: 1 })).toEqual([Float32Array.of(2)]);
  expect(run.run([Float32Array.of(1)], ["host"], { n: 1 })).toEqual([Float32Array.of(2)]);
  begin();
  sleep(1000);
  expect(run.run([], ["host"], { n: 1 })).toHaveLength(1);
});

/** A host of Node's workers that may not wait, as the main thread of a page. */
const likePage: Host = { mayWait: false, start: (start, events) => hosts.node().start(start, events) };

test("a thread that may not wait goes on while a program runs, and calls take their turns", async () => {
  const runtime = createRuntime({ threads: 2, host: likePage });
  const run = runtime.load(emitWasm(ring(2)), () => emitWasm(mirrored(1)));
  const variable = runtime.allocate("int32", 2);
  variable.write(pair);
  const long = run.runAsync([variable, never], [variable], { n: 20_001 });
  expect(() => variable.read()).toThrow("variable: expected it to be read between calls, got an asynchronous call");
  expect(() => variable.write(pair)).toThrow("variable: expected it to be written between calls");
  expect(() => run.run([Float32Array.of(1)], ["host"], { n: 1 })).toThrow(
    'program "mirrored1": expected no other program to run, got a synchronous call while an asynchronous one runs.',
  );
  const failing = expect(run.runAsync([pair, Int32Array.of(1, 4)], ["host"], { n: 9 })).rejects.toThrow(NumericError);
  const next = run.runAsync([pair, never], ["host"], { n: 3 });
  let turns = 0;
  const timer = setInterval(() => turns++, 1);
  await long;
  clearInterval(timer);
  expect(turns).toBeGreaterThan(0);
  await failing;
  expect(await next).toEqual([Int32Array.of(12, 12)]);
  expect(variable.read()[0]).toBe(variable.read()[1]);
  // Between calls a synchronous one runs the twin.
  expect(run.run([Float32Array.of(1)], ["host"], { n: 1 })).toEqual([Float32Array.of(2)]);
});

test("without shared memory the same module runs on a memory of its own", () => {
  const { bytes } = emitWasm(p.elementwise((a, b) => add(a, b)));
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 2 });
  const imports = { env: { memory } };
  expect(() => new WebAssembly.Instance(new WebAssembly.Module(new Uint8Array(bytes)), imports)).toThrow("shared");
  expect(new WebAssembly.Instance(new WebAssembly.Module(withoutSharing(bytes)), imports).exports["run"]).toBeDefined();
});

test("a process ends although its workers sleep or look for work", () => {
  const script = `
    import * as recurve from ${JSON.stringify(new URL("../../dist/index.js", import.meta.url).href)};
    const { createRuntime } = await import(${JSON.stringify(new URL("../../dist/runtime/wasm.js", import.meta.url).href)});
    const { emitWasm } = await import(${JSON.stringify(new URL("../../dist/target/wasm/emit.js", import.meta.url).href)});
    const index = { name: "thread", type: { scalar: "i32", lanes: 1 } };
    const program = { name: "idle", buffers: [], sizes: [], checks: [], body: [], team: { index, count: 3 } };
    createRuntime({ threads: 3 }).load(emitWasm(program)).run([], [], {});
    if (process.argv[1] === "sleep") await new Promise((resolve) => setTimeout(resolve, 50));
    process.on("exit", () => console.log("done", Object.keys(recurve).length > 0));
  `;
  for (const when of ["at once", "sleep"]) {
    const out = execFileSync(process.execPath, ["--input-type=module", "-e", script, when], { timeout: 20_000 });
    expect(String(out)).toBe("done true\n");
  }
});
