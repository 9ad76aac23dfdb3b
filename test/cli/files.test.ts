/** The commands on files of other programs: convert, diff, inspect and run, as people call them. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { cp, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readBytes } from "../../src/io/node/files.ts";
import { decodeNpz, encodeNpz } from "../../src/io/node/npz.ts";
import { placeOf } from "../../src/io/onnx/fields.ts";
import { hostTensorOf, tensorMessage } from "../../src/io/onnx/tensors.ts";
import { recurve } from "./capture.ts";

const fixtures = fileURLToPath(new URL("../io/fixtures/", import.meta.url));
let folder: string;
const at = (name: string): string => join(folder, name);

/** The inputs of a fixture as the commands take them: input_0, input_1. */
async function inputsOf(npz: string): Promise<string> {
  const arrays = Object.entries(decodeNpz(await readBytes(join(fixtures, npz))));
  const inputs = arrays.flatMap(([name, array]) =>
    name.startsWith("in.") ? [[`input_${name.slice(3)}`, array] as const] : [],
  );
  const path = at(`${npz.replaceAll("/", "-")}`);
  await writeFile(path, encodeNpz(Object.fromEntries(inputs)));
  return path;
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "recurve-files-"));
});
afterAll(() => rm(folder, { recursive: true }));

const keras = (name: string): string => join(fixtures, "keras", name);

test.each(["keras", "h5", "onnx", "pt", "safetensors"])(
  "convert: a Keras model to %s and back keeps every bit",
  async (ending) => {
    const [there, back] = [at(`m.${ending}`), at(`from-${ending}.safetensors`)];
    const first = await recurve("convert", keras("lstm.keras"), there);
    expect(first).toMatchObject({ code: 0, err: "" });
    // A state_dict does not say that every step is read and what activation follows: the weights go into the model that does.
    const like = ending === "pt" ? ["--like", keras("lstm.keras")] : [];
    expect(await recurve("convert", there, back, ...like)).toMatchObject({ code: 0, err: "" });
    const compared = await recurve(
      "diff",
      keras("lstm.keras"),
      back,
      "--inputs",
      await inputsOf("keras/lstm.npz"),
      "--tolerance",
      "0",
    );
    expect(compared).toMatchObject({ code: 0, err: "" });
    expect(compared.out).toMatch(/dense {2,}\[2, 5, 2\] {2,}equal/);
  },
);

test("convert: what the other program can not compute is refused, and nothing is written", async () => {
  const { code, err } = await recurve("convert", keras("attention.keras"), at("attention.pt"));
  expect(code).toBe(1);
  expect(err).toMatch(/^error {2}.*attention/);
  expect(await readdir(folder)).not.toContain("attention.pt");
});

test("convert: a name that says no format, and a file of arrays, get a sentence with what to do", async () => {
  const named = await recurve("convert", keras("lstm.keras"), at("model.xyz"));
  expect(named.err).toMatch(/expected a file whose name says its format \(\.safetensors, \.keras/);
  const arrays = await recurve("convert", keras("lstm.npz"), at("model.keras"));
  expect(arrays.err).toMatch(/expected a model of layers, got arrays without a model.*--like/);
});

test("convert: --assume says what a state_dict does not, and is refused where the file says it", async () => {
  const file = join(fixtures, "torch/classifier.pt");
  const assume = ["--assume", '{ "output": "last", "activations": { "head": "softmax" } }'];
  const { code, out } = await recurve("convert", file, at("assumed.safetensors"), ...assume);
  expect(code).toBe(0);
  expect(out).not.toMatch(/every step gives an output|no activation after it/);
  const shown = await recurve("inspect", at("assumed.safetensors"), "--json");
  expect(shown.out).toMatch(/softmax/);
  const wrong = async (...given: string[]) => (await recurve("convert", ...given)).err;
  expect(await wrong(file, at("x.onnx"), "--assume", '{ "outputs": 1 }')).toMatch(/"outputs".*Did you mean "output"/s);
  expect(await wrong(file, at("x.onnx"), "--assume", "last")).toMatch(/Expected an object of JSON/);
  expect(await wrong(keras("lstm.keras"), at("x.onnx"), ...assume)).toMatch(
    /expected no option "assume" for a Keras 3/,
  );
});

test("diff: without inputs two models run on drawn ones; arrays want those that they were computed from", async () => {
  expect((await recurve("convert", keras("embedding-mask.keras"), at("same.onnx"))).code).toBe(0);
  const same = await recurve("diff", keras("embedding-mask.keras"), at("same.onnx"), "--json");
  expect(same).toMatchObject({ code: 0, err: "" });
  const { inputs, differences } = JSON.parse(same.out);
  expect(inputs).toBe("drawn inputs (2 rows, 8 steps)");
  expect(differences.length).toBeGreaterThan(1);
  expect(differences.every(({ largest }: { largest: number }) => largest === 0)).toBe(true);
  const again = await recurve("diff", keras("lstm.keras"), keras("stack-state.keras"));
  expect(again).toMatchObject({ code: 1 });
  expect((await recurve("diff", keras("lstm.keras"), keras("lstm.npz"))).err).toMatch(
    /inputs that the arrays in .*lstm\.npz/,
  );
});

test("run and diff: a graph whose inputs have 64 bits takes arrays of 32 and of 64", async () => {
  const graph = join(fixtures, "onnx/classifier-dynamo.onnx");
  const tokens = { dtype: "int32", shape: [2, 3], data: Int32Array.of(1, 2, 3, 0, 1, 2) } as const;
  await writeFile(at("tokens.npz"), encodeNpz({ tokens }));
  const run = await recurve("run", graph, "--inputs", at("tokens.npz"), "--outputs", at("logits.npz"));
  expect(run).toMatchObject({ code: 0, err: "" });
  expect((await recurve("diff", graph, join(fixtures, "onnx/classifier-script.onnx"))).code).toBe(0);
});

test("diff: two models that differ say where first, and end with exit code 1", async () => {
  const inputs = await inputsOf("keras/lstm.npz");
  await writeFile(at("other.npz"), encodeNpz(await changedOutputs(inputs)));
  const { code, out, err } = await recurve("diff", keras("lstm.keras"), at("other.npz"), "--inputs", inputs);
  expect(code).toBe(1);
  expect(err).toMatch(
    /^error {2}diff: expected differences of at most 0\.00001, got more in 1 of \d, first in "dense"/,
  );
  expect(out).toMatch(/dense .*1\.0e-2 {2}row 1, step 3, unit 0/);
  const json = JSON.parse(
    (await recurve("diff", keras("lstm.keras"), at("other.npz"), "--inputs", inputs, "--json")).out,
  );
  expect(json.differences[0]).toMatchObject({ names: ["dense", "dense"], at: [1, 3, 0] });
  expect(json.differences[0].steps.map((x: number) => x > 1e-3)).toEqual([false, false, false, true, false]);
});

/** What the model gives, but for one number. */
async function changedOutputs(inputs: string) {
  await recurve("run", keras("lstm.keras"), "--inputs", inputs, "--outputs", at("lstm-out.npz"));
  const { output_0: dense } = decodeNpz(await readBytes(at("lstm-out.npz")));
  const data = Float32Array.from(dense.data);
  data[(1 * 5 + 3) * 2] += 0.01;
  return { dense: { ...dense, data } };
}

test("inspect: files of every format, those too that can not be run", async () => {
  const shown = async (path: string): Promise<string> => {
    const { code, out, err } = await recurve("inspect", join(fixtures, path));
    expect({ code, err }).toEqual({ code: 0, err: "" });
    return out;
  };
  expect(await shown("keras/bidirectional-concat.keras")).toMatch(/Bidirectional .*LSTM; units 3; gates i, f, c, o/);
  expect(await shown("keras/keras2-gru-after.h5")).toMatch(/GRU .*reset_after/);
  expect(await shown("torch/lstm.pt")).toMatch(/gates i, f, g, o/);
  expect(await shown("tf1/basic-lstm.index")).toMatch(/basic_lstm_cell/);
  expect(await shown("tfjs/gru")).toMatch(/TensorFlow\.js.*\n[\s\S]*gates z, r, h/);
  expect(await shown("torch/script.pt")).toMatch(/Recurve can not run it:[\s\S]*TorchScript/);
  expect(await shown("keras/lstm.npz")).toMatch(/in\.0 +float32 +\[2, 5, 3\]/);
});

test("run: a checkpoint of TensorFlow 1 by its prefix, and a folder of TensorFlow.js", async () => {
  await cp(join(fixtures, "tfjs/gru"), at("web"), { recursive: true });
  const inputs = await inputsOf("tfjs/gru.npz");
  expect(await recurve("run", at("web"), "--inputs", inputs, "--outputs", at("web-out.npz"))).toMatchObject({
    code: 0,
    err: "",
  });
  const expected = decodeNpz(await readBytes(join(fixtures, "tfjs/gru.npz")))["out.0"];
  const { output_0: got } = decodeNpz(await readBytes(at("web-out.npz")));
  expect(Math.max(...Array.from(got.data, (x, i) => Math.abs(x - expected.data[i])))).toBeLessThan(1e-5);
  const { code, out } = await recurve("inspect", join(fixtures, "tf1/multi"), "--json");
  expect(code).toBe(0);
  expect(JSON.parse(out)).toMatchObject({ format: "TensorFlow checkpoint (.index)", missing: [] });
});

const nodes = new URL("../../../shared/conformance/onnx/node/", import.meta.url);
const nodeCases = existsSync(nodes) ? readdirSync(nodes) : [];

test("run: all node cases of ONNX's recurrent operators give their outputs", async ({ skip }) => {
  if (nodeCases.length === 0) skip("the files of ONNX's node tests are not on this machine");
  expect(nodeCases.length).toBe(18);
  for (const name of nodeCases) {
    const data = new URL(`${name}/test_data_set_0/`, nodes);
    const arrays = (kind: string) =>
      readdirSync(data)
        .filter((file) => file.startsWith(kind))
        .sort()
        .map((file) => hostTensorOf(tensorMessage.read(readFileSync(new URL(file, data)), placeOf(file)), file));
    const inputs = Object.fromEntries(arrays("input").map((array, i) => [`input_${i}`, array]));
    await writeFile(at("node.npz"), encodeNpz(inputs));
    const model = fileURLToPath(new URL(`${name}/model.onnx`, nodes));
    const result = await recurve("run", model, "--inputs", at("node.npz"), "--outputs", at("node-out.npz"));
    expect({ name, ...result }).toMatchObject({ code: 0, err: "" });
    const outputs = Object.values(decodeNpz(await readBytes(at("node-out.npz"))));
    for (const [i, wanted] of arrays("output").entries()) {
      expect(outputs[i].shape, name).toEqual(wanted.shape);
      expect(Math.max(...Array.from(outputs[i].data, (x, at) => Math.abs(x - wanted.data[at]))), name).toBeLessThan(
        1e-6,
      );
    }
  }
});

test.each([
  ["text", "hello, this is no model", /expected a model or arrays, got bytes of another kind/],
  ["empty", "", /got an empty file\. Save or download it again/],
  ["configuration", '{"class_name": "Sequential", "config": {}}', /configuration of a Keras model without its weights/],
])("a file that is %s gets a sentence", async (name, text, sentence) => {
  await writeFile(at(name), text);
  for (const command of ["inspect", "run", "convert"]) {
    const more =
      { inspect: [], run: ["--inputs", at(name), "--outputs", at("o.npz")], convert: [at("o.keras")] }[command] ?? [];
    const { code, err } = await recurve(command, at(name), ...more);
    expect(code).toBe(1);
    expect(err).toMatch(sentence);
  }
});
