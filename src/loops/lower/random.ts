/** Threefry-2x32 with 20 rounds spelled in i32 arithmetic: the same bits as `base/random.ts` draws on the host. */
import { add, binary, cast, f32, i32, mul } from "../build.ts";
import type { Expr } from "../ir.ts";

const parity = 0x1bd11bda;
const rotations = [13, 15, 26, 6, 17, 29, 16, 24] as const;

/** The first word of the counter (flat, 0) under a key. */
export function randomBits(key0: Expr, key1: Expr, flat: Expr): Expr {
  const schedule = [key0, key1, xor(xor(i32(parity), key0), key1)];
  let x0 = add(flat, schedule[0]);
  let x1 = schedule[1];
  for (let round = 0; round < 20; round++) {
    x0 = add(x0, x1);
    x1 = xor(rotate(x1, rotations[round % 8]), x0);
    if (round % 4 !== 3) continue;
    const injection = (round + 1) / 4;
    x0 = add(x0, schedule[injection % 3]);
    x1 = add(add(x1, schedule[(injection + 1) % 3]), i32(injection));
  }
  return x0;
}

/** A number in [0, 1): the upper 23 bits, times 2^-23. */
export function uniformOfBits(bits: Expr): Expr {
  return mul(cast(binary("shr", bits, i32(9)), "f32"), f32(2 ** -23));
}

function xor(a: Expr, b: Expr): Expr {
  return binary("xor", a, b);
}

function rotate(x: Expr, by: number): Expr {
  return binary("or", binary("shl", x, i32(by)), binary("shr", x, i32(32 - by)));
}
