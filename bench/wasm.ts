/**
 * Micro-benchmark of emitted code and of a call's overhead, on hand-written loop programs.
 * TypeScript that Node 20 cannot run as it is: compile it with `tsc` (`--outDir`) and run the JavaScript.
 */
import { createRuntime } from "../src/runtime/wasm.ts";
import { emitWasm } from "../src/target/wasm/emit.ts";
import * as p from "../test/target/programs.ts";
import { noise, time } from "./timing.ts";

const runtime = createRuntime();

async function tile(): Promise<void> {
  const [m, k, panels] = [64, 256, 4];
  const executable = runtime.load(emitWasm(p.matrixTiles(m, k, panels)));
  const a = runtime.allocate("float32", m * k);
  const b = runtime.allocate("float32", k * panels * 8);
  const c = runtime.allocate("float32", m * panels * 8);
  a.write(noise(m * k));
  b.write(noise(k * panels * 8));
  const seconds = await time(() => executable.run([a, b], [c], {}));
  console.log(`4x8 tile, ${m}x${k}x${panels * 8}: ${((2 * m * k * panels * 8) / seconds / 1e9).toFixed(1)} GFLOP/s`);
}

async function row(vectors: number): Promise<void> {
  const [k, n] = [110, 400];
  const executable = runtime.load(emitWasm(p.rowTimesMatrix(k, n, vectors)));
  const [x, w, y] = [k, k * n, n].map((count) => runtime.allocate("float32", count));
  x.write(noise(k));
  w.write(noise(k * n));
  const seconds = await time(() => executable.run([x, w], [y], {}));
  console.log(`1x${k}x${n} by ${vectors} vectors: ${(seconds * 1e6).toFixed(2)} µs`);
}

async function elementwise(): Promise<void> {
  const n = 1024;
  const executable = runtime.load(emitWasm(p.elementwise((x, y) => p.add(p.mul(x, y), x))));
  const [a, b, c] = [0, 1, 2].map(() => runtime.allocate("float32", n));
  a.write(noise(n));
  const seconds = await time(() => executable.run([a, b], [c], { n }));
  console.log(`a * b + a, ${n} elements: ${((seconds / n) * 1e9).toFixed(2)} ns an element`);
}

async function exponentials(): Promise<void> {
  const n = 1024;
  const executable = runtime.load(emitWasm(p.powersOfTwo()));
  const [x, y] = [0, 1].map(() => runtime.allocate("float32", n));
  x.write(noise(n));
  const seconds = await time(() => executable.run([x], [y], { n }));
  console.log(`2^x, ${n} elements: ${((seconds / n) * 1e9).toFixed(2)} ns an element`);
}

async function empty(): Promise<void> {
  const device = runtime.load(emitWasm(p.elementwise((x, y) => p.add(x, y))));
  const [a, b, c] = [0, 1, 2].map(() => runtime.allocate("float32", 4));
  const inPlace = await time(() => device.run([a, b], [c], { n: 4 }));
  const [x, y] = [noise(4), noise(4)];
  const host = await time(() => device.run([x, y], ["host"], { n: 4 }));
  console.log(
    `a call on 4 elements: ${(inPlace * 1e9).toFixed(0)} ns in device memory, ${(host * 1e9).toFixed(0)} ns from and to the host`,
  );
}

await tile();
for (const vectors of [2, 4, 5, 10]) await row(vectors);
await elementwise();
await exponentials();
await empty();
