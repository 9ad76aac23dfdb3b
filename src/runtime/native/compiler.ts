/**
 * The machine's C compiler: which it is, what processor it compiles for, and a run of it. What it says of itself is
 * kept between processes (`store.ts`), so that a second start runs no compiler at all.
 */
import { UnsupportedError } from "../../base/errors.ts";
import { headerText } from "../../target/c/vectors.ts";
import { keyOf, store } from "../store.ts";
import { type HostModules, setting } from "./modules.ts";

/** Vectors that the processor has, and how many numbers they hold. */
export type VectorUnit = "avx512" | "avx2" | "narrow";

export interface Compiler {
  /** The command, and what it needs in front of all other arguments. */
  readonly command: readonly string[];
  /** What it says of itself, and of the processor: part of the key of all that it makes. */
  readonly identity: string;
  readonly vectors: VectorUnit;
  /** What it takes to compile a network. */
  readonly flags: readonly string[];
}

/** No fast mathematics: every operation is the one that is written. */
const commonFlags = [
  "-std=c11",
  "-march=native",
  "-ffp-contract=off",
  "-fno-math-errno",
  "-fno-trapping-math",
  // Programs have their vectors already; looking for more takes a third of the time and finds none.
  "-fno-tree-vectorize",
  // Kernels stay functions, so that profilers show the names of graph nodes.
  "-fno-inline",
];
/**
 * Where the compiler knows it. GCC gives registers loop by loop otherwise, and what was read before the innermost loop of
 * a product takes those of its sums: 10 to 25 % of its speed.
 */
const flagsIfKnown = ["-fira-region=one"];
const libraryFlags = ["-fPIC", "-shared", "-pthread"];

/** The compiler of this machine, for texts with these macros. Raises UnsupportedError where there is none. */
export function findCompiler(host: HostModules, macros: readonly string[] = []): Compiler {
  const command = findCommand(host);
  const identity = identityOf(command, host);
  const known = store()?.read(identityKey(command, identity));
  const about = known === undefined ? examine(command, host) : parseAbout(known);
  if (known === undefined) {
    const text = new TextEncoder().encode(JSON.stringify(about));
    store()?.write(identityKey(command, identity), text);
  }
  const defined = [...macros, ...(about.plain ? ["RECURVE_PLAIN"] : [])].map((macro) => `-D${macro}`);
  const flags = [...commonFlags, optimisation(), ...about.flags, ...defined, ...libraryFlags];
  return { command, identity: `${identity}\n${about.version}`, vectors: about.vectors, flags };
}

/** What is asked of a compiler once. */
interface About {
  readonly version: string;
  readonly vectors: VectorUnit;
  /** Whether it lacks the built-in functions that the header uses. */
  readonly plain: boolean;
  /** What it knows of `flagsIfKnown`. */
  readonly flags: readonly string[];
}

function identityKey(command: readonly string[], identity: string): string {
  return keyOf(["compiler", command.join(" "), identity, headerText([4, 8, 16]), flagsIfKnown.join(" ")], "json");
}

function parseAbout(bytes: Uint8Array): About {
  return JSON.parse(new TextDecoder().decode(bytes)) as About;
}

/** RECURVE_NATIVE_OPT: how hard the compiler tries, for tests and for a quick start. */
function optimisation(): string {
  return setting("RECURVE_NATIVE_OPT", "-O3", /^-O[0-3]$/, "-O0, -O1, -O2 or -O3");
}

function findCommand(host: HostModules): readonly string[] {
  const { environment } = host;
  const wanted = environment("CC")?.trim().split(/\s+/);
  const tries = wanted === undefined ? [["cc"], ["gcc"], ["clang"]] : [wanted];
  const found = tries.find(([name]) => pathOf(name, host) !== undefined);
  if (found !== undefined) return found;
  throw new UnsupportedError(
    wanted === undefined
      ? `native: expected a C compiler named cc, gcc or clang, found none on the PATH. Install one, name one by the environment variable CC, or use the backend "wasm".`
      : `native: expected the environment variable CC to name a C compiler, got "${wanted.join(" ")}", which is not on the PATH. Name another one, or use the backend "wasm".`,
    { tried: tries },
  );
}

/** The file that a command runs. */
function pathOf(name: string, { fs, paths, environment }: HostModules): string | undefined {
  const folders = name.includes("/") ? [""] : (environment("PATH") ?? "").split(":");
  return folders.map((folder) => paths.join(folder, name)).find((path) => fs.existsSync(path));
}

/** A compiler that was replaced has another file; "native" is another processor on another machine. */
function identityOf(command: readonly string[], host: HostModules): string {
  const { fs, platform } = host;
  const path = fs.realpathSync(pathOf(command[0], host) as string);
  const { mtimeMs, size } = fs.statSync(path);
  return [path, mtimeMs, size, platform, processorOf(host)].join("\n");
}

/** Which processor this is: its instructions where the system lists them, else its name. */
function processorOf({ fs, os, arch }: HostModules): string {
  try {
    const text = new TextDecoder().decode(fs.readFileSync("/proc/cpuinfo"));
    const line = /^(flags|Features)\s*:.*$/m.exec(text);
    if (line !== null) return `${arch} ${line[0]}`;
  } catch {
    // Not Linux.
  }
  return `${arch} ${os.cpus()[0]?.model ?? ""}`;
}

function examine(command: readonly string[], host: HostModules): About {
  const version = runCompiler(command, ["--version"], host).split("\n")[0];
  const macros = runCompiler(command, [...commonFlags, "-dM", "-E", "-x", "c", "/dev/null"], host);
  const has = (...names: readonly string[]): boolean => names.every((name) => macros.includes(`#define __${name}__ `));
  const vectors = has("AVX512F") ? "avx512" : has("AVX2", "FMA") ? "avx2" : "narrow";
  const flags = flagsIfKnown.filter((flag) => takes(command, ["-Werror", flag], "", host));
  return { version, vectors, plain: !takesHeader(command, [], host) && expectPlain(command, host), flags };
}

/** Compilers of other times may have other built-in functions. */
function takesHeader(command: readonly string[], more: readonly string[], host: HostModules): boolean {
  return takes(command, more, headerText([4, 8, 16]), host);
}

function takes(command: readonly string[], more: readonly string[], input: string, host: HostModules): boolean {
  const args = [...command.slice(1), ...commonFlags, ...more, "-fsyntax-only", "-x", "c", "-"];
  return host.processes.spawnSync(command[0], args, { input }).status === 0;
}

function expectPlain(command: readonly string[], host: HostModules): true {
  if (takesHeader(command, ["-DRECURVE_PLAIN"], host)) return true;
  throw new UnsupportedError(
    `native: expected a compiler of C11 with vectors, as GCC 9 and Clang 10 and newer are, got "${command.join(" ")}". Install a newer one, or use the backend "wasm".`,
    { command },
  );
}

/** Runs the compiler and returns what it writes. Raises UnsupportedError where it fails. */
export function runCompiler(command: readonly string[], args: readonly string[], host: HostModules): string {
  const { status, stdout, stderr, error } = host.processes.spawnSync(command[0], [...command.slice(1), ...args], {});
  const decode = (bytes: Uint8Array | null): string => new TextDecoder().decode(bytes ?? new Uint8Array());
  if (status === 0) return decode(stdout);
  const said = error === undefined ? decode(stderr) : error.message;
  throw new UnsupportedError(
    `native: expected the C compiler "${command.join(" ")}" to succeed, got: ${said.trim().split("\n").slice(0, 5).join(" / ")}. Use another compiler by the environment variable CC, or the backend "wasm".`,
    { command, args, said },
  );
}
