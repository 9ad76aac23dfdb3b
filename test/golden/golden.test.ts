/**
 * What the compiler makes of small models, as files to read: the graph after the passes, then the loops; of some the C. A change of
 * a pass shows here as a difference to judge; `npm run golden` writes the files anew.
 */
import { expect, test } from "vitest";
import { printGraph } from "../../src/graph/print.ts";
import { lower } from "../../src/loops/lower/index.ts";
import { type Machine, simd128 } from "../../src/loops/machine.ts";
import { print } from "../../src/loops/print.ts";
import { emitC } from "../../src/target/c/emit.ts";
import { goldens } from "./programs.ts";

test.each(Object.keys(goldens))("the graph and the loops of %s are as in its file", async (file) => {
  const { fn, args, loops = true } = goldens[file]();
  const { optimised } = fn.inspect(...(args as never[]));
  const parts = [printGraph(optimised), ...(loops ? [print(lower(optimised))] : [])];
  const text = parts.join("\n");
  expect(text.split("\n").length).toBeLessThan(400);
  await expect(text).toMatchFileSnapshot(`./files/${file}.txt`);
});

/** Vectors of eight and one thread; or two threads that divide even the least work. */
const machines: Readonly<Record<string, Machine>> = {
  lstm: { lanes: 8, tile: { rows: 4, vectors: 2, depth: 512 }, threads: 1, grain: 4000 },
  "lstm-sequences-and-head": { ...simd128, lanes: 8 },
  "embedding-and-simple-rnn": simd128,
  "simple-rnn": { ...simd128, threads: 2, grain: 0 },
};

test.each(Object.keys(machines))("the C of %s is as in its file, and the same each time", async (file) => {
  const { fn, args } = goldens[file]();
  const { optimised } = fn.inspect(...(args as never[]));
  const emit = (): string => emitC(lower(optimised, { machine: machines[file] })).source;
  const text = emit();
  expect(emit()).toBe(text);
  await expect(text).toMatchFileSnapshot(`./files/${file}.c`);
});
