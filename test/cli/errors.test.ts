/** What a person sees who calls the program wrongly: a sentence, what to do, and an exit code. Never a stack. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { encodeSafetensors } from "../../src/io/index.ts";
import { recurve, sampleText, tinyModel } from "./capture.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "recurve-cli-"));
  await writeFile(join(folder, "book.txt"), sampleText);
  await writeFile(join(folder, "short.txt"), "too short");
  await writeFile(join(folder, "noise.safetensors"), "this is no model");
  await writeFile(join(folder, "cell.ts"), "export default 1");
  await writeFile(join(folder, "three.mjs"), "export default 3");
  await writeFile(join(folder, "broken.mjs"), "export default (");
  await writeFile(join(folder, "number.mjs"), "export default () => 3");
  await writeFile(
    join(folder, "weights.safetensors"),
    encodeSafetensors({ w: { dtype: "float32", shape: [1], data: new Float32Array(1) } }),
  );
});
afterAll(() => rm(folder, { recursive: true }));

/** Arguments (a word with a dot is a file of the folder), the exit code, and the sentence. */
const cases: readonly [string, number, string][] = [
  ["trian", 2, "unknown command 'trian'. Did you mean train?"],
  ["train book.txt --unit 3", 2, "unknown option '--unit'. Did you mean --units?"],
  [
    "train book.txt --units many",
    2,
    "option '--units <n>' argument 'many' is invalid. Expected a whole number from 1 on.",
  ],
  [
    "train book.txt --dropout 1",
    2,
    "option '--dropout <rate>' argument '1' is invalid. Expected a number from 0 on and below 1.",
  ],
  ["train book.txt --minutes 0", 2, "option '--minutes <n>' argument '0' is invalid. Expected a number above 0."],
  ["train", 2, "train: expected files or folders of text, got none. Name some, as in: recurve train notes/ book.txt"],
  ["train bok.txt", 1, "FOLDER/bok.txt: expected a file, got none of this name. Did you mean FOLDER/book.txt?"],
  [
    "train short.txt",
    1,
    "text: expected at least 513 characters to learn from and 256 to measure with, got 8 and 1. Give more text, or a smaller --batch and --seq.",
  ],
  [
    "train book.txt --cell grru",
    1,
    '--cell grru: expected gru, lstm, rnn or the path of a module, got "grru". Did you mean gru?',
  ],
  [
    "train book.txt --cell cell.ts",
    1,
    "--cell FOLDER/cell.ts: expected a JavaScript module, got TypeScript. Compile it first (npx tsc) and give the .js file.",
  ],
  [
    "train book.txt --cell three.mjs",
    1,
    "--cell FOLDER/three.mjs: expected a module whose default export is a function ({ units }) => Cell, got number. Write: export default ({ units }) => defineCell({ ... }).",
  ],
  [
    "train book.txt --cell number.mjs",
    1,
    "--cell FOLDER/number.mjs: expected the module's function to return a cell, got number. Return what defineCell({ ... }) gives.",
  ],
  [
    "train --resume weights.safetensors",
    1,
    "FOLDER/weights.safetensors: expected a training checkpoint, got tensors without a model of Recurve's. Give the .checkpoint file that lies beside the model.",
  ],
  [
    "train --resume noise.safetensors --units 3",
    2,
    "train: expected no --units with --resume, since the checkpoint remembers it. Leave it out, or start a new training.",
  ],
  // Found before the training, not after it.
  [
    "train book.txt --out book.txt/model.safetensors",
    1,
    "FOLDER/book.txt/model.safetensors: expected a folder above this name, got a file. Choose another folder.",
  ],
  ["generate", 2, "missing required argument 'model'."],
  [
    "generate noise.safetensors",
    1,
    "FOLDER/noise.safetensors: expected a header of at most 100000000 bytes, got a length of 2338328219631577000. This is not a safetensors file; give one.",
  ],
  [
    "generate weights.safetensors",
    1,
    "FOLDER/weights.safetensors: expected a model, got tensors without a model of Recurve's. Give a file that saveModel wrote, or recurve train as --out.",
  ],
  [
    "generate missing.safetensors --top-p 2",
    2,
    "option '--top-p <share>' argument '2' is invalid. Expected a number above 0 and up to 1.",
  ],
  ["run weights.safetensors --inputs in.npz", 2, "required option '--outputs <file>' not specified."],
  ["inspect a b", 2, "too many arguments for 'inspect'. Expected 1 argument but got 2."],
];

test.each(cases)("recurve %s ends with %i and a sentence", async (line, code, sentence) => {
  const args = line.split(" ").map((word) => (word.includes(".") ? join(folder, word) : word));
  const result = await recurve(...args);
  expect(result.out).toBe("");
  const [first, hint] = result.err.replaceAll(folder, "FOLDER").split("\n");
  expect(first).toBe(`error  ${sentence}`);
  expect(hint ?? "").toMatch(code === 2 ? /^ {7}recurve( \w+)? --help explains every option\.$/ : /^$/);
  expect(result.code).toBe(code);
});

test("a module that can not be loaded is a sentence with the reason", async () => {
  const { code, err } = await recurve(
    "train",
    join(folder, "book.txt"),
    ...tinyModel,
    "--cell",
    join(folder, "broken.mjs"),
  );
  expect(code).toBe(1);
  expect(err).toMatch(/^error {2}--cell .*broken\.mjs: the module could not be loaded \(.+\)\. Mend the module\.\n$/);
});
