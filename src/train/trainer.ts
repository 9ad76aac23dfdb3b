/**
 * The trainer: owns what changes in a training (optimiser slots, step counter, random key, running sums, carried
 * state, position in the data), compiles its step, and takes and restores snapshots of all of it.
 * Not here: the loop over epochs (`fit.ts`), files (io).
 */
import { OptionError } from "../base/errors.ts";
import { leavesByPath, leavesOf, mapTree, type Tree } from "../base/trees.ts";
import type { CheckpointSteps } from "../nn/layer.ts";
import type { Model } from "../nn/model/model.ts";
import { type ByName, startsFromZeros } from "../nn/network/forward.ts";
import { checkOptionNames, wholeNumberOrAuto } from "../nn/options.ts";
import {
  type BackendName,
  type CompiledFunction,
  compile,
  concrete,
  type Memory,
  randomKey,
  spec,
  type Tensor,
  tensor,
  type Variable,
  variable,
  zeros,
} from "../trace/index.ts";
import { expectBackend } from "./checks.ts";
import { type Clipping, expectClipping } from "./clipping.ts";
import type { Batch, Position } from "./data.ts";
import { nonFiniteStep } from "./failure.ts";
import type { EpochRow } from "./history.ts";
import { expectLogits } from "./logits.ts";
import { meansOf, sumsLength } from "./measure.ts";
import { type Objective, type ObjectiveOptions, objectiveOf, objectiveOptions } from "./objective.ts";
import { type Optimizer, type OptimizerName, optimizerOf } from "./optimisers.ts";
import { expectOption, positive, rate } from "./options.ts";
import { type Schedule, scheduleOf } from "./schedules.ts";
import { argumentsOf, expectLanes, type Signature, type StepArguments, signatureOf } from "./signature.ts";
import { readSnapshot, type TrainingState, writeSnapshot } from "./snapshot.ts";
import { type StepPlan, trainableOf, trainingStep } from "./step.ts";

export interface TrainerOptions extends ObjectiveOptions {
  /** adam if not given. */
  readonly optimizer?: OptimizerName | Optimizer;
  /** Instead of the optimizer's own. */
  readonly learningRate?: number | Schedule;
  readonly clip?: Clipping;
  /** For all recurrent layers that say nothing of it themselves: less memory for more time, see the option of `rnn`. */
  readonly checkpoint?: CheckpointSteps;
  /** Bytes. A step that would need more raises UnsupportedError before it runs, naming what needs the most. */
  readonly memoryLimit?: number;
  /** Of dropout and other random layers; 0 if not given. */
  readonly seed?: number;
  /** When a number stops being finite, find the layer and time step where: the step runs again, slowly. */
  readonly diagnose?: boolean;
  readonly backend?: BackendName;
}

/** The names of `TrainerOptions`. */
export const trainerOptions = [
  ...objectiveOptions,
  "optimizer",
  "learningRate",
  "clip",
  "checkpoint",
  "memoryLimit",
  "seed",
  "diagnose",
  "backend",
] as const;

/** What one step tells. `gradientNorm` is that before clipping. */
export interface StepReport {
  /** Updates made, with this one. */
  readonly step: number;
  /** With all penalties. */
  readonly loss: number;
  readonly gradientNorm: number;
  readonly learningRate: number;
}

type Program = CompiledFunction<[readonly Tensor[], readonly Tensor[], Tensor | undefined, Tensor | undefined], Tensor>;

export interface StepOptions {
  /** Whether rows start from the state in which the last batch left them. */
  readonly carriesState?: boolean;
}

interface PreparedStep {
  readonly args: StepArguments;
  readonly program: Program;
  readonly all: Parameters<Program>;
}

/** A trainer for a model, at step 0. */
export function createTrainer(model: Model, options: TrainerOptions): Trainer {
  return new Trainer(model, options);
}

/** Everything that a training changes, beside the weights of its model. */
export class Trainer {
  readonly model: Model;
  readonly objective: Objective;
  readonly plan: StepPlan;
  /** What runs its programs; undefined for the usual one. */
  readonly backend: BackendName | undefined;
  /** The batch that comes next; `fit` keeps it. */
  position: Position = { epoch: 0, index: 0 };
  /** One row for each whole epoch; `fit` keeps it. */
  rows: EpochRow[] = [];
  /** Of training so far; `fit` keeps it. */
  seconds = 0;
  readonly #options: TrainerOptions;
  readonly #slots: ByName<Variable>;
  readonly #counter: Variable;
  readonly #key: Variable;
  readonly #sums: Variable;
  #state: ByName<Variable> | undefined;
  /** Whether the carried state has not been through a batch: rows then start from the model's own initial state. */
  #fresh = false;
  #steps = 0;
  readonly #startsFromZeros: boolean;
  readonly #programs = new Map<string, Program>();

  /** @internal Use `createTrainer()`. */
  constructor(model: Model, options: TrainerOptions) {
    checkOptionNames("training", options, trainerOptions);
    if (options.loss === undefined) {
      throw new OptionError(
        `training: expected a loss, got none. Give { loss: "sparseCategoricalCrossentropy" } or another.`,
        { option: "loss" },
      );
    }
    this.model = model;
    this.#startsFromZeros = startsFromZeros(model.network);
    this.#options = options;
    this.backend = expectBackend("training", options.backend);
    if (options.memoryLimit !== undefined) expectOption("training", "memoryLimit", options.memoryLimit, positive());
    this.objective = objectiveOf(
      options,
      model.outputs.map(({ name }) => name),
    );
    expectLogits(
      model,
      this.objective.outputs.map(({ loss }) => loss),
    );
    const optimizer = optimizerOf(options.optimizer ?? "adam");
    const given = expectOption(
      "training",
      "learningRate",
      options.learningRate ?? optimizer.learningRate,
      rate<Schedule>(),
    );
    const schedule = scheduleOf(given);
    const trainable = trainableOf(model);
    this.plan = {
      model,
      trainable,
      objective: this.objective,
      optimizer,
      schedule,
      clip: expectClipping(options.clip),
      checkpoint:
        options.checkpoint === undefined
          ? undefined
          : expectOption("training", "checkpoint", options.checkpoint, wholeNumberOrAuto()),
    };
    this.#slots = variablesFor(optimizer.slots(trainable), "slots");
    this.#counter = own(tensor(0, { dtype: "int32" }), "step");
    this.#key = own(randomKey(options.seed ?? 0), "key");
    this.#sums = own(zeros([sumsLength(this.objective)]), "sums");
  }

  /** Updates made. */
  get steps(): number {
    return this.#steps;
  }

  /** Whether the last steps carried state from batch to batch. */
  get carriesState(): boolean {
    return this.#state !== undefined;
  }

  /**
   * One update of the model's weights. With `carriesState` rows start from the state in which the last batch left them.
   * Raises NumericError, and changes nothing, where the loss or the gradient is not finite.
   */
  step(batch: Batch, options: StepOptions = {}): StepReport {
    const prepared = this.#prepare(batch, options);
    return this.#report(prepared, prepared.program(...prepared.all));
  }

  /**
   * The same without waiting, where that is a difference: in a page that has threads they run it while the page stays
   * alive. Until then the model's weights are in use.
   */
  async stepAsync(batch: Batch, options: StepOptions = {}): Promise<StepReport> {
    const prepared = this.#prepare(batch, options);
    return this.#report(prepared, await prepared.program.async(...prepared.all));
  }

  #prepare(batch: Batch, options: StepOptions): PreparedStep {
    const args = argumentsOf(this.model, batch);
    const lanes = this.#prepareState(options.carriesState ?? false, args);
    const program = this.#program(signatureOf(this.model, args, lanes), lanes);
    return { args, program, all: [args.x, args.y, args.sampleWeights, this.#freshRows(lanes)] };
  }

  #report({ args, program, all }: PreparedStep, answer: Tensor): StepReport {
    const [ok, loss, gradientNorm, learningRate] = answer.data();
    if (ok === 0) {
      const diagnose = this.#options.diagnose === true ? () => program.diagnose(...all) : undefined;
      throw nonFiniteStep(this, args, { loss, gradientNorm }, diagnose);
    }
    this.#steps++;
    this.#fresh = false;
    return { step: this.#steps, loss, gradientNorm, learningRate };
  }

  /** The bytes that a step with this batch needs, by the plan; nothing is run. */
  memory(batch: Batch): Memory {
    const args = argumentsOf(this.model, batch);
    const lanes = this.#state === undefined ? undefined : (args.x[0].shape[0] as number);
    const program = this.#program(signatureOf(this.model, args, lanes), lanes);
    return program.memory(args.x, args.y, args.sampleWeights, this.#freshRows(lanes));
  }

  /** Running means since the last `resetMeans`. */
  means(): Record<string, number> {
    return meansOf(this.objective, this.#sums.read().data());
  }

  /** Begins new running means, as at the start of an epoch. */
  resetMeans(): void {
    this.#sums.assign(zeros(this.#sums.shape));
  }

  /** Makes the next batch start from the model's initial state, with any number of rows. */
  resetState(): void {
    this.#state = undefined;
  }

  /** Everything that training on needs, as named arrays and plain JSON. */
  snapshot(): TrainingState {
    const { position, rows, seconds, steps } = this;
    return writeSnapshot(this.#arrays(this.#state), { position, rows, seconds, steps, optimizer: this.plan.optimizer });
  }

  /** Continues from a snapshot: the training that follows equals the one that was not interrupted, bit for bit. */
  restore(state: TrainingState): void {
    const carried = this.#stateOfSnapshot(state);
    readSnapshot(state, this.#arrays(carried), this.plan.optimizer);
    this.#state = carried;
    this.#fresh = false;
    const { position, rows, seconds, steps } = state.json;
    this.position = { ...position };
    this.rows = rows.map((row) => ({ ...row }));
    this.seconds = seconds;
    this.#steps = steps;
  }

  // The number of lanes whose state is carried, or undefined.
  #prepareState(carries: boolean, { x }: StepArguments): number | undefined {
    const rows = x[0].shape[0] as number;
    if (!carries) this.#state = undefined;
    else if (this.#state === undefined) {
      this.#state = this.#stateFor(rows);
      this.#fresh = true;
      for (const { leaf } of leavesOf<Variable>(this.#state)) leaf.assign(zeros(leaf.shape, leaf.dtype));
    }
    if (this.#state === undefined) return undefined;
    for (const { leaf } of leavesOf<Variable>(this.#state).slice(0, 1)) expectLanes(leaf.shape[0], rows);
    return rows;
  }

  // bool [lanes], for a carried state that does not begin as zeros.
  #freshRows(lanes: number | undefined): Tensor | undefined {
    if (lanes === undefined || this.#startsFromZeros) return undefined;
    return concrete({ dtype: "bool", shape: [lanes] }, new Int32Array(lanes).fill(this.#fresh ? 1 : 0));
  }

  // Programs know the state's variables, so those of one number of lanes are made once and cleared later.
  readonly #states = new Map<number, ByName<Variable>>();

  #stateFor(lanes: number): ByName<Variable> {
    const known = this.#states.get(lanes) ?? variablesFor(this.model.zeroState(lanes), "state");
    this.#states.set(lanes, known);
    return known;
  }

  #stateOfSnapshot({ arrays }: TrainingState): ByName<Variable> | undefined {
    const first = Object.keys(arrays).find((path) => path.startsWith("state."));
    const lanes = first === undefined ? undefined : arrays[first].shape[0];
    return lanes === undefined ? undefined : this.#stateFor(lanes);
  }

  #program(signature: Signature, lanes: number | undefined): Program {
    const key = `${lanes ?? "any"};${signature.key}`;
    const known = this.#programs.get(key);
    if (known !== undefined) return known;
    const variables = {
      slots: this.#slots,
      counter: this.#counter,
      key: this.#key,
      sums: this.#sums,
      state: lanes === undefined ? undefined : this.#state,
    };
    const inputs = [
      signature.x,
      signature.y,
      ...(signature.sampleWeights === undefined ? [] : [signature.sampleWeights]),
      ...(lanes === undefined || this.#startsFromZeros ? [] : [spec([lanes], "bool")]),
    ];
    const program: Program = compile(trainingStep(this.plan, variables), {
      name: "training",
      inputs,
      backend: this.backend,
      memoryLimit: this.#options.memoryLimit,
    });
    this.#programs.set(key, program);
    return program;
  }

  #arrays(state: ByName<Variable> | undefined): Map<string, Variable> {
    const { variables: weights } = this.model;
    const tree = { weights, slots: this.#slots, step: this.#counter, key: this.#key, sums: this.#sums, state };
    return leavesByPath<Variable>(tree as Tree<Variable>);
  }
}

function own(value: Tensor, name: string): Variable {
  return variable(value, { name, trainable: false });
}

function variablesFor(tree: ByName<Tensor>, prefix: string): ByName<Variable> {
  return mapTree<Tensor, Variable>(tree, (value, path) => own(value, `${prefix}.${path}`)) as ByName<Variable>;
}
