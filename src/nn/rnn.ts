/**
 * The recurrent layer: THE loop over a cell. `lstm`, `gru` and `simpleRNN` are sugar for it, and a stack is a cell like
 * any other. Batch-major outside ([b, t, ...]), time-major inside.
 */

import { addDims } from "../base/dims.ts";
import { OptionError, ShapeError } from "../base/errors.ts";
import { formatShape } from "../base/shapes.ts";
import { leavesOf, type Tree } from "../base/trees.ts";
import { reverse, scan, slice, squeeze, type Tensor, type TensorSpec, transpose } from "../trace/index.ts";
import { type Cell, type CellResult, definitionOfCell, type StepShapes, stepCell } from "./cells/cell.ts";
import { type GruOptions, gruCell, gruRules } from "./cells/gru.ts";
import { type LstmOptions, lstmCell, lstmRules } from "./cells/lstm.ts";
import { type SimpleRNNOptions, simpleRNNCell, simpleRNNRules } from "./cells/simpleRNN.ts";
import { type Cells, stack } from "./cells/stack.ts";
import { describeLayer, expectFloats, type Layer, type LayerCall, type LayerResult, type Stepping } from "./layer.ts";
import { flag, type OptionRule, type Options, readOptions, show } from "./options.ts";

/** How a cell is driven over a sequence. */
export interface RnnOptions {
  readonly name?: string;
  /** Whether the layer gives its output at every step, [b, t, units], or after the last one only, [b, units] (default). */
  readonly returnSequences?: boolean;
  /**
   * Whether the last step is processed first. The outputs are then in the order of processing, as in Keras: the first
   * one belongs to the last step of the input. Reverse them to have them beside their inputs.
   */
  readonly goBackwards?: boolean;
}

const rnnRules = { returnSequences: flag(false), goBackwards: flag(false) };

/** A recurrent layer over any cell; several cells are a stack, bottom first. */
export function rnn(cells: Cell | Cells, options: RnnOptions = {}): Layer {
  expectCells(cells);
  const cell = isCell(cells) ? cells : stack(cells);
  const { name, ...given } = options;
  const how = readOptions(describeLayer("rnn", name), given, rnnRules);
  return recurrent({ kind: "rnn", name, cell, options: { cell: definitionOfCell(cell), ...how }, ...how });
}

/** A simple recurrent layer: `rnn(simpleRNNCell(options))`. */
export function simpleRNN(options: SimpleRNNOptions & RnnOptions): Layer {
  return sugar("simpleRNN", options, simpleRNNRules, simpleRNNCell);
}

/** A long short-term memory layer: `rnn(lstmCell(options))`. */
export function lstm(options: LstmOptions & RnnOptions): Layer {
  return sugar("lstm", options, lstmRules, lstmCell);
}

/** A gated recurrent layer: `rnn(gruCell(options))`. */
export function gru(options: GruOptions & RnnOptions): Layer {
  return sugar("gru", options, gruRules, gruCell);
}

function sugar<O extends RnnOptions>(
  kind: string,
  { name, ...given }: O,
  cellRules: Readonly<Record<string, OptionRule<unknown>>>,
  makeCell: (options: O) => Cell,
): Layer {
  const options = readOptions(describeLayer(kind, name), given, { ...cellRules, ...rnnRules }) as Options &
    Required<RnnOptions>;
  const { returnSequences, goBackwards, ...cellOptions } = options;
  const cell = makeCell(cellOptions as unknown as O);
  return recurrent({ kind, name, cell, options, returnSequences, goBackwards, takesFloats: true });
}

interface Recurrent {
  readonly kind: string;
  readonly name: string | undefined;
  readonly cell: Cell;
  readonly options: object;
  readonly returnSequences: boolean;
  readonly goBackwards: boolean;
  /** Of the built-in layers; what a cell of the user's own takes is its own affair. */
  readonly takesFloats?: boolean;
}

function recurrent(layer: Recurrent): Layer {
  const { kind, name, cell, returnSequences } = layer;
  const where = describeLayer(kind, name);
  return Object.freeze({
    kind,
    name,
    options: Object.freeze(layer.options) as Options,
    params: (inputs: readonly TensorSpec[]) => cell.params(stepShapes(where, inputs)),
    state: (inputs: readonly TensorSpec[]) => cell.state(stepShapes(where, inputs)),
    output: (inputs: readonly TensorSpec[]) => {
      const shapes = stepShapes(where, inputs);
      if (layer.takesFloats === true) for (const one of inputs) expectFloats(where, one);
      const [b, t] = inputs[0].shape;
      return { dtype: "float32" as const, shape: [b, ...(returnSequences ? [t] : []), ...cell.output(shapes)] };
    },
    apply: (call: LayerCall) => loop(where, layer, call),
    stepping: stepping(where, layer),
  });
}

/** The loop: x [b, t, ...] -> y [b, t, ...] or [b, ...]. */
function loop(where: string, { cell, returnSequences, goBackwards }: Recurrent, call: LayerCall): LayerResult {
  const { params, context } = call;
  // The part of the state that the output is, where it is one: the last output is then already there.
  let outputIs: string | undefined;
  const { carry, ys } = scan(
    (state: Tree<Tensor>, xs: readonly Tensor[]) => {
      const result = stepCell(where, cell, { params, state, x: xs[0], xs, context });
      outputIs = pathOfOutput(result);
      return { carry: result.state, y: result.y };
    },
    { init: call.state, xs: call.inputs.map(swapTimeAndBatch), reverse: goBackwards, name: where },
  );
  if (returnSequences) return { y: swapTimeAndBatch(goBackwards ? reverse(ys, 0) : ys), state: carry };
  const same = leavesOf<Tensor>(carry).find(({ path }) => path === outputIs);
  if (same !== undefined) return { y: same.leaf, state: carry };
  const steps = ys.shape[0];
  const last = goBackwards ? slice(ys, 0, 0, 1) : slice(ys, 0, addDims(steps, -1), steps);
  return { y: squeeze(last, 0), state: carry };
}

function stepping(where: string, { cell, goBackwards }: Recurrent): Stepping {
  if (goBackwards) {
    return {
      refused:
        "it reads a sequence from its end, which is not there yet. Use run on whole sequences, or a layer without goBackwards",
    };
  }
  return {
    run: ({ params, state, inputs, context }) =>
      stepCell(where, cell, { params, state, x: inputs[0], xs: inputs, context }),
  };
}

function pathOfOutput({ y, state }: CellResult): string | undefined {
  return leavesOf<Tensor>(state).find(({ leaf }) => leaf === y)?.path;
}

function swapTimeAndBatch(x: Tensor): Tensor {
  return transpose(x, [1, 0, ...Array.from({ length: x.rank - 2 }, (_, i) => i + 2)]);
}

/** The shapes that the cell sees, without batch and time. */
function stepShapes(where: string, inputs: readonly TensorSpec[]): StepShapes {
  if (inputs.length === 0)
    throw new OptionError(`${where}: expected one input or more, got none. Call it with a tensor.`);
  return inputs.map(({ shape }) => {
    const step = shape.slice(2);
    if (step.length > 0 && step.every((size) => typeof size === "number")) return step as number[];
    throw new ShapeError(
      `${where}: expected an input of shape [batch, time, features] with a fixed number of features, got ${formatShape(shape)}. ${adviceFor(shape.length)}`,
      { shapes: [shape] },
    );
  });
}

function adviceFor(rank: number): string {
  if (rank > 2) return "Give the sizes after time as numbers.";
  return "If a recurrent layer is below, give it returnSequences: true; if each row is one step, add a time axis.";
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
