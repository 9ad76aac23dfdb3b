/** Every `ts` block of the README and the documents is type-checked and run. The blocks of one page are one module, in order. */
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { beforeAll, expect, test } from "vitest";

const root = fileURLToPath(new URL("../../", import.meta.url));
// Inside the package, so that `import "recurve"` finds the package itself.
const work = `${root}.tsbuild/docs/`;
const pages = [
  "README.md",
  ...readdirSync(`${root}docs`, { recursive: true, encoding: "utf8" }).map((f) => `docs/${f}`),
]
  .filter((file) => file.endsWith(".md"))
  .map((file) => ({ file, module: file.replace(/\W/g, "_"), code: blocksOf(readFileSync(root + file, "utf8")) }))
  .filter((page) => page.code !== "");

function blocksOf(markdown: string): string {
  return [...markdown.matchAll(/^```ts\n([\s\S]*?)^```/gm)].map(([, block]) => block).join("\n");
}

beforeAll(() => {
  rmSync(work, { recursive: true, force: true });
  mkdirSync(work, { recursive: true });
  for (const page of pages) writeFileSync(`${work}${page.module}.ts`, `${page.code}\nexport {};\n`);
  const options = { noUnusedLocals: false, outDir: "out", rootDir: ".", types: ["node"], declaration: false };
  const config = { extends: "../../tsconfig.base.json", compilerOptions: options, include: ["*.ts"] };
  writeFileSync(`${work}tsconfig.json`, JSON.stringify(config));
});

test("the code of all pages type-checks", () => {
  let complaints = "";
  try {
    execFileSync("npx", ["--no-install", "tsc", "-p", work], { cwd: root, encoding: "utf8" });
  } catch (error) {
    complaints = String((error as { stdout: string }).stdout);
  }
  expect(complaints).toBe("");
});

test.each(pages)("the code of $file runs", ({ module }) => {
  expect(() =>
    execFileSync(process.execPath, [`${work}out/${module}.js`], { cwd: work, encoding: "utf8" }),
  ).not.toThrow();
});
