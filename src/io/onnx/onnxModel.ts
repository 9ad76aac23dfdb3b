/**
 * A model of ONNX that runs: its graph is traced with the operations of Recurve and compiled. Its weights are variables
 * and can be trained. Not here: layers of Recurve made of it (`lift/`), what the operators mean (`ops/`).
 */
import { type Dim, symbol } from "../../base/dims.ts";
import type { DType } from "../../base/dtypes.ts";
import { OptionError, ShapeError, UnsupportedError } from "../../base/errors.ts";
import { unknownName } from "../../base/names.ts";
import { equalShapes, formatShape } from "../../base/shapes.ts";
import type { GivenArray } from "../../nn/index.ts";
import {
  type CompiledFunction,
  cast,
  compile,
  currentTrace,
  Tensor,
  type TensorSpec,
  type Variable,
  variable,
} from "../../trace/index.ts";
import { encodeElements } from "../elements.ts";
import { quoted } from "../quoted.ts";
import type { ReportValue } from "../report.ts";
import { evaluateGraph, functionKey, type Program, Scope } from "./evaluate.ts";
import {
  encodeOnnxProto,
  givenArrayOf,
  type OnnxModelProto,
  type OnnxTensor,
  type OnnxValueInfo,
  weightOf,
} from "./messages.ts";
import { ruleOf } from "./ops/table.ts";
import { dtypeOf } from "./ops/types.ts";
import { isSequence, knownOf, tensorOf } from "./value.ts";

/** Tensors by name. */
export type NamedTensors = Readonly<Record<string, Tensor>>;

export interface OnnxCall {
  /** The weights, by the names of initialisers. */
  readonly params: NamedTensors;
  readonly inputs: NamedTensors;
}

/** A model of ONNX. Made by `decodeOnnx`. */
export class OnnxModel {
  readonly name: string;
  /** The name of its file, which begins the sentences of errors. */
  readonly where: string;
  /** What it takes and gives, by the names in the file. */
  readonly inputs: readonly ReportValue[];
  readonly outputs: readonly ReportValue[];
  /** The messages of the file. */
  readonly proto: OnnxModelProto;
  readonly #program: Program;
  /** The initialisers that are weights, by name. */
  readonly #weights: ReadonlyMap<string, OnnxTensor>;
  #variables: ReadonlyMap<string, Variable> | undefined;
  readonly #run: CompiledFunction<[NamedTensors], Record<string, Tensor>>;
  #free: CompiledFunction<[NamedTensors], Record<string, Tensor>> | undefined;

  /** @internal Use `decodeOnnx`. */
  constructor(proto: OnnxModelProto, where: string) {
    const { graph } = proto;
    const weights = new Set(graph.initializers.map(({ name }) => name));
    this.name = graph.name === "" ? where : graph.name;
    this.where = where;
    this.proto = proto;
    this.inputs = graph.inputs.filter(({ name }) => !weights.has(name)).map(reported);
    this.outputs = graph.outputs.map(reported);
    this.#weights = new Map(graph.initializers.filter(isWeight).map((one) => [one.name, one]));
    const functions = new Map(proto.functions.map((one) => [functionKey(one.domain, one.name), one]));
    this.#program = { where, version: versionOf(proto), functions, ruleOf };
    const run = (inputs: NamedTensors): Record<string, Tensor> => this.forward({ params: this.weights(), inputs });
    this.#run = compile(run, { name: where });
    const specs = Object.fromEntries(this.inputs.map((one, i) => [one.name, specOf(one, i)]));
    const isFree = Object.values(specs).every((one) => one !== undefined);
    if (isFree) this.#free = compile(run, { name: where, inputs: [specs as Record<string, TensorSpec>] });
  }

  /**
   * The initialisers of float32, which can be trained; scalars are constants. Made when they are first asked for: a graph
   * that only becomes layers has none in memory.
   */
  get variables(): ReadonlyMap<string, Variable> {
    this.#variables ??= new Map([...this.#weights].map(([name, one]) => [name, variableOf(one, this.where)]));
    return this.#variables;
  }

  /** @internal The shapes of the weights, by name. */
  get shapes(): ReadonlyMap<string, readonly number[]> {
    return new Map([...this.#weights].map(([name, { dims }]) => [name, dims]));
  }

  /** @internal A weight as it is now; as it lies in the file while no variables hold it. Undefined for other names. */
  array(name: string): GivenArray | undefined {
    const own = this.#variables?.get(name);
    if (own !== undefined) return { shape: own.shape, data: own.read().data() };
    const found = this.#weights.get(name);
    return found === undefined ? undefined : givenArrayOf(found, this.where);
  }

  /** @internal The same as a tensor. */
  weight(name: string): Tensor | undefined {
    const own = this.#variables?.get(name);
    if (own !== undefined) return own.read();
    const found = this.#weights.get(name);
    return found === undefined ? undefined : weightOf(found, this.where);
  }

  /** How many programs have been compiled: one, where the graph allows it. */
  get programs(): number {
    return this.#run.programs + (this.#free?.programs ?? 0);
  }

  /** The weights as they are now. */
  weights(): Record<string, Tensor> {
    return Object.fromEntries([...this.variables].map(([name, one]) => [name, one.read()]));
  }

  /** Gives some or all of the weights other values, of the same shapes. */
  setWeights(values: NamedTensors): void {
    const given = Object.entries(values);
    for (const [name, value] of given) {
      const own = this.#variable(name);
      if (equalShapes(own.shape, value.shape)) continue;
      throw new ShapeError(
        `${this.#program.where}: expected weight ${quoted(name)} of shape ${formatShape(own.shape)}, got ${formatShape(value.shape)}. Give a value of the same shape.`,
        { weight: name, shapes: [own.shape, value.shape] },
      );
    }
    for (const [name, value] of given) this.#variable(name).assign(value);
  }

  /**
   * Computes the outputs of these inputs. One program serves all sizes that the file leaves free, where the graph allows
   * it; else there is one for each shape.
   */
  run(inputs: NamedTensors): Record<string, Tensor> {
    const given = this.#given(inputs);
    if (currentTrace() !== undefined) return this.forward({ params: this.weights(), inputs: given });
    if (this.#free === undefined) return this.#run(given);
    try {
      return this.#free(given);
    } catch (error) {
      // The graph needs a size to be known, or these sizes are outside of what the general program allows.
      if (!(error instanceof ShapeError || error instanceof UnsupportedError)) throw error;
      if (this.#free.programs === 0) this.#free = undefined;
      return this.#run(given);
    }
  }

  /** The same as a pure function of weights and inputs, for use inside of `compile` and `grad`. */
  forward({ params, inputs }: OnnxCall): Record<string, Tensor> {
    const { graph } = this.proto;
    const { where } = this;
    const scope = this.scopeOf(this.#given(inputs), params);
    const outs = evaluateGraph(graph, scope);
    return Object.fromEntries(
      outs.map((value, i) => {
        const { name } = graph.outputs[i];
        if (!isSequence(value)) return [name, tensorOf(value, where)];
        throw new UnsupportedError(
          `${where}: expected tensors as outputs, got a list of tensors as ${quoted(name)}. Stack it before the end of the graph.`,
        );
      }),
    );
  }

  /** @internal What nodes of the graph can read: its initialisers, those of float32 as they are in `params`, and inputs. */
  scopeOf(inputs: NamedTensors, params: NamedTensors = {}, wants = (_name: string): boolean => true): Scope {
    const scope = new Scope(this.#program);
    for (const tensor of this.proto.graph.initializers) {
      const { name } = tensor;
      if (!wants(name)) continue;
      const given = Object.hasOwn(params, name) ? params[name] : undefined;
      scope.set(name, this.#weights.has(name) ? (given ?? this.#variable(name).read()) : knownOf(tensor, this.where));
    }
    for (const [name, value] of Object.entries(inputs)) scope.set(name, value);
    return scope;
  }

  /** The file again, with the weights as they are now. */
  encode(): Uint8Array {
    const { graph } = this.proto;
    const initializers = graph.initializers.map((tensor): OnnxTensor => {
      const own = this.#variables?.get(tensor.name);
      return own === undefined ? tensor : { ...tensor, data: encodeElements("float32", own.read().data()) };
    });
    return encodeOnnxProto({ ...this.proto, graph: { ...graph, initializers } });
  }

  #variable(name: string): Variable {
    const found = this.variables.get(name);
    if (found !== undefined) return found;
    throw unknownName(this.#program.where, "weight", name, [...this.variables.keys()]);
  }

  /** The inputs in order, in the types of the file. Those that have an initialiser may be left out. */
  #given(inputs: NamedTensors): NamedTensors {
    const { where } = this.#program;
    const names = this.inputs.map(({ name }) => name);
    const weights = this.proto.graph.initializers.map(({ name }) => name);
    for (const name of Object.keys(inputs))
      if (!names.includes(name) && !weights.includes(name)) throw unknownName(where, "input", name, names);
    const required = this.inputs.map(({ name, dtype }): [string, Tensor] => {
      const given = Object.hasOwn(inputs, name) ? inputs[name] : undefined;
      if (given instanceof Tensor) return [name, converted(given, dtypeOf(dtype))];
      throw new OptionError(
        `${where}: expected a tensor for input ${quoted(name)}, got none. Give { ${names.map((one) => JSON.stringify(one)).join(", ")} }.`,
        { input: name },
      );
    });
    const others = Object.entries(inputs).filter(([name]) => !names.includes(name));
    return Object.fromEntries([...required, ...others]);
  }
}

function converted(x: Tensor, dtype: DType | undefined): Tensor {
  return dtype === undefined ? x : cast(x, dtype);
}

/** Whether a tensor of the file is a weight: scalars are constants that exporters have moved out. */
function isWeight({ elementType, dims }: OnnxTensor): boolean {
  return elementType === "float32" && dims.length > 0;
}

function variableOf(tensor: OnnxTensor, where: string): Variable {
  return variable(weightOf(tensor, where), { name: tensor.name });
}

/** The version of ONNX's own operators. */
export function versionOf({ opsets }: OnnxModelProto): number {
  return opsets.find(({ domain }) => domain === "" || domain === "ai.onnx")?.version ?? 1;
}

export function reported({ name, elementType, shape }: OnnxValueInfo): ReportValue {
  return { name, dtype: elementType, shape: shape ?? [] };
}

/** What an input is, with the free sizes of the file; undefined where its rank is not known. */
function specOf({ name, dtype, shape }: ReportValue, at: number): TensorSpec | undefined {
  const own = dtypeOf(dtype);
  if (own === undefined || name === "") return undefined;
  return { dtype: own, shape: sizesOf(shape, at) };
}

/** The shape of input `at`. Names of sizes in files may be anything. */
export function sizesOf(shape: ReportValue["shape"], at: number): readonly Dim[] {
  return shape.map((size, axis) => {
    if (typeof size === "number") return size;
    return symbol(size !== null && /^[A-Za-z_]\w*$/.test(size) ? size : `size_${at}_${axis}`);
  });
}
