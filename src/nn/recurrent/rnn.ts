/**
 * The recurrent layers as people write them: `rnn` over any cell, and `lstm`, `gru` and `simpleRNN`, which are sugar for
 * it. A stack is a cell like any other. Not here: what the layer does (`recurrent.ts`), the loop (`recurrence.ts`).
 */
import { OptionError } from "../../base/errors.ts";
import { type Cell, definitionOfCell } from "../cells/cell.ts";
import { type GruOptions, gruCell, gruRules } from "../cells/gru.ts";
import { type LstmOptions, lstmCell, lstmRules } from "../cells/lstm.ts";
import { type SimpleRNNOptions, simpleRNNCell, simpleRNNRules } from "../cells/simpleRNN.ts";
import { type Cells, stack } from "../cells/stack.ts";
import { type CheckpointSteps, describeLayer, type Layer } from "../layer.ts";
import {
  finiteNumber,
  flag,
  nullable,
  type OptionRule,
  type Options,
  oneOf,
  readOptions,
  show,
  wholeNumber,
  wholeNumberOrAuto,
} from "../options.ts";
import { type Regularizer, regularizerOption } from "../weights/regularizers.ts";
import { type Driving, recurrent } from "./recurrent.ts";

/** How a cell is driven over a sequence. */
export interface RnnOptions {
  readonly name?: string;
  /** Whether the layer gives its output at every step, [b, t, units], or after the last valid one only, [b, units] (default). */
  readonly returnSequences?: boolean;
  /**
   * Whether the last step is processed first. The outputs are then in the order of processing, as in Keras: the first
   * one belongs to the last step of the input. `bidirectional` turns them round.
   */
  readonly goBackwards?: boolean;
  /**
   * Whether the output of a masked step is zero. Otherwise (default) it is held: that of the last valid step before it,
   * and before the first one the part of the initial state that the output is, or zero if it is none.
   */
  readonly zeroOutputForMask?: boolean;
  /** What rows start from: zeros, or a trained state (weights `initialState.h`, ...), the same for all rows. */
  readonly initialState?: "zeros" | "learned";
  /**
   * Truncated back-propagation: the sequence is cut into groups of so many steps, and no gradient flows from one group
   * into the one before; values are not changed. All steps if null (default).
   */
  readonly gradientHorizon?: number | null;
  /**
   * Less memory while training on long sequences: only the state of every so many steps is saved, and the backward pass
   * computes the steps between again. "auto" is near the square root of the length. Gradients are the same. Every step is
   * saved if null (default), unless the trainer says otherwise.
   */
  readonly checkpoint?: CheckpointSteps | null;
  /** While training, the share of the input that is zero, the same elements at every step of a row, as in Keras. */
  readonly dropout?: number;
  /**
   * The same for the state where the gates read it. Other sites and other sharing: `rnn(dropoutCell(cell, ...))`. Raises
   * OptionError for a cell that does not read its state through `recurrent(h)`.
   */
  readonly recurrentDropout?: number;
  /** A penalty on the outputs, which training adds to the loss. */
  readonly activityRegularizer?: Regularizer | null;
}

const rnnRules = {
  returnSequences: flag(false),
  goBackwards: flag(false),
  zeroOutputForMask: flag(false),
  initialState: oneOf(["zeros", "learned"] as const, "zeros"),
  gradientHorizon: nullable(wholeNumber()),
  checkpoint: nullable(wholeNumberOrAuto()),
  dropout: finiteNumber(0, 0, 1),
  recurrentDropout: finiteNumber(0, 0, 1),
  activityRegularizer: regularizerOption(),
};

/** A recurrent layer over any cell; several cells are a stack, bottom first. */
export function rnn(cells: Cell | Cells, options: RnnOptions = {}): Layer {
  expectCells(cells);
  const cell = isCell(cells) ? cells : stack(cells);
  const { name, ...given } = options;
  const driving = readOptions(describeLayer("rnn", name), given, rnnRules);
  return recurrent({ kind: "rnn", name, cell, options: { cell: definitionOfCell(cell), ...driving }, driving });
}

/** A simple recurrent layer: `rnn(simpleRNNCell(options))`. */
export function simpleRNN(options: SimpleRNNOptions & RnnOptions): Layer {
  return sugar("simpleRNN", options, simpleRNNRules, simpleRNNCell);
}

/** A long short-term memory layer: `rnn(lstmCell(options))`. */
export function lstm(options: LstmOptions & RnnOptions): Layer {
  return sugar("lstm", options, lstmRules(options), lstmCell);
}

/** A gated recurrent layer: `rnn(gruCell(options))`. */
export function gru(options: GruOptions & RnnOptions): Layer {
  return sugar("gru", options, gruRules, gruCell);
}

/** A layer named after its cell, which takes the options of both. */
export function sugar<O extends RnnOptions>(
  kind: string,
  { name, ...given }: O,
  cellRules: Readonly<Record<string, OptionRule<unknown>>>,
  makeCell: (options: O) => Cell,
): Layer {
  const options = readOptions(describeLayer(kind, name), given, { ...cellRules, ...rnnRules }) as Options & Driving;
  const own = Object.fromEntries(Object.entries(options).filter(([key]) => key in cellRules));
  const driving = Object.fromEntries(Object.entries(options).filter(([key]) => key in rnnRules));
  const cell = makeCell(own as unknown as O);
  return recurrent({ kind, name, cell, options, driving: driving as unknown as Driving, takesFloats: true });
}

function expectCells(cells: unknown): void {
  const isOne = typeof cells !== "object" || cells === null || "apply" in cells || isCell(cells as Cell);
  const list: unknown[] = isOne ? [cells] : Object.values(cells);
  const wrong: unknown = list.find((one) => typeof one !== "object" || one === null || !isCell(one as Cell));
  if (wrong === undefined && list.every((one) => one !== undefined)) return;
  const isLayer = typeof wrong === "object" && wrong !== null && "apply" in wrong;
  throw new OptionError(
    `rnn: expected a cell or several, got ${isLayer ? "a layer" : show(wrong)}. ${isLayer ? "Put layers into sequential, or give cells such as lstmCell({ units })." : "Give lstmCell({ units }), or what defineCell makes."}`,
  );
}

function isCell(cells: Cell | Cells): cells is Cell {
  return "step" in cells && typeof cells.step === "function";
}
