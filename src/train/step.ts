/**
 * The training step as one function over variables, to be compiled as one program: forward, loss, backward, clipping,
 * optimiser, constraints, metrics and carried state. A call uploads a batch and returns four numbers.
 * Not here: who owns the variables (`trainer.ts`).
 */
import { OptionError } from "../base/errors.ts";
import { leavesByPath, leavesOf, mapTree, type Tree, zipTrees } from "../base/trees.ts";
import { type CheckpointSteps, context, type ParamSpec } from "../nn/layer.ts";
import type { Model } from "../nn/model/model.ts";
import type { ByName, ForwardResult } from "../nn/network/forward.ts";
import { constrained } from "../nn/weights/constraints.ts";
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
} from "../trace/index.ts";
import { type Clipping, globalNorm } from "./clipping.ts";
import { measure } from "./measure.ts";
import type { Objective } from "./objective.ts";
import type { Optimizer, Params } from "./optimisers.ts";
import { penaltyOf } from "./penalties.ts";
import type { Schedule } from "./schedules.ts";

/** What a step computes with. */
export interface StepPlan {
  readonly model: Model;
  /** The weights that the optimiser moves: those that were not frozen when the training began. */
  readonly trainable: Record<string, Variable>;
  readonly objective: Objective;
  readonly optimizer: Optimizer;
  readonly schedule: Schedule;
  readonly clip: Clipping | undefined;
  /** As of `Context`. */
  readonly checkpoint?: CheckpointSteps | undefined;
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

/** The weights that the optimiser is to move, by path: those that are neither frozen nor declared as not trained. */
export function trainableOf(model: Model): Record<string, Variable> {
  const leaves = leavesOf<Variable>(model.variables).filter(({ leaf }) => leaf.trainable);
  if (leaves.length === 0) {
    throw new OptionError(
      `training: expected weights to train, got none: model "${model.name}" has no weights, or all are frozen. Call model.unfreeze("...") with those that are to be trained.`,
    );
  }
  return Object.fromEntries(leaves.map(({ path, leaf }) => [path, leaf]));
}

/**
 * The step: (inputs, targets, weights, fresh) -> [ok, loss, gradient norm, learning rate]. Where the loss or the norm is not
 * finite, ok is 0 and every variable keeps its value.
 */
export function trainingStep(plan: StepPlan, variables: StepVariables) {
  const { model, trainable, optimizer, schedule, clip } = plan;
  return (
    x: readonly Tensor[],
    y: readonly Tensor[],
    sampleWeights: Tensor | undefined,
    fresh: Tensor | undefined,
  ): Tensor => {
    const step = variables.counter.read();
    const params = readAll(trainable) as Params;
    const {
      value: loss,
      grads,
      aux,
    } = valueAndGrad(lossOfWeights(plan, variables, { x, y, sampleWeights, fresh }), { aux: true })(params);
    const norm = withScope("gradient norm", () => globalNorm(grads));
    const ok = logicalAnd(isFinite(loss), isFinite(norm));
    const learningRate = withScope("schedule", () => schedule.at(step));
    const bounded = clip === undefined ? grads : withScope("clip", () => clip.apply(grads));
    const slots = readAll(variables.slots);
    const next = withScope("optimizer", () => optimizer.update({ params, grads: bounded, slots, step, learningRate }));
    keepUnless(ok, trainable, projected(model, next.params), "optimizer: parameters");
    keepUnless(ok, variables.slots, next.slots, "optimizer: slots");
    keepUnless(ok, variables.counter, add(step, 1), "step");
    keepUnless(ok, variables.sums, add(variables.sums.read(), stack(aux.sums)), "sums");
    for (const { variable, value } of aux.updates) keepUnless(ok, variable, value, "weights that are not trained");
    if (variables.state !== undefined) keepUnless(ok, variables.state, aux.state, "carried state");
    return stack([cast(ok, "float32"), loss, norm, learningRate]);
  };
}

interface Given {
  readonly x: readonly Tensor[];
  readonly y: readonly Tensor[];
  readonly sampleWeights: Tensor | undefined;
  /** bool [b]: rows that begin anew, where a state is carried and does not begin as zeros. */
  readonly fresh: Tensor | undefined;
}

interface Aux {
  readonly sums: Tensor[];
  readonly state: ByName<Tensor>;
  readonly updates: readonly { readonly variable: Variable; readonly value: Tensor }[];
}

function lossOfWeights({ model, objective, checkpoint }: StepPlan, variables: StepVariables, given: Given) {
  const { x, y, sampleWeights, fresh } = given;
  return (moving: Params): { value: Tensor; aux: Aux } => {
    const params = mapTree<Variable, Tensor>(
      model.variables,
      (variable, path) => moving[path] ?? variable.read(),
    ) as ByName<Tensor>;
    const result = model.forward({
      params,
      state: variables.state === undefined ? undefined : readAll(variables.state),
      fresh,
      inputs: x,
      context: context({ training: true, checkpoint, key: foldIn(variables.key.read(), variables.counter.read()) }),
      wantsStates: objective.penalties.length > 0,
    });
    const { outputs, masks, state } = result;
    const penalty = penaltyOf(model, objective.penalties, { params, inputs: x, targets: y, result });
    const { loss, sums } = measure(objective, { outputs, masks, targets: y, weights: sampleWeights, penalty });
    return { value: loss, aux: { sums, state, updates: updatesOf(model, result, params) } };
  };
}

/** New values of weights that the optimiser does not move, such as running means. */
function updatesOf(model: Model, { updates }: ForwardResult, params: ByName<Tensor>): Aux["updates"] {
  const before = leavesByPath<Tensor>(params);
  const variables = leavesByPath<Variable>(model.variables);
  return leavesOf<Tensor>(updates).flatMap(({ path, leaf }) => {
    const variable = variables.get(path);
    return variable === undefined || variable.trainable || before.get(path) === leaf ? [] : [{ variable, value: leaf }];
  });
}

/** Weights where their constraints want them. */
function projected({ network }: Model, params: Params): Params {
  const specs = network.layers.flatMap(({ name, params: own }) => leavesOf<ParamSpec>(own, name));
  const constraints = new Map(specs.map(({ path, leaf }) => [path, leaf.constraint]));
  const one = (path: string, w: Tensor): Tensor => {
    const constraint = constraints.get(path);
    return constraint === undefined ? w : withScope("constraints", () => constrained(constraint, w));
  };
  return Object.fromEntries(Object.entries(params).map(([path, w]) => [path, one(path, w)]));
}

// A comparison, because NaN compares as false and x - x might be simplified.
function isFinite(x: Tensor): Tensor {
  return lessEqual(abs(x), 3.4e38);
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
