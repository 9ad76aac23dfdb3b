/**
 * What the compiler makes of small models, as files to read: the graph after the passes, then the loops. A change of
 * a pass shows here as a difference to judge; `npm run golden` writes the files anew.
 */
import { expect, test } from "vitest";
import { printGraph } from "../../src/graph/print.ts";
import { lower } from "../../src/loops/lower/index.ts";
import { print } from "../../src/loops/print.ts";
import { goldens } from "./programs.ts";

test.each(Object.keys(goldens))("the graph and the loops of %s are as in its file", async (file) => {
  const { fn, args, loops = true } = goldens[file]();
  const { optimised } = fn.inspect(...(args as never[]));
  const parts = [printGraph(optimised), ...(loops ? [print(lower(optimised))] : [])];
  const text = parts.join("\n");
  expect(text.split("\n").length).toBeLessThan(400);
  await expect(text).toMatchFileSnapshot(`./files/${file}.txt`);
});
