/** What the recurrent operators of TensorFlow Lite are as layers. Their states begin with zeros at every run, as in Keras. */
import {
  type Activation,
  bidirectional,
  type Cell,
  type LstmOptions,
  lstmCell,
  rnn,
  simpleRNNCell,
  weightsToImport,
} from "../../nn/index.ts";
import type { HostTensor } from "../hostTensor.ts";
import { weightsOfCell } from "../weightsOnDemand.ts";
import { addLayer, constantAt, type Drawing, refusal, setOutput, type Value, valueOf } from "./drawing.ts";
import { type FlatTable, type ScalarType, scalarOf } from "./flatbuffer.ts";
import type { TfliteOperator } from "./schema.ts";
import { onlyLastStep } from "./slices.ts";

/** The inputs of an LSTM after x, in order, by the names that `importWeights` takes. */
const lstmInputs = [
  ...["input", "forget", "cell", "output"].map((gate) => `input_to_${gate}_weights`),
  ...["input", "forget", "cell", "output"].map((gate) => `recurrent_to_${gate}_weights`),
  ...["input", "forget", "output"].map((gate) => `cell_to_${gate}_weights`),
  ...["input", "forget", "cell", "output"].map((gate) => `${gate}_gate_bias`),
  "projection_weights",
];
const rnnInputs = ["weights", "recurrent_weights", "bias"];

/** What a converter calls the activations inside operators; relu1 and relu6 are refused. */
const fused: ReadonlyMap<number, Activation> = new Map<number, Activation>([
  [0, "linear"],
  [1, "relu"],
  [4, "tanh"],
]);

/** The activation in an operator's options. */
export function fusedActivation(drawing: Drawing, operator: TfliteOperator, slot: number): Activation {
  const number = optionOf(operator, slot, "i8");
  const activation = fused.get(number);
  if (activation !== undefined) return activation;
  throw refusal(drawing, operator, "an activation of none, relu or tanh", `number ${number}`);
}

export function optionOf(
  { options }: { readonly options: FlatTable | undefined },
  slot: number,
  type: ScalarType,
  fallback = 0,
): number {
  return options === undefined ? fallback : scalarOf(options, slot, type, fallback);
}

/** A cell with the arrays of one direction. */
interface Direction {
  readonly cell: Cell;
  readonly arrays: Readonly<Record<string, HostTensor>>;
  readonly inputs: number;
  readonly width: number;
}

export function drawLstm(drawing: Drawing, operator: TfliteOperator): Value | undefined {
  expectVariables(drawing, operator, [18, 19]);
  expectNone(drawing, operator, [17, 20, 21, 22, 23]);
  const how = { activation: 0, cellClip: 1, projectionClip: 2 };
  const direction = lstmDirection(drawing, operator, 1, how);
  return drawLayer(drawing, operator, [direction], optionOf(operator, 3, "bool") !== 0);
}

export function drawBothLstms(drawing: Drawing, operator: TfliteOperator): Value | undefined {
  expectVariables(drawing, operator, [35, 36, 37, 38]);
  expectNone(drawing, operator, [17, 34, 39, 40, 41, 42, 43, 44, 45, 46, 47]);
  const how = { activation: 0, cellClip: 1, projectionClip: 2 };
  const both = [1, 18].map((first) => lstmDirection(drawing, operator, first, how));
  return drawLayer(
    drawing,
    operator,
    both,
    optionOf(operator, 4, "bool", 1) !== 0,
    optionOf(operator, 3, "bool") !== 0,
  );
}

export function drawRnn(drawing: Drawing, operator: TfliteOperator): Value | undefined {
  expectVariables(drawing, operator, [4]);
  return drawLayer(drawing, operator, [rnnDirection(drawing, operator, 1)], optionOf(operator, 0, "bool") !== 0);
}

export function drawBothRnns(drawing: Drawing, operator: TfliteOperator): Value | undefined {
  expectVariables(drawing, operator, [4, 8]);
  expectNone(drawing, operator, [9, 10, 11]);
  const both = [1, 5].map((first) => rnnDirection(drawing, operator, first));
  return drawLayer(drawing, operator, both, optionOf(operator, 0, "bool") !== 0, optionOf(operator, 2, "bool") !== 0);
}

interface LstmSlots {
  readonly activation: number;
  readonly cellClip: number;
  readonly projectionClip: number;
}

function lstmDirection(drawing: Drawing, operator: TfliteOperator, first: number, slots: LstmSlots): Direction {
  const arrays = arraysFrom(drawing, operator, first, lstmInputs);
  const [units, inputs] = sizesOf(drawing, operator, arrays.input_to_forget_weights);
  const projection = arrays.projection_weights;
  const clip = (slot: number): number | null => optionOf(operator, slot, "f32") || null;
  const options: LstmOptions = {
    units,
    activation: fusedActivation(drawing, operator, slots.activation),
    usePeepholes: arrays.cell_to_forget_weights !== undefined,
    coupledGates: arrays.input_to_input_weights === undefined,
    cellClip: clip(slots.cellClip),
    projectionUnits: projection === undefined ? null : projection.shape[0],
    ...(projection === undefined ? {} : { projectionClip: clip(slots.projectionClip) }),
  };
  return { cell: lstmCell(options), arrays, inputs, width: projection === undefined ? units : projection.shape[0] };
}

function rnnDirection(drawing: Drawing, operator: TfliteOperator, first: number): Direction {
  const arrays = arraysFrom(drawing, operator, first, rnnInputs);
  const [units, inputs] = sizesOf(drawing, operator, arrays.weights);
  const activation = fusedActivation(drawing, operator, 1);
  return { cell: simpleRNNCell({ units, activation }), arrays, inputs, width: units };
}

function arraysFrom(
  drawing: Drawing,
  operator: TfliteOperator,
  first: number,
  names: readonly string[],
): Record<string, HostTensor> {
  const entries = names.flatMap((name, i) => {
    const array = constantAt(drawing, operator, first + i);
    return array === undefined ? [] : [[name, array] as const];
  });
  return Object.fromEntries(entries);
}

function sizesOf(drawing: Drawing, operator: TfliteOperator, weights: HostTensor | undefined): readonly number[] {
  if (weights?.shape.length === 2 && weights.shape.every((size) => size > 0)) return weights.shape;
  throw refusal(drawing, operator, "a matrix of input weights", "none");
}

/** States that are kept in the operator. Anything else would be a state that the model computes. */
function expectVariables(drawing: Drawing, operator: TfliteOperator, places: readonly number[]): void {
  const tensors = places.map((place) => drawing.graph.tensors[operator.inputs[place] ?? -1]);
  if (tensors.every((tensor) => tensor?.isVariable)) return;
  throw refusal(drawing, operator, "states that the operator keeps (variables)", "computed or constant ones");
}

function expectNone(drawing: Drawing, operator: TfliteOperator, places: readonly number[]): void {
  const place = places.find((one) => (operator.inputs[one] ?? -1) >= 0);
  if (place === undefined) return;
  const what =
    place >= 20 && operator.inputs.length <= 24 ? "layer normalisation" : "a projection bias or second input";
  throw refusal(drawing, operator, `no ${what} (input ${place})`, "one");
}

function drawLayer(
  drawing: Drawing,
  operator: TfliteOperator,
  directions: readonly Direction[],
  isTimeMajor: boolean,
  isMerged = true,
): Value | undefined {
  const isSingle = directions.length === 1;
  const x = valueOf(drawing, operator, 0, { mayBeTurned: isSingle });
  const form = isTimeMajor ? "timeMajor" : "same";
  const [{ inputs }] = directions;
  if (x.form !== form || x.sizes.length !== 2 || x.sizes[1] !== inputs) {
    throw refusal(drawing, operator, `sequences of ${inputs} numbers a step`, `sizes [${x.sizes.join(", ")}]`);
  }
  // Where only the last step is read, nothing else is computed; of two directions each has another last step.
  const isLast = isSingle && onlyLastStep(drawing, operator.outputs[0] ?? -1, form);
  const [forward, backward] = directions.map(({ cell }, i) =>
    rnn(cell, { returnSequences: !isLast, goBackwards: i === 1 || x.isTurned }),
  );
  const layer = backward === undefined ? forward : bidirectional(forward, { backwardLayer: backward });
  const width = directions.reduce((sum, direction) => sum + direction.width, 0);
  const result = addLayer(drawing, layer, [x], { form, sizes: [x.sizes[0], width] });
  for (const [i, direction] of directions.entries()) {
    const path = directions.length === 1 ? result.name : `${result.name}.${["forward", "backward"][i]}`;
    addCellWeights(drawing, path, direction);
  }
  drawing.notes.add(
    "States begin with zeros at every run; TensorFlow Lite keeps them until its interpreter resets variables.",
  );
  if (isMerged) return result;
  const parts = ["forward", "backward"].map((part): Value => ({ ...result, name: `${result.name}.parts.${part}` }));
  for (const [i, part] of parts.entries()) {
    setOutput(drawing, operator, { ...part, sizes: [x.sizes[0], directions[i].width] }, i);
  }
  return undefined;
}

function addCellWeights(drawing: Drawing, path: string, { cell, arrays, inputs }: Direction): void {
  drawing.weights.push(...weightsOfCell(path, cell, inputs, () => weightsToImport("tflite", cell, arrays)));
}
