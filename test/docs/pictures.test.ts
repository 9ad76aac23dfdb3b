/** The pictures of the documents are what scripts/pictures.ts draws, and the pages show all of them. Update: `npm run golden`. */
import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { pictures } from "../../scripts/pictures.ts";

const folder = new URL("../../docs/pictures/", import.meta.url);
const drawn = Object.entries(pictures());
const page = ["state", "formats"]
  .map((name) => readFileSync(new URL(`../../docs/${name}.md`, import.meta.url), "utf8"))
  .join("\n");

test.each(drawn)("the picture %s is what the script draws", async (name, text) => {
  await expect(text).toMatchFileSnapshot(`../../docs/pictures/${name}.svg`);
});

test("no picture is left over, and each is shown with words for those who can not see it", () => {
  expect(readdirSync(folder).sort()).toEqual(drawn.map(([name]) => `${name}.svg`).sort());
  const shown = [...page.matchAll(/!\[([^\]]*)\]\(pictures\/([\w-]+)\.svg\)/g)];
  expect(shown.map(([, , name]) => name).sort()).toEqual(drawn.map(([name]) => name).sort());
  expect(shown.filter(([, words]) => words.length < 40)).toEqual([]);
});
