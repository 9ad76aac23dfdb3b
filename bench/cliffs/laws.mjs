/**
 * What cliffs.mjs measures: laws that cost should obey, each with its workloads. `compare` measures rows beside the first
 * one, by the amount of work; `slopes` what one more step or row costs; `perArithmetic` cells by their arithmetic.
 */
import { cellsToCompare, lstmJoined, lstmSeparate } from "./cells.mjs";
import { activations, inferred, masked, packedRows, recurve, sequence, text, trained } from "./workloads.mjs";

const { bidirectional, dense, gru, lstm, lstmCell, rnn, simpleRNN, stackCells } = recurve;

/** R: LSTM 12->64, the last output, dense 2; or another layer in its place. */
const r = (layer, shape = {}) =>
  sequence([layer, dense({ units: 2 })], { batch: 32, steps: 100, features: 12, ...shape });
const row = (network, how = trained) => ({ work: how(network) });
const rows = (layers, how = trained) =>
  Object.fromEntries(Object.entries(layers).map(([name, layer]) => [name, row(r(layer), how)]));
const options = (all) =>
  Object.fromEntries(Object.entries(all).map(([name, own]) => [name, lstm({ units: 64, ...own })]));

const regularizers = {
  "no option": {},
  l2: { kernelRegularizer: "l2" },
  orthogonal: { recurrentRegularizer: "orthogonal" },
};
const constraints = {
  "no option": {},
  maxNorm: { kernelConstraint: "maxNorm" },
  nonNeg: { kernelConstraint: "nonNeg" },
  unitNorm: { recurrentConstraint: "unitNorm" },
};

export const laws = [
  {
    name: "small",
    says: "SimpleRNN(8) beside LSTM(8) on embedding(2000, 128), training",
    limit: 0.7,
    kind: "compare",
    build: () => ({
      rows: { "LSTM(8)": row(text(lstm({ units: 8 }))), "SimpleRNN(8)": row(text(simpleRNN({ units: 8 }))) },
    }),
  },
  {
    name: "relu.train",
    says: "a relu LSTM beside a tanh LSTM, training R",
    limit: 1.05,
    kind: "compare",
    build: () => ({ rows: rows(options({ tanh: {}, relu: { activation: "relu" } })) }),
  },
  {
    name: "relu.infer",
    says: "a relu LSTM beside a tanh LSTM, inference of R",
    limit: 1.05,
    kind: "compare",
    build: () => ({ rows: rows(options({ tanh: {}, relu: { activation: "relu" } }), inferred) }),
  },
  ...[trained, inferred].map((how) => ({
    name: `own.${how === trained ? "train" : "infer"}`,
    says: "an LSTM of a user's own beside the built-in one, R",
    limit: 1.05,
    kind: "compare",
    build: () => ({
      rows: rows(
        {
          "built-in": lstm({ units: 64 }),
          "own, joined weights": rnn(lstmJoined({ units: 64 })),
          "own, a weight a gate": rnn(lstmSeparate({ units: 64 })),
        },
        how,
      ),
    }),
  })),
  {
    name: "activations",
    says: "an LSTM with every activation beside tanh, training R",
    limit: 1.05,
    kind: "compare",
    build: () => ({ rows: rows(options(Object.fromEntries(activations.map((name) => [name, { activation: name }])))) }),
  },
  {
    name: "dropout",
    says: "dropout beside none, training R",
    limit: 1.25,
    kind: "compare",
    build: () => ({
      rows: rows({
        none: lstm({ units: 64 }),
        recurrentDropout: lstm({ units: 64, recurrentDropout: 0.3 }),
        "dropout and recurrentDropout": lstm({ units: 64, dropout: 0.3, recurrentDropout: 0.3 }),
      }),
    }),
  },
  {
    name: "regularizers",
    says: "regularisers beside none, training R",
    limit: 1.05,
    kind: "compare",
    build: () => ({ rows: rows(options(regularizers)) }),
  },
  {
    name: "constraints",
    says: "constraints beside none, training R",
    limit: 1.05,
    kind: "compare",
    build: () => ({ rows: rows(options(constraints)) }),
  },
  ...Object.entries({
    R: { layers: () => [lstm({ units: 64 }), dense({ units: 2 })], batch: 32, steps: 100, features: 12 },
    wide: { layers: () => [lstm({ units: 64 }), dense({ units: 2 })], batch: 2, steps: 100, features: 512 },
    text: { layers: () => [lstm({ units: 8 }), dense({ units: 1 })], batch: 32, steps: 80, features: 128 },
    narrow: { layers: () => [gru({ units: 16 }), dense({ units: 1 })], batch: 4, steps: 200, features: 16 },
  }).flatMap(([name, { layers, ...shape }]) =>
    [trained, inferred].map((how) => ({
      name: `masks.${name}.${how === trained ? "train" : "infer"}`,
      says: `a mask of steps that all count beside none, ${shape.batch} rows of ${shape.features}`,
      limit: 1.1,
      kind: "compare",
      build: () => ({
        rows: { none: row(sequence(layers(), shape), how), "all valid": row(masked(layers(), shape), how) },
      }),
    })),
  ),
  {
    name: "masks.short",
    says: "rows that are padded to 4 times their length beside rows that are not, training R",
    limit: 1.1,
    kind: "compare",
    build: () => ({
      rows: {
        "100 steps": row(r(lstm({ units: 64 }))),
        "100 of 400": row(
          masked([lstm({ units: 64 }), dense({ units: 2 })], { batch: 32, steps: 400, features: 12, valid: 100 }),
        ),
      },
    }),
  },
  {
    name: "packed",
    says: "packed sequences by the number of real steps, training LSTM 12->64",
    limit: 1.15,
    kind: "compare",
    build: () => ({ rows: packedRows() }),
  },
  ...[trained, inferred].map((how) => ({
    name: `steps.${how === trained ? "train" : "infer"}`,
    says: "one more step of LSTM 12->64, one row",
    limit: 1.3,
    kind: "slopes",
    build: () => ({
      sizes: [10, 100, 1000, 10000, 50000],
      workAt: (steps) => how(r(lstm({ units: 64 }), { steps, batch: 1 })),
    }),
  })),
  ...[trained, inferred].map((how) => ({
    name: `rows.${how === trained ? "train" : "infer"}`,
    says: "one more row of R with 25 steps",
    limit: 1.3,
    kind: "slopes",
    build: () => ({
      sizes: [4, 16, 64, 256, 512],
      workAt: (batch) => how(r(lstm({ units: 64 }), { steps: 25, batch })),
    }),
  })),
  {
    name: "around",
    says: "stacks and directions by the number of their layers, training LSTMs of 64 over 64 features",
    limit: 1.1,
    kind: "compare",
    build: () => ({ rows: around() }),
  },
  {
    name: "cells",
    says: "every cell by its arithmetic: forward, training, ns for what is worth a multiply-add (training: three times as many)",
    kind: "perArithmetic",
    build: () => ({ cells: cellsToCompare() }),
  },
];

function around() {
  const one = () => lstm({ units: 64, returnSequences: true });
  const shape = { batch: 32, steps: 50, features: 64 };
  const of = (layers, amount) => ({ work: trained(sequence([...layers, dense({ units: 2 })], shape)), amount });
  return {
    "one layer": of([one()], 1),
    "two layers": of([one(), one()], 2),
    "a stack of two cells": of(
      [rnn(stackCells([lstmCell({ units: 64 }), lstmCell({ units: 64 })]), { returnSequences: true })],
      2,
    ),
    "both directions": of([bidirectional(one())], 2),
    backwards: of([lstm({ units: 64, returnSequences: true, goBackwards: true })], 1),
  };
}
