/** A network as a pure function of weights, state and inputs: over whole sequences, or for one step. */
import type { Dim } from "../base/dims.ts";
import { OptionError, UnsupportedError } from "../base/errors.ts";
import { leavesOf, mapTree, type Tree } from "../base/trees.ts";
import { foldIn, type Tensor, withScope, zeros as zerosOf } from "../trace/index.ts";
import { type Context, describeLayer, type LayerCall, type LayerResult, type StateSpec } from "./layer.ts";
import type { Network, NetworkCall, NetworkLayer } from "./network.ts";

/** Trees by name: of weights by layer, of states by call. */
export type ByName<L> = { readonly [name: string]: Tree<L> };

export interface ForwardCall {
  /** The weights of each layer that has any. */
  readonly params: ByName<Tensor>;
  /** The state of each call of a recurrent layer; zeros for those that are not given. */
  readonly state?: ByName<Tensor>;
  /** In the order of the model's inputs. */
  readonly inputs: readonly Tensor[];
  readonly context: Context;
}

export interface ForwardResult {
  /** In the order of the model's outputs. */
  readonly outputs: readonly Tensor[];
  readonly state: ByName<Tensor>;
}

/** Runs every call of a network in order: whole sequences, [b, t, ...]. */
export function forward(network: Network, call: ForwardCall): ForwardResult {
  return walk(network, call, (part, layerCall) => part.layer.layer.apply(layerCall));
}

/** The same for one time step, [b, ...]. Raises UnsupportedError for a layer that can not be stepped, with its reason. */
export function stepForward(network: Network, call: ForwardCall): ForwardResult {
  checkSteps(network);
  return walk(network, call, (part, layerCall) => {
    const { stepping } = part.layer.layer;
    return (stepping as { run: (call: LayerCall) => LayerResult }).run(layerCall);
  });
}

/** Raises UnsupportedError if a layer of the network, or an input, has no meaning for one step. */
export function checkSteps({ name, inputs, layers }: Network): void {
  for (const { layer, name: layerName } of layers) {
    if (!("refused" in layer.stepping)) continue;
    throw new UnsupportedError(
      `${describeLayer(layer.kind, layerName)}: can not take one step at a time, since ${layer.stepping.refused}.`,
      {
        layer: layerName,
      },
    );
  }
  if (inputs.some(({ spec, stepSpec }) => spec !== stepSpec && spec.shape.length !== stepSpec.shape.length)) return;
  throw new UnsupportedError(
    `model "${name}": can not take one step at a time, since none of its inputs has a time axis. Use run.`,
  );
}

type Run = (part: NetworkCall, call: LayerCall) => LayerResult;

function walk(network: Network, { params, state = {}, inputs, context }: ForwardCall, run: Run): ForwardResult {
  const values = [...inputs];
  const after: { [name: string]: Tree<Tensor> } = {};
  let base: Tensor | undefined;
  const baseKey = (asker: string): Tensor => {
    base ??= context.key(asker);
    return base;
  };
  for (const part of network.calls) {
    const layerCall = {
      params: weightsOf(part.layer, params),
      state: state[part.name] ?? zeros(part, inputs[0].shape[0]),
      inputs: part.from.map((i) => values[i]),
      context: ownKeys(part, context.training, baseKey),
    };
    const result = withScope(part.name, () => run(part, layerCall));
    values.push(result.y);
    if (hasState(part)) after[part.name] = result.state;
  }
  return { outputs: network.outputs.map((i) => values[i]), state: after };
}

function weightsOf({ name, kind, params }: NetworkLayer, given: ByName<Tensor>): Tree<Tensor> {
  const own = given[name] ?? {};
  if (leavesOf(own).length >= leavesOf(params).length) return own;
  throw new OptionError(
    `${describeLayer(kind, name)}: expected its weights (${leavesOf(params)
      .map(({ path }) => path)
      .join(", ")}) among the params, got ${Object.keys(own).join(", ") || "none"}. Give what model.params() gives.`,
    { layer: name },
  );
}

function zeros({ state }: NetworkCall, batch: Dim): Tree<Tensor> {
  return mapTree<StateSpec, Tensor>(state, ({ dtype, shape }) => zerosOf([batch, ...shape], dtype));
}

/** Whether a call of a layer has a state to hand on. */
export function hasState({ state }: NetworkCall): boolean {
  return Object.keys(state).length > 0;
}

/** Keys by the name of the call, so that what one layer draws does not depend on the layers before it. */
function ownKeys({ name, layer }: NetworkCall, training: boolean, base: (asker: string) => Tensor): Context {
  let drawn = 0;
  const asker = describeLayer(layer.kind, layer.name);
  return { training, key: () => foldIn(foldIn(base(asker), hash(name)), drawn++) };
}

/** FNV-1a, 31 bits of it: a number for a name. */
export function hash(name: string): number {
  let h = 0x811c9dc5;
  for (const letter of name) h = Math.imul(h ^ (letter.codePointAt(0) as number), 0x01000193);
  return h >>> 1;
}
