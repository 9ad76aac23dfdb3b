/** The layers of the house: imports point down the list in layers.json only, types included. */
import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import layers from "./layers.json" with { type: "json" };

const source = new URL("../../src/", import.meta.url);
const files = readdirSync(source, { recursive: true, encoding: "utf8" }).filter(
  (f) => f.endsWith(".ts") && f.includes("/"),
);

test("every file of src lies in a layer of the list", () => {
  const folders = new Set(files.map((file) => file.split("/")[0]));
  expect([...folders].filter((folder) => !layers.includes(folder))).toEqual([]);
});

test("no import points up, and none leaves src", () => {
  const wrong: string[] = [];
  for (const file of files) {
    const text = readFileSync(new URL(file, source), "utf8");
    for (const [, path] of text.matchAll(/(?:from|import)\s*\(?\s*"(\.[^"]+)"/g)) {
      const target = new URL(path, new URL(file, source)).href.slice(source.href.length).split("/");
      const rank = target.length > 1 ? layers.indexOf(target[0]) : -1;
      if (rank < 0 || rank > layers.indexOf(file.split("/")[0])) wrong.push(`${file} -> ${path}`);
    }
  }
  expect(wrong).toEqual([]);
});
