/**
 * Random numbers on the host: Threefry-2x32 with 20 rounds, and the few draws that initialisers and shuffling need.
 * Counter-based: a number depends on the key and its position only. The graph op `random` draws the same bits.
 */

/** 64 bits as two int32 words. */
export type Key = readonly [number, number];

const parity = 0x1bd11bda;
const rotations = [13, 15, 26, 6, 17, 29, 16, 24] as const;

/** Encrypts a counter of two words under a key of two words; every word is an int32. */
export function threefry2x32(key0: number, key1: number, counter0: number, counter1: number): [number, number] {
  const schedule = [key0 | 0, key1 | 0, parity ^ key0 ^ key1];
  let x0 = (counter0 + schedule[0]) | 0;
  let x1 = (counter1 + schedule[1]) | 0;
  for (let round = 0; round < 20; round++) {
    const by = rotations[round % 8];
    x0 = (x0 + x1) | 0;
    x1 = ((x1 << by) | (x1 >>> (32 - by))) ^ x0;
    if (round % 4 !== 3) continue;
    // A word of the key schedule goes in after every fourth round.
    const injection = (round + 1) / 4;
    x0 = (x0 + schedule[injection % 3]) | 0;
    x1 = (x1 + schedule[(injection + 1) % 3] + injection) | 0;
  }
  return [x0, x1];
}

/** The 32 random bits at position `i` of a key's stream, as int32: what the op `random` draws as "bits". */
export function bitsAt(key: Key, i: number): number {
  return threefry2x32(key[0], key[1], i, 0)[0];
}

/** 32 random bits as a number in [0, 1): a multiple of 2^-23, hence exact in float32. */
export function uniformOfBits(bits: number): number {
  return (bits >>> 9) * 2 ** -23;
}

/** The uniform number in [0, 1) at position `i`: what the op `random` draws as "uniform". */
export function uniformAt(key: Key, i: number): number {
  return uniformOfBits(bitsAt(key, i));
}

/** A key from a whole number; unlike seeds give unrelated keys. */
export function keyFromSeed(seed: number): Key {
  return threefry2x32(Math.floor(seed / 2 ** 32) | 0, seed | 0, 0, 0);
}

/**
 * A new key from a key and a number. Made of draws and a sum only, so that a graph can do the same:
 * with `m` the first two words of `key`'s stream, the first two words of the stream of `(m0, m1 + n)`.
 */
export function foldIn(key: Key, n: number): Key {
  const mixed: Key = [bitsAt(key, 0), (bitsAt(key, 1) + n) | 0];
  return [bitsAt(mixed, 0), bitsAt(mixed, 1)];
}

/** Fills an array with uniform numbers in [minimum, maximum). */
export function fillUniform(key: Key, out: Float32Array | Float64Array, minimum = 0, maximum = 1): void {
  for (let i = 0; i < out.length; i++) out[i] = minimum + (maximum - minimum) * uniformAt(key, i);
}

/** Fills an array with normal numbers (Box-Muller, in float64). */
export function fillNormal(key: Key, out: Float32Array | Float64Array, mean = 0, stddev = 1): void {
  for (let i = 0; i < out.length; i += 2) {
    const [x0, x1] = threefry2x32(key[0], key[1], i, 0);
    // Half a unit above zero keeps the logarithm finite.
    const radius = Math.sqrt(-2 * Math.log(((x0 >>> 0) + 0.5) * 2 ** -32));
    const angle = 2 * Math.PI * ((x1 >>> 0) * 2 ** -32);
    out[i] = mean + stddev * radius * Math.cos(angle);
    if (i + 1 < out.length) out[i + 1] = mean + stddev * radius * Math.sin(angle);
  }
}

/** The numbers 0..n-1 in random order (Fisher-Yates). */
export function permutation(key: Key, n: number): Int32Array {
  const order = Int32Array.from({ length: n }, (_, i) => i);
  for (let i = n - 1; i > 0; i--) {
    const [x0, x1] = threefry2x32(key[0], key[1], i, 0);
    const uniform = ((x0 >>> 0) + (x1 >>> 11) * 2 ** -21) * 2 ** -32;
    const j = Math.floor(uniform * (i + 1));
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
}
