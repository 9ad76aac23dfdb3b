/** A good file with a few bytes changed or cut off, again and again, from a fixed seed. */
import { drawFrom } from "../fuzz/graphs.ts";

export function* damaged(good: Uint8Array, times: number): Generator<Uint8Array> {
  const random = drawFrom(good.length);
  const below = (n: number): number => Math.floor(random() * n);
  for (let i = 0; i < times; i++) {
    const bytes = good.slice();
    for (let n = below(4); n >= 0; n--) bytes[below(bytes.length)] = below(3) === 0 ? 255 : below(256);
    yield below(5) === 0 ? bytes.slice(0, below(bytes.length)) : bytes;
  }
}
