/** docs/speed.md and its pictures are what scripts/speed.ts makes of the recorded run. Update: `npm run golden`. */
import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { speedPage, speedPictures, withSpeedTable } from "../../scripts/speed.ts";

const drawn = Object.entries(speedPictures());

test("the page is what the script makes of the recorded run", async () => {
  await expect(speedPage()).toMatchFileSnapshot("../../docs/speed.md");
});

test("the table of the README is of the same run", async () => {
  const readme = new URL("../../README.md", import.meta.url);
  await expect(withSpeedTable(readFileSync(readme, "utf8"))).toMatchFileSnapshot("../../README.md");
});

test.each(drawn)("the picture %s is what the script draws", async (name, text) => {
  await expect(text).toMatchFileSnapshot(`../../docs/speed/${name}.svg`);
});

test("no picture is left over, and each is shown with words for those who can not see it", () => {
  const folder = new URL("../../docs/speed/", import.meta.url);
  expect(readdirSync(folder).sort()).toEqual(drawn.map(([name]) => `${name}.svg`).sort());
  const shown = [...speedPage().matchAll(/!\[([^\]]*)\]\(speed\/([\w-]+)\.svg\)/g)];
  expect(shown.map(([, , name]) => name).sort()).toEqual(drawn.map(([name]) => name).sort());
  expect(shown.filter(([, words]) => words.length < 40)).toEqual([]);
});
