/** Using a model on data without training it: `evaluate` gives mean losses and metrics, `predict` outputs. */
import { OptionError } from "../base/errors.ts";
import { isBranch, leavesOf, mapTree, type Tree } from "../base/trees.ts";
import { context } from "../nn/layer.ts";
import type { Model } from "../nn/model/model.ts";
import type { State } from "../nn/model/state.ts";
import { stateSpecs } from "../nn/model/state.ts";
import type { Outputs } from "../nn/model/stream.ts";
import { type ByName, startsFromZeros } from "../nn/network/forward.ts";
import { type ModelInput, readInputs } from "../nn/network/inputs.ts";
import { checkOptionNames, wholeNumber } from "../nn/options.ts";
import {
  type BackendName,
  type CompiledFunction,
  compile,
  concrete,
  stack,
  type Tensor,
  type TensorSpec,
} from "../trace/index.ts";
import { expectBackend, expectDataset, expectNames } from "./checks.ts";
import { type Dataset, sliceRows } from "./data.ts";
import { meansOf, measure, sumsLength } from "./measure.ts";
import { type Objective, type ObjectiveOptions, objectiveOf, objectiveOptions } from "./objective.ts";
import { expectOption } from "./options.ts";
import { createPace, type Pace } from "./pace.ts";
import { penaltyOf } from "./penalties.ts";
import { argumentsOf, expectLanes, type Signature, signatureOf } from "./signature.ts";
import { Trainer } from "./trainer.ts";

export interface EvaluateOptions extends ObjectiveOptions {
  readonly backend?: BackendName;
  /** Where warnings go; `console.warn` if not given. */
  readonly warn?: (sentence: string) => void;
}

/**
 * Mean loss and metrics over all batches of a dataset. Given a trainer, its loss and metrics are used. Where the data
 * carries state, it is carried from the model's initial state at the first batch, and apart from any training.
 */
export async function evaluate(
  trainer: Trainer,
  data: Dataset,
  options?: Pick<EvaluateOptions, "warn">,
): Promise<Record<string, number>>;
export async function evaluate(model: Model, data: Dataset, options: EvaluateOptions): Promise<Record<string, number>>;
export async function evaluate(
  subject: Model | Trainer,
  data: Dataset,
  options: Partial<EvaluateOptions> = {},
): Promise<Record<string, number>> {
  expectNames("evaluate", options, [...objectiveOptions, "backend", "warn"]);
  expectDataset("evaluate", "the data", data);
  const pace = createPace();
  try {
    if (!(subject instanceof Trainer)) {
      const { backend, loss } = options;
      if (loss === undefined)
        throw new OptionError("evaluate: expected a loss, got none. Give the loss that the model was trained with.", {
          option: "loss",
        });
      return await createEvaluation(
        subject,
        objectiveOf(
          { ...options, loss },
          subject.outputs.map(({ name }) => name),
        ),
        expectBackend("evaluate", backend),
      )(data, pace);
    }
    if (subject.steps > 0) warnOfOtherState(subject.model, subject.carriesState, data, options.warn);
    return await createEvaluation(subject.model, subject.objective, subject.backend)(data, pace);
  } finally {
    pace.close();
  }
}

type Arguments = [readonly Tensor[], readonly Tensor[], Tensor | undefined, ByName<Tensor> | undefined];
type Program = CompiledFunction<Arguments, { sums: Tensor; state: ByName<Tensor> }>;

/** Evaluates a model on datasets again and again with the same programs. */
export function createEvaluation(
  model: Model,
  objective: Objective,
  backend?: BackendName,
): (data: Dataset, pace: Pace) => Promise<Record<string, number>> {
  const programs = new Map<string, Program>();
  const programFor = (signature: Signature, carries: boolean, state: ByName<Tensor> | undefined): Program => {
    const key = `${carries ? "carries" : "any"};${state === undefined ? "begins" : "goes on"};${signature.key}`;
    const known =
      programs.get(key) ??
      compile(evaluationStep(model, objective, carries), {
        name: "evaluation",
        inputs: inputsOf(signature, state),
        backend,
      });
    programs.set(key, known);
    return known;
  };
  return async (data, pace) => {
    const totals = new Float64Array(sumsLength(objective));
    let state: ByName<Tensor> | undefined;
    let lanes: number | undefined;
    for (let index = 0; index < data.batchesPerEpoch; index++) {
      const args = argumentsOf(model, data.batch(0, index));
      const rows = args.x[0].shape[0] as number;
      if (data.carriesState) {
        lanes ??= rows;
        expectLanes(lanes, rows);
        if (startsFromZeros(model.network)) state ??= model.zeroState(rows);
      }
      const program = programFor(signatureOf(model, args, lanes), data.carriesState, state);
      const result = await program.async(args.x, args.y, args.sampleWeights, state);
      if (data.carriesState) state = result.state;
      result.sums.data().forEach((sum, i) => {
        totals[i] += sum;
      });
      const turn = pace.breathe();
      if (turn !== undefined) await turn;
    }
    return meansOf(objective, totals);
  };
}

function evaluationStep(model: Model, objective: Objective, carries: boolean) {
  return (...[x, y, sampleWeights, given]: Arguments): { sums: Tensor; state: ByName<Tensor> } => {
    const params = model.params();
    const wantsStates = objective.penalties.length > 0;
    const result = model.forward({ params, state: given, inputs: x, context: context(), wantsStates });
    const { outputs, masks, state } = result;
    const penalty = penaltyOf(model, objective.penalties, { params, inputs: x, targets: y, result });
    const { sums } = measure(objective, { outputs, masks, targets: y, weights: sampleWeights, penalty });
    return { sums: stack(sums), state: carries ? state : {} };
  };
}

function inputsOf({ x, y, sampleWeights }: Signature, state: ByName<Tensor> | undefined): Tree<TensorSpec>[] {
  const specOf = ({ dtype, shape }: Tensor): TensorSpec => ({ dtype, shape });
  const optional = [sampleWeights, state && mapTree<Tensor, TensorSpec>(state, specOf)];
  return [x, y, ...optional.filter((tree) => tree !== undefined)] as Tree<TensorSpec>[];
}

/** Says once that an evaluation reads from another state than training did: its numbers then describe another use of the model. */
export function warnOfOtherState(
  model: Model,
  trained: boolean,
  data: Dataset,
  warn: (sentence: string) => void = (sentence) => console.warn(sentence),
): void {
  if (trained === data.carriesState || leavesOf(stateSpecs(model.network)).length === 0) return;
  warn(
    trained
      ? "evaluation: the model was trained with its state carried from batch to batch, but this data starts every batch from zero state. Lay the data out with lanes(...) to measure the model as it is trained."
      : "evaluation: the model was trained with zero state at the start of every batch, but this data carries its state from batch to batch. Use batches(...) to measure the model as it is trained.",
  );
}

export interface PredictOptions {
  /** Rows of a batch; 32 if not given. */
  readonly batchSize?: number;
  /** The state that the rows start from, with a row for each; zero if not given. `model.run` also returns the final one. */
  readonly state?: ByName<Tensor>;
}

/** The model's output for all rows of x, batch by batch: a tensor, or a list of them for a model with a list of outputs. */
export async function predict<O extends Outputs>(
  model: Model<O>,
  x: ModelInput,
  options: PredictOptions = {},
): Promise<O> {
  checkOptionNames("predict", options, ["batchSize", "state"]);
  const batchSize = expectOption("predict", "batchSize", options.batchSize ?? 32, wholeNumber());
  const inputs = readInputs(model.network, x, "spec");
  const rows = inputs[0].shape[0] as number;
  const pace = createPace();
  const parts: (readonly Tensor[])[] = [];
  try {
    // Without rows the model runs once, for the shape of nothing.
    for (let start = 0; start === 0 || start < rows; start += batchSize) {
      const cut = (all: Tensor): Tensor => sliceRows(all, start, Math.min(rows, start + batchSize));
      const state = options.state && (mapTree<Tensor, Tensor>(options.state, cut) as State);
      const { outputs } = await model.runAsync(inputs.map(cut), { state });
      parts.push(isBranch(outputs) ? (outputs as readonly Tensor[]) : [outputs as Tensor]);
      const turn = pace.breathe();
      if (turn !== undefined) await turn;
    }
  } finally {
    pace.close();
  }
  const joined = parts[0].map((_, i) => joinRows(parts.map((part) => part[i])));
  return (model.network.single ? joined[0] : joined) as Outputs as O;
}

function joinRows(parts: readonly Tensor[]): Tensor {
  const [first] = parts;
  const rows = parts.reduce((sum, part) => sum + (part.shape[0] as number), 0);
  const length = parts.reduce((sum, part) => sum + part.data().length, 0);
  const data = first.dtype === "float32" ? new Float32Array(length) : new Int32Array(length);
  let at = 0;
  for (const part of parts) {
    data.set(part.data(), at);
    at += part.data().length;
  }
  return concrete({ dtype: first.dtype, shape: [rows, ...(first.shape as readonly number[]).slice(1)] }, data);
}
