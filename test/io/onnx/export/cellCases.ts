/** Every cell that is not an operator of ONNX, and cells around cells. */
import {
  additiveAttention,
  attentionCellWrapper,
  type Cell,
  call,
  conv2D,
  convLSTM2D,
  gru,
  gruCell,
  highwayCell,
  indRNNCell,
  input,
  inputProjectionCell,
  intersectionRNNCell,
  type Layer,
  lstm,
  lstmCell,
  mguCell,
  model,
  nasCell,
  outputProjectionCell,
  residualCell,
  rnn,
  sequential,
  simpleRNNCell,
  sruCell,
  timeDistributed,
  ugrnnCell,
  weightNormCell,
} from "../../../../src/nn/index.ts";
import type { Case } from "./written.ts";

const cells: Readonly<Record<string, () => Cell>> = {
  ugrnn: () => ugrnnCell({ units: 4 }),
  mgu: () => mguCell({ units: 4 }),
  nas: () => nasCell({ units: 4 }),
  sru: () => sruCell({ units: 3 }),
  indRNN: () => indRNNCell({ units: 4 }),
  intersection: () => intersectionRNNCell({ units: 3 }),
  highway: () => highwayCell(gruCell({ units: 3 })),
  weightNorm: () => weightNormCell(lstmCell({ units: 4 })),
  attentionWindow: () => attentionCellWrapper(lstmCell({ units: 4 }), { attnLength: 3 }),
  inputProjection: () => inputProjectionCell(simpleRNNCell({ units: 4 }), { units: 2 }),
  outputProjection: () => outputProjectionCell(gruCell({ units: 4 }), { units: 2 }),
  residualDropout: () => residualCell(gruCell({ units: 3, layerNorm: true })),
};

const layers: Readonly<Record<string, { readonly shape: readonly (number | null)[]; readonly make: () => Layer[] }>> = {
  "time-distributed": {
    shape: [null, 4, 3],
    make: () => [timeDistributed(lstm({ units: 2 }), { name: "words" }), gru({ units: 3, name: "sentences" })],
  },
  "images-in-time": {
    shape: [null, 4, 4, 2],
    make: () => [
      timeDistributed(conv2D({ filters: 2, kernelSize: 3, strides: 2 }), { name: "frames" }),
      convLSTM2D({ filters: 2, kernelSize: 1, name: "maps" }),
    ],
  },
};

function attended() {
  const [query, value] = [input({ name: "query", shape: [null, 3] }), input({ name: "value", shape: ["memory", 3] })];
  const y = call(additiveAttention({ name: "attention", useScale: true }), [query, value]);
  return model({ name: "attended", inputs: [query, value], outputs: y });
}

/** Each with what it is given. */
export const cellCases: readonly Case[] = [
  ...Object.entries(cells).map(
    ([name, cell]): Case => ({
      name: `cell-${name}`,
      model: () =>
        sequential([rnn(cell(), { name: "cell", returnSequences: true })], {
          input: { name: "x", shape: [null, 3] },
          name,
        }),
      inputs: (draw) => ({ x: draw([4, 5, 3]) }),
    }),
  ),
  ...Object.entries(layers).map(
    ([name, { shape, make }]): Case => ({
      name,
      model: () => sequential(make(), { input: { name: "x", shape }, name }),
      inputs: (draw) => ({ x: draw([2, 3, ...shape.slice(1).map(Number)]) }),
    }),
  ),
  { name: "attention-layer", model: attended, inputs: (draw) => ({ query: draw([2, 4, 3]), value: draw([2, 5, 3]) }) },
];
