/**
 * A model as a graph and the layers that were left out of it. The graph is that of the network, traced as any program
 * is, and made simpler by the same passes; recurrent layers that ONNX has an operator for are sites in it.
 */
import { symbol } from "../../../base/dims.ts";
import { leavesOf, mapTree } from "../../../base/trees.ts";
import type { Graph, Value } from "../../../graph/graph.ts";
import type { StateSpec } from "../../../nn/index.ts";
import { context, type Layer, type LayerCall, type LayerResult, type Model } from "../../../nn/index.ts";
import { stateSpecs } from "../../../nn/model/state.ts";
import { type ForwardResult, forward, startsFromZeros, stepForward } from "../../../nn/network/forward.ts";
import type { Network, NetworkCall } from "../../../nn/network/network.ts";
import { optimise } from "../../../passes/pipeline.ts";
import { type Binding, Trace, within } from "../../../trace/context.ts";
import { spec, type Tensor, type TensorSpec } from "../../../trace/index.ts";
import { convolutionNode } from "./convolutionNode.ts";
import type { Site } from "./order.ts";
import type { Place } from "./place.ts";
import { applyNode, type Sites, stepNode } from "./recurrentCall.ts";
import { type RecurrentNode, recurrentNode } from "./recurrentNode.ts";

/** What is asked of a file. */
export interface TraceOptions {
  /** Whether recurrent states go in and come out. */
  readonly state: boolean;
  /** Whether it is one step, and not a sequence. */
  readonly step: boolean;
}

export interface NamedValue {
  readonly name: string;
  readonly value: Value;
}

export interface TracedModel {
  readonly graph: Graph;
  /** What the file is given: the model's inputs, states, and which rows start anew. */
  readonly inputs: readonly NamedValue[];
  readonly outputs: readonly NamedValue[];
  /** Inputs of the graph whose data the file holds. */
  readonly held: readonly { readonly value: Value; readonly binding: Binding }[];
  readonly sites: readonly Site[];
}

/** A site while its model is traced: what it reads is an output of the graph. */
interface OpenSite {
  readonly ins: readonly Tensor[];
  readonly outs: readonly Value[];
  readonly spell: (at: Place, ins: readonly Value[], outs: readonly Value[]) => readonly string[];
}

/** Traces a model. Raises UnsupportedError for what can not be stepped, if steps are asked for. */
export function traceModel(model: Model, options: TraceOptions): TracedModel {
  const { network } = model;
  const trace = new Trace(model.name);
  const open: OpenSite[] = [];
  const { inputs, given } = argumentsOf(network, trace, options);
  const walk = options.step ? stepForward : forward;
  // Outside of the trace, since it reads the numbers of weights.
  const calls = withSites(model, sitesOf(trace, open));
  const result = within(trace, () =>
    walk({ ...network, calls }, { ...given, params: model.params(), context: context() }),
  );
  const results = namedResults(model, inputs, { ...result, state: options.state ? result.state : {} });
  return finish(trace, { inputs, results, open });
}

/** What the file is given, as arguments of the trace. */
function argumentsOf(network: Network, trace: Trace, { state: wantsState, step }: TraceOptions) {
  const inputs: NamedValue[] = [];
  const argument = (name: string, given: TensorSpec): Tensor => {
    const x = trace.argument(name, given);
    inputs.push({ name, value: trace.lift(x) });
    return x;
  };
  const xs = network.inputs.map((one) => argument(one.name, step ? one.stepSpec : one.spec));
  const specs = wantsState ? Object.entries(stateSpecs(network)) : [];
  const states = specs.map(([layer, parts]) => {
    const part = ({ dtype, shape }: StateSpec, path: string): Tensor =>
      argument(`${layer}.state.${path}`, { dtype, shape: [symbol("b"), ...shape] });
    return [layer, mapTree<StateSpec, Tensor>(parts, part)] as const;
  });
  const needsFresh = wantsState && !startsFromZeros(network);
  const fresh = needsFresh ? { fresh: argument("fresh", spec(["b"], "bool")) } : {};
  return { inputs, given: { inputs: xs, state: Object.fromEntries(states), ...fresh } };
}

interface NamedResult {
  readonly name: string;
  readonly x: Tensor;
}

/** The model's outputs and the states after it. A state among the outputs has the name of the input that it goes on from. */
function namedResults(
  model: Model,
  inputs: readonly NamedValue[],
  { outputs, state }: Pick<ForwardResult, "outputs" | "state">,
): NamedResult[] {
  const isInput = new Set(inputs.map(({ name }) => name));
  const nameOf = (name: string): string => (isInput.has(name) ? name.replace(".state.", ".next.") : name);
  const own = model.outputs.map(({ name }, i) => ({ name: nameOf(name), x: outputs[i] }));
  const next = Object.entries(state).flatMap(([layer, parts]) =>
    leavesOf<Tensor>(parts).map(({ path, leaf }) => ({ name: `${layer}.next.${path}`, x: leaf })),
  );
  const known = new Set(own.map(({ name }) => name));
  return [...own, ...next.filter(({ name }) => !known.has(name))];
}

interface Ended {
  readonly inputs: readonly NamedValue[];
  readonly results: readonly NamedResult[];
  readonly open: readonly OpenSite[];
}

function finish(trace: Trace, { inputs, results, open }: Ended): TracedModel {
  const read = [...results.map(({ x }) => x), ...open.flatMap(({ ins }) => ins)].map((x) => trace.lift(x));
  const graph = optimise(trace.builder.finish(read));
  const outputs = results.map(({ name }, i) => ({ name, value: graph.outputs[i] }));
  let next = results.length;
  const sites = open.map(({ ins, outs, spell }): Site => {
    const own = ins.map(() => graph.outputs[next++]);
    return { ins: own, outs, spell: (at) => spell(at, own, outs) };
  });
  const held = trace.bindings.flatMap((binding, i) =>
    binding.kind === "argument" ? [] : [{ value: trace.builder.inputs[i].value, binding }],
  );
  return { graph, inputs, outputs, held, sites };
}

function sitesOf(trace: Trace, open: OpenSite[]): Sites {
  return {
    add(ins, outs, spell) {
      const results = outs.map((one) => trace.argument("site", one));
      open.push({ ins, outs: results.map((x) => trace.lift(x)), spell });
      return results;
    },
    isZero: (x) => trace.builder.numberOf(trace.lift(x)) === 0,
  };
}

/** The calls of a network with those layers replaced that are nodes of the file. */
function withSites(model: Model, sites: Sites): readonly NetworkCall[] {
  // Which lengths a mask was made of: the operators of ONNX take these, and no masks.
  const lengths = new WeakMap<Tensor, Tensor>();
  const nodes = new Map(model.layers.map((layer) => [layer.name, recurrentNode(model, layer)]));
  return model.network.calls.map((part) => {
    const { layer } = part.layer;
    const node = nodes.get(part.layer.name);
    const own = layer.kind === "lengthsMask" ? noting(layer, lengths) : convolutionNode(part.name, layer, sites);
    const replaced = node === undefined ? own : asNode(part, node, sites, lengths);
    return replaced === undefined ? part : { ...part, layer: { ...part.layer, layer: replaced } };
  });
}

function noting(layer: Layer, lengths: WeakMap<Tensor, Tensor>): Layer {
  const apply = (call: LayerCall): LayerResult => {
    const result = layer.apply(call);
    if (result.mask !== undefined && call.masks?.[0] === undefined) lengths.set(result.mask, call.inputs[1]);
    return result;
  };
  return { ...layer, apply };
}

function asNode(
  { name, layer: { name: layerName, layer } }: NetworkCall,
  node: RecurrentNode,
  sites: Sites,
  lengths: WeakMap<Tensor, Tensor>,
): Layer {
  const own = { name, layer: layerName, node };
  const isPlain = ({ inputs, constants = [], resets, wantsStates = false }: LayerCall): boolean =>
    inputs.length === 1 &&
    inputs[0].dtype === "float32" &&
    constants.length === 0 &&
    resets === undefined &&
    !wantsStates;
  const apply = (call: LayerCall): LayerResult => {
    const mask = call.masks?.[0];
    const known = mask && lengths.get(mask);
    return isPlain(call) && (mask === undefined) === (known === undefined)
      ? applyNode(own, call, sites, known)
      : layer.apply(call);
  };
  const run = (call: LayerCall): LayerResult =>
    (isPlain(call) && call.masks?.[0] === undefined) || !("run" in layer.stepping)
      ? stepNode(own, call, sites)
      : layer.stepping.run(call);
  return { ...layer, apply, stepping: "refused" in layer.stepping ? layer.stepping : { run } };
}
