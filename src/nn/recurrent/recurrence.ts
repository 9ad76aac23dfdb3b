/**
 * THE loop over a cell: whole sequences in one rolled scan, with masks, per-row resets, a gradient horizon, and the
 * states of every step. The layers `rnn` and `bidirectional` and the function `runCell` are thin covers of it.
 * One rule holds for every cell and direction: at a masked step the state stays what it was; the output is held, or zero.
 */
import { addDims, type Dim } from "../../base/dims.ts";
import { leavesByPath, leavesOf, mapTree, type Tree } from "../../base/trees.ts";
import {
  add,
  cast,
  concat,
  dryRun,
  equal,
  foldIn,
  greaterEqual,
  less,
  logicalAnd,
  max,
  mod,
  mul,
  range,
  reshape,
  scan,
  where as select,
  size,
  slice,
  squeeze,
  stopGradient,
  sub,
  type Tensor,
  transpose,
  zeros,
} from "../../trace/index.ts";
import { type Cell, type CellResult, stepCell } from "../cells/cell.ts";
import type { CheckpointSteps, Context } from "../layer.ts";
import { beside, chooseRows, zeroWhereMasked } from "../masks.ts";

/** How a sequence is run. Sequences are batch-major, [b, t, ...]. */
export interface LoopCall {
  /** Begins the sentence of an error. */
  readonly where: string;
  readonly cell: Cell;
  readonly params: Tree<Tensor>;
  readonly state: Tree<Tensor>;
  readonly xs: readonly Tensor[];
  readonly context: Context;
  /** bool [b, t]. */
  readonly mask?: Tensor | undefined;
  /** bool [b, t], true at the first step of a sequence, in either direction; with the state that rows then start from. */
  readonly resets?: Tensor | undefined;
  readonly initial?: Tree<Tensor> | undefined;
  readonly constants?: readonly Tensor[];
  readonly constantMasks?: readonly (Tensor | undefined)[];
  /** From the last step to the first. What belongs to a step stays in its position. */
  readonly reverse: boolean;
  readonly zeroOutputForMask: boolean;
  /** Steps after which no gradient flows further back; undefined for all. */
  readonly horizon?: number | undefined;
  /** Steps between the states that a gradient saves; as the context says if undefined, and every step if that says nothing. */
  readonly checkpoint?: CheckpointSteps | undefined;
  readonly wants: { readonly sequences: boolean; readonly states: boolean };
}

export interface LoopResult {
  /** [b, t, ...], or the last (valid) output [b, ...]. */
  readonly y: Tensor;
  readonly state: Tree<Tensor>;
  /** [b, t, ...], if asked for. */
  readonly states: Tree<Tensor> | undefined;
}

/** What a step is given beside the carry. */
interface StepInputs {
  readonly xs: readonly Tensor[];
  /** bool [b]. */
  readonly mask?: Tensor;
  readonly resets?: Tensor;
  /** int32: the position of the step. */
  readonly t?: Tensor;
}

interface Carry {
  readonly state: Tree<Tensor>;
  /** The output held from the last valid step, of a cell whose output is no part of its state. */
  readonly held?: Tensor;
}

interface StepOutputs {
  readonly y?: Tensor;
  readonly states?: Tree<Tensor>;
  readonly drawn?: Record<string, Tensor>;
}

/** Runs a cell over whole sequences. */
export function runLoop(call: LoopCall): LoopResult {
  const { mask, resets, context, horizon, state } = call;
  const steps = mask === undefined ? undefined : stepsOf(mask);
  const xs = call.xs.map((x) => withoutRest(swapTimeAndBatch(x), steps));
  const needsPosition = context.training || horizon !== undefined;
  const inputs: StepInputs = {
    xs,
    ...(mask === undefined ? {} : { mask: swapTimeAndBatch(mask) }),
    ...(resets === undefined ? {} : { resets: swapTimeAndBatch(resetsFor(call.reverse, resets)) }),
    ...(needsPosition ? { t: range(xs[0].shape[0]) } : {}),
  };
  const output: OutputPlace = mask === undefined ? { path: undefined, shape: [] } : describeOutput(call);
  const needsHeld = mask !== undefined && output.path === undefined;
  const held = needsHeld ? { held: zeros([xs[0].shape[1], ...output.shape]) } : {};
  const drawn = new Set<string>();
  const checkpoint = call.checkpoint ?? context.checkpoint;
  const { carry, ys } = scan((before: Carry, given: StepInputs) => oneStep(call, output, before, given, drawn), {
    init: { state, ...held } as Carry,
    xs: inputs,
    reverse: call.reverse,
    ...(steps === undefined ? {} : { steps }),
    ...(checkpoint === undefined ? {} : { checkpoint }),
    name: call.where,
  });
  for (const site of drawn) context.note(site, swapTimeAndBatch((ys.drawn as Record<string, Tensor>)[site]));
  return finish(call, output, { carry, ys }, steps);
}

/**
 * resets [b, t] mark the first step of each sequence. Read from the end, a sequence begins at its last step, which is the
 * one before the next mark.
 */
function resetsFor(backwards: boolean, resets: Tensor): Tensor {
  if (!backwards) return resets;
  const [b, t] = resets.shape;
  return concat([slice(resets, 1, 1, t), zeros([b, 1], "bool")], 1);
}

/** One step of the same: xs, mask and resets are those of the step, [b, ...]. */
export function runStep(call: LoopCall): LoopResult {
  const { xs, mask, resets, context } = call;
  const given = { xs, ...(mask && { mask }), ...(resets && { resets }) };
  const { y, next } = stepRows(call, { path: undefined, shape: [] }, { state: call.state }, given, context);
  return { y, state: next.state, states: next.state };
}

/** Where the output is in the state, if it is, and its shape without the batch. */
interface OutputPlace {
  /** Without a mask it is found out while the step is traced. */
  path: string | undefined;
  readonly shape: readonly Dim[];
}

function describeOutput({
  where,
  cell,
  params,
  state,
  xs,
  context,
  constants = [],
  constantMasks = [],
}: LoopCall): OutputPlace {
  let path: string | undefined;
  // Draws nothing of the context's, so that a mask changes no draw.
  const key = context.hasKey ? (): Tensor => zeros([2], "int32") : context.key;
  const { shape } = dryRun(
    (steps) => {
      const result = stepCell(where, cell, {
        params,
        state,
        x: steps[0],
        xs: steps,
        context: { ...context, key, stepKey: key, note: () => {} },
        constants,
        constantMasks,
      });
      path = pathOfOutput(result);
      return result.y;
    },
    xs.map(({ dtype, shape: [b, , ...rest] }) => ({ dtype, shape: [b, ...rest] })),
  );
  return { path, shape: shape.slice(1) };
}

function pathOfOutput({ y, state }: CellResult): string | undefined {
  return leavesOf<Tensor>(state).find(({ leaf }) => leaf === y)?.path;
}

function oneStep(call: LoopCall, output: OutputPlace, before: Carry, given: StepInputs, drawn: Set<string>) {
  const { wants, context } = call;
  const notes: Record<string, Tensor> = {};
  const own: Context = {
    ...context,
    stepKey: (asker) => (given.t === undefined ? context.key(asker) : foldIn(context.key(asker), given.t)),
    note(site, value) {
      if (context.wantsNotes !== true) return;
      notes[site] = value;
      drawn.add(site);
    },
  };
  const { y, next } = stepRows(call, output, before, given, own);
  const ys: StepOutputs = {
    ...(wants.sequences || (given.mask === undefined && output.path === undefined) ? { y } : {}),
    ...(wants.states ? { states: next.state } : {}),
    ...(Object.keys(notes).length > 0 ? { drawn: notes } : {}),
  };
  const carry: Carry = { state: next.state, ...(before.held === undefined ? {} : { held: next.y }) };
  return { carry, y: ys };
}

/** The rule for one step: rows that start anew start, rows that are masked stay. `next` holds the state, and what is held. */
function stepRows(
  call: LoopCall,
  output: OutputPlace,
  before: Carry,
  { xs, mask, resets, t }: StepInputs,
  context: Context,
): { y: Tensor; next: CellResult } {
  const fresh = resets === undefined ? before.state : chooseRows(resets, call.initial as Tree<Tensor>, before.state);
  const state = cutGradient(call, fresh, t);
  const { where, cell, params, constants = [], constantMasks = [] } = call;
  const result = stepCell(where, cell, { params, state, x: xs[0], xs, context, constants, constantMasks });
  output.path ??= pathOfOutput(result);
  if (mask === undefined) return { y: result.y, next: result };
  const kept = chooseRows(mask, result.state, state);
  // An output that is no part of the state is remembered by the loop alone: in a single step it is zero where masked.
  const y =
    output.path === undefined
      ? (chooseRows(mask, result.y, before.held ?? zeros(result.y.shape)) as Tensor)
      : (leavesByPath<Tensor>(kept).get(output.path) as Tensor);
  return { y: call.zeroOutputForMask ? zeroWhereMasked(result.y, mask) : y, next: { state: kept, y } };
}

/** Truncated back-propagation: no gradient flows into a step from the next `horizon` group of steps. */
function cutGradient(
  { horizon, reverse: backwards, xs }: LoopCall,
  state: Tree<Tensor>,
  t: Tensor | undefined,
): Tree<Tensor> {
  if (horizon === undefined || t === undefined) return state;
  const done = backwards ? sub(sub(size(xs[0], 1, "int32"), 1), t) : t;
  const cut = logicalAnd(equal(mod(done, horizon), 0), greaterEqual(done, 1));
  return mapTree<Tensor, Tensor>(state, (leaf) =>
    leaf.dtype === "float32" ? select(cut, stopGradient(leaf), leaf) : leaf,
  );
}

/** The number of steps up to the last that counts in any row: mask bool [b, t] -> int32 []. */
function stepsOf(mask: Tensor): Tensor {
  const positions = add(range(mask.shape[1]), 1);
  return max(mul(cast(mask, "int32"), reshape(positions, [1, mask.shape[1]])));
}

/** x [t, b, ...] with zeros past the last step that is run: nothing reads them, and so the compiler knows what they are. */
function withoutRest(x: Tensor, steps: Tensor | undefined): Tensor {
  if (steps === undefined || x.dtype === "bool") return x;
  return select(beside(less(range(x.shape[0]), steps), x), x, zeros([], x.dtype));
}

function finish(
  call: LoopCall,
  { path }: OutputPlace,
  { carry, ys }: { carry: Carry; ys: StepOutputs },
  steps: Tensor | undefined,
): LoopResult {
  const { wants, mask } = call;
  const partOf = (state: Tree<Tensor>): Tensor | undefined =>
    path === undefined ? undefined : leavesByPath<Tensor>(state).get(path);
  const last = partOf(carry.state) ?? carry.held;
  const back = (tree: Tree<Tensor>, end: Tree<Tensor>): Tree<Tensor> =>
    swapAll(steps === undefined ? tree : filled(call, tree, end, steps));
  const states = wants.states ? back(ys.states as Tree<Tensor>, call.reverse ? call.state : carry.state) : undefined;
  if (wants.sequences) {
    const y = ys.y as Tensor;
    if (mask !== undefined && call.zeroOutputForMask) return { y: swapTimeAndBatch(y), state: carry.state, states };
    // What is held before the first step in the order of processing, or after the last.
    const none = zeros([y.shape[1], ...y.shape.slice(2)]);
    const end = call.reverse ? (partOf(call.state) ?? none) : (last ?? none);
    return { y: back(y, end) as Tensor, state: carry.state, states };
  }
  if (last !== undefined) return { y: last, state: carry.state, states };
  const y = ys.y as Tensor;
  const count = y.shape[0];
  const edge = call.reverse ? slice(y, 0, 0, 1) : slice(y, 0, addDims(count, -1), count);
  return { y: squeeze(edge, 0), state: carry.state, states };
}

/** Puts what is held into the steps past the last that was run: ys [t, b, ...], end [b, ...]. */
function filled({ xs }: LoopCall, ys: Tree<Tensor>, end: Tree<Tensor>, steps: Tensor): Tree<Tensor> {
  const run = less(range(xs[0].shape[1]), steps);
  const ends = leavesByPath<Tensor>(end);
  return mapTree<Tensor, Tensor>(ys, (leaf, path) => {
    const held = ends.get(path) as Tensor;
    return select(beside(run, leaf), leaf, reshape(held, [1, ...held.shape]));
  });
}

function swapAll(tree: Tree<Tensor>): Tree<Tensor> {
  return mapTree<Tensor, Tensor>(tree, swapTimeAndBatch);
}

/** [b, t, ...] <-> [t, b, ...]. */
export function swapTimeAndBatch(x: Tensor): Tensor {
  return transpose(x, [1, 0, ...Array.from({ length: x.rank - 2 }, (_, i) => i + 2)]);
}
