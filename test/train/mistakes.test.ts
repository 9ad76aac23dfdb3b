/** What a newcomer gives to `fit` from the habits of other libraries. None of it is ignored: each is a sentence. */
import { expect, test } from "vitest";
import {
  adam,
  batches,
  binaryCrossentropy,
  dense,
  earlyStopping,
  evaluate,
  fit,
  fromProbabilities,
  huber,
  lanes,
  lstm,
  sequential,
  tensor,
  zeros,
} from "../../src/index.ts";

const x = zeros([8, 5, 3]);
const y = tensor(new Int32Array(8));
const model = sequential([lstm({ units: 2 }), dense({ units: 2 })], { input: { shape: [null, 3] } });
const loss = "sparseCategoricalCrossentropy";
/** What JavaScript lets through. */
const loose = (value: unknown): never => value as never;
const withOptions = (options: object) => () => fit(model, batches(x, y), { loss, ...options } as never);

const mistakes: readonly (readonly [what: string, run: () => unknown, sentence: RegExp])[] = [
  // Its validation loss was 0 in every epoch.
  [
    "validation data as a pair",
    withOptions({ validationData: [x, y] }),
    /expected validationData to be a dataset, got an array/,
  ],
  [
    "x and y in place of a dataset",
    () => fit(model, loose(x), loose(y)),
    /got a tensor\. Make one with batches\(x, y\)/,
  ],
  ["evaluate with tensors", () => evaluate(model, loose(x), { loss }), /Make one with batches\(x, y\)/],
  // It was never called.
  [
    "a callback that is a function",
    withOptions({ callbacks: [() => {}] }),
    /expected "callbacks" to be a list of objects, got a function/,
  ],
  [
    "a callback without a list",
    withOptions({ callbacks: earlyStopping() }),
    /expected "callbacks" to be a list of objects/,
  ],
  ["a misspelt event", withOptions({ callbacks: [{ onEpochend() {} }] }), /Did you mean "onEpochEnd"/],
  // It never stopped the training.
  ["a controller in place of its signal", withOptions({ signal: new AbortController() }), /give controller\.signal/],
  [
    "a backend that does not exist",
    withOptions({ backend: "gpu" }),
    /expected "backend" to be one of "wasm", "native", "interpreter"/,
  ],
  ["metrics without a list", withOptions({ metrics: "accuracy" }), /Write metrics: \["accuracy"\]/],
  ["an abbreviated metric", withOptions({ metrics: ["acc"] }), /Did you mean "accuracy"/],
  ["an abbreviated loss", withOptions({ loss: "mse" }), /Did you mean "meanSquaredError"/],
  ["a loss that was not made", withOptions({ loss: huber }), /Write huber\(\) or "huber"/],
  [
    "an optimiser that was not made",
    withOptions({ optimizer: adam }),
    /got a function\. Call the function that makes it/,
  ],
  ["a bare limit", withOptions({ clip: 1 }), /Write globalClipNorm\(1\)/],
  ["a rate in quotes", withOptions({ learningRate: "0.1" }), /expected "learningRate" to be a number/],
  ["the size of batches", withOptions({ batchSize: 8 }), /belongs to the data: batches\(x, y, \{ batchSize: 32 \}\)/],
  ["weights of classes", withOptions({ classWeight: { 0: 1, 1: 2 } }), /batches\(x, y, \{ sampleWeights \}\)/],
  ["arrays in place of tensors", () => batches(loose([[[1, 2, 3]]]), y), /expected tensors, got 1 at x\.0\.0\.0/],
  ["typed arrays in place of tensors", () => batches(x, loose(new Int32Array(8))), /got an Int32Array at y/],
  [
    "text in place of ids",
    () => lanes(loose("to be"), { lanes: 1, steps: 2 }),
    /Give text as the ids of its characters/,
  ],
  // They were cut down to whole numbers.
  [
    "measurements in place of ids",
    () => lanes(loose(Float32Array.of(0.5, 1)), { lanes: 1, steps: 1 }),
    /got other numbers/,
  ],
];

test.each(mistakes)("%s is a sentence with a remedy", async (_, run, sentence) => {
  await expect((async () => run())()).rejects.toThrow(sentence);
});

test("what the error about a model that ends in sigmoid advises is exported and trains", async () => {
  const ending = sequential([lstm({ units: 2 }), dense({ units: 1, activation: "sigmoid" })], {
    input: { shape: [null, 3] },
  });
  const history = await fit(ending, batches(x, zeros([8, 1])), { loss: fromProbabilities(binaryCrossentropy) });
  expect(history.loss[0]).toBeCloseTo(Math.LN2, 1);
});
