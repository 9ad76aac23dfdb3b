/**
 * The training step as one function over variables, to be compiled as one program: forward, loss, backward, clipping,
 * optimiser, metrics and carried state. A call uploads a batch and returns four numbers.
 * Not here: who owns the variables (`trainer.ts`).
 */
import { leavesOf, mapTree, type Tree, zipTrees } from "../base/trees.ts";
import type { ByName } from "../nn/forward.ts";
import { context, type StateSpec } from "../nn/layer.ts";
import type { Model } from "../nn/model.ts";
import { stateSpecs } from "../nn/state.ts";
import {
  abs,
  add,
  cast,
  foldIn,
  lessEqual,
  logicalAnd,
  stack,
  type Tensor,
  type Variable,
  valueAndGrad,
  where,
  withScope,
  zeros,
} from "../trace/index.ts";
import { type Clipping, globalNorm } from "./clipping.ts";
import { measure, type Objective } from "./measure.ts";
import type { Optimizer, Params } from "./optimisers.ts";
import type { Schedule } from "./schedules.ts";

/** What a step computes with. */
export interface StepPlan {
  readonly model: Model;
  readonly objective: Objective;
  readonly optimizer: Optimizer;
  readonly schedule: Schedule;
  readonly clip: Clipping | undefined;
}

/** What a step reads and writes, beside the weights of the model. */
export interface StepVariables {
  readonly slots: ByName<Variable>;
  /** int32 []: updates made. */
  readonly counter: Variable;
  /** int32 [2]; each step draws from it folded with the counter. */
  readonly key: Variable;
  /** Sums and counts of the present epoch. */
  readonly sums: Variable;
  /** Only where state is carried from batch to batch. */
  readonly state: ByName<Variable> | undefined;
}

/** The weights that the optimiser moves, by path. */
export function trainableOf(model: Model): Record<string, Variable> {
  const leaves = leavesOf<Variable>(model.variables).filter(({ leaf }) => leaf.trainable);
  return Object.fromEntries(leaves.map(({ path, leaf }) => [path, leaf]));
}

/**
 * The step: (inputs, targets, weights) -> [ok, loss, gradient norm, learning rate]. Where the loss or the norm is not
 * finite, ok is 0 and every variable keeps its value.
 */
export function trainingStep(plan: StepPlan, variables: StepVariables) {
  const { optimizer, schedule, clip } = plan;
  return (x: readonly Tensor[], y: readonly Tensor[], sampleWeights: Tensor | undefined): Tensor => {
    const step = variables.counter.read();
    const trainable = trainableOf(plan.model);
    const params = readAll(trainable) as Params;
    const {
      value: loss,
      grads,
      aux,
    } = valueAndGrad(lossOfWeights(plan, variables, { x, y, sampleWeights }), { aux: true })(params);
    const norm = withScope("gradient norm", () => globalNorm(grads));
    const ok = logicalAnd(isFinite(loss), isFinite(norm));
    const learningRate = withScope("schedule", () => schedule.at(step));
    const bounded = clip === undefined ? grads : withScope("clip", () => clip.apply(grads));
    const slots = readAll(variables.slots);
    const next = withScope("optimizer", () => optimizer.update({ params, grads: bounded, slots, step, learningRate }));
    keepUnless(ok, trainable, next.params, "optimizer: parameters");
    keepUnless(ok, variables.slots, next.slots, "optimizer: slots");
    keepUnless(ok, variables.counter, add(step, 1), "step");
    keepUnless(ok, variables.sums, add(variables.sums.read(), stack(aux.sums)), "sums");
    if (variables.state !== undefined) keepUnless(ok, variables.state, aux.state, "carried state");
    return stack([cast(ok, "float32"), loss, norm, learningRate]);
  };
}

interface Given {
  readonly x: readonly Tensor[];
  readonly y: readonly Tensor[];
  readonly sampleWeights: Tensor | undefined;
}

function lossOfWeights({ model, objective }: StepPlan, variables: StepVariables, { x, y, sampleWeights }: Given) {
  return (moving: Params): { value: Tensor; aux: { sums: Tensor[]; state: ByName<Tensor> } } => {
    const { outputs, state } = model.forward({
      params: mapTree<Variable, Tensor>(
        model.variables,
        (variable, path) => moving[path] ?? variable.read(),
      ) as ByName<Tensor>,
      state: variables.state === undefined ? freshState(model, x[0]) : readAll(variables.state),
      inputs: x,
      context: context({ training: true, key: foldIn(variables.key.read(), variables.counter.read()) }),
    });
    const { loss, sums } = measure(objective, outputs, y, sampleWeights);
    return { value: loss, aux: { sums, state } };
  };
}

// A comparison, because NaN compares as false and x - x might be simplified.
function isFinite(x: Tensor): Tensor {
  return lessEqual(abs(x), 3.4e38);
}

/** The state before the first step, for as many rows as a tensor of the batch has. */
export function freshState(model: Model, x: Tensor): ByName<Tensor> {
  return mapTree<StateSpec, Tensor>(stateSpecs(model.network), ({ shape, dtype }) =>
    zeros([x.shape[0], ...shape], dtype),
  ) as ByName<Tensor>;
}

function readAll(tree: ByName<Variable>): ByName<Tensor> {
  return mapTree<Variable, Tensor>(tree, (variable) => variable.read()) as ByName<Tensor>;
}

// Assigns `next` where ok holds; otherwise the variables keep their values.
function keepUnless(ok: Tensor, variables: Tree<Variable>, next: Tree<Tensor>, what: string): void {
  for (const { a: variable, b: value } of zipTrees<Variable, Tensor>(variables, next, what)) {
    variable.assign(where(ok, value, variable.read()));
  }
}
