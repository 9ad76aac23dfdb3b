/**
 * What the fuzz over options draws from: for every kind of layer how it is fed and what it needs, and for every option
 * the values to try. Both are total: a kind or an option that is not here fails the test.
 */
import type { Json } from "../../src/nn/index.ts";
import type { Feeding } from "./observe.ts";

export interface Subject {
  /** What the constructor can not do without. */
  readonly needs: Readonly<Record<string, Json>>;
  readonly feeding: Feeding;
  /** Values of options that are particular to this kind. */
  readonly values?: Readonly<Record<string, readonly Json[]>>;
}

const sequence: Feeding = { inputs: [{ shape: [null, 3] }], hasTime: true };
const fixedSequence: Feeding = { inputs: [{ shape: [4, 3] }], hasTime: false };
const two: Feeding = { inputs: [{ shape: [null, 3] }, { shape: [null, 3] }], hasTime: true };
const volume = (rank: number): Feeding => ({ inputs: [{ shape: [...Array(rank).fill(5), 2] }], hasTime: false });

const initializers: readonly Json[] = [
  "glorotUniform",
  "orthogonal",
  "heNormal",
  { name: "constant", value: 0.3 },
  "ones",
];
const regularizers: readonly Json[] = [null, "l1", { name: "l2", l2: 0.3 }];
const constraints: readonly Json[] = [null, "nonNeg", "unitNorm"];
const flags: readonly Json[] = [false, true];
const activations: readonly Json[] = ["tanh", "relu", "mish", "softsign", { name: "leakyRelu", negativeSlope: 0.4 }];

/** Values of the options whose name means one thing everywhere. */
export const values: Readonly<Record<string, readonly Json[]>> = {
  activation: activations,
  recurrentActivation: ["sigmoid", "hardSigmoid", "relu6"],
  units: [2, 3],
  filters: [2, 3],
  epsilon: [0.001, 0.3],
  clip: [null, 0.2],
  cellClip: [null, 0.1],
  projectionClip: [null, 0.05],
  projectionUnits: [null, 2, 3],
  candidateDropout: [0, 0.5],
  dropout: [0, 0.5],
  recurrentDropout: [0, 0.5],
  gradientHorizon: [null, 1, 2],
  checkpoint: [null, 1, 3, "auto"],
  initialState: ["zeros", "learned"],
  mergeMode: ["concat", "sum", "mul", "ave"],
  maskValue: [0, 0.5],
  rate: [0.25, 0.5],
  stddev: [0.25, 0.5],
  momentum: [0.9, 0.99],
  poolSize: [2, 3],
  kernelSize: [2, 3],
  strides: [1, 2],
  dilationRate: [1, 2],
  padding: ["valid", "same"],
  size: [2, 3],
  n: [2, 3],
  outputDim: [2, 3],
  inputDim: [6, 7],
  carryBias: [0, 2],
  // Not ones, which is what a forget gate has anyway.
  biasInitializer: ["zeros", { name: "constant", value: 0.3 }, "glorotUniform"],
  cell: [
    { kind: "gru", options: { units: 3 } },
    { kind: "lstm", options: { units: 3 } },
  ],
  leak: [0.001, 0.3],
  ratioOn: [0.1, 0.6],
  periodInitMin: [1, 3],
  periodInitMax: [1000, 20],
  attnSize: [null, 2],
  attnVecSize: [null, 5],
  inputSize: [null, 2],
  attentionLayerSize: [null, 4],
  input: [0, 0.5],
  output: [0, 0.5],
  state: [0, 0.5],
  recurrent: [0, 0.5],
  sharing: ["step", "sequence", "batch"],
  stateParts: [null, ["c"]],
  scoreMode: ["dot", "concat"],
};

/** The values to try for an option of a kind; undefined if no one has said. */
export function valuesOf(subject: Subject, option: string): readonly Json[] | undefined {
  const own = subject.values?.[option] ?? values[option];
  if (own !== undefined) return own;
  if (option.endsWith("Initializer")) return initializers;
  if (option.endsWith("Regularizer")) return regularizers;
  if (option.endsWith("Constraint")) return constraints;
  if (
    /^(use|return|zero|go|reset|coupled|couple|trainable|input|output|causal|normalize|layerNorm|unitForget|maskZero|keepDims|center|scale)/.test(
      option,
    )
  )
    return flags;
  return undefined;
}

const lstmLayer = (units: number, goBackwards: boolean): Json => ({
  name: "inner",
  kind: "lstm",
  options: { units, goBackwards },
});

const inner: Json = { kind: "gru", options: { units: 3 } };
const memory: Feeding = { ...sequence, constants: [{ shape: [4, 2] }] };
const bahdanau = (units: number, more = {}): Json => ({ kind: "bahdanau", options: { units, ...more } });
const convolved = (rank: number): Feeding => ({
  inputs: [{ shape: [null, ...Array(rank).fill(rank === 3 ? 5 : 7), 2] }],
  hasTime: true,
});

/** Every kind of cell, as the one cell of a recurrent layer. */
export const cellSubjects: Readonly<Record<string, Subject>> = {
  stack: {
    needs: { cells: { a: inner, b: inner } },
    feeding: sequence,
    values: { cells: [{ a: inner, b: inner }, { a: inner }] },
  },
  simpleRNN: { needs: { units: 2 }, feeding: sequence },
  lstm: { needs: { units: 2 }, feeding: sequence },
  gru: { needs: { units: 2 }, feeding: sequence },
  minimalGatedUnit: { needs: { units: 2 }, feeding: sequence },
  ugrnn: { needs: { units: 2 }, feeding: sequence },
  intersectionRNN: { needs: { units: 3 }, feeding: sequence },
  indRNN: { needs: { units: 2 }, feeding: sequence },
  sru: { needs: { units: 2 }, feeding: sequence },
  nas: { needs: { units: 2 }, feeding: sequence },
  phasedLSTM: {
    needs: { units: 2 },
    feeding: { inputs: [{ shape: [null, 3] }, { shape: [null, 1] }], hasTime: true },
  },
  clockwork: {
    needs: { units: 4, periods: [1, 2] },
    feeding: sequence,
    values: {
      units: [4, 6],
      periods: [
        [1, 2],
        [1, 3],
      ],
    },
  },
  convLSTM1D: { needs: { filters: 2, kernelSize: 2 }, feeding: convolved(1) },
  convLSTM2D: { needs: { filters: 2, kernelSize: 2 }, feeding: convolved(2) },
  convLSTM3D: { needs: { filters: 2, kernelSize: 2 }, feeding: convolved(3) },
  residual: { needs: { cell: inner }, feeding: sequence },
  highway: { needs: { cell: inner }, feeding: sequence },
  dropout: { needs: { cell: inner }, feeding: sequence },
  zoneout: { needs: { cell: inner, rate: 0.5 }, feeding: sequence },
  outputProjection: { needs: { cell: inner, units: 2 }, feeding: sequence },
  inputProjection: { needs: { cell: inner, units: 2 }, feeding: sequence },
  weightNorm: { needs: { cell: inner }, feeding: sequence },
  attention: {
    needs: { cell: inner, mechanism: bahdanau(2) },
    feeding: memory,
    values: {
      mechanism: [
        bahdanau(2),
        bahdanau(3),
        bahdanau(2, { normalize: true }),
        bahdanau(2, { monotonic: "parallel" }),
        { kind: "luong", options: { scale: true } },
      ],
    },
  },
  attentionCellWrapper: { needs: { cell: inner, attnLength: 2 }, feeding: sequence, values: { attnLength: [2, 3] } },
};

/** Every kind of layer. */
export const subjects: Readonly<Record<string, Subject>> = {
  simpleRNN: { needs: { units: 2 }, feeding: sequence },
  lstm: { needs: { units: 2 }, feeding: sequence },
  gru: { needs: { units: 2 }, feeding: sequence },
  rnn: {
    needs: { cell: { kind: "gru", options: { units: 2 } } },
    feeding: sequence,
    values: {
      cell: [
        { kind: "gru", options: { units: 2 } },
        { kind: "simpleRNN", options: { units: 2 } },
      ],
    },
  },
  bidirectional: {
    needs: { layer: lstmLayer(2, false) },
    feeding: sequence,
    values: { layer: [lstmLayer(2, false), lstmLayer(3, false)] },
  },
  masking: { needs: {}, feeding: { inputs: [{ shape: [null, 1] }], hasTime: true } },
  lengthsMask: {
    needs: {},
    feeding: { inputs: [{ shape: [null, 3] }, { shape: [], dtype: "int32" }], hasTime: false, below: 4 },
  },
  applyMask: {
    needs: {},
    feeding: { inputs: [{ shape: [null, 3] }, { shape: [null], dtype: "bool" }], hasTime: false },
  },
  embedding: {
    needs: { inputDim: 6, outputDim: 2 },
    feeding: { inputs: [{ shape: [null], dtype: "int32" }], hasTime: false, below: 3 },
  },
  dense: { needs: { units: 2 }, feeding: sequence },
  dropout: { needs: { rate: 0.5 }, feeding: sequence },
  activation: { needs: { activation: "tanh" }, feeding: sequence },
  timeDistributed: {
    needs: { layer: { name: "inner", kind: "conv1D", options: { filters: 2, kernelSize: 2 } } },
    feeding: { inputs: [{ shape: [null, 4, 3] }], hasTime: true },
    values: {
      layer: [1, 2].map((filters) => ({ name: "inner", kind: "conv1D", options: { filters, kernelSize: 2 } })),
    },
  },
  conv1D: { needs: { filters: 2, kernelSize: 2 }, feeding: sequence, values: { padding: ["valid", "same", "causal"] } },
  conv2D: { needs: { filters: 2, kernelSize: 2 }, feeding: volume(2) },
  conv3D: { needs: { filters: 2, kernelSize: 2 }, feeding: volume(3) },
  maxPooling1D: { needs: {}, feeding: sequence },
  maxPooling2D: { needs: {}, feeding: volume(2) },
  averagePooling1D: { needs: {}, feeding: sequence },
  averagePooling2D: { needs: {}, feeding: volume(2) },
  globalMaxPooling1D: { needs: {}, feeding: sequence },
  globalMaxPooling2D: { needs: {}, feeding: volume(2) },
  globalAveragePooling1D: { needs: {}, feeding: sequence },
  globalAveragePooling2D: { needs: {}, feeding: volume(2) },
  addLayer: { needs: {}, feeding: two },
  averageLayer: { needs: {}, feeding: two },
  concatenate: { needs: {}, feeding: two, values: { axis: [-1, 1] } },
  // Masked inputs are zeros already: what useMasks does is seen behind another layer only, in test/nn/scaling.test.ts.
  dotLayer: { needs: { axes: 1 }, feeding: two, values: { axes: [1, 2], useMasks: [true, 1] } },
  conditionLayer: { needs: {}, feeding: { inputs: [{ shape: [null, 3] }, { shape: [2] }], hasTime: false } },
  maximumLayer: { needs: {}, feeding: two },
  minimumLayer: { needs: {}, feeding: two },
  multiplyLayer: { needs: {}, feeding: two },
  subtractLayer: { needs: {}, feeding: two },
  cropping1D: { needs: {}, feeding: fixedSequence, values: { cropping: [1, [0, 2]] } },
  zeroPadding1D: { needs: {}, feeding: sequence, values: { padding: [1, [0, 2]] } },
  flatten: { needs: {}, feeding: fixedSequence },
  lastStep: { needs: {}, feeding: sequence },
  permute: {
    needs: { dims: [2, 1] },
    feeding: fixedSequence,
    values: {
      dims: [
        [2, 1],
        [1, 2],
      ],
    },
  },
  repeatVector: { needs: { n: 2 }, feeding: { inputs: [{ shape: [3] }], hasTime: false } },
  reshapeLayer: {
    needs: { targetShape: [3, 4] },
    feeding: fixedSequence,
    values: {
      targetShape: [
        [3, 4],
        [2, -1],
      ],
    },
  },
  convLSTM1D: { needs: { filters: 2, kernelSize: 2 }, feeding: convolved(1) },
  convLSTM2D: { needs: { filters: 2, kernelSize: 2 }, feeding: convolved(2) },
  convLSTM3D: { needs: { filters: 2, kernelSize: 2 }, feeding: convolved(3) },
  attention: { needs: {}, feeding: two },
  additiveAttention: { needs: {}, feeding: two },
  upSampling1D: { needs: {}, feeding: sequence },
  batchNormalization: { needs: {}, feeding: sequence },
  layerNormalization: { needs: {}, feeding: sequence },
  unitNormalization: { needs: {}, feeding: sequence },
  normalization: {
    needs: {},
    feeding: sequence,
    values: {
      axis: [-1, "all"],
      mean: [null, 0.5, [1, 2, 3]],
      variance: [null, 0.3, [0.5, 1, 2]],
      invert: [false, true],
    },
  },
  rescaling: {
    needs: { scale: 2 },
    feeding: sequence,
    values: { scale: [2, [1, 2, 3]], offset: [0, 0.5, [1, 2, 3]] },
  },
  prelu: { needs: {}, feeding: fixedSequence, values: { sharedAxes: [null, [1], [1, 2]] } },
  gaussianDropout: { needs: { rate: 0.5 }, feeding: sequence },
  gaussianNoise: { needs: { stddev: 0.5 }, feeding: sequence },
  spatialDropout1D: { needs: { rate: 0.5 }, feeding: sequence },
  gaussianSample: { needs: {}, feeding: two, values: { klWeight: [0, 1] } },
  highway: { needs: {}, feeding: sequence },
};
