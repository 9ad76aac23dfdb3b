/** TensorFlow Lite models compute what its interpreter answers; those that Recurve can not run say why. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { UnsupportedError } from "../../../src/base/errors.ts";
import { decodeNpz } from "../../../src/io/node/npz.ts";
import { decodeTflite } from "../../../src/io/tflite/decode.ts";
import { inspectTflite } from "../../../src/io/tflite/inspect.ts";
import type { Tensor } from "../../../src/trace/index.ts";
import { expectClose, tensorOf } from "../closeness.ts";

const cases = [
  "lstm",
  "lstm-classifier",
  "lstm-time-major",
  "lstm-all-options",
  "bidirectional",
  "bidirectional-two-outputs",
  "bidirectional-turned",
  "rnn",
  "words-flat",
  "dense",
  "dense-half",
];

function fixture(name: string): Uint8Array {
  return new Uint8Array(readFileSync(new URL(`../fixtures/tflite/${name}`, import.meta.url)));
}

test.each(cases)("%s: outputs are the interpreter's, and nothing is missing", (name) => {
  const numbers = decodeNpz(fixture(`${name}.npz`));
  const bytes = fixture(`${name}.tflite`);
  const { model } = decodeTflite(bytes, `${name}.tflite`);
  const inputs = Object.keys(numbers).filter((key) => key.startsWith("in."));
  const { outputs } = model.run(inputs.map((key) => tensorOf(numbers[key])));
  const list = (Array.isArray(outputs) ? outputs : [outputs]) as readonly Tensor[];
  for (const [i, output] of list.entries()) {
    expect(output.shape).toEqual(numbers[`out.${i}`].shape);
    expectClose(output.data(), numbers[`out.${i}`].data, `output ${i}`);
  }
  expect(inspectTflite(bytes, name).missing).toEqual([]);
});

test("weights in float16 are read as they are", () => {
  const half = decodeTflite(fixture("dense-half.tflite")).model.weights();
  const whole = decodeTflite(fixture("dense.tflite")).model.weights();
  expect(Object.keys(half)).toEqual(Object.keys(whole));
  for (const [path, x] of Object.entries(half)) {
    const [got, exact] = [x.data(), whole[path].data()];
    got.forEach(
      (value, i) => void expect(Math.abs(value - exact[i])).toBeLessThanOrEqual(2 ** -10 * Math.abs(exact[i])),
    );
  }
});

test("a sequence of any length and batch runs where no layer depends on the number of steps", () => {
  const { model } = decodeTflite(fixture("lstm.tflite"));
  const longer = tensorOf({ dtype: "float32", shape: [3, 9, 3], data: new Float32Array(81) });
  expect(model.run(longer).outputs).toMatchObject({ shape: [3, 9, 4] });
});

test.each([
  ["dense-int8.tflite", /quantised to int8 .*Convert it without optimizations/],
  ["loop.tflite", /1 of "WHILE".*give the Keras model/],
])("%s is refused, and its report says the same", (name, sentence) => {
  expect(() => decodeTflite(fixture(name), name)).toThrow(UnsupportedError);
  expect(() => decodeTflite(fixture(name), name)).toThrow(sentence);
  const report = inspectTflite(fixture(name), name);
  expect(report.missing.join(" ")).toMatch(sentence);
  expect(report.parts.length).toBeGreaterThan(0);
});

test("the report names operators, gates and inputs", () => {
  const report = inspectTflite(fixture("lstm-classifier.tflite"), "a.tflite");
  expect(report.inputs).toEqual([{ name: "x", dtype: "float32", shape: [null, null, 3] }]);
  expect(report.parts.map(({ kind }) => kind)).toEqual([
    "UNIDIRECTIONAL_SEQUENCE_LSTM",
    "STRIDED_SLICE",
    "FULLY_CONNECTED",
    "SOFTMAX",
  ]);
  expect(report.parts[0]).toMatchObject({
    parameters: 4 * (5 * 3 + 5 * 5 + 5),
    notes: ["gates i, f, c, o, a tensor each", "keeps its state between runs"],
  });
});
