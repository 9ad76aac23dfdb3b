/** A network that is being drawn from a graph: its values, its layers so far, and where their weights come from. */
import type { Dim } from "../../../base/dims.ts";
import { UnsupportedError } from "../../../base/errors.ts";
import type { Tree } from "../../../base/trees.ts";
import { concatenate, type Layer } from "../../../nn/index.ts";
import type { Tensor } from "../../../trace/index.ts";
import { freeName } from "../../chainedLayers.ts";
import type { WeightToMake } from "../../weightsOnDemand.ts";
import type { Call } from "../evaluate.ts";
import { nodeName } from "../evaluate.ts";
import type { OnnxNode } from "../messages.ts";
import { isKnown, isSequence, tensorOf, type Value } from "../value.ts";
import type { Constants } from "./constants.ts";
import type { Axis, Both, Drawn, Lifted } from "./lifted.ts";

/** A dense layer that may still be given a bias. */
export interface OpenDense {
  readonly units: number;
  /** Puts the layer with a bias in its place. */
  readonly close: (bias: () => Tensor) => void;
}

/** A layer, what it reads, and where its state begins if that is a value of the network. */
export interface LayerCall {
  readonly layer: Layer;
  readonly from: readonly string[];
  readonly initialState?: Tree<string>;
}

/** What a graph is drawn on. Its constants depend on weights alone. */
export interface Drawing extends Constants {
  readonly where: string;
  readonly values: Map<string, Lifted>;
  /** By name, in order, with what each reads. */
  readonly layers: Map<string, LayerCall>;
  readonly weights: WeightToMake[];
  readonly taken: Set<string>;
  readonly sizes: Map<string, Dim>;
  readonly dense: Map<string, OpenDense>;
  /** The state after the last step of a layer's output, by the name of the output. */
  readonly lastOf: Map<string, string>;
  /** Layers of two directions, by the names of their outputs, with the atom of their directions. */
  readonly both: Map<string, string>;
  /** How many nodes read a name. */
  readonly readers: ReadonlyMap<string, number>;
  /** Whether an initialiser of that name is nothing but zeros. */
  readonly isZero: (name: string) => boolean;
  /** Inputs of the graph that are nothing but recurrent states. */
  readonly states: ReadonlySet<string>;
}

/** A node that is lifted, with its results; undefined for those that nobody asks for. */
export interface LiftCall {
  readonly drawing: Drawing;
  readonly call: Call;
  readonly outs: readonly (Value | undefined)[];
}

/** What lies behind an input, if it depends on the inputs of the graph. */
export function liftedAt({ drawing, call }: LiftCall, i: number): Lifted | undefined {
  return drawing.values.get(call.node.inputs[i] ?? "");
}

/** An input that must be one value of the network. */
export function drawnAt(lift: LiftCall, i: number): Drawn {
  const found = liftedAt(lift, i);
  if (found?.kind === "drawn") return found;
  if (found?.kind === "both") return joined(lift, found);
  return refuse(
    lift,
    `a value of the network as input ${i + 1}`,
    found === undefined ? "a constant" : "a recurrent state",
  );
}

/** The values of both directions beside each other, which is what the layer itself would have given. */
function joined(lift: LiftCall, { names, own, axes, over }: Both): Drawn {
  const features = own[own.length - 1];
  const together: readonly Axis[] = [...own.slice(0, -1), [over, ...features]];
  const name = addLayer(lift, concatenate(), names, lift.call.node);
  return { kind: "drawn", name, own: together, axes };
}

/** The shape of a result. */
export function shapeOf({ outs, call }: LiftCall, i = 0): readonly Dim[] {
  const out = outs[i];
  return out === undefined || isSequence(out) ? [] : isKnown(out) ? out.shape : tensorOf(out, call.where).shape;
}

/** Adds a layer and returns the name of its connection. */
export function addLayer(
  { drawing }: LiftCall,
  layer: Layer,
  from: readonly string[],
  node: OnnxNode,
  initialState?: Tree<string>,
): string {
  const name = freeName(nameFor(node, layer.kind), drawing.taken);
  drawing.layers.set(name, { layer, from, ...(initialState === undefined ? {} : { initialState }) });
  return name;
}

/** Raises UnsupportedError for a sequence that has a mask in Recurve, where a layer would leave steps out that the graph counts. */
export function expectUnmasked(lift: LiftCall, { name }: Drawn): void {
  const { layers } = lift.drawing;
  const seen = new Set<string>();
  const open = [name];
  for (let one = open.pop(); one !== undefined; one = open.pop()) {
    const found = layers.get(one.split(".")[0]);
    if (seen.has(one) || found === undefined || one.includes(".state.")) continue;
    seen.add(one);
    if (found.layer.kind === "lengthsMask")
      refuse(lift, "a sequence without lengths", "one with sequence_lens, whose steps past the end count here");
    if (found.layer.masks === "drop" || found.layer.masks === undefined) continue;
    open.push(...found.from);
  }
}

/** `/encoder/rnn/LSTM` is encoder_rnn; names that say no more than the operator are those of the layer. */
function nameFor(node: OnnxNode, kind: string): string {
  const parts = nodeName(node)
    .split("/")
    .filter((part) => part !== "" && !part.startsWith(node.opType) && !part.startsWith("node_"));
  return parts.length === 0 || /^\d+$/.test(parts.join("")) ? kind : parts.join("_");
}

/** A new atom of features of a size. */
export function newAtom({ drawing }: LiftCall, size: Dim, letter = "f"): string {
  const atom = `${letter}${drawing.sizes.size}`;
  drawing.sizes.set(atom, size);
  return atom;
}

/** The sentence for what the graph wants and no layer does. */
export function refuse({ call }: LiftCall, expected: string, got: string): never {
  throw new UnsupportedError(
    `${call.where}: expected ${expected}, got ${got}. No layer of Recurve is like that: use the OnnxModel itself, which runs and trains without layers.`,
    { node: call.node.name, op: call.node.opType },
  );
}
