/** Reading, splitting and numbering text, and the yardsticks that a model is measured against. */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { FileError } from "../../src/base/errors.ts";
import { keyFromSeed, uniformAt } from "../../src/base/random.ts";
import { IntMap } from "../../src/cli/intMap.ts";
import { countNgrams } from "../../src/cli/ngram.ts";
import { readTexts } from "../../src/cli/text/read.ts";
import { splitTexts } from "../../src/cli/text/split.ts";
import {
  buildVocabulary,
  decodeSymbol,
  encodeText,
  vocabularyFromText,
  vocabularyToText,
} from "../../src/cli/text/vocabulary.ts";
import { escapeBits, measureYardsticks } from "../../src/cli/yardsticks.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "recurve-text-"));
  await mkdir(join(folder, "a", "node_modules", "x"), { recursive: true });
  await mkdir(join(folder, "a", ".git"), { recursive: true });
  await writeFile(join(folder, "a", "b.md"), "b\r\nc");
  await writeFile(join(folder, "a", "a.ts"), "a");
  await writeFile(join(folder, "a", "empty.ts"), "");
  await writeFile(join(folder, "a", "image.png"), "png");
  await writeFile(join(folder, "a", "binary.txt"), Uint8Array.of(1, 0, 2));
  await writeFile(join(folder, "a", "latin1.txt"), Uint8Array.of(0x66, 0xfc, 0x72));
  await writeFile(join(folder, "a", "node_modules", "x", "x.ts"), "no");
  await writeFile(join(folder, "a", ".git", "y.ts"), "no");
});
afterAll(() => rm(folder, { recursive: true }));

test("a folder gives its text files in order, without node_modules, hidden folders and files that are no text", async () => {
  const { files, skipped } = await readTexts([folder]);
  expect(files).toEqual([
    { path: join(folder, "a", "a.ts"), text: "a" },
    { path: join(folder, "a", "b.md"), text: "b\nc" },
  ]);
  expect(skipped.map((path) => path.slice(folder.length + 3))).toEqual(["binary.txt", "empty.ts", "latin1.txt"]);
});

test("a named file is read whatever its extension, and once where it is named twice", async () => {
  const path = join(folder, "a", "image.png");
  expect((await readTexts([path, path])).files).toEqual([{ path, text: "png" }]);
});

test("a missing path names the nearest file, a named binary file and an empty choice say what to do", async () => {
  await expect(readTexts([join(folder, "a", "b.mdd")])).rejects.toThrow(FileError);
  await expect(readTexts([join(folder, "a", "b.mdd")])).rejects.toThrow(/Did you mean .*b\.md\?/);
  await expect(readTexts([join(folder, "a", "latin1.txt")])).rejects.toThrow(
    /bytes that are not UTF-8 text.*convert it to UTF-8/,
  );
  await expect(readTexts([folder], { extensions: [".py"] })).rejects.toThrow(/expected files to read, got none/);
});

test("training and held-out text put together hold every character of every file, cut at a line end", () => {
  const text = "one line\n".repeat(30);
  const { training, heldOut } = splitTexts([{ path: "x", text }], 0.1);
  expect(training + heldOut).toBe(text);
  expect(training.endsWith("\n")).toBe(true);
  expect(heldOut.length).toBe(27);
});

test("a cut never falls inside of a surrogate pair", () => {
  for (let n = 5; n < 30; n++) {
    const { training, heldOut } = splitTexts([{ path: "x", text: "😀".repeat(n) }], 0.3);
    expect([...training, ...heldOut].every((c) => c === "😀")).toBe(true);
  }
});

test("symbols decode to the same text, rare characters become the unknown symbol, code points are whole", () => {
  const vocabulary = buildVocabulary("aaabb😀😀z", 2);
  expect(vocabulary.characters).toEqual(["a", "b", "😀"]);
  const { symbols, unknown } = encodeText(vocabulary, "ab😀z");
  expect(Array.from(symbols)).toEqual([1, 2, 3, 0]);
  expect(unknown).toBe(1);
  expect(Array.from(symbols, (s) => decodeSymbol(vocabulary, s)).join("")).toBe("ab😀\ufffd");
  expect(vocabularyFromText(vocabularyToText(vocabulary), "x")).toEqual(vocabulary);
  expect(() => vocabularyFromText("aa", "m.safetensors")).toThrow(
    /^m\.safetensors: expected a vocabulary of different characters/,
  );
});

test("the unigram yardstick is the cross-entropy of Laplace-smoothed counts", () => {
  // Counts 1: 3, 2: 1 of 3 symbols: p(1) = 4/7, p(2) = 2/7.
  const bits = countNgrams(Int32Array.of(1, 1, 1, 2), 3, 2).bits(Int32Array.of(1, 2), 0);
  expect(bits).toBeCloseTo(-(Math.log2(4 / 7) + Math.log2(2 / 7)) / 2, 12);
});

test("probabilities of the n-gram yardstick sum to one in seen and unseen contexts", () => {
  const training = Int32Array.from("abracadabra", (c) => c.charCodeAt(0) - 96);
  const model = countNgrams(training, 27, 4);
  for (const context of [Int32Array.of(1, 2), Int32Array.of(26, 25), Int32Array.of(1)]) {
    let total = 0;
    for (let symbol = 0; symbol < 27; symbol++) {
      const withSymbol = model.bits(Int32Array.from([...context, symbol]), 2) * (context.length + 1);
      const without = model.bits(context, 2) * context.length;
      total += 2 ** (without - withSymbol);
    }
    expect(total).toBeCloseTo(1, 10);
  }
});

test("yardsticks come worst first, longer contexts help on text that repeats, and unknown characters cost every method over symbols the same", async () => {
  const training = "the state is a value; ".repeat(200);
  const heldOut = "the state is a value; ".repeat(20);
  const vocabulary = buildVocabulary(training, 1);
  const input = (text: string) => ({
    training,
    heldOut: text,
    trainingSymbols: encodeText(vocabulary, training).symbols,
    heldOutSymbols: encodeText(vocabulary, text).symbols,
    symbols: vocabulary.size,
  });
  const rows = await measureYardsticks(input(heldOut));
  const bits = rows.map((row) => row.bitsPerCharacter);
  expect(bits).toEqual([...bits].sort((a, b) => b - a));
  expect(rows.map((row) => row.name)).toContain("brotli -q 11 -w 24");
  const byName = Object.fromEntries(rows.map((row) => [row.name, row.bitsPerCharacter]));
  expect(byName.unigram).toBeLessThan(byName.uniform);
  expect(byName["5-gram"]).toBeLessThan(byName["3-gram"]);
  expect(byName["gzip -9"]).toBeLessThan(0.5);
  const strange = await measureYardsticks(input(`${heldOut.slice(0, -1)}ß`));
  const uniform = strange.find((row) => row.name === "uniform");
  expect(uniform?.bitsPerCharacter).toBeCloseTo(byName.uniform + escapeBits / heldOut.length, 10);
});

test("the counts that n-grams are made of are those of a Map, over 20000 random keys (seed 1)", () => {
  const ours = new IntMap();
  const theirs = new Map<number, number>();
  for (let i = 0; i < 20_000; i++) {
    const key = Math.floor(uniformAt(keyFromSeed(1), i) * 5000) * (i % 3 === 0 ? 2 ** 40 : 1);
    ours.set(key, (ours.get(key) ?? 0) + 1);
    theirs.set(key, (theirs.get(key) ?? 0) + 1);
  }
  for (const [key, count] of theirs) expect(ours.get(key)).toBe(count);
  expect(ours.get(5001)).toBe(undefined);
});
