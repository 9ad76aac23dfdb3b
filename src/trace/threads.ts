/** The question how many threads there are. Apart from `device.ts`, so that the public types need none of the runtime's. */
import type { Threads } from "../runtime/threads.ts";
import { device } from "./device.ts";

/**
 * How many threads a WebAssembly program has here, and the reason: RECURVE_THREADS, the number of cores, or what stands
 * in the way of more than one. In a page that is known for certain when the first program has run.
 */
export function threads(): Threads {
  return device().threads();
}
