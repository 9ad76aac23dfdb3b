/** What a target is: a spelling of loop programs. Interface only; the targets lie in folders beside it. */
import type { Program } from "../loops/ir.ts";

/**
 * WebAssembly of one program. The module imports `env.memory`, the wasm32 memory of all programs of a runtime, as a
 * shared memory (`wasm/alone.ts` changes that where there are none), and exports `run(frame: i32)`. The frame is an
 * i32 array in that memory:
 *   frame[0]            written by a failed `require`: its check number + 1 (0 before the call)
 *   frame[1]            and its offending value
 *   frame[2 + i]        byte address of `program.buffers[i]`
 *   frame[2 + n + j]    value of `program.sizes[j]`, n = number of buffers
 * A failed `require` writes the two words and traps (`unreachable`). If the program has a team the export is
 * `run(frame: i32, index: i32)`, to be called in an instance of each thread at once; the frame ends with the
 * address of the words where the threads meet (`wasm/frame.ts`); all threads trap where one fails; and `stop(frame: i32)` lets a thread that
 * trapped for another reason (the exported global `stopped` is 0) tell the others. No buffer may lie below address 65536
 * (`wasm/frame.ts` says why).
 */
export interface WasmArtefact {
  readonly kind: "wasm";
  readonly bytes: Uint8Array;
  /** The program as emitted: `sizes` may hold more than it came with. */
  readonly program: Program;
}

/**
 * C of one program, in three texts that a compiler finds under the names "recurve.h", "network.c" and "glue.c": what
 * all networks share; the network alone, which is for readers and for machines without a memory of ours; and what calls
 * it with a frame of the same kind as above. Only the last is to be compiled: it includes the others.
 */
export interface CArtefact {
  readonly kind: "c";
  readonly header: string;
  readonly source: string;
  readonly glue: string;
  readonly program: Program;
}

export type Emit<A> = (program: Program) => A;
