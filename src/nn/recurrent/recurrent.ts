/**
 * The recurrent layer as the protocol of layers wants it: what weights and state it has, and how it loops over its cell.
 * Not here: the constructors that people call (`rnn.ts`), the loop itself (`recurrence.ts`).
 */
import { OptionError, ShapeError } from "../../base/errors.ts";
import { formatShape } from "../../base/shapes.ts";
import { isBranch, mapTree, type Tree } from "../../base/trees.ts";
import { broadcastTo, reverse, type Tensor, type TensorSpec } from "../../trace/index.ts";
import type { Cell, StepShapes } from "../cells/cell.ts";
import { dropoutCell } from "../cells/dropout.ts";
import {
  type CheckpointSteps,
  describeLayer,
  expectFloats,
  type InitialStateCall,
  type Layer,
  type LayerCall,
  type LayerResult,
  type ParamSpec,
  type StateSpec,
  type Stepping,
  weight,
} from "../layer.ts";
import { withActivityRegularizer } from "../layers/activity.ts";
import { bothMasks } from "../masks.ts";
import type { Options } from "../options.ts";
import type { Regularizer } from "../weights/regularizers.ts";
import { type LoopCall, runLoop, runStep } from "./recurrence.ts";

/** How a cell is driven over a sequence, complete. */
export interface Driving {
  readonly returnSequences: boolean;
  readonly goBackwards: boolean;
  readonly zeroOutputForMask: boolean;
  readonly initialState: "zeros" | "learned";
  readonly gradientHorizon: number | null;
  readonly checkpoint: CheckpointSteps | null;
  readonly dropout: number;
  readonly recurrentDropout: number;
  readonly activityRegularizer: Regularizer | null;
}

export interface Recurrent {
  readonly kind: string;
  readonly name: string | undefined;
  readonly cell: Cell;
  readonly options: object;
  readonly driving: Driving;
  /** Whether the outputs of a layer that goes backwards are in the order of its inputs, not of processing. */
  readonly aligned?: boolean;
  /** Of the built-in layers; what a cell of the user's own takes is its own affair. */
  readonly takesFloats?: boolean;
}

/** Makes the layer. */
export function recurrent(given: Recurrent): Layer {
  const layer = { ...given, cell: withDropout(given) };
  const { kind, name, cell, driving } = layer;
  const where = describeLayer(kind, name);
  const { returnSequences, goBackwards } = driving;
  if (driving.zeroOutputForMask && !returnSequences) {
    throw new OptionError(
      `${where}: expected no zeroOutputForMask, since without returnSequences the output is the last valid one, which no mask hides, got true. Leave it out, or give returnSequences: true.`,
      { option: "zeroOutputForMask" },
    );
  }
  const turned = goBackwards && layer.aligned !== true;
  const initialState = initialStateOf(layer);
  const made: Layer = Object.freeze({
    kind,
    name,
    options: Object.freeze(layer.options) as Options,
    params: (inputs: readonly TensorSpec[], constants: readonly TensorSpec[] = []) =>
      paramsOf(where, layer, inputs, constants),
    state: (inputs: readonly TensorSpec[], constants: readonly TensorSpec[] = []) =>
      cell.state(stepShapes(where, inputs), withoutBatch(constants)),
    output: (inputs: readonly TensorSpec[], constants: readonly TensorSpec[] = []) => {
      const shapes = stepShapes(where, inputs);
      if (layer.takesFloats === true) for (const one of inputs) expectFloats(where, one);
      const [b, t] = inputs[0].shape;
      const step = cell.output(shapes, withoutBatch(constants));
      return { dtype: "float32" as const, shape: [b, ...(returnSequences ? [t] : []), ...step] };
    },
    masks: returnSequences ? (turned ? ("make" as const) : ("pass" as const)) : ("drop" as const),
    ...(initialState === undefined ? {} : { initialState }),
    apply: (call: LayerCall) => apply(where, layer, call, turned),
    stepping: stepping(where, layer),
    recurrence: {
      goBackwards,
      returnSequences,
      reversed: () => recurrent({ ...given, driving: { ...driving, goBackwards: !goBackwards }, aligned: true }),
    },
  });
  return withActivityRegularizer(made, driving.activityRegularizer);
}

/** Keras's dropout of a recurrent layer: masks that hold for a whole sequence. */
function withDropout({ cell, driving: { dropout, recurrentDropout } }: Recurrent): Cell {
  if (dropout === 0 && recurrentDropout === 0) return cell;
  return dropoutCell(cell, { input: dropout, recurrent: recurrentDropout, sharing: "sequence" });
}

function paramsOf(
  where: string,
  { cell, driving }: Recurrent,
  inputs: readonly TensorSpec[],
  constants: readonly TensorSpec[],
): Tree<ParamSpec> {
  const shapes = stepShapes(where, inputs);
  const own = cell.params(shapes, withoutBatch(constants));
  if (driving.initialState === "zeros") return own;
  const learned = mapTree<StateSpec, ParamSpec>(
    cell.state(shapes, withoutBatch(constants)),
    ({ dtype, shape }, path) => {
      const sizes = shape.filter((size) => typeof size === "number");
      if (dtype === "float32" && sizes.length === shape.length) return weight(sizes, { initializer: "zeros" });
      throw new OptionError(
        `${where}: expected states of float32 numbers and a fixed size, to be learned, but "${path}" is ${dtype} ${formatShape(shape)}. Leave out initialState: "learned".`,
        { path },
      );
    },
  );
  return { ...(own as object), initialState: learned } as Tree<ParamSpec>;
}

function initialStateOf({ cell, driving }: Recurrent): Layer["initialState"] {
  if (driving.initialState === "zeros") return cell.initialState?.bind(cell);
  return ({ params, batch }: InitialStateCall) =>
    mapTree<Tensor, Tensor>((params as { initialState: Tree<Tensor> }).initialState, (leaf) =>
      broadcastTo(leaf, [batch, ...leaf.shape]),
    );
}

function loopCall(where: string, { cell, driving }: Recurrent, call: LayerCall): LoopCall {
  return {
    where,
    cell,
    params: cellParams(driving, call.params),
    state: call.state,
    xs: call.inputs,
    context: call.context,
    mask: bothMasks(call.masks ?? []),
    resets: call.resets,
    initial: call.initial,
    constants: call.constants,
    constantMasks: call.constantMasks,
    reverse: driving.goBackwards,
    zeroOutputForMask: driving.zeroOutputForMask,
    horizon: driving.gradientHorizon ?? undefined,
    checkpoint: driving.checkpoint ?? undefined,
    wants: { sequences: driving.returnSequences, states: call.wantsStates ?? false },
  };
}

function cellParams({ initialState }: Driving, params: Tree<Tensor>): Tree<Tensor> {
  if (initialState === "zeros" || !isBranch(params)) return params;
  const { initialState: _, ...own } = params as { readonly [name: string]: Tree<Tensor> };
  return own;
}

function apply(where: string, layer: Recurrent, call: LayerCall, turned: boolean): LayerResult {
  const loop = loopCall(where, layer, call);
  const { y, state, states } = runLoop(loop);
  if (!turned) return { y, state, states };
  // As in Keras: the first output belongs to the last step of the input.
  return {
    y: loop.wants.sequences ? reverse(y, 1) : y,
    state,
    states: states && mapTree<Tensor, Tensor>(states, (leaf) => reverse(leaf, 1)),
    mask: loop.mask && reverse(loop.mask, 1),
  };
}

function stepping(where: string, layer: Recurrent): Stepping {
  if (layer.driving.goBackwards) {
    return {
      refused:
        "it reads a sequence from its end, which is not there yet. Use run on whole sequences, or a layer without goBackwards",
    };
  }
  return { run: (call: LayerCall) => runStep(loopCall(where, layer, call)) };
}

function withoutBatch(specs: readonly TensorSpec[]) {
  return specs.map(({ shape }) => shape.slice(1));
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
