/** What goes wrong with threads and asynchronous calls. */
import type { MemoryBuffer } from "../../src/runtime/buffer.ts";
import { threads as threadsHere } from "../../src/runtime/threads.ts";
import { Turns } from "../../src/runtime/turns.ts";
import { createRuntime } from "../../src/runtime/wasm.ts";
import { add, compile, type Tensor, tensor } from "../../src/trace/index.ts";
import type { Provocations } from "./provocations.ts";

const row = tensor([1, 2]);
const twice = compile((x: Tensor) => add(x, x), { name: "twice" });

/** Device memory that an asynchronous call writes. */
function held(): MemoryBuffer {
  const buffer = createRuntime().allocate("float32", 2) as MemoryBuffer;
  buffer.hold("writes", 1);
  return buffer;
}

export const threads: Provocations = {
  "a number of threads that is none": () => threadsHere({ process: { env: { RECURVE_THREADS: "two" } } }),
  "an asynchronous call inside of a compiled function": () => compile((x: Tensor) => twice.async(x))(row),
  "a synchronous call while an asynchronous one runs": () => {
    const turns = new Turns();
    void turns.take(() => new Promise(() => {}));
    turns.expectFree("training");
  },
  "a variable that is read while an asynchronous call writes it": () => held().read(),
  "a variable that is assigned while an asynchronous call writes it": () => held().write(Float32Array.of(1, 2)),
  "a variable that is freed while an asynchronous call writes it": () => held().free(),
};
