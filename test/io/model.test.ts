/** Models and trainings as bytes: what is read back is what was written, to the last bit. */
import { expect, test } from "vitest";
import { FormatError, OptionError, UnsupportedError } from "../../src/base/errors.ts";
import {
  decodeCheckpoint,
  decodeModel,
  decodeSafetensors,
  encodeCheckpoint,
  encodeModel,
  encodeSafetensors,
  fileKind,
} from "../../src/io/index.ts";
import {
  defineCell,
  dense,
  dropout,
  embedding,
  gru,
  type Model,
  modelFromDefinition,
  rnn,
  sequential,
  weight,
} from "../../src/nn/index.ts";
import { add, matmul, tanh, tensor } from "../../src/trace/index.ts";
import { createTrainer, lanes, type Trainer } from "../../src/train/index.ts";

const text = { shape: [null], dtype: "int32", name: "symbols" } as const;
const languageModel = (seed: number): Model =>
  sequential(
    [
      embedding({ inputDim: 7, outputDim: 3 }),
      gru({ units: 4, returnSequences: true }),
      dropout({ rate: 0.25 }),
      dense({ units: 7 }),
    ],
    { input: text, seed },
  );

const x = tensor(Int32Array.from([1, 5, 2, 6, 0, 3]), { shape: [2, 3] });

test("load(save(model)) gives the same outputs bit for bit, the same definition and the metadata", () => {
  const original = languageModel(3);
  const { model, metadata } = decodeModel(encodeModel(original, { note: "ü" }));
  expect(model.run(x).outputs).toEqual(original.run(x).outputs);
  expect(model.definition()).toEqual(original.definition());
  expect(metadata).toEqual({ note: "ü" });
  expect(encodeModel(model, metadata)).toEqual(encodeModel(original, { note: "ü" }));
});

test("any reader of safetensors sees the weights by their paths", () => {
  const { tensors, metadata } = decodeSafetensors(encodeModel(languageModel(1)));
  expect(Object.keys(tensors)).toEqual(Object.keys(languageModel(1).weights()));
  expect(Object.keys(tensors)).toContain("gru.recurrentKernel");
  expect(tensors["gru.kernel"].shape).toEqual([3, 12]);
  expect(fileKind(metadata)).toBe("model");
});

test("a cell of one's own is found again by its kind, and its absence is a sentence", () => {
  const plain = ({ units }: { units: number }) =>
    defineCell({
      name: "plain",
      options: { units },
      params: (inputSize) => ({ w: weight([inputSize, units]), u: [units, units] }),
      state: { h: [units] },
      step: ({ params: { w, u }, state: { h }, x }) => {
        const next = tanh(add(matmul(x, w), matmul(h, u)));
        return { y: next, state: { h: next } };
      },
    });
  const original = sequential([rnn(plain({ units: 5 }))], { input: { shape: [null, 2] }, seed: 2 });
  const bytes = encodeModel(original);
  const input = tensor([
    [
      [1, 2],
      [3, 4],
    ],
  ]);
  expect(decodeModel(bytes, { cells: { plain } }).model.run(input).outputs).toEqual(original.run(input).outputs);
  expect(() => decodeModel(bytes)).toThrow(/"plain".*\{ cells: \{ plain:/);
});

test("files of the wrong kind, damaged files and newer files are refused with what to do", () => {
  const model = languageModel(1);
  const { tensors, metadata } = decodeSafetensors(encodeModel(model));
  const without = Object.fromEntries(Object.entries(tensors).filter(([name]) => name !== "dense.bias"));
  expect(() => decodeModel(encodeSafetensors(tensors), {}, "w.safetensors")).toThrow(
    /^w\.safetensors: expected a model, got tensors without a model/,
  );
  expect(() => decodeModel(encodeSafetensors(without, metadata))).toThrow(
    /model file: model "model": expected a tensor for each of its weights, got none for dense\.bias/,
  );
  expect(() => decodeModel(encodeSafetensors(tensors, { ...metadata, "recurve.format": "2" }))).toThrow(
    UnsupportedError,
  );
  expect(() => decodeModel(encodeSafetensors(tensors, { ...metadata, "recurve.model": "{" }))).toThrow(
    /expected JSON in the metadata "recurve\.model"/,
  );
  expect(() => decodeModel(encodeSafetensors(tensors, { ...metadata, "recurve.model": "{}" }))).toThrow(FormatError);
  expect(() => encodeModel(model, { "recurve.note": "" })).toThrow(OptionError);
  expect(() => decodeModel(encodeModel(model).subarray(0, 2000), {}, "half.safetensors")).toThrow(
    /^half\.safetensors: expected .* truncated/,
  );
});

const data = lanes(
  Int32Array.from({ length: 121 }, (_, i) => (i * i) % 7),
  { lanes: 3, steps: 5 },
);
const trainerFor = (model: Model): Trainer =>
  createTrainer(model, { loss: "sparseCategoricalCrossentropy", optimizer: "adam", learningRate: 0.01, seed: 5 });

function advance(trainer: Trainer, steps: number): void {
  for (let i = 0; i < steps; i++) {
    const { index } = trainer.position;
    trainer.step(data.batch(0, index), { carriesState: true });
    trainer.position = { epoch: 0, index: index + 1 };
  }
}

test("a training that goes on from the bytes of its checkpoint has bitwise the weights of the uninterrupted one, with dropout and carried state", () => {
  const whole = trainerFor(languageModel(1));
  advance(whole, 7);
  const first = trainerFor(languageModel(1));
  advance(first, 4);
  const bytes = encodeCheckpoint({
    definition: first.model.definition(),
    state: first.snapshot(),
    metadata: { where: "here" },
  });
  const { definition, state, metadata } = decodeCheckpoint(bytes);
  const second = trainerFor(modelFromDefinition(definition));
  second.restore(state);
  advance(second, 3);
  expect(metadata).toEqual({ where: "here" });
  expect(second.position).toEqual({ epoch: 0, index: 7 });
  expect(encodeModel(second.model)).toEqual(encodeModel(whole.model));
  expect(second.snapshot().arrays).toEqual(whole.snapshot().arrays);
});

test("a model is no checkpoint, a checkpoint no model, and a checkpoint with other facts is damaged", () => {
  const trainer = trainerFor(languageModel(1));
  const bytes = encodeCheckpoint({ definition: trainer.model.definition(), state: trainer.snapshot() });
  expect(() => decodeModel(bytes)).toThrow(/expected a model, got a training checkpoint/);
  expect(() => decodeCheckpoint(encodeModel(trainer.model))).toThrow(
    /expected a training checkpoint, got a model\. Give the \.checkpoint file/,
  );
  const { tensors, metadata } = decodeSafetensors(bytes);
  for (const facts of [{}, { ...trainer.snapshot().json, steps: -1 }, { ...trainer.snapshot().json, position: null }]) {
    expect(() =>
      decodeCheckpoint(encodeSafetensors(tensors, { ...metadata, "recurve.checkpoint": JSON.stringify(facts) })),
    ).toThrow(/expected the position, history and optimizer/);
  }
});
