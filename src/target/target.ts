/** What a target is: a spelling of loop programs. Interface only; the targets lie in folders beside it. */
import type { Program } from "../loops/ir.ts";

/**
 * WebAssembly of one program. The module imports `env.memory`, a wasm32 memory shared by all programs of a runtime,
 * and exports `run(frame: i32)`. The frame is an i32 array in that memory:
 *   frame[0]            written by a failed `require`: its check number + 1 (0 before the call)
 *   frame[1]            and its offending value
 *   frame[2 + i]        byte address of `program.buffers[i]`
 *   frame[2 + n + j]    value of `program.sizes[j]`, n = number of buffers
 * A failed `require` writes the two words and traps (`unreachable`). No buffer may lie below address 65536
 * (`wasm/frame.ts` says why).
 */
export interface WasmArtefact {
  readonly kind: "wasm";
  readonly bytes: Uint8Array;
  /** The program as emitted: `sizes` may hold more than it came with. */
  readonly program: Program;
}

export type Emit<A> = (program: Program) => A;
