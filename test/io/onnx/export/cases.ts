/** The models that are written as ONNX files: every recurrent layer with its options, and the networks people have. */
import {
  activation,
  addLayer,
  attentionCell,
  averagePooling1D,
  batchNormalization,
  bidirectional,
  call,
  clockworkCell,
  conditionedState,
  conv1D,
  conv2D,
  convLSTM1D,
  dense,
  dotLayer,
  dropout,
  embedding,
  flatten,
  globalAveragePooling1D,
  globalMaxPooling1D,
  gru,
  gruCell,
  input,
  type Layer,
  type LstmOptions,
  lastStep,
  layerNormalization,
  lstm,
  lstmCell,
  luong,
  type Model,
  masking,
  maxPooling1D,
  model,
  normalization,
  phasedLSTMCell,
  prelu,
  repeatVector,
  rescaling,
  residualCell,
  rnn,
  type SequenceInput,
  sequential,
  simpleRNN,
  timeDistributed,
  upSampling1D,
  zoneoutCell,
} from "../../../../src/nn/index.ts";
import { concrete, type Tensor } from "../../../../src/trace/index.ts";
import { cellCases } from "./cellCases.ts";
import { learningCell, loopCell, mgu, movingCell, oddCell } from "./cells.ts";
import { problems } from "./problems.ts";
import type { Case } from "./written.ts";

const sequence = { returnSequences: true } as const;

/** Layers one after the other over sequences of three numbers, four rows of five steps. */
function plain(
  name: string,
  layers: () => readonly Layer[],
  more: Partial<Case> & { input?: Partial<SequenceInput> } = {},
): Case {
  const { input: given, ...rest } = more;
  return {
    name,
    model: () => sequential(layers(), { input: { name: "x", shape: [null, 3], ...given }, name }),
    inputs: (draw) => ({ x: draw([4, 5, 3]) }),
    ...rest,
  };
}

function lstmWith(
  name: string,
  options: Omit<LstmOptions, "units"> & Parameters<typeof rnn>[1],
  more: Partial<Case> = {},
): Case {
  return plain(`lstm-${name}`, () => [lstm({ units: 5, name: "encoder", ...sequence, ...options })], more);
}

const lengths: Partial<Case> & { input: Partial<SequenceInput> } = {
  input: { lengths: true },
  inputs: (draw) => ({ x: draw([4, 5, 3]), lengths: ints([5, 2, 0, 3]) }),
};

const masked: Partial<Case> & { input: Partial<SequenceInput> } = {
  input: { mask: true },
  inputs: (draw) => ({ x: draw([4, 5, 3]), mask: bools([4, 5], "11011 01110 00000 10100") }),
};

export const cases: readonly Case[] = [
  ...problems,
  ...cellCases,
  // LSTM
  lstmWith("plain", {}),
  lstmWith("last", { returnSequences: false }, { options: { state: false } }),
  lstmWith("backwards", { goBackwards: true }),
  lstmWith("backwards-last", { goBackwards: true, returnSequences: false }),
  lstmWith("peepholes", { usePeepholes: true }),
  lstmWith("no-bias", { useBias: false }, { options: { state: false } }),
  lstmWith("clip", { clip: 0.25 }),
  lstmWith("cell-clip", { cellClip: 0.2 }),
  lstmWith("coupled", { coupledGates: true }),
  lstmWith("projection", { projectionUnits: 4, projectionClip: 0.1 }),
  lstmWith("layer-norm", { layerNorm: true }),
  lstmWith("activations", {
    activation: { name: "leakyRelu", negativeSlope: 0.3 },
    recurrentActivation: "hardSigmoid",
  }),
  lstmWith("gelu", { activation: "gelu" }),
  lstmWith("mish", { activation: "mish", recurrentActivation: "hardSilu" }),
  lstmWith("learned-state", { initialState: "learned" }),
  lstmWith("learned-state-alone", { initialState: "learned" }, { options: { state: false } }),
  lstmWith("dropout", { dropout: 0.3, recurrentDropout: 0.2 }),
  lstmWith("lengths", {}, lengths),
  lstmWith("lengths-backwards-last", { goBackwards: true, returnSequences: false }, lengths),
  lstmWith("lengths-backwards", { goBackwards: true }, lengths),
  lstmWith("lengths-zeros", { zeroOutputForMask: true }, lengths),
  lstmWith("mask", {}, masked),
  lstmWith("mask-backwards", { goBackwards: true }, masked),
  // GRU and simple RNN
  plain("gru-plain", () => [gru({ units: 4, name: "encoder", ...sequence })]),
  plain("gru-before", () => [gru({ units: 4, name: "encoder", resetAfter: false, ...sequence })]),
  plain("gru-backwards", () => [gru({ units: 4, name: "encoder", goBackwards: true, ...sequence })]),
  plain("gru-no-bias", () => [gru({ units: 4, name: "encoder", useBias: false, clip: 0.3, ...sequence })]),
  plain("gru-elu", () => [
    gru({ units: 4, name: "encoder", activation: { name: "elu", alpha: 0.7 }, recurrentActivation: "softsign" }),
  ]),
  plain("gru-layer-norm", () => [gru({ units: 4, name: "encoder", layerNorm: true, ...sequence })]),
  plain("gru-lengths", () => [gru({ units: 4, name: "encoder", ...sequence })], lengths),
  plain("rnn-plain", () => [simpleRNN({ units: 6, name: "encoder", ...sequence })]),
  plain("rnn-relu-backwards", () => [simpleRNN({ units: 6, name: "encoder", activation: "relu", goBackwards: true })]),
  plain("rnn-linear", () => [simpleRNN({ units: 6, name: "encoder", activation: "linear", ...sequence })]),
  plain("rnn-log-sigmoid", () => [
    simpleRNN({ units: 6, name: "encoder", activation: "logSigmoid", ...sequence }),
    activation("relu6"),
    dense({ units: 3, activation: "hardTanh" }),
    activation("logSoftmax"),
  ]),
  plain("statistics", () => [
    rescaling({ scale: [0.5, -1, 2], offset: 0.1 }),
    normalization({ mean: [1, 0, -1], variance: [2, 1, 0.5] }),
    normalization(),
    prelu({ sharedAxes: [1] }),
    gru({ units: 4, name: "encoder", ...sequence }),
  ]),
  {
    name: "dot",
    model: () => {
      const [x, y] = [input({ shape: ["t", 3], name: "x" }), input({ shape: ["n", 4], name: "y" })];
      const read = call(gru({ units: 4, name: "encoder", ...sequence }), x);
      const scores = call(dotLayer({ axes: 2, normalize: true }), [read, y]);
      const seen = call(dotLayer({ axes: [2, 1] }), [scores, y]);
      return model({ inputs: [x, y], outputs: [seen, call(dotLayer({ axes: 1 }), [scores, read])], name: "dot" });
    },
    inputs: (draw) => ({ x: draw([4, 5, 3]), y: draw([4, 6, 4]) }),
  },
  plain("rnn-softplus", () => [simpleRNN({ units: 6, name: "encoder", activation: "softplus", ...sequence })]),
  plain("rnn-softmax", () => [simpleRNN({ units: 6, name: "encoder", activation: "softmax", ...sequence })]),
  // Both directions
  ...(["concat", "sum", "mul", "ave"] as const).map((mergeMode) =>
    plain(`bidirectional-${mergeMode}`, () => [
      bidirectional(lstm({ units: 4, ...sequence }), { name: "both", mergeMode }),
    ]),
  ),
  plain("bidirectional-last", () => [bidirectional(gru({ units: 4 }), { name: "both" })]),
  plain("bidirectional-unlike", () => [
    bidirectional(gru({ units: 4, ...sequence }), {
      name: "both",
      backwardLayer: lstm({ units: 3, goBackwards: true, ...sequence }),
    }),
  ]),
  plain("bidirectional-other-activation", () => [
    bidirectional(simpleRNN({ units: 4, ...sequence }), {
      name: "both",
      backwardLayer: simpleRNN({ units: 4, activation: "relu", goBackwards: true, ...sequence }),
    }),
  ]),
  plain(
    "bidirectional-lengths",
    () => [bidirectional(lstm({ units: 4, ...sequence }), { name: "both" }), gru({ units: 3, name: "top" })],
    lengths,
  ),
  plain("bidirectional-mask", () => [bidirectional(gru({ units: 4, ...sequence }), { name: "both" })], masked),
  // Stacks and cells around cells
  plain("stack-of-layers", () => [
    lstm({ units: 5, name: "low", ...sequence }),
    gru({ units: 4, name: "middle", ...sequence }),
    simpleRNN({ units: 3, name: "top" }),
    dense({ units: 2, name: "head", activation: "softmax" }),
  ]),
  plain("stack-of-cells", () => [rnn([lstmCell({ units: 4 }), gruCell({ units: 5 })], { name: "stack", ...sequence })]),
  plain("residual", () => [
    rnn([lstmCell({ units: 3 }), residualCell(gruCell({ units: 3 }))], { name: "stack", ...sequence }),
  ]),
  plain("zoneout", () => [rnn(zoneoutCell(lstmCell({ units: 4 }), { rate: 0.2 }), { name: "encoder", ...sequence })]),
  plain("clockwork", () => [rnn(clockworkCell({ units: 6, periods: [1, 2, 4] }), { name: "encoder", ...sequence })]),
  {
    name: "phased",
    model: () => {
      const [x, time] = [input({ name: "x", shape: [null, 3] }), input({ name: "time", shape: [null, 1] })];
      return model({
        name: "phased",
        inputs: [x, time],
        outputs: call(rnn(phasedLSTMCell({ units: 4 }), { name: "encoder", ...sequence }), [x, time]),
      });
    },
    inputs: (draw) => ({ x: draw([4, 5, 3]), time: float([4, 5, 1], (i) => i * 0.7) }),
  },
  plain("own-cell", () => [rnn(mgu({ units: 4 }), { name: "own", ...sequence }), dense({ units: 2, name: "head" })]),
  plain("own-cell-lengths", () => [rnn(mgu({ units: 4 }), { name: "own", ...sequence })], lengths),
  plain(
    "own-cell-backwards-mask",
    () => [rnn(mgu({ units: 4 }), { name: "own", goBackwards: true, ...sequence })],
    masked,
  ),
  plain("odd-cell", () => [rnn(oddCell({ units: 4 }), { name: "odd", ...sequence })]),
  plain("loops-in-a-cell", () => [rnn(loopCell({ units: 4 }), { name: "loops", ...sequence })]),
  plain("learning-cell", () => [rnn(learningCell({ units: 4 }), { name: "learning", ...sequence })]),
  plain("moving-cell", () => [rnn(movingCell({ units: 4 }), { name: "moving", ...sequence })]),
  lstmWith(
    "nothing-counts",
    {},
    { ...masked, inputs: (draw) => ({ x: draw([2, 3, 3]), mask: bools([2, 3], "000 000") }) },
  ),
  plain("conv-lstm", () => [convLSTM1D({ filters: 2, kernelSize: 3, padding: "same", name: "maps", ...sequence })], {
    input: { shape: [null, 4, 2] },
    inputs: (draw) => ({ x: draw([2, 3, 4, 2]) }),
  }),
  // Networks
  plain(
    "embedding-mask-zero",
    () => [
      embedding({ inputDim: 7, outputDim: 3, maskZero: true, name: "words" }),
      lstm({ units: 4, name: "encoder" }),
      dense({ units: 1, activation: "sigmoid", name: "head" }),
    ],
    {
      input: { shape: [null], dtype: "int32", name: "tokens" },
      inputs: () => ({
        tokens: concrete({ dtype: "int32", shape: [3, 5] }, Int32Array.of(1, 2, 3, 0, 0, 4, 5, 6, 1, 2, 0, 0, 0, 0, 0)),
      }),
    },
  ),
  plain(
    "masking",
    () => [
      masking({ name: "masking" }),
      gru({ units: 4, name: "encoder", ...sequence }),
      globalAveragePooling1D({ name: "mean" }),
    ],
    {
      inputs: (draw) => ({ x: zeroed(draw([4, 5, 3]), [2, 3, 9, 14, 19]) }),
    },
  ),
  plain(
    "convolution-and-pooling",
    () => [
      conv1D({ filters: 4, kernelSize: 3, padding: "same", activation: "relu", name: "conv" }),
      maxPooling1D({ poolSize: 2, name: "pool" }),
      bidirectional(gru({ units: 3, ...sequence }), { name: "both" }),
      upSampling1D({ size: 2, name: "up" }),
      averagePooling1D({ poolSize: 3, strides: 1, padding: "same", name: "smooth" }),
      globalMaxPooling1D({ name: "most" }),
    ],
    { inputs: (draw) => ({ x: draw([2, 8, 3]) }) },
  ),
  plain(
    "convolution-of-images",
    () => [
      conv2D({ filters: 2, kernelSize: [3, 2], strides: [2, 1], padding: "same", activation: "tanh", name: "first" }),
      conv2D({ filters: 3, kernelSize: 2, dilationRate: [1, 2], useBias: false, name: "second" }),
    ],
    { input: { shape: [6, 5, 2] }, inputs: (draw) => ({ x: draw([2, 6, 5, 2]) }) },
  ),
  plain(
    "convolution-with-strides",
    () => [
      conv1D({ filters: 2, kernelSize: 3, strides: 2, padding: "same", name: "first" }),
      conv1D({ filters: 3, kernelSize: 3, strides: 2, name: "second" }),
    ],
    { inputs: (draw) => ({ x: draw([2, 9, 3]) }) },
  ),
  plain(
    "convolution-of-lengths",
    () => [conv1D({ filters: 2, kernelSize: 3, padding: "same", name: "first" }), gru({ units: 2, name: "encoder" })],
    lengths,
  ),
  plain("last-step", () => [
    bidirectional(gru({ units: 3, ...sequence }), { name: "both" }),
    lastStep({ name: "last" }),
  ]),
  plain(
    "last-step-of-lengths",
    () => [conv1D({ filters: 2, kernelSize: 3, padding: "same", name: "first" }), lastStep({ name: "last" })],
    lengths,
  ),
  plain("causal-convolution", () => [
    conv1D({ filters: 4, kernelSize: 3, padding: "causal", dilationRate: 2, name: "conv" }),
    gru({ units: 3, name: "encoder", ...sequence }),
  ]),
  plain("normalisation", () => [
    batchNormalization({ name: "batch" }),
    simpleRNN({ units: 4, name: "encoder", ...sequence }),
    layerNormalization({ name: "layer" }),
    dropout({ rate: 0.5, name: "drop" }),
    timeDistributed(dense({ units: 2, activation: "gelu" }), { name: "head" }),
  ]),
  plain(
    "autoencoder",
    () => [
      lstm({ units: 4, name: "encoder" }),
      repeatVector({ n: 5, name: "repeat" }),
      lstm({ units: 4, name: "decoder", ...sequence }),
      dense({ units: 3, name: "head" }),
      flatten({ name: "flat" }),
    ],
    { input: { shape: [5, 3] } },
  ),
  {
    name: "encoder-decoder",
    model: encoderDecoder,
    inputs: (draw) => ({ source: draw([3, 4, 3]), target: draw([3, 6, 2]) }),
    options: { state: false },
  },
  {
    name: "attention",
    model: attentive,
    inputs: (draw) => ({ source: draw([3, 4, 3]), target: draw([3, 6, 2]) }),
    options: { state: false },
  },
  {
    name: "attention-state",
    model: attentive,
    inputs: (draw) => ({ source: draw([3, 4, 3]), target: draw([3, 6, 2]) }),
  },
  {
    name: "condition",
    model: conditioned,
    inputs: (draw) => ({ x: draw([4, 5, 3]), place: draw([4, 2]) }),
    options: { state: false },
  },
  { name: "condition-state", model: conditioned, inputs: (draw) => ({ x: draw([4, 5, 3]), place: draw([4, 2]) }) },
  { name: "two-outputs", model: twoOutputs, inputs: (draw) => ({ x: draw([4, 5, 3]), y: draw([4, 5, 3]) }) },
  {
    name: "resets",
    model: resetting,
    inputs: (draw) => ({ x: draw([4, 5, 3]), resets: bools([4, 5], "00100 10010 00000 11111") }),
  },
  plain("states-read", () => [lstm({ units: 5, name: "encoder", ...sequence })], { model: statesRead }),
  // One step
  plain("step-lstm", () => [lstm({ units: 5, name: "encoder", ...sequence }), dense({ units: 2, name: "head" })], {
    options: { step: true },
    inputs: (draw) => ({ x: draw([4, 3]) }),
  }),
  plain("step-own-cell", () => [rnn([gruCell({ units: 4 }), mgu({ units: 3 })], { name: "stack", ...sequence })], {
    options: { step: true },
    inputs: (draw) => ({ x: draw([4, 3]) }),
  }),
  plain("step-learned", () => [gru({ units: 4, name: "encoder", initialState: "learned", ...sequence })], {
    options: { step: true },
    inputs: (draw) => ({ x: draw([4, 3]) }),
  }),
  plain(
    "opset-22",
    () => [lstm({ units: 5, name: "encoder", ...sequence }), dense({ units: 3, activation: "softmax", name: "head" })],
    { options: { opset: 22 } },
  ),
  plain("opset-18", () => [gru({ units: 5, name: "encoder", ...sequence }), globalMaxPooling1D({ name: "most" })], {
    options: { opset: 18 },
  }),
];

function encoderDecoder(): Model {
  const [source, target] = [
    input({ name: "source", shape: [null, 3] }),
    input({ name: "target", shape: ["steps", 2] }),
  ];
  const read = call(bidirectional(lstm({ units: 2 }), { name: "encoder" }), source);
  const start = call(dense({ units: 4, name: "bridge" }), read);
  const decoder = lstm({ units: 4, name: "decoder", ...sequence });
  const y = call(decoder, target, { initialState: { h: start } });
  return model({
    name: "encoder-decoder",
    inputs: [source, target],
    outputs: call(dense({ units: 2, activation: "softmax", name: "head" }), y),
  });
}

function attentive(): Model {
  const [source, target] = [
    input({ name: "source", shape: [null, 3] }),
    input({ name: "target", shape: ["steps", 2] }),
  ];
  const memory = call(gru({ units: 4, name: "encoder", ...sequence }), source);
  const cell = attentionCell(gruCell({ units: 4 }), luong({ units: 4 }), { attentionLayerSize: 3 });
  const y = call(rnn(cell, { name: "decoder", ...sequence }), target, { constants: memory });
  return model({ name: "attention", inputs: [source, target], outputs: [y, memory] });
}

function conditioned(): Model {
  const [x, place] = [input({ name: "x", shape: [null, 3] }), input({ name: "place", shape: [2] })];
  const layer = lstm({ units: 4, name: "encoder", ...sequence });
  const y = call(layer, x, { initialState: conditionedState(layer, x, place) });
  return model({ name: "condition", inputs: [x, place], outputs: y });
}

function twoOutputs(): Model {
  const [x, y] = [input({ name: "x", shape: [null, 3] }), input({ name: "y", shape: [null, 3] })];
  const shared = gru({ units: 3, name: "shared", ...sequence });
  const [a, b] = [call(shared, x), call(shared, y)];
  const sum = call(addLayer({ name: "sum" }), [a, b]);
  return model({
    name: "two-outputs",
    inputs: [x, y],
    outputs: [sum, a, a.state.h, call(lstm({ units: 2, name: "last" }), b)],
  });
}

function resetting(): Model {
  const [x, resets] = [input({ name: "x", shape: [null, 3] }), input({ name: "resets", shape: [null], dtype: "bool" })];
  return model({
    name: "resets",
    inputs: [x, resets],
    outputs: call(lstm({ units: 4, name: "encoder", ...sequence }), x, { resets }),
  });
}

function statesRead(): Model {
  const x = input({ name: "x", shape: [null, 3] });
  const y = call(lstm({ units: 5, name: "encoder", ...sequence }), x);
  return model({ name: "states-read", inputs: x, outputs: [y, y.states.c] });
}

function ints(values: readonly number[]): Tensor {
  return concrete({ dtype: "int32", shape: [values.length] }, Int32Array.from(values));
}

function bools(shape: readonly number[], flags: string): Tensor {
  return concrete({ dtype: "bool", shape }, Int32Array.from(flags.replaceAll(" ", ""), Number));
}

function float(shape: readonly number[], of: (i: number) => number): Tensor {
  return concrete(
    { dtype: "float32", shape },
    Float32Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) => of(i)),
  );
}

/** x with rows of three zeros at some steps. */
function zeroed(x: Tensor, steps: readonly number[]): Tensor {
  return concrete(x, x.data().map((value, i) => (steps.includes(Math.floor(i / 3)) ? 0 : value)) as Float32Array);
}
