/**
 * Every option of every cell does something or is refused by name, whatever the other options are. "Does something"
 * means that the weights that are declared, or the graph of a training run, are others.
 */
import { expect, test } from "vitest";
import { OptionError } from "../../src/base/errors.ts";
import { foldIn, keyFromSeed, uniformAt } from "../../src/base/random.ts";
import { leavesOf, mapTree, type Tree } from "../../src/base/trees.ts";
import { printGraph } from "../../src/graph/print.ts";
import {
  type Cell,
  clockworkCell,
  convLSTM1DCell,
  convLSTM2D,
  convLSTM2DCell,
  dropoutCell,
  gru,
  gruCell,
  highwayCell,
  indRNNCell,
  inputProjectionCell,
  intersectionRNNCell,
  type Layer,
  lstm,
  lstmCell,
  mguCell,
  nasCell,
  outputProjectionCell,
  type ParamSpec,
  phasedLSTMCell,
  runCell,
  simpleRNN,
  simpleRNNCell,
  sruCell,
  ugrnnCell,
  zoneoutCell,
} from "../../src/nn/index.ts";
import { compile, type Tensor, zeros } from "../../src/trace/index.ts";

type Given = { readonly [option: string]: unknown };

/** A value that is not the default of an option, for every option that is more than yes or no. */
const others: Given = {
  activation: "softsign",
  recurrentActivation: "hardSigmoid",
  outputActivation: "elu",
  clip: 0.5,
  epsilon: 0.1,
  projectionUnits: 4,
  cellClip: 0.5,
  projectionClip: 0.5,
  candidateDropout: 0.5,
  leak: 0.2,
  ratioOn: 0.3,
  periodInitMin: 2,
  periodInitMax: 7,
  periods: [1, 3],
  strides: 2,
  padding: "same",
  dilationRate: 2,
  carryBias: 2,
  input: 0.5,
  output: 0.5,
  state: 0.5,
  recurrent: 0.5,
  sharing: "sequence",
  stateParts: ["c"],
};

/** The same for any option. */
function otherOf(option: string, usual: unknown): unknown {
  if (typeof usual === "boolean") return !usual;
  if (option.endsWith("Initializer")) return { name: "constant", value: 0.25 };
  if (option.endsWith("Regularizer")) return "l2";
  if (option.endsWith("Constraint")) return "nonNeg";
  return others[option];
}

const inner = (): Cell => lstmCell({ units: 2 });

/** Constructors, with what they can not do without, and what their cells are given at a step. */
const makers: { readonly [name: string]: { make: (given: never) => Cell; base: Given; inputs?: number[][] } } = {
  simpleRNNCell: { make: simpleRNNCell, base: { units: 2 } },
  lstmCell: { make: lstmCell, base: { units: 2 } },
  gruCell: { make: gruCell, base: { units: 2 } },
  mguCell: { make: mguCell, base: { units: 2 } },
  ugrnnCell: { make: ugrnnCell, base: { units: 2 } },
  intersectionRNNCell: { make: intersectionRNNCell, base: { units: 2 } },
  indRNNCell: { make: indRNNCell, base: { units: 2 } },
  sruCell: { make: sruCell, base: { units: 2 } },
  nasCell: { make: nasCell, base: { units: 2 } },
  phasedLSTMCell: { make: phasedLSTMCell, base: { units: 2 }, inputs: [[2], [1]] },
  clockworkCell: { make: clockworkCell, base: { units: 2, periods: [1, 2] } },
  convLSTM1DCell: { make: convLSTM1DCell, base: { filters: 1, kernelSize: 2 }, inputs: [[5, 1]] },
  convLSTM2DCell: { make: convLSTM2DCell, base: { filters: 1, kernelSize: 2 }, inputs: [[5, 4, 1]] },
  highwayCell: { make: (given: Given) => highwayCell(inner(), given), base: {} },
  dropoutCell: { make: (given: Given) => dropoutCell(inner(), given), base: {} },
  zoneoutCell: { make: (given: { rate: number }) => zoneoutCell(inner(), given), base: { rate: 0.2 } },
  inputProjectionCell: { make: (given: { units: 3 }) => inputProjectionCell(inner(), given), base: { units: 3 } },
  outputProjectionCell: { make: (given: { units: 3 }) => outputProjectionCell(inner(), given), base: { units: 3 } },
};

/** Everything about a cell that an option can change. */
function trace(cell: Cell, inputs: number[][]): string {
  const specs = cell.params(inputs);
  const params = mapTree<ParamSpec, Tensor>(specs, ({ shape }) => zeros(shape));
  const xs = inputs.map((shape) => zeros([1, 2, ...shape]));
  const train = compile(
    (given: Tree<Tensor>, x: Tensor[], key: Tensor) => runCell(cell, { params: given, x, training: true, key }).y,
    { backend: "interpreter" },
  );
  const { graph } = train.inspect(params, xs, zeros([2], "int32"));
  return `${JSON.stringify(leavesOf(specs))}\n${printGraph(graph)}`;
}

/** The cell's trace, or the option that it was refused for. */
function outcome(make: (given: never) => Cell, given: Given, inputs: number[][]): string {
  try {
    return trace(make(given as never), inputs);
  } catch (error) {
    if (!(error instanceof OptionError)) throw error;
    return `refused: ${error.message}`;
  }
}

const key = keyFromSeed(11);

test.each(Object.keys(makers).map((name, seed) => ({ name, seed })))(
  "$name: no option is ignored, alone or among random others (seed $seed)",
  ({ name, seed }) => {
    const { make, base, inputs = [[2]] } = makers[name];
    const usual = make(base as never).options as Given;
    const options = Object.keys(usual).filter((option) => option !== "cell" && !(option in base));
    const other = Object.fromEntries(options.map((option) => [option, otherOf(option, usual[option])]));
    for (const option of options) expect(other[option], `another value for "${option}"`).toBeDefined();
    for (let draw = 0; draw < 6; draw++) {
      // The first time none of the other options, then about a third of them.
      const chosen = options.filter((_, i) => uniformAt(foldIn(key, seed), draw * 100 + i) < (draw === 0 ? 0 : 0.3));
      const among = Object.fromEntries(chosen.map((option) => [option, other[option]]));
      if (outcome(make, { ...base, ...among }, inputs).startsWith("refused")) continue;
      for (const option of options) {
        const { [option]: _, ...rest } = among;
        const without = outcome(make, { ...base, ...rest }, inputs);
        const withIt = outcome(make, { ...base, ...rest, [option]: other[option] }, inputs);
        if (isHonouredAnyway(option, rest)) continue;
        expect(withIt === without, `"${option}" beside ${JSON.stringify(rest)} does nothing`).toBe(false);
      }
    }
  },
);

/** No bias for the forget gate to start with is what a cell without any bias has. */
function isHonouredAnyway(option: string, { useBias }: Given): boolean {
  return option === "unitForgetBias" && useBias === false;
}

test("the layers named after a cell take every option that it has", () => {
  const pairs: [Layer, Cell][] = [
    [simpleRNN({ units: 2 }), simpleRNNCell({ units: 2 })],
    [lstm({ units: 2 }), lstmCell({ units: 2 })],
    [gru({ units: 2 }), gruCell({ units: 2 })],
    [convLSTM2D({ filters: 1, kernelSize: 2 }), convLSTM2DCell({ filters: 1, kernelSize: 2 })],
  ];
  for (const [layer, cell] of pairs) expect(layer.options).toMatchObject(cell.options);
  const gates = { forget: "ones", cell: "zeros", output: "heNormal" } as const;
  expect(lstm({ units: 2, coupledGates: true, kernelInitializer: gates }).options.kernelInitializer).toEqual(gates);
  expect(() => lstm({ units: 2, kernelInitializer: gates })).toThrow('"input" is missing');
  expect(() => lstm({ units: 2, coupledGates: true, kernelInitializer: { ...gates, input: "ones" } })).toThrow(
    '"input"',
  );
});
