/**
 * The WebAssembly runtime: one memory for all variables and programs of a process, programs that run in it, and the
 * threads that run them. What differs between Node and a page is in `host.ts`.
 */
import { internal } from "../base/errors.ts";
import type { WasmArtefact } from "../target/target.ts";
import { withoutSharing } from "../target/wasm/alone.ts";
import { MemoryBuffer } from "./buffer.ts";
import { WasmExecutable } from "./call.ts";
import type { Executable, Runtime } from "./executable.ts";
import { type Host, hosts } from "./host.ts";
import { DeviceMemory } from "./memory.ts";
import { Pool } from "./pool.ts";
import { TeamExecutable } from "./team.ts";
import { hostKind, type Threads, threads } from "./threads.ts";

/** A runtime that loads WebAssembly artefacts. */
export interface WasmRuntime extends Runtime {
  /** Where its programs run, for other backends that run programs beside them. */
  readonly memory: DeviceMemory;
  /**
   * Compiles and instantiates at once; the engine optimises hot functions in the background. A program with a team
   * brings a way to make the same one for one thread, for calls that threads can not serve.
   */
  load(artefact: WasmArtefact, alone?: () => WasmArtefact): Executable;
  /** How many threads a program can have now: what lowering is to count with. Less than asked for where they failed. */
  threads(): Threads;
  /** For diagnoses: bytes in use, size of the memory, and programs that the workers know. */
  usage(): { used: number; size: number; known: number };
}

export interface RuntimeOptions {
  /** Threads of a program; what `threads.ts` says if not given. */
  readonly threads?: number;
  /** What starts workers; what is there if not given. */
  readonly host?: Host;
}

/** A runtime with an empty memory, which grows as needed and never shrinks. Workers start when a program needs them. */
export function createRuntime(options: RuntimeOptions = {}): WasmRuntime {
  const kind = hostKind();
  const wanted: Threads =
    options.threads === undefined ? threads() : { count: options.threads, reason: "the runtime was made so" };
  const memory = new DeviceMemory(typeof kind === "string");
  const host = (): Host | undefined => options.host ?? (typeof kind === "string" ? hosts[kind]() : undefined);
  const pool = wanted.count > 1 && memory.shared ? makePool(memory, host(), wanted.count) : undefined;
  const loadAlone = ({ bytes, program }: WasmArtefact): WasmExecutable => {
    const module = new WebAssembly.Module(memory.shared ? bytes : withoutSharing(bytes));
    const instance = new WebAssembly.Instance(module, { env: { memory: memory.memory } });
    return new WasmExecutable(memory, program, { run: instance.exports.run as (frame: number) => void });
  };
  return {
    memory,
    allocate: (dtype, length) => new MemoryBuffer(memory, dtype, length),
    load: (artefact, alone) => {
      const { name, team } = artefact.program;
      if (team === undefined) return loadAlone(artefact);
      const twin = alone ?? (() => internal("a program for threads that are not there", { program: name }));
      return new TeamExecutable(memory, pool, artefact, () => loadAlone(twin()));
    },
    threads: () => threadsOf(memory, pool, wanted),
    usage: () => ({ used: memory.used, size: memory.bytes, known: pool?.known ?? 0 }),
  };
}

function makePool(memory: DeviceMemory, host: Host | undefined, count: number): Pool | undefined {
  return host && new Pool(memory, host, count);
}

function threadsOf(memory: DeviceMemory, pool: Pool | undefined, wanted: Threads): Threads {
  if (wanted.count === 1) return wanted;
  if (!memory.shared) return { count: 1, reason: "there is no room for a shared memory" };
  if (pool === undefined) return { count: 1, reason: "there is no way to start workers" };
  return pool.failure === undefined ? wanted : { count: 1, reason: pool.failure };
}
