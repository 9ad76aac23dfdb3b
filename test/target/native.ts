/** The native backend for tests, where this machine has a C compiler and koffi; else the reason why they are skipped. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DimValues } from "../../src/base/dims.ts";
import type { HostArray } from "../../src/base/dtypes.ts";
import { UnsupportedError } from "../../src/base/errors.ts";
import type { Program } from "../../src/loops/ir.ts";
import { findCompiler, runCompiler } from "../../src/runtime/native/compiler.ts";
import { hostModules } from "../../src/runtime/native/modules.ts";
import { createNative, type NativeBackend, type NativeOptions } from "../../src/runtime/native/native.ts";
import { createRuntime } from "../../src/runtime/wasm.ts";
import { emitC } from "../../src/target/c/emit.ts";

// What is tested is what the text means, which no level of optimisation changes.
process.env["RECURVE_NATIVE_OPT"] ??= "-O1";

const runtime = createRuntime();
const made = new Map<string, NativeBackend>();

/** Why there is no native backend here; undefined where there is one. */
export const reason = ((): string | undefined => {
  try {
    nativeBackend();
    return undefined;
  } catch (error) {
    if (error instanceof UnsupportedError) return error.message;
    throw error;
  }
})();

export function nativeBackend(options: NativeOptions = {}): NativeBackend {
  const key = (options.macros ?? []).join();
  const backend = made.get(key) ?? createNative(runtime.memory, options);
  made.set(key, backend);
  return backend;
}

/** A program as a function of its arguments, which gives its results in order. */
export function natively(
  program: Program,
  options: NativeOptions = {},
): (inputs: readonly HostArray[], dims?: DimValues) => number[][] {
  const executable = nativeBackend(options).load(emitC(program));
  const outputs = program.buffers.filter(({ role }) => role.kind === "output").length;
  const destinations = Array.from({ length: outputs }, () => "host" as const);
  return (inputs, dims = {}) => executable.run(inputs, destinations, dims).map((result) => [...(result ?? [])]);
}

/** Compiles the C of a program with more flags; raises an error where the compiler says anything. */
export function compileText(program: Program, flags: readonly string[]): void {
  const { header, source, glue } = emitC(program);
  const folder = mkdtempSync(join(tmpdir(), "recurve-test-"));
  try {
    writeFileSync(join(folder, "recurve.h"), header);
    writeFileSync(join(folder, "network.c"), source);
    writeFileSync(join(folder, "glue.c"), glue);
    const host = hostModules();
    const compiler = findCompiler(host);
    runCompiler(
      compiler.command,
      [...compiler.flags, ...flags, "-o", join(folder, "out"), join(folder, "glue.c")],
      host,
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
}
