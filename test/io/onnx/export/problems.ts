/** Networks that people have asked about, made small: text that goes on, next steps, autoencoders, banks of convolutions. */
import {
  bidirectional,
  call,
  concatenate,
  conv1D,
  dense,
  embedding,
  gru,
  highway,
  input,
  lstm,
  type Model,
  maxPooling1D,
  model,
  sequential,
  simpleRNN,
  upSampling1D,
} from "../../../../src/nn/index.ts";
import { concrete } from "../../../../src/trace/index.ts";
import type { Case } from "./written.ts";

const sequence = { returnSequences: true } as const;

/** Text, letter by letter, with the state handed on. */
const text = (): Model =>
  sequential(
    [
      embedding({ inputDim: 11, outputDim: 5, name: "letters" }),
      gru({ units: 7, name: "encoder", ...sequence }),
      dense({ units: 11, name: "head" }),
    ],
    { input: { name: "text", shape: [null], dtype: "int32" }, name: "text" },
  );

/** Several layers of LSTM that say the next step. */
const nextStep = (): Model =>
  sequential(
    [
      lstm({ units: 6, name: "first", ...sequence }),
      lstm({ units: 5, name: "second", ...sequence }),
      lstm({ units: 4, name: "third", ...sequence }),
      dense({ units: 7, activation: "softmax", name: "head" }),
    ],
    { input: { name: "x", shape: [null, 7] }, name: "next-step" },
  );

/** Sentiment of padded texts. */
const sentiment = (): Model =>
  sequential(
    [
      embedding({ inputDim: 9, outputDim: 4, maskZero: true, name: "words" }),
      simpleRNN({ units: 3, name: "encoder" }),
      dense({ units: 1, activation: "sigmoid", name: "head" }),
    ],
    { input: { name: "words_in", shape: [null], dtype: "int32" }, name: "sentiment" },
  );

/** An encoder of both directions whose states, joined, begin a decoder of twice the width. */
function bothToOne(): Model {
  const [source, target] = [
    input({ name: "source", shape: [null, 3] }),
    input({ name: "target", shape: ["steps", 2] }),
  ];
  const read = call(bidirectional(lstm({ units: 3 }), { name: "encoder" }), source);
  const joined = (part: "h" | "c") =>
    call(concatenate({ name: `joined_${part}` }), [read.state.forward[part], read.state.backward[part]]);
  const y = call(lstm({ units: 6, name: "decoder", ...sequence }), target, {
    initialState: { h: joined("h"), c: joined("c") },
  });
  const head = call(dense({ units: 5, activation: "softmax", name: "head" }), y);
  return model({ name: "both-to-one", inputs: [source, target], outputs: head });
}

/** An autoencoder of both directions with pooling between. */
const pooled = (): Model =>
  sequential(
    [
      bidirectional(lstm({ units: 4, activation: "relu", ...sequence }), { name: "wide" }),
      maxPooling1D({ poolSize: 2, name: "half" }),
      bidirectional(lstm({ units: 2, activation: "relu", ...sequence }), { name: "narrow" }),
      upSampling1D({ size: 2, name: "double" }),
      bidirectional(lstm({ units: 1, activation: "relu", ...sequence }), { name: "out" }),
      dense({ units: 1, name: "head" }),
    ],
    { input: { name: "series", shape: [null, 3] }, name: "pooled" },
  );

/** Banks of convolutions, pooling with stride 1, highways, a GRU in both directions. */
function bank(): Model {
  const x = input({ name: "x", shape: [null, 3] });
  const sizes = [1, 2, 3].map((kernelSize) =>
    call(conv1D({ filters: 2, kernelSize, padding: "same", activation: "relu", name: `bank${kernelSize}` }), x),
  );
  const all = call(concatenate({ name: "all" }), sizes);
  const most = call(maxPooling1D({ poolSize: 2, strides: 1, padding: "same", name: "most" }), all);
  const projected = call(conv1D({ filters: 3, kernelSize: 3, padding: "same", name: "projection" }), most);
  const road = call(highway({ name: "road" }), projected);
  return model({
    name: "bank",
    inputs: x,
    outputs: call(bidirectional(gru({ units: 2, ...sequence }), { name: "both" }), road),
  });
}

const ints = (shape: readonly number[], of: (i: number) => number) => () =>
  concrete(
    { dtype: "int32", shape },
    Int32Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) => of(i)),
  );

/** Each with what it is given. */
export const problems: readonly Case[] = [
  { name: "text", model: text, inputs: () => ({ text: ints([2, 6], (i) => (i * 7) % 11)() }) },
  { name: "text-step", model: text, inputs: () => ({ text: ints([3], (i) => i * 3)() }), options: { step: true } },
  { name: "next-step", model: nextStep, inputs: (draw) => ({ x: draw([3, 5, 7]) }), options: { state: false } },
  {
    name: "sentiment",
    model: sentiment,
    inputs: () => ({ words_in: ints([3, 6], (i) => (i % 6 < 5 - Math.floor(i / 6) ? (i % 8) + 1 : 0))() }),
    options: { state: false },
  },
  {
    name: "both-to-one",
    model: bothToOne,
    inputs: (draw) => ({ source: draw([3, 4, 3]), target: draw([3, 6, 2]) }),
    options: { state: false },
  },
  { name: "pooled", model: pooled, inputs: (draw) => ({ series: draw([2, 8, 3]) }), options: { state: false } },
  { name: "bank", model: bank, inputs: (draw) => ({ x: draw([2, 6, 3]) }), options: { state: false } },
];
