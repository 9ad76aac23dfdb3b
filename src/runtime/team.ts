/**
 * A program of several threads as one executable: it runs in the pool where it can, and else as its twin for one
 * thread, which computes the same bits and is made when it is first needed. Twins are for synchronous calls of a
 * page's main thread, and for a pool that is not there.
 */
import type { DimValues } from "../base/dims.ts";
import { internal } from "../base/errors.ts";
import type { WasmArtefact } from "../target/target.ts";
import { inTurn, WasmExecutable } from "./call.ts";
import type { Argument, Destination, Executable, Results } from "./executable.ts";
import type { DeviceMemory } from "./memory.ts";
import type { OwnPart, Pool } from "./pool.ts";

export class TeamExecutable implements Executable {
  readonly #memory: DeviceMemory;
  readonly #pool: Pool | undefined;
  readonly #artefact: WasmArtefact;
  readonly #makeTwin: () => WasmExecutable;
  /** Made when first needed; `null` where the pool has no seat for it. */
  #together: WasmExecutable | null | undefined;
  #twin: WasmExecutable | undefined;

  /** Without a pool it is always the twin. */
  constructor(memory: DeviceMemory, pool: Pool | undefined, artefact: WasmArtefact, makeTwin: () => WasmExecutable) {
    this.#memory = memory;
    this.#pool = pool;
    this.#artefact = artefact;
    this.#makeTwin = makeTwin;
    // Workers start while the caller makes its first arguments.
    pool?.start();
  }

  run(args: readonly Argument[], destinations: readonly Destination[], dims: DimValues): Results {
    const pool = this.#pool;
    const isReady = pool?.mayWait === true && pool.ready();
    return this.#choose(isReady).run(args, destinations, dims);
  }

  runAsync(args: readonly Argument[], destinations: readonly Destination[], dims: DimValues): Promise<Results> {
    return inTurn(this.#memory, args, destinations, async () => {
      const pool = this.#pool;
      const isReady = pool !== undefined && (pool.mayWait ? pool.ready() : await pool.whenReady());
      return this.#choose(isReady).callAsync(args, destinations, dims);
    });
  }

  #choose(isReady: boolean): WasmExecutable {
    if (isReady && this.#together === undefined) this.#together = this.#makeTogether(this.#pool as Pool);
    if (isReady && this.#together) return this.#together;
    this.#twin ??= this.#makeTwin();
    return this.#twin;
  }

  #makeTogether(pool: Pool): WasmExecutable | null {
    const { bytes, program } = this.#artefact;
    const count = program.team?.count ?? internal("a program without a team", { program: program.name });
    const seat = pool.seat(this, bytes, count);
    if (seat === undefined) return null;
    const { meeting } = pool;
    if (!pool.mayWait) {
      const runElsewhere = (frame: number): Promise<void> => pool.runElsewhere(seat, frame);
      const run = (): never => internal("the main thread of a page waits for a program", { program: program.name });
      return new WasmExecutable(this.#memory, program, { run, runElsewhere, meeting });
    }
    const imports = { env: { memory: this.#memory.memory } };
    const own = new WebAssembly.Instance(new WebAssembly.Module(bytes), imports).exports as unknown as OwnPart;
    return new WasmExecutable(this.#memory, program, { run: (frame) => pool.run(seat, own, frame), meeting });
  }
}
