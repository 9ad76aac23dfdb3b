/**
 * The native backend: programs as shared libraries of the machine's C compiler, which run in the memory of the
 * WebAssembly runtime, so that variables, plans and checks are the same. One for a process.
 */
import { internal, UnsupportedError } from "../../base/errors.ts";
import type { Program } from "../../loops/ir.ts";
import type { Machine } from "../../loops/machine.ts";
import { entryPoint } from "../../target/c/glue.ts";
import type { CArtefact } from "../../target/target.ts";
import { WasmExecutable } from "../call.ts";
import type { Executable } from "../executable.ts";
import type { DeviceMemory } from "../memory.ts";
import { threads } from "../threads.ts";
import { findCompiler, type VectorUnit } from "./compiler.ts";
import { type Declare, Libraries } from "./library.ts";
import { hostModules } from "./modules.ts";
import { poolText } from "./pool.ts";

export interface NativeBackend {
  /** What lowering is to count with. */
  readonly machine: Machine;
  /** Compiles, unless that was done before on this machine, and loads. */
  load(artefact: CArtefact): Executable;
}

/**
 * The part of a product that stays in registers: 32 of AVX-512, 16 of AVX2, 16 or 32 of four lanes. A panel of AVX-512
 * does not fit into a first-level cache in any case: longer ones of the second pass over C less often.
 */
const vectorUnits: { readonly [U in VectorUnit]: Pick<Machine, "lanes" | "tile"> } = {
  avx512: { lanes: 16, tile: { rows: 8, vectors: 2, depth: 1024 } },
  avx2: { lanes: 8, tile: { rows: 4, vectors: 2, depth: 512 } },
  narrow: { lanes: 4, tile: { rows: 4, vectors: 2, depth: 512 } },
};

export interface NativeOptions {
  /** Macros of the header, such as RECURVE_UNFUSED (see `target/c/scalars.ts`). */
  readonly macros?: readonly string[];
}

/** The backend for programs in this memory. Raises UnsupportedError where there is no Node, compiler or koffi. */
export function createNative(memory: DeviceMemory, { macros = [] }: NativeOptions = {}): NativeBackend {
  const host = hostModules();
  const compiler = findCompiler(host, macros);
  const libraries = new Libraries(host, compiler);
  const pool = new Pool(libraries.load({ files: { "pool.c": poolText }, main: "pool.c" }), memory);
  return {
    machine: { ...vectorUnits[compiler.vectors], threads: threads().count, grain: 4000 },
    load: ({ header, source, glue, program }) => {
      const files = { "recurve.h": header, "network.c": source, "glue.c": glue };
      const declare = libraries.load({ files, main: "glue.c" });
      const call = declare(`int ${entryPoint}(uintptr_t host, uint32_t frame)`) as NativeCall;
      return new WasmExecutable(memory, program, { run: (frame) => run(call, frame, pool, program) });
    },
  };
}

type NativeCall = (host: number, frame: number) => number;

/** Not an error for users: the frame says what has failed. */
const stopped = new Error("the program has stopped");

function run(call: NativeCall, frame: number, pool: Pool, program: Program): void {
  const status = call(pool.host(), frame);
  if (status === 0) return;
  if (status > 0) throw stopped;
  throw new UnsupportedError(
    `native: expected to start ${program.team?.count ?? 1} threads, but the system refuses more. Set the environment variable RECURVE_THREADS to a smaller number.`,
    { program: program.name },
  );
}

/** The threads of the process, and where the memory is. */
class Pool {
  readonly #memory: DeviceMemory;
  readonly #setBase: (host: number, memory: unknown) => void;
  readonly #host: number;
  /** The view whose address the pool was told. A memory that grows stays where it is, but is not trusted to. */
  #told: unknown;

  constructor(declare: Declare, memory: DeviceMemory) {
    this.#memory = memory;
    this.#setBase = declare("void recurve_base(uintptr_t host, void *base)") as (host: number, memory: unknown) => void;
    this.#host = declare("uintptr_t recurve_open()")() as number;
    if (this.#host === 0) internal("there is no memory for threads");
  }

  /** The address of the pool, which knows the memory as it is now. */
  host(): number {
    const { ints } = this.#memory;
    if (ints !== this.#told) {
      this.#setBase(this.#host, ints);
      this.#told = ints;
    }
    return this.#host;
  }
}
