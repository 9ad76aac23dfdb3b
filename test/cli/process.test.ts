/** The program as a process of its own: killed in the middle, interrupted twice, and read by a pipe that closes early. */
import { execFile, spawn } from "node:child_process";
import { copyFile, mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { sampleText, tinyModel } from "./capture.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
// Built beside the sources, so that its dependencies are found, and not into dist, which other tests may read.
const built = join(root, ".tsbuild", "cli-test");
const main = join(built, "dist", "cli", "main.js");
const execute = promisify(execFile);
let folder: string;

beforeAll(async () => {
  await mkdir(built, { recursive: true });
  await copyFile(join(root, "package.json"), join(built, "package.json"));
  await execute(process.execPath, [
    join(root, "node_modules", "typescript", "bin", "tsc"),
    "-p",
    join(root, "tsconfig.build.json"),
    "--outDir",
    join(built, "dist"),
  ]);
  folder = await mkdtemp(join(tmpdir(), "recurve-process-"));
  await writeFile(join(folder, "book.txt"), sampleText);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

function start(...args: readonly string[]) {
  const child = spawn(process.execPath, [main, ...args], { cwd: folder });
  const output = { out: "", err: "" };
  child.stdout.on("data", (data) => (output.out += data));
  child.stderr.on("data", (data) => (output.err += data));
  const ended = new Promise<{ code: number | null; signal: string | null }>((resolve) =>
    child.on("close", (code, signal) => resolve({ code, signal })),
  );
  return { child, output, ended };
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 30_000;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error("waited for 30 s in vain");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

const exists = (name: string): Promise<boolean> =>
  stat(join(folder, name)).then(
    () => true,
    () => false,
  );

// A checkpoint after nearly every step, so that the kill falls into the middle however fast a step is.
const training = ["train", "book.txt", ...tinyModel, "--epochs", "1", "--checkpoint-every", "0.001", "--quiet"];

test("after kill -9 in the middle of a training, twice, --resume ends with the weights of the uninterrupted one, byte for byte", async () => {
  const whole = start(...training, "--out", "whole.safetensors");
  expect(await whole.ended).toEqual({ code: 0, signal: null });

  const first = start(...training, "--out", "killed.safetensors");
  await until(() => exists("killed.checkpoint"));
  first.child.kill("SIGKILL");
  expect(await first.ended).toEqual({ code: null, signal: "SIGKILL" });

  const before = await readFile(join(folder, "killed.checkpoint"));
  const second = start("train", "--resume", "killed.checkpoint");
  await until(async () => !(await readFile(join(folder, "killed.checkpoint"))).equals(before));
  second.child.kill("SIGKILL");
  await second.ended;

  expect(await exists("killed.safetensors")).toBe(false);
  const third = start("train", "--resume", "killed.checkpoint", "--quiet");
  expect(await third.ended).toEqual({ code: 0, signal: null });
  const [a, b] = await Promise.all(["whole", "killed"].map((name) => readFile(join(folder, `${name}.safetensors`))));
  expect(b.equals(a)).toBe(true);
});

test("Ctrl-C saves, says the command to resume, and ends with 130", async () => {
  const { child, output, ended } = start(...training, "--epochs", "10000", "--out", "stopped.safetensors");
  await until(() => exists("stopped.checkpoint"));
  child.kill("SIGINT");
  expect(await ended).toEqual({ code: 130, signal: null });
  expect(output.out).toMatch(
    /Stopped after step [\d ]+; everything is saved\. To go on:\s+node .*main\.js train --resume stopped\.checkpoint/,
  );
  expect(output.err).toBe("");
});

test("a reader that closes early is no error", async () => {
  await execute(
    process.execPath,
    [main, "train", "book.txt", ...tinyModel, "--steps", "2", "--quiet", "--out", "pipe.safetensors"],
    { cwd: folder },
  );
  const { child, output, ended } = start("generate", "pipe.safetensors", "--length", "20000");
  child.stdout.once("data", () => child.stdout.destroy());
  expect(await ended).toEqual({ code: 0, signal: null });
  expect(output.err).toBe("");
});

test("a cell of one's own trains, is remembered by the model file, and generates", async () => {
  const entry = new URL(`file://${join(built, "dist", "index.js")}`).href;
  await writeFile(
    join(folder, "mgu.mjs"),
    `import { add, defineCell, matmul, mul, sigmoid, split, sub, tanh } from ${JSON.stringify(entry)};
export default ({ units }) =>
  defineCell({
    name: "mgu",
    options: { units },
    params: (inputSize) => ({ w: [inputSize, 2 * units], u: [units, 2 * units], bias: [2 * units] }),
    state: { h: [units] },
    step({ params: { w, u, bias }, state: { h }, x }) {
      const [wf, wc] = split(add(matmul(x, w), bias), 2);
      const [uf, uc] = split(u, 2);
      const f = sigmoid(add(wf, matmul(h, uf)));
      const candidate = tanh(add(wc, matmul(mul(f, h), uc)));
      const next = add(mul(sub(1, f), h), mul(f, candidate));
      return { y: next, state: { h: next } };
    },
  });
`,
  );
  const train = start(
    "train",
    "book.txt",
    ...tinyModel,
    "--cell",
    "./mgu.mjs",
    "--steps",
    "3",
    "--quiet",
    "--out",
    "runs/mgu.safetensors",
  );
  expect({ ...(await train.ended), err: train.output.err }).toEqual({ code: 0, signal: null, err: "" });
  expect(train.output.out).toMatch(/this mgu 6/);
  const generate = start("generate", "runs/mgu.safetensors", "--length", "10", "--seed", "1");
  expect({ ...(await generate.ended), err: generate.output.err }).toEqual({ code: 0, signal: null, err: "" });
  const checkpoint = start("inspect", "runs/mgu.checkpoint");
  expect({ ...(await checkpoint.ended), err: checkpoint.output.err }).toEqual({ code: 0, signal: null, err: "" });
  await rm(join(folder, "mgu.mjs"));
  const lost = start("inspect", "runs/mgu.safetensors");
  expect((await lost.ended).code).toBe(1);
  expect(lost.output.err).toBe(
    "error  runs/mgu.safetensors: expected the module of its own cell at mgu.mjs, got no such file. Give its present place with --cell.\n",
  );
});
