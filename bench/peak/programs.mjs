/**
 * What WebAssembly can do on this machine, as three hand-assembled functions of 4 lanes: multiply and add in registers
 * only, read a block again and again, and the triad a = b + s c. Not here: running them (wasm.mjs).
 */
import { ModuleBuilder } from "../../dist/target/wasm/assembler.js";

// As the inner loop of a matrix product, but with nothing to load: 6 sums, each of 2 times 3 factors. More of them do
// not fit into 16 registers with what the engine keeps for itself, and fewer leave the units waiting: measured.
const [lefts, rights] = [2, 3];
const streams = 8;
/** Operations of one round of `flops`: a product and a sum in each lane. */
export const flopsPerRound = lefts * rights * 4 * 2;

/** Leaves the loop that is open when `counter`, less `step`, is no longer positive. */
function countDown(f, counter, step) {
  f.get(counter);
  f.i32(step);
  f.op("i32.sub");
  f.tee(counter);
  f.i32(0);
  f.op("i32.gt_s");
  f.brIf(0);
  f.end();
}

/** The sum of all vectors, as one number: so that no engine may leave the work out. */
function answer(f, sums) {
  f.get(sums[0]);
  for (const sum of sums.slice(1)) {
    f.get(sum);
    f.op("f32x4.add");
  }
  f.lane("f32x4.extract_lane", 0);
}

/** New locals with numbers that are neither zero nor equal. */
function factors(f, count, first) {
  return Array.from({ length: count }, (_, i) => {
    const factor = f.local("v128");
    f.v128(Float32Array.of(first + i, 0.25, 0.125, 0.75));
    f.set(factor);
    return factor;
  });
}

/** flops(rounds) -> f32 */
function addFlops(module) {
  const f = module.function("flops", ["i32"], ["f32"]);
  const [left, right] = [factors(f, lefts, 0.5), factors(f, rights, -0.5)];
  const terms = left.flatMap((a) => right.map((b) => ({ a, b, sum: f.local("v128") })));
  f.loop();
  for (const { a, b, sum } of terms) {
    f.get(sum);
    f.get(a);
    f.get(b);
    f.op("f32x4.mul");
    f.op("f32x4.add");
    f.set(sum);
  }
  // Changing places costs nothing, and keeps the products of a round from being those of the last.
  f.get(left[0]);
  f.get(left[1]);
  f.set(left[0]);
  f.set(left[1]);
  countDown(f, 0, 1);
  const sums = terms.map(({ sum }) => sum);
  answer(f, sums);
  module.export("flops", f);
}

/** read(address, bytes, rounds) -> f32, of a block of a multiple of 128 bytes */
function addRead(module) {
  const f = module.function("read", ["i32", "i32", "i32"], ["f32"]);
  const [at, left] = [f.local("i32"), f.local("i32")];
  const sums = Array.from({ length: streams }, () => f.local("v128"));
  f.loop();
  for (const [to, from] of [
    [at, 0],
    [left, 1],
  ]) {
    f.get(from);
    f.set(to);
  }
  f.loop();
  for (const [i, sum] of sums.entries()) {
    f.get(at);
    f.memory("v128.load", i * 16);
    f.get(sum);
    f.op("f32x4.add");
    f.set(sum);
  }
  f.get(at);
  f.i32(streams * 16);
  f.op("i32.add");
  f.set(at);
  countDown(f, left, streams * 16);
  countDown(f, 2, 1);
  answer(f, sums);
  module.export("read", f);
}

/** triad(a, b, c, bytes): a = b + s c */
function addTriad(module) {
  const f = module.function("triad", ["i32", "i32", "i32", "i32"]);
  const factor = f.local("v128");
  f.v128(Float32Array.of(3, 3, 3, 3));
  f.set(factor);
  f.loop();
  for (let i = 0; i < 4; i++) {
    f.get(0);
    f.get(2);
    f.memory("v128.load", i * 16);
    f.get(factor);
    f.op("f32x4.mul");
    f.get(1);
    f.memory("v128.load", i * 16);
    f.op("f32x4.add");
    f.memory("v128.store", i * 16);
  }
  for (const address of [0, 1, 2]) {
    f.get(address);
    f.i32(64);
    f.op("i32.add");
    f.set(address);
  }
  countDown(f, 3, 64);
  module.export("triad", f);
}

/** The module's bytes; it imports a memory as "env" "memory". */
export function peakModule() {
  const module = new ModuleBuilder();
  addFlops(module);
  addRead(module);
  addTriad(module);
  return module.finish({ module: "env", name: "memory" });
}
