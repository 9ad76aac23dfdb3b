/** Lines per layer stay under the caps of budget.json, and no file grows into a drawer. Raising a cap is a sentence in a commit. */
import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import budget from "../../budget.json" with { type: "json" };
import layers from "./layers.json" with { type: "json" };

const source = new URL("../../src/", import.meta.url);
const sizes = readdirSync(source, { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".ts"))
  .map((file) => ({ file, lines: readFileSync(new URL(file, source), "utf8").split("\n").length - 1 }));

test.each(layers)("the layer %s keeps its budget of lines", (layer) => {
  const lines = sizes.filter(({ file }) => file.startsWith(`${layer}/`)).reduce((sum, { lines }) => sum + lines, 0);
  expect(lines).toBeLessThanOrEqual(budget.layers[layer as keyof typeof budget.layers]);
});

test("no file is longer than the limit, but for the listed ones with their reason", () => {
  const exceptions: Readonly<Record<string, { lines: number; reason: string }>> = budget.exceptions;
  const tooLong = sizes.filter(({ file, lines }) => lines > (exceptions[file]?.lines ?? budget.file));
  expect(tooLong).toEqual([]);
});

test("the median file has between 60 and 200 lines", () => {
  const sorted = sizes.map(({ lines }) => lines).sort((a, b) => a - b);
  const median = sorted[sorted.length >> 1];
  expect(median).toBeGreaterThanOrEqual(60);
  expect(median).toBeLessThanOrEqual(200);
});
