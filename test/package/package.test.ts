/** The packed package: its manifest holds up to publint and are-the-types-wrong, and it installs into an empty project. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";

const root = fileURLToPath(new URL("../../", import.meta.url));
const work = mkdtempSync(`${tmpdir()}/recurve-package-`);
let tarball = "";

function run(command: string, args: readonly string[], cwd: string): string {
  return execFileSync(command, args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

beforeAll(() => {
  // The test command has just built `dist`; packing must not build it again under the feet of other tests.
  run("npm", ["pack", "--ignore-scripts", "--pack-destination", work], root);
  tarball = `${work}/${readdirSync(work).find((file) => file.endsWith(".tgz"))}`;
});

afterAll(() => rmSync(work, { recursive: true, force: true }));

test("publint finds nothing to say", () => {
  expect(run("npx", ["--no-install", "publint", "run", tarball, "--strict"], root)).toContain("All good!");
});

test("are-the-types-wrong finds no problem for ESM users", () => {
  const args = ["--no-install", "attw", tarball, "--profile", "esm-only", "--format", "ascii"];
  // It exits with an error for any problem that the profile does not set aside.
  expect(run("npx", args, root).match(/node16 \(from ESM\): 🟢 \(ESM\)/g)?.length).toBe(3);
});

test("it installs into an empty project and works from plain JavaScript and from TypeScript", () => {
  writeFileSync(`${work}/package.json`, JSON.stringify({ name: "empty", private: true, type: "module" }));
  run("npm", ["install", "--no-save", "--prefer-offline", tarball], work);
  const use = `import { gru, sequential, tensor } from "recurve";
import { encodeOnnx } from "recurve/formats";
const model = sequential([gru({ units: 3 })], { input: { shape: [null, 2] } });
const { outputs } = model.run(tensor(new Float32Array(8), { shape: [1, 4, 2] }));
if (encodeOnnx(model).length === 0) throw new Error("no bytes");
console.log(JSON.stringify(outputs.shape));\n`;
  writeFileSync(`${work}/plain.js`, use);
  expect(run(process.execPath, ["plain.js"], work).trim()).toBe("[1,3]");
  const types = use.replace("outputs.shape)", "outputs.shape satisfies readonly unknown[])");
  writeFileSync(
    `${work}/typed.ts`,
    types.replace("console.log", "declare const console: { log(text: string): void };\nconsole.log"),
  );
  const options = ["--module", "nodenext", "--strict", "--target", "es2023", "--lib", "ES2023"];
  run(`${root}node_modules/.bin/tsc`, [...options, "--types", "", "--outDir", "out", "typed.ts"], work);
  expect(run(process.execPath, ["out/typed.js"], work).trim()).toBe("[1,3]");
  expect(run(process.execPath, ["node_modules/.bin/recurve", "--version"], work).trim()).toMatch(/^\d+\.\d+\.\d+$/);
});
