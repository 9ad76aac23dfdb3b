/** Timing of short calls, for the micro-benchmarks. */

/** Seconds of one call: the best of some rounds, after the engine has had time to optimise. */
export async function time(call: () => void, rounds = 60): Promise<number> {
  const warm = performance.now() + 300;
  while (performance.now() < warm) call();
  await new Promise<void>((done) => setTimeout(() => done(), 100));
  let count = 1;
  let best = Infinity;
  for (let round = 0; round < rounds; ) {
    const start = performance.now();
    for (let i = 0; i < count; i++) call();
    const spent = performance.now() - start;
    if (spent < 4) count = Math.ceil(count * Math.max(2, 5 / (spent + 0.1)));
    else {
      best = Math.min(best, spent / count);
      round++;
    }
  }
  return best / 1000;
}

/** Distinct numbers in -0.5..0.5. */
export function noise(count: number, seed = 0): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length: count }, (_, i) => Math.sin(i * 12.9898 + seed) / 2);
}
