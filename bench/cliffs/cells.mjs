/** Every kind of cell, as built in and as a user would write it, and its arithmetic. */
import { arithmeticOf } from "./arithmetic.mjs";
import { inferred, noise, recurve, trained } from "./workloads.mjs";

const { add, call, compile, defineCell, input, matmul, model, mul, rnn, runCell, sigmoid, split, tanh } = recurve;

const step = ([i, f, g, o], c) => {
  const next = add(mul(sigmoid(f), c), mul(sigmoid(i), tanh(g)));
  const h = mul(sigmoid(o), tanh(next));
  return { y: h, state: { h, c: next } };
};

/** An LSTM with one weight for the four gates together. */
export const lstmJoined = ({ units }) =>
  defineCell({
    name: "joined",
    options: { units },
    params: (inputSize) => ({ w: [inputSize, 4 * units], u: [units, 4 * units], bias: [4 * units] }),
    state: { h: [units], c: [units] },
    step: ({ params: { w, u, bias }, state: { h, c }, x }) =>
      step(split(add(add(matmul(x, w), matmul(h, u)), bias), 4), c),
  });

/** An LSTM with weights for each gate of its own. */
export const lstmSeparate = ({ units }) =>
  defineCell({
    name: "separate",
    options: { units },
    params: (inputSize) =>
      Object.fromEntries(
        [..."ifgo"].map((gate) => [gate, { w: [inputSize, units], u: [units, units], bias: [units] }]),
      ),
    state: { h: [units], c: [units] },
    step: ({ params, state: { h, c }, x }) =>
      step(
        [..."ifgo"].map((gate) => {
          const { w, u, bias } = params[gate];
          return add(add(matmul(x, w), matmul(h, u)), bias);
        }),
        c,
      ),
  });

const [units, batch, steps] = [64, 32, 50];

/** A maker of the cell, and the shapes of what it is given beside or in the place of 64 features. */
export const kinds = {
  lstm: [() => recurve.lstmCell({ units })],
  "lstm, a user's own": [() => lstmJoined({ units })],
  "lstm, a weight a gate": [() => lstmSeparate({ units })],
  "lstm, peepholes": [() => recurve.lstmCell({ units, usePeepholes: true })],
  "lstm, projection": [() => recurve.lstmCell({ units, projectionUnits: 32 })],
  "lstm, clips": [() => recurve.lstmCell({ units, clip: 3, cellClip: 3 })],
  "lstm, coupled": [() => recurve.lstmCell({ units, coupledGates: true })],
  "lstm, layer norm": [() => recurve.lstmCell({ units, layerNorm: true })],
  "lstm, candidate dropout": [() => recurve.lstmCell({ units, candidateDropout: 0.3 })],
  simpleRNN: [() => recurve.simpleRNNCell({ units })],
  "simpleRNN, layer norm": [() => recurve.simpleRNNCell({ units, layerNorm: true })],
  gru: [() => recurve.gruCell({ units })],
  "gru, reset before": [() => recurve.gruCell({ units, resetAfter: false })],
  "gru, layer norm": [() => recurve.gruCell({ units, layerNorm: true })],
  mgu: [() => recurve.mguCell({ units })],
  ugrnn: [() => recurve.ugrnnCell({ units })],
  intersectionRNN: [() => recurve.intersectionRNNCell({ units })],
  indRNN: [() => recurve.indRNNCell({ units })],
  sru: [() => recurve.sruCell({ units })],
  nas: [() => recurve.nasCell({ units })],
  phasedLSTM: [() => recurve.phasedLSTMCell({ units }), [[64], [1]]],
  clockwork: [() => recurve.clockworkCell({ units, periods: [1, 2, 4, 8] })],
  convLSTM1D: [() => recurve.convLSTM1DCell({ filters: 8, kernelSize: 3 }), [[16, 4]]],
  convLSTM2D: [() => recurve.convLSTM2DCell({ filters: 8, kernelSize: 3, padding: "same" }), [[8, 8, 4]]],
  convLSTM3D: [() => recurve.convLSTM3DCell({ filters: 4, kernelSize: 2 }), [[4, 4, 4, 2]]],
  residual: [() => recurve.residualCell(recurve.lstmCell({ units }))],
  highway: [() => recurve.highwayCell(recurve.lstmCell({ units }))],
  "dropout of the state, each step": [() => recurve.dropoutCell(recurve.lstmCell({ units }), { state: 0.3 })],
  "dropout at all sites": [
    () => recurve.dropoutCell(recurve.lstmCell({ units }), { input: 0.2, output: 0.2, state: 0.2, recurrent: 0.2 }),
  ],
  "dropout, one mask for a sequence": [
    () => recurve.dropoutCell(recurve.lstmCell({ units }), { input: 0.2, recurrent: 0.2, sharing: "sequence" }),
  ],
  zoneout: [() => recurve.zoneoutCell(recurve.lstmCell({ units }), { rate: 0.1 })],
  "input projection": [() => recurve.inputProjectionCell(recurve.lstmCell({ units }), { units: 64 })],
  "output projection": [() => recurve.outputProjectionCell(recurve.lstmCell({ units }), { units: 64 })],
  weightNorm: [() => recurve.weightNormCell(recurve.lstmCell({ units }))],
  attentionCellWrapper: [() => recurve.attentionCellWrapper(recurve.lstmCell({ units }), { attnLength: 8 })],
  stack: [() => recurve.stackCells([recurve.lstmCell({ units }), recurve.gruCell({ units })])],
};

/** For each cell how to measure it: its forward arithmetic, inference and training as work. */
export function cellsToCompare() {
  return Object.fromEntries(Object.entries(kinds).map(([name, [make, inputs]]) => [name, () => measure(make, inputs)]));
}

function measure(make, inputs = [[64]]) {
  const drawn = inputs.map((shape) => input({ shape: [null, ...shape] }));
  const net = model({ inputs: drawn, outputs: call(rnn(make(), { returnSequences: true }), drawn), seed: 1 });
  const xs = inputs.map((shape, i) => noise(i + 1, [batch, steps, ...shape]));
  const x = xs.length === 1 ? xs[0] : xs;
  const { outputs } = net.run(x);
  const weights = numbers(make().params(inputs));
  const step = compile((params, ...all) => runCell(make(), { params, x: all }).y, { name: "cell" });
  const { graph } = step.inspect(weights, ...xs);
  const given = { net, x, y: noise(9, outputs.shape) };
  return { arithmetic: arithmeticOf(graph, {}), forward: inferred(given), train: trained(given) };
}

/** Weights of the shapes that a cell declares, in its tree. */
function numbers(specs) {
  if (Array.isArray(specs)) return specs.map(numbers);
  if (Array.isArray(specs.shape)) return noise(1, specs.shape);
  return Object.fromEntries(Object.entries(specs).map(([name, spec]) => [name, numbers(spec)]));
}
