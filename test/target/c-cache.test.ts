/** Compiled libraries are kept and found again, made anew where they are damaged; what is missing is said in a sentence. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, describe, expect, test, vi } from "vitest";
import { UnsupportedError } from "../../src/base/errors.ts";
import { createNative } from "../../src/runtime/native/native.ts";
import { keyOf, type Store, store } from "../../src/runtime/store.ts";
import { createRuntime } from "../../src/runtime/wasm.ts";
import { emitC } from "../../src/target/c/emit.ts";
import * as p from "./programs.ts";

const folder = mkdtempSync(join(tmpdir(), "recurve-cache-"));
process.env["RECURVE_CACHE"] = folder;

const { natively, reason } = await import("./native.ts");

afterEach(() => vi.unstubAllEnvs());
afterAll(() => rmSync(folder, { recursive: true }));

const libraries = (): string[] => readdirSync(folder).filter((name) => name.endsWith(".so"));
const program = p.rowSums();
const run = (): number[][] => natively(program)([Float32Array.of(1, 2, 3, 4)], { n: 2, k: 2 });

test("an entry is what was written, and none where its file is damaged or gone", () => {
  const kept = store();
  const key = keyOf(["some", "parts"], "bin");
  expect(keyOf(["somep", "arts"], "bin")).not.toBe(key);
  expect(kept?.read(key)).toBeUndefined();
  expect(kept?.write(key, Uint8Array.of(1, 2, 3))).toBe(true);
  expect([...(kept?.read(key) ?? [])]).toEqual([1, 2, 3]);
  writeFileSync(kept?.path(key) as string, Uint8Array.of(1, 2, 4));
  expect(kept?.read(key)).toBeUndefined();
});

describe.skipIf(reason !== undefined)(`on this machine${reason === undefined ? "" : `: ${reason}`}`, () => {
  test("a program is compiled once, and its library is as it was when it is needed again", () => {
    expect(run()).toEqual([[3, 7]]);
    const made = libraries();
    const contents = made.map((name) => readFileSync(join(folder, name)));
    expect(run()).toEqual([[3, 7]]);
    expect(libraries()).toEqual(made);
    expect(made.map((name) => readFileSync(join(folder, name)))).toEqual(contents);
  });

  test("a library that can not be loaded is compiled again, although its digest fits", () => {
    const kept = store() as Store;
    const read = vi.spyOn(kept, "read").mockImplementation((key) => {
      kept.write(key, Uint8Array.of(0x7f, 0x45, 0x4c, 0x46));
      return new Uint8Array();
    });
    const before = new Set(libraries());
    expect(natively(p.differences())([Float32Array.of(1, 3)], { n: 2 })).toEqual([
      [-99, 2],
      [0, 0],
    ]);
    read.mockRestore();
    const [name] = libraries().filter((one) => !before.has(one));
    expect(kept.read(name)?.length).toBeGreaterThan(1000);
  });

  test("what is compiled does not depend on where: the same text each time", () => {
    expect(emitC(p.rowSums()).glue).toBe(emitC(p.rowSums()).glue);
  });
});

describe("what is missing is named", () => {
  const start = (): unknown => createNative(createRuntime({ threads: 1 }).memory);

  test("a compiler that is not there", () => {
    vi.stubEnv("CC", "no-such-compiler");
    expect(start).toThrow(UnsupportedError);
    expect(start).toThrow('got "no-such-compiler", which is not on the PATH');
    vi.stubEnv("CC", "");
    vi.stubEnv("PATH", "/nowhere");
    expect(start).toThrow("native: expected a C compiler named cc, gcc or clang, found none on the PATH.");
  });

  test("a compiler that fails", () => {
    vi.stubEnv("CC", "false");
    expect(start).toThrow(/native: expected the C compiler "false" to succeed/);
  });

  test("another place than Node", () => {
    const { process: node } = globalThis;
    const inPage = (): unknown => {
      Object.assign(globalThis, { process: undefined });
      try {
        return start();
      } finally {
        Object.assign(globalThis, { process: node });
      }
    };
    expect(inPage).toThrow("native: expected Node, which can run a C compiler and load what it makes");
  });

  test.skipIf(reason !== undefined)("a level of optimisation that is none", () => {
    vi.stubEnv("RECURVE_NATIVE_OPT", "-Ofast");
    expect(start).toThrow('RECURVE_NATIVE_OPT: expected -O0, -O1, -O2 or -O3, got "-Ofast".');
  });
});
