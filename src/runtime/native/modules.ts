/** The modules of Node that the native backend stands on, and the settings that it reads. */
import { OptionError, UnsupportedError } from "../../base/errors.ts";
import { builtinModule, environment, type FileSystem, type OperatingSystem, type Paths } from "../node.ts";

interface Processes {
  spawnSync(
    command: string,
    args: readonly string[],
    options: { readonly input?: string; readonly cwd?: string },
  ): {
    readonly status: number | null;
    readonly stdout: Uint8Array | null;
    readonly stderr: Uint8Array | null;
    readonly error?: Error;
  };
}

interface Modules {
  createRequire(path: string): (name: string) => unknown;
}

export interface HostModules {
  readonly fs: FileSystem;
  readonly os: OperatingSystem;
  readonly paths: Paths;
  readonly processes: Processes;
  readonly modules: Modules;
  readonly environment: (name: string) => string | undefined;
  readonly platform: string;
  readonly arch: string;
}

/** What is there in Node. Raises UnsupportedError in a page, and where no shared libraries of our kind are. */
export function hostModules(): HostModules {
  const { process } = globalThis as { process?: { readonly platform: string; readonly arch: string } };
  const fs = builtinModule<FileSystem>("node:fs");
  const os = builtinModule<OperatingSystem>("node:os");
  const paths = builtinModule<Paths>("node:path");
  const processes = builtinModule<Processes>("node:child_process");
  const modules = builtinModule<Modules>("node:module");
  if (!process || !fs || !os || !paths || !processes || !modules)
    throw new UnsupportedError(
      `native: expected Node, which can run a C compiler and load what it makes, got another place. Use the backend "wasm" here.`,
    );
  const { platform, arch } = process;
  if (platform === "win32")
    throw new UnsupportedError(
      `native: expected Linux, macOS or another Unix, got Windows. Use the backend "wasm" here, or run in WSL.`,
      { platform },
    );
  return { fs, os, paths, processes, modules, environment, platform, arch };
}

/** A variable of the environment that must match `allowed`, which `described` says in words. */
export function setting(name: string, usual: string, allowed: RegExp, described: string): string {
  const value = environment(name) ?? usual;
  if (allowed.test(value)) return value;
  throw new OptionError(`${name}: expected ${described}, got "${value}". Set it to one of these, or leave it out.`, {
    variable: name,
    got: value,
  });
}
