/** The commands on small models, in this process: files in, files and text out. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { encodeModel } from "../../src/io/index.ts";
import { decodeNpz, encodeNpz } from "../../src/io/node/npz.ts";
import { call, dense, gru, gruCell, input, lstmCell, model, rnn } from "../../src/nn/index.ts";
import { concrete } from "../../src/trace/index.ts";
import { interruptedAt, recurve, sampleText, tinyModel } from "./capture.ts";

let folder: string;
const at = (name: string): string => join(folder, name);
const textModel = (): string => at("text.safetensors");

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "recurve-commands-"));
  await writeFile(at("book.txt"), sampleText);
  await recurve("train", at("book.txt"), ...tinyModel, "--steps", "12", "--out", textModel(), "--quiet");
});
afterAll(() => rm(folder, { recursive: true }));

test("train --json writes one JSON object a line, from start to result, and nothing else", async () => {
  const { code, out, err } = await recurve(
    "train",
    at("book.txt"),
    ...tinyModel,
    "--epochs",
    "1",
    "--out",
    at("json.safetensors"),
    "--json",
  );
  expect({ code, err }).toEqual({ code: 0, err: "" });
  const events = out
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(events[0]).toMatchObject({ event: "start", files: 1, characters: 3780, heldOut: 256, batch: 4, seq: 8 });
  expect(events.map(({ event }) => event)).toContain("measured");
  expect(events.at(-1)).toMatchObject({
    event: "result",
    stopped: "epochs",
    epochs: 1,
    step: 118,
    out: expect.stringContaining("json.safetensors"),
  });
  expect(
    events
      .at(-1)
      .yardsticks.map(({ name }: { name: string }) => name)
      .sort(),
  ).toEqual(["3-gram", "5-gram", "brotli -q 11 -w 24", "gzip -9", "uniform", "unigram"]);
});

test("train says what it read and compares itself with the yardsticks, in lines of 80 columns without escapes", async () => {
  const { code, out } = await recurve(
    "train",
    at("book.txt"),
    ...tinyModel,
    "--steps",
    "3",
    "--out",
    at("said.safetensors"),
  );
  expect(code).toBe(0);
  expect(out).toMatch(
    /^ {2}text {6}1 file, 3 780 characters to learn from\n {2}held out {2}256 characters from the ends of the files/,
  );
  expect(out).toMatch(/\n {2}uniform +4\.087 {2}█+ {2}log2 of 17 symbols\n/);
  expect(out).toMatch(/\n {2}gzip -9 .* primed: last 32 KiB, its window\n/);
  expect(out).toMatch(/Let it write: {2}recurve generate .*said\.safetensors\n/);
  expect(out.includes("\u001b")).toBe(false);
  const long = out.split("\n").filter((line) => line.length > 80 && !line.includes(folder));
  expect(long).toEqual([]);
});

test("the same options and seed give the same model file, byte for byte; another seed another one", async () => {
  const train = (name: string, seed: string) =>
    recurve("train", at("book.txt"), ...tinyModel, "--steps", "12", "--quiet", "--seed", seed, "--out", at(name));
  await train("again.safetensors", "1");
  await train("other.safetensors", "2");
  const original = await readFile(textModel());
  expect((await readFile(at("again.safetensors"))).equals(original)).toBe(true);
  expect((await readFile(at("other.safetensors"))).equals(original)).toBe(false);
});

test("Ctrl-C ends with 130 and the command to resume, and the resumed training ends with the file of the uninterrupted one, byte for byte", async () => {
  const options = [at("book.txt"), ...tinyModel, "--epochs", "2", "--json"];
  await recurve("train", ...options, "--out", at("whole.safetensors"));
  const first = await interruptedAt('"event":"progress"', "train", ...options, "--out", at("parts.safetensors"));
  expect(first.code).toBe(130);
  const last = JSON.parse(first.out.trimEnd().split("\n").at(-1) ?? "");
  expect(last).toMatchObject({
    event: "interrupted",
    step: 1,
    resume: `recurve train --resume ${at("parts.checkpoint")}`,
  });
  const second = await recurve("train", "--resume", at("parts.checkpoint"), "--json");
  expect(JSON.parse(second.out.split("\n")[0])).toMatchObject({ event: "start", resumedAt: 1 });
  expect((await readFile(at("parts.safetensors"))).equals(await readFile(at("whole.safetensors")))).toBe(true);
});

test("resuming after the text has changed is refused, since the position in it means nothing any more", async () => {
  await writeFile(at("changing.txt"), sampleText);
  await recurve(
    "train",
    at("changing.txt"),
    ...tinyModel,
    "--steps",
    "2",
    "--quiet",
    "--out",
    at("changing.safetensors"),
  );
  await writeFile(at("changing.txt"), `${sampleText}more`);
  const { code, err } = await recurve("train", "--resume", at("changing.checkpoint"), "--steps", "4");
  expect(code).toBe(1);
  expect(err).toMatch(
    /expected the text that the training began with, but it has changed since\. Bring the files back/,
  );
});

test("generate with a seed is reproducible, goes on from the seed text, and writes as many characters as asked", async () => {
  const first = await recurve("generate", textModel(), "--seed", "4", "--length", "80", "--seed-text", "the state ");
  expect(first).toEqual(
    await recurve("generate", textModel(), "--seed", "4", "--length", "80", "--seed-text", "the state "),
  );
  expect(first.out.startsWith("the state ")).toBe(true);
  expect([...first.out]).toHaveLength("the state ".length + 80 + 1);
  const { out } = await recurve(
    "generate",
    textModel(),
    "--seed",
    "4",
    "--length",
    "80",
    "--seed-text",
    "the state ",
    "--json",
  );
  expect(JSON.parse(out)).toEqual({
    text: first.out.slice("the state ".length, -1),
    seedText: "the state ",
    seed: 4,
    length: 80,
    temperature: 0.7,
  });
});

test("generate --temperature 0 needs no seed to be reproducible, and equals --top-k 1", async () => {
  const greedy = await recurve("generate", textModel(), "--temperature", "0", "--length", "40");
  expect(greedy).toEqual(await recurve("generate", textModel(), "--top-k", "1", "--length", "40"));
});

test("generate says so when the seed text has characters that the model never saw, and goes on", async () => {
  const { code, err } = await recurve("generate", textModel(), "--seed-text", "äé", "--length", "3");
  expect({ code, err }).toEqual({
    code: 0,
    err: "note  2 of the characters of --seed-text were not in the text that the model learned from.\n",
  });
});

test("inspect draws the text model as in its golden file", async () => {
  const { code, out } = await recurve("inspect", textModel());
  expect(code).toBe(0);
  await expect(out.replaceAll(folder, "FOLDER").replace(/\d\.\d{3} bits/, "N bits")).toMatchFileSnapshot(
    "golden/inspect-text.txt",
  );
});

test("inspect draws two inputs, a stack and shared weights as in its golden file, and the same facts as JSON", async () => {
  await writeFile(at("two.safetensors"), encodeModel(twoInputs()));
  const { out } = await recurve("inspect", at("two.safetensors"));
  await expect(out.replaceAll(folder, "FOLDER")).toMatchFileSnapshot("golden/inspect-two.txt");
  const json = JSON.parse((await recurve("inspect", at("two.safetensors"), "--json")).out);
  expect(json.model.parameters).toBe(twoInputs().parameterCount);
  expect(json.model.layers.map(({ name }: { name: string }) => name)).toEqual([
    "shared",
    "rnn",
    "head",
    "shared#2",
    "gru",
  ]);
});

test("inspect of a checkpoint says where the training stands", async () => {
  const { out } = await recurve("inspect", at("text.checkpoint"));
  expect(out).toMatch(/training after step 12 \(epoch 1, batch 13 next; 0:0\d with adam\)/);
  expect(JSON.parse((await recurve("inspect", at("text.checkpoint"), "--json")).out)).toMatchObject({
    kind: "checkpoint",
    steps: 12,
  });
});

test("run gives what the model gives, with inputs by name and by place, outputs in order and states by name", async () => {
  const two = twoInputs();
  await writeFile(at("two.safetensors"), encodeModel(two));
  const a = {
    dtype: "float32",
    shape: [2, 3, 4],
    data: Float32Array.from({ length: 24 }, (_, i) => Math.sin(i)),
  } as const;
  const b = {
    dtype: "float32",
    shape: [2, 3, 4],
    data: Float32Array.from({ length: 24 }, (_, i) => Math.cos(i)),
  } as const;
  await writeFile(at("in.npz"), encodeNpz({ left: a, input_1: b }));
  const { code, out } = await recurve(
    "run",
    at("two.safetensors"),
    "--inputs",
    at("in.npz"),
    "--outputs",
    at("out.npz"),
    "--state-out",
    at("state.npz"),
  );
  expect(code).toBe(0);
  expect(out).toMatch(/^output_0 +float32 +\[2, 3, 2\] +12\noutput_1 +float32 +\[2, 3\] +6\nstate\.shared\.h /);
  const expected = two.run([concrete(a, a.data), concrete(b, b.data)]);
  const outputs = decodeNpz(await readFile(at("out.npz")));
  expect(outputs.output_0.data).toEqual(expected.outputs[0].data());
  expect(Object.keys(outputs)).toEqual([
    "output_0",
    "output_1",
    "state.shared.h",
    "state.rnn.0.h",
    "state.rnn.0.c",
    "state.rnn.1.h",
    "state.shared#2.h",
    "state.gru.h",
  ]);
  expect(Object.keys(decodeNpz(await readFile(at("state.npz"))))).toEqual(Object.keys(outputs).slice(2));
});

test("run in two halves, with the state handed over by --state-in, equals one run bit for bit", async () => {
  const symbols = Int32Array.from({ length: 10 }, (_, i) => (i * 3) % 7);
  const part = (from: number, to: number) =>
    encodeNpz({ input_0: { dtype: "int32", shape: [1, to - from], data: symbols.slice(from, to) } });
  await writeFile(at("all.npz"), part(0, 10));
  await writeFile(at("a.npz"), part(0, 6));
  await writeFile(at("b.npz"), part(6, 10));
  await recurve("run", textModel(), "--inputs", at("all.npz"), "--outputs", at("all-out.npz"));
  await recurve("run", textModel(), "--inputs", at("a.npz"), "--outputs", at("a-out.npz"));
  const { out } = await recurve(
    "run",
    textModel(),
    "--inputs",
    at("b.npz"),
    "--outputs",
    at("b-out.npz"),
    "--state-in",
    at("a-out.npz"),
    "--json",
  );
  expect(JSON.parse(out).arrays[0].name).toBe("output_0");
  const [all, last] = await Promise.all(
    ["all-out.npz", "b-out.npz"].map(async (name) => decodeNpz(await readFile(at(name)))),
  );
  expect(last["state.gru.h"].data).toEqual(all["state.gru.h"].data);
  expect(last.output_0.data).toEqual(all.output_0.data.slice(-last.output_0.data.length));
});

test.each([
  [
    "another name",
    { input: { dtype: "int32", shape: [1, 2], data: new Int32Array(2) } },
    /expected an array "symbols" or "input_0" of int32 \[b, t\], got "input"\. Save it as/,
  ],
  [
    "another type",
    { input_0: { dtype: "float32", shape: [1, 2], data: new Float32Array(2) } },
    /array "input_0": expected int32 for the input "symbols", got float32\. Save it with \.astype\("int32"\)/,
  ],
  [
    "one array too many",
    {
      input_0: { dtype: "int32", shape: [1, 2], data: new Int32Array(2) },
      symbol: { dtype: "int32", shape: [1], data: new Int32Array(1) },
    },
    /got an array "symbol" too\. Did you mean "symbols"\?/,
  ],
  [
    "another rank",
    { input_0: { dtype: "int32", shape: [2], data: new Int32Array(2) } },
    /expected the input "symbols" to have the shape \[b, t\], got \[2\]/,
  ],
] as const)("run with %s among its inputs is a sentence", async (_, arrays, sentence) => {
  await writeFile(at("wrong.npz"), encodeNpz(arrays));
  const { code, out, err } = await recurve(
    "run",
    textModel(),
    "--inputs",
    at("wrong.npz"),
    "--outputs",
    at("never.npz"),
  );
  expect({ code, out }).toEqual({ code: 1, out: "" });
  expect(err).toMatch(sentence);
});

test("run with a state of another model, or of other rows, is a sentence", async () => {
  await writeFile(at("ok.npz"), encodeNpz({ symbols: { dtype: "int32", shape: [1, 2], data: new Int32Array(2) } }));
  const h = { dtype: "float32", shape: [3, 6], data: new Float32Array(18) } as const;
  await writeFile(at("s1.npz"), encodeNpz({ "state.lstm.h": h }));
  await writeFile(at("s2.npz"), encodeNpz({ "state.gru.h": h }));
  const attempt = (state: string) =>
    recurve("run", textModel(), "--inputs", at("ok.npz"), "--outputs", at("never.npz"), "--state-in", at(state));
  expect((await attempt("s1.npz")).err).toMatch(
    /s1\.npz: expected the states "state\.gru\.h", got "state\.lstm\.h"\. Give what an earlier run of this model wrote/,
  );
  expect((await attempt("s2.npz")).err).toMatch(/expected the state "gru\.h" to have 1 rows like the input, got 3/);
});

/** Two inputs through one shared layer, a stack of two cells, and two outputs. */
function twoInputs() {
  const left = input({ shape: [null, 4], name: "left" });
  const right = input({ shape: [null, 4], name: "right" });
  const shared = gru({ units: 3, returnSequences: true, name: "shared" });
  const deep = call(rnn([lstmCell({ units: 3 }), gruCell({ units: 2 })], { returnSequences: true }), [
    call(shared, left),
  ]);
  const other = call(gru({ units: 3, name: "gru" }), call(shared, right));
  return model({
    inputs: [left, right],
    outputs: [call(dense({ units: 2, name: "head" }), deep), other],
    name: "pair",
    seed: 4,
  });
}
