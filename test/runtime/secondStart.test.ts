/** Processes of a build that share a folder of kept programs: one after the other, at once, and with nothing kept. */
import { execFile } from "node:child_process";
import { copyFile, mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";

const root = fileURLToPath(new URL("../../", import.meta.url));
// Built beside the sources, so that its dependencies are found, and not into dist, which other tests may read.
const built = join(root, ".tsbuild", "kept-test");
const execute = promisify(execFile);
const folder = join(tmpdir(), `recurve-second-start-${process.pid}`);
const script = join(built, "start.mjs");

/** A training step and an inference, their programs as they are shown, and how often modules were compiled from loops. */
const source = `
import { createTrainer, dense, lstm, sequential, tensor, compile, add, spec } from "./dist/index.js";
const model = sequential([lstm({ units: 5 }), dense({ units: 2 })], { input: { shape: [null, 3] }, seed: 1 });
const x = tensor(Float32Array.from({ length: 2 * 4 * 3 }, (_, i) => Math.sin(i)), { shape: [2, 4, 3] });
const y = tensor(Int32Array.of(0, 1), { dtype: "int32" });
const trainer = createTrainer(model, { loss: "sparseCategoricalCrossentropy" });
const steps = [trainer.step({ x, y }), trainer.step({ x, y })];
const double = compile((z) => add(z, z), { name: "double", inputs: [spec(["n"])] });
const { loops, optimised } = double.inspect(tensor([1, 2]));
const shown = [loops.body.length, optimised.nodes.map(({ op }) => op)];
console.log(JSON.stringify([steps, [...model.run(x).outputs.data()], double(tensor([1, 2, 3])).toArray(), shown]));
process.exit(0);
`;

beforeAll(async () => {
  await mkdir(built, { recursive: true });
  await copyFile(join(root, "package.json"), join(built, "package.json"));
  const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
  const dist = join(built, "dist");
  await execute(process.execPath, [tsc, "-p", join(root, "tsconfig.build.json"), "--outDir", dist]);
  await execute(process.execPath, [join(root, "scripts", "stamp.mjs"), dist]);
  await writeFile(script, source);
});
beforeEach(() => rm(folder, { recursive: true, force: true }));
afterAll(() => rm(folder, { recursive: true, force: true }));

async function start(settings: Readonly<Record<string, string>> = {}): Promise<string> {
  const env = { ...process.env, RECURVE_BACKEND: "wasm", RECURVE_THREADS: "1", RECURVE_CACHE: folder, ...settings };
  const { stdout } = await execute(process.execPath, [script], { env });
  return stdout;
}

const programs = async (): Promise<string[]> =>
  (await readdir(folder)).filter((name) => name.endsWith(".program")).sort();

test("a second process reads what the first has kept, and computes and shows the same", async () => {
  const plain = await start({ RECURVE_CACHE: "off" });
  expect(await start()).toBe(plain);
  const kept = await programs();
  // The training step, the inference and the function.
  expect(kept).toHaveLength(3);
  expect(await start()).toBe(plain);
  expect(await programs()).toEqual(kept);
});

test("processes that begin at once all compute the same and leave sound programs", async () => {
  const plain = await start({ RECURVE_CACHE: "off" });
  const all = await Promise.all(Array.from({ length: 4 }, () => start()));
  expect(all).toEqual([plain, plain, plain, plain]);
  expect(await programs()).toHaveLength(3);
  expect((await readdir(folder)).filter((name) => !/^[0-9a-f]{40}\.program(\.sum)?$/.test(name))).toEqual([]);
  expect(await start()).toBe(plain);
});

test("off keeps nothing; a folder that can not be made is refused by its name", async () => {
  const home = await mkdtemp(join(tmpdir(), "recurve-home-"));
  await start({ RECURVE_CACHE: "off", HOME: home, XDG_CACHE_HOME: home });
  expect(await readdir(home)).toEqual([]);
  await writeFile(join(home, "file"), "");
  await expect(start({ RECURVE_CACHE: join(home, "file") })).rejects.toThrow(/RECURVE_CACHE to be a folder of yours/);
  await rm(home, { recursive: true });
});

test("programs for two threads and for one have entries of their own", async () => {
  const plain = await start();
  const one = await programs();
  const two = await start({ RECURVE_THREADS: "2" });
  // All but the number of statements.
  expect(JSON.parse(two).slice(0, 3)).toEqual(JSON.parse(plain).slice(0, 3));
  expect((await programs()).filter((name) => !one.includes(name))).toHaveLength(3);
});
