/**
 * Models: a network with its weights. Weights are variables that belong to the model; state is a value that goes in
 * and comes out of every call. Compiled once for any batch and length.
 */
import { BoundedCache } from "../../base/cache.ts";
import type { DType } from "../../base/dtypes.ts";
import { OptionError } from "../../base/errors.ts";
import { product, type Shape } from "../../base/shapes.ts";
import { leavesOf, mapTree } from "../../base/trees.ts";
import { type CompiledFunction, compile, randomKey, spec, type Tensor, type Variable } from "../../trace/index.ts";
import { context, type Layer } from "../layer.ts";
import { define, type ModelDefinition, type OwnKinds, redraw } from "../network/definition.ts";
import { call, SymbolicTensor } from "../network/drawing.ts";
import {
  type ByName,
  checkSteps,
  type ForwardCall,
  type ForwardResult,
  forward,
  startsFromZeros,
  stepForward,
} from "../network/forward.ts";
import { type ModelInput, readInputs } from "../network/inputs.ts";
import { type Network, type NetworkInput, type NetworkLayer, network } from "../network/network.ts";
import { checkOptionNames, readOptions, text, wholeNumber } from "../options.ts";
import { maskedInput, type SequenceInput } from "../recurrent/masking.ts";
import { frozenPaths, makeVariables, readWeights, setTrainable, writeWeights } from "../weights/weights.ts";
import { batchedSpecs, checkedState, completeState, type State, zeroState } from "./state.ts";
import { type Outputs, type StepProgram, Stream, stepProgram } from "./stream.ts";
import { summarise } from "./summary.ts";

export interface RunOptions {
  /** Where to go on from; what is not given starts from its own initial state, which is zeros if nothing else was said. */
  readonly state?: ByName<Tensor>;
  /** Whether dropout is on. */
  readonly training?: boolean;
  /** Where dropout's randomness comes from: a seed, or a key. */
  readonly key?: number | Tensor;
  /** Whether to give the state after every step too. */
  readonly states?: boolean;
  /** Whether to give what dropout has drawn. */
  readonly dropoutMasks?: boolean;
}

export interface RunResult<O extends Outputs = Outputs> {
  /** The output; a list if the model's outputs were given as a list. */
  readonly outputs: O;
  /** After the last step, by layer. */
  readonly state: State;
  /** With `{ states: true }`: after every step, [b, t, ...], by layer. */
  readonly states?: State;
  /** With `{ dropoutMasks: true }`: what dropout has kept, bool, by layer and site: `"encoder.recurrent"` [b, t, units]. */
  readonly dropoutMasks?: Readonly<Record<string, Tensor>>;
}

type Answer = Pick<ForwardResult, "outputs" | "state" | "states"> & { readonly drawn: Record<string, Tensor> };
type Program = CompiledFunction<[Tensor[], ByName<Tensor>, Tensor?], Answer>;

/** Which program of a model is meant. */
interface Variant {
  readonly walk: typeof forward;
  readonly which: "spec" | "stepSpec";
  /** The layers whose state is given. */
  readonly given: readonly string[];
  readonly training: boolean;
  readonly keyed: boolean;
  readonly states: boolean;
  readonly drawn: boolean;
}

/** A network with weights. Made by `model` and `sequential`. */
export class Model<O extends Outputs = Outputs> {
  readonly name: string;
  readonly inputs: readonly NetworkInput[];
  readonly layers: readonly NetworkLayer[];
  /** The weights by layer, in the memory of the runtime. */
  readonly variables: ByName<Variable>;
  readonly network: Network;
  /** Compiled when first needed. */
  readonly #programs = new Map<string, Program>();
  /** A program for each of the last few batch sizes; older streams keep their own. */
  readonly #streams = new BoundedCache<number, StepProgram>(8);

  /** @internal Use `model()` or `sequential()`. */
  constructor(graph: Network, variables: ByName<Variable>) {
    this.name = graph.name;
    this.network = graph;
    this.inputs = graph.inputs;
    this.layers = graph.layers;
    this.variables = variables;
  }

  /** The outputs in order, each by the name of the call (or input) that it comes from. */
  get outputs(): readonly { readonly name: string; readonly shape: Shape; readonly dtype: DType }[] {
    const { outputs, values } = this.network;
    return outputs.map((i) => ({ name: values[i].name, ...values[i].spec }));
  }

  /** Whole sequences: x [b, t, ...] -> outputs and the state after the last step. */
  run(x: ModelInput, options: RunOptions & { readonly states: true }): RunResult<O> & { readonly states: State };
  run(x: ModelInput, options?: RunOptions): RunResult<O>;
  run(x: ModelInput, options: RunOptions = {}): RunResult<O> {
    const { program, args } = this.#prepareRun(x, options);
    return this.#runResult(program(...args), options);
  }

  /**
   * The same without waiting, where that is a difference: in a page that has threads they run it while the page stays
   * alive. Until then the weights are in use.
   */
  runAsync(
    x: ModelInput,
    options: RunOptions & { readonly states: true },
  ): Promise<RunResult<O> & { readonly states: State }>;
  runAsync(x: ModelInput, options?: RunOptions): Promise<RunResult<O>>;
  async runAsync(x: ModelInput, options: RunOptions = {}): Promise<RunResult<O>> {
    const { program, args } = this.#prepareRun(x, options);
    return this.#runResult(await program.async(...args), options);
  }

  /** One step: x [b, ...] without a time axis -> outputs and the state after it. */
  step(x: ModelInput, options: Pick<RunOptions, "state"> = {}): RunResult<O> {
    checkOptionNames(`model "${this.name}", step`, options, ["state"]);
    checkSteps(this.network);
    const inputs = readInputs(this.network, x, "stepSpec");
    const given = this.#given(options.state, inputs);
    const plain = { training: false, keyed: false, states: false, drawn: false };
    const program = this.#program({ walk: stepForward, which: "stepSpec", given: Object.keys(given), ...plain });
    return this.#result(program(inputs, given));
  }

  /** A holder of a state that is fed step by step. Raises UnsupportedError if a layer can not be. */
  stream(options: { readonly batch?: number } = {}): Stream<O> {
    const { batch } = readOptions(`model "${this.name}", stream`, options, { batch: wholeNumber(1) });
    const program = this.#streams.get(batch, () => stepProgram(this.network, () => this.params(), batch));
    return new Stream(this.network, program);
  }

  /** The network as a pure function, for use inside `compile` and `grad`: whole sequences. */
  forward(call: ForwardCall): ForwardResult {
    return forward(this.network, call);
  }

  /** The same for one step. */
  stepForward(call: ForwardCall): ForwardResult {
    return stepForward(this.network, call);
  }

  /** The weights as tensors by layer: copies, or, inside a compiled function, the values at this point of it. */
  params(): ByName<Tensor> {
    return mapTree<Variable, Tensor>(this.variables, (one) => one.read()) as ByName<Tensor>;
  }

  /** A state of zeros for `batch` rows. */
  zeroState(batch: number): State {
    return zeroState(this.network, batch) as State;
  }

  /** Copies of the weights by path: `encoder.kernel`. */
  weights(): Record<string, Tensor> {
    return readWeights(this.variables);
  }

  /** Sets weights by path; those not given stay. Nothing is written if one does not fit. */
  setWeights(values: Readonly<Record<string, Tensor>>): void {
    writeWeights(`model "${this.name}"`, this.variables, values);
  }

  /**
   * Keeps weights as they are in any training that begins after it: those whose path begins so, `*` for any part
   * (`encoder`, `encoder.forward.kernel`, `*.bias`); all if nothing is given.
   */
  freeze(...paths: string[]): void {
    setTrainable(`model "${this.name}", freeze`, this, paths, false);
  }

  /** Lets frozen weights be trained again. */
  unfreeze(...paths: string[]): void {
    setTrainable(`model "${this.name}", unfreeze`, this, paths, true);
  }

  /** The number of weights. */
  get parameterCount(): number {
    return leavesOf<Variable>(this.variables).reduce((sum, { leaf }) => sum + product(leaf.shape), 0);
  }

  /** How many programs have been compiled for `run`, `step` and streams: few, however many sizes are seen. */
  get programs(): number {
    const compiled = [...this.#programs.values(), ...this.#streams.values().map(({ push }) => push)];
    return compiled.reduce((sum, { programs }) => sum + programs, 0);
  }

  /** A table of layers, shapes, states and parameters. */
  summary(): string {
    return summarise(this.network, frozenPaths(this));
  }

  /** What the model is, without its weights, as plain JSON. */
  definition(): ModelDefinition {
    return define(this.network);
  }

  /**
   * A model over the same weights whose outputs are those of all layers, in the order in which they run, each by the
   * name of its call: for looking inside, and for comparing two models layer by layer.
   */
  withEveryOutput(): Model<readonly Tensor[]> {
    const outputs = this.network.calls.map(({ value }) => value);
    return new Model({ ...this.network, outputs, single: false }, this.variables);
  }

  /**
   * A model over a part of this network, which shares its weights: from any values to any values of what was drawn.
   * A recurrent layer whose initial state is made outside of the part asks for its state at every call.
   */
  view<Y extends SymbolicTensor | readonly SymbolicTensor[]>(options: {
    readonly inputs: SymbolicTensor | readonly SymbolicTensor[];
    readonly outputs: Y;
    readonly name?: string;
  }): Model<Y extends SymbolicTensor ? Tensor : readonly Tensor[]> {
    const { inputs, outputs, ...rest } = options;
    const { name } = readOptions(`model "${this.name}", view`, rest, { name: text(`${this.name} view`) });
    const drawn = { inputs: asList(name, "inputs", inputs), outputs: asList(name, "outputs", outputs) };
    const names = new Map(this.layers.map((layer) => [layer.layer, layer.name]));
    const nameOf = (x: SymbolicTensor): string | undefined => nameOfValue(x, names);
    const graph = network(name, drawn.inputs, outputs instanceof SymbolicTensor ? outputs : drawn.outputs, {
      names,
      nameOf,
    });
    const foreign = graph.layers.find(({ layer }) => !names.has(layer));
    if (foreign !== undefined) {
      throw new OptionError(
        `model "${this.name}", view: expected values of this model, got one that needs the layer "${foreign.name}", which it does not have. Make a model of its own with model({ inputs, outputs }).`,
        { layer: foreign.name },
      );
    }
    const shared = Object.fromEntries(
      graph.layers
        .filter((layer) => layer.name in this.variables)
        .map((layer) => [layer.name, this.variables[layer.name]]),
    );
    return new Model(graph, shared);
  }

  /** A state as programs take it: zeros are given too where they mean the same, so that one program serves both. */
  #given(state: ByName<Tensor> | undefined, inputs: readonly Tensor[]): ByName<Tensor> {
    const read = startsFromZeros(this.network) ? completeState : checkedState;
    return read(this.network, state, inputs[0].shape[0] as number);
  }

  #prepareRun(x: ModelInput, options: RunOptions): { program: Program; args: Parameters<Program> } {
    checkOptionNames(`model "${this.name}", run`, options, ["state", "training", "key", "states", "dropoutMasks"]);
    const { state, training = false, key, states = false, dropoutMasks = false } = options;
    const inputs = readInputs(this.network, x, "spec");
    const given = this.#given(state, inputs);
    const keys: [] | [Tensor] = key === undefined ? [] : [typeof key === "number" ? randomKey(key) : key];
    const program = this.#program({
      walk: forward,
      which: "spec",
      given: Object.keys(given),
      training,
      keyed: keys.length > 0,
      states,
      drawn: dropoutMasks,
    });
    return { program, args: [inputs, given, ...keys] };
  }

  #runResult(answer: Answer, { states = false, dropoutMasks = false }: RunOptions): RunResult<O> {
    return {
      ...this.#result(answer),
      ...(states ? { states: answer.states as State } : {}),
      ...(dropoutMasks ? { dropoutMasks: answer.drawn } : {}),
    };
  }

  #result({ outputs, state }: Answer): RunResult<O> {
    return { outputs: (this.network.single ? outputs[0] : outputs) as O, state: state as State };
  }

  #program(variant: Variant): Program {
    const key = JSON.stringify(variant, (name, value) => (name === "walk" ? undefined : value));
    const program = this.#programs.get(key) ?? this.#compile(variant);
    this.#programs.set(key, program);
    return program;
  }

  #compile({ walk, which, given, training, keyed, states, drawn }: Variant): Program {
    const body = (inputs: Tensor[], state: ByName<Tensor>, key?: Tensor): Answer => {
      const notes: Record<string, Tensor> = {};
      const plain = context({ training, key });
      const note = (site: string, mask: Tensor): void => {
        notes[site] = mask;
      };
      const noting = drawn ? { ...plain, note, wantsNotes: true } : plain;
      const result = walk(this.network, { params: this.params(), state, inputs, context: noting, wantsStates: states });
      return { outputs: result.outputs, state: result.state, states: states ? result.states : {}, drawn: notes };
    };
    const specs = batchedSpecs(this.network, undefined);
    const inputs = [
      this.network.inputs.map((one) => one[which]),
      Object.fromEntries(given.map((name) => [name, specs[name]])),
      ...(keyed ? [spec([2], "int32")] : []),
    ];
    return compile(body, { name: `${this.name} ${which === "spec" ? "run" : "step"}`, inputs: inputs as never });
  }
}

/** What a value of a network is called where it takes the place of an input. */
function nameOfValue(x: SymbolicTensor, names: ReadonlyMap<Layer, string>): string | undefined {
  const { origin } = x;
  if ("input" in origin) return origin.input.name;
  return "layer" in origin ? names.get(origin.layer) : `${nameOfValue(origin.of, names)}.${origin.part}`;
}

/** Draws a network's inputs and outputs together with weights. */
export interface ModelOptions<Y> {
  readonly inputs: SymbolicTensor | readonly SymbolicTensor[];
  readonly outputs: Y;
  readonly name?: string;
  /** What the weights start as depends on it; 0 if not given. */
  readonly seed?: number;
}

const seedRules = { name: text("model"), seed: wholeNumber(0, 0) };

/** A model of everything between `inputs` and `outputs`, which `input` and `call` have drawn. */
export function model<Y extends SymbolicTensor | readonly SymbolicTensor[]>(
  options: ModelOptions<Y>,
): Model<Y extends SymbolicTensor ? Tensor : readonly Tensor[]> {
  const { inputs, outputs, ...rest } = options;
  const { name, seed } = readOptions("model", rest, seedRules);
  const drawn = { inputs: asList(name, "inputs", inputs), outputs: asList(name, "outputs", outputs) };
  const graph = network(name, drawn.inputs, outputs instanceof SymbolicTensor ? outputs : drawn.outputs);
  return new Model(graph, makeVariables(graph, seed));
}

function asList(name: string, what: string, given: unknown): readonly SymbolicTensor[] {
  const list = given instanceof SymbolicTensor ? [given] : given;
  if (Array.isArray(list) && list.length > 0 && list.every((one) => one instanceof SymbolicTensor)) return list;
  throw new OptionError(
    `model "${name}": expected its ${what} to be a value made by input() or call(), or a list of them, got something else. Name inputs as input({ name }), and outputs by the names of their layers.`,
    { what },
  );
}

/** A model of layers one after the other. */
export function sequential(
  layers: readonly Layer[],
  options: { readonly input: SequenceInput; readonly name?: string; readonly seed?: number },
): Model<Tensor> {
  if (!Array.isArray(layers))
    throw new OptionError(
      "sequential: expected a list of layers first, got something else. Write sequential([lstm({ units: 16 }), dense({ units: 2 })], { input: { shape: [null, 3] } }).",
    );
  const { input: first, ...rest } = options ?? {};
  if (first === undefined || Array.isArray(first))
    throw new OptionError(
      `sequential: expected the shape of the input, got ${first === undefined ? "none" : "a list alone"}. Give { input: { shape: [null, 3] } } for sequences of 3 numbers a step; the batch is not part of it.`,
    );
  const { x, inputs } = maskedInput(first);
  const outputs = layers.reduce<SymbolicTensor>((value, layer) => call(layer, value), x);
  return model({ inputs, outputs, ...rest });
}

/**
 * The model that a definition describes, with the given weights (all of them) or fresh ones. Cells and layers of the
 * user's own are made by `own`.
 * The type of its outputs is known only when it is loaded: give it if you know, `modelFromDefinition<Tensor>(...)`.
 */
export function modelFromDefinition<O extends Outputs = Outputs>(
  definition: ModelDefinition,
  own: OwnKinds & { readonly seed?: number; readonly weights?: Readonly<Record<string, Tensor>> } = {},
): Model<O> {
  checkOptionNames("modelFromDefinition", own, ["cells", "layers", "seed", "weights"]);
  const graph = redraw(definition, own);
  return new Model(graph, makeVariables(graph, own.seed ?? 0, own.weights));
}
