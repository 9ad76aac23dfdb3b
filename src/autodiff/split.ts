/**
 * Splits the joint graph of a scan's step, forward and backward in one, in two: which nodes the backward step holds,
 * and which forward values it needs to be given. "Save little": what is cheap is computed again, what is dear is saved,
 * and among the ways to do so the one that saves the fewest elements is taken, by a minimum cut.
 */
import { evaluateDim, symbolsOf } from "../base/dims.ts";
import { sizeOf } from "../base/shapes.ts";
import type { Builder } from "../graph/build.ts";
import type { Node, Value } from "../graph/graph.ts";
import { minimumCut } from "./minimumCut.ts";
import { traits } from "./traits.ts";

export interface JointStep {
  readonly joint: Builder;
  /** The inputs of the forward step by group. */
  readonly consts: readonly Value[];
  readonly carry: readonly Value[];
  readonly xs: readonly Value[];
  /** What the forward step gives out already for every step. */
  readonly ys: readonly Value[];
  /** Cotangents that enter. */
  readonly cts: readonly Value[];
  /** What the backward step must compute. */
  readonly results: readonly Value[];
  /** Whether nothing but the carry may be saved, whatever it costs to compute the rest again. */
  readonly savesCarryOnly: boolean;
}

export interface Split {
  /** Nodes of the backward step in order: those that read cotangents, and those computed again. */
  readonly backward: readonly Node[];
  readonly consts: readonly Value[];
  readonly xs: readonly Value[];
  /** Values that depend on constants only and are dear: to be computed once, outside of the loop. */
  readonly invariant: readonly Value[];
  /** Values of each step to be given out by the forward scan. */
  readonly saved: readonly Value[];
}

/** Decides what the backward step is given. */
export function split(step: JointStep): Split {
  const { joint } = step;
  const dependent = dependentOn(joint.nodes, step.cts);
  const own = neededNodes(joint.nodes, step.results, (node) => dependent.has(node.outs[0]));
  const needed = inputsOf(own, step.results).filter((value) => !dependent.has(value));
  const given = new Set([...step.consts, ...step.xs, ...dearInvariants(step)]);
  const saved = step.savesCarryOnly ? step.carry : chooseSaved(step, needed, given);
  const stop = new Set([...given, ...saved]);
  const again = neededNodes(
    joint.nodes,
    needed.filter((value) => !stop.has(value)),
    (node) => !node.outs.some((out) => stop.has(out)),
  );
  const backward = joint.nodes.filter((node) => own.has(node) || again.has(node));
  const used = new Set(inputsOf(new Set(backward), step.results));
  const isUsed = (value: Value): boolean => used.has(value);
  const [consts, xs] = [step.consts.filter(isUsed), step.xs.filter(isUsed)];
  const named = new Set([...step.consts, ...step.xs]);
  const invariant = [...given].filter((value) => !named.has(value) && used.has(value));
  return { backward, consts, xs, invariant, saved: saved.filter(isUsed) };
}

/** Values that can not be computed without one of `sources`; the sources among them. */
function dependentOn(nodes: readonly Node[], sources: readonly Value[]): Set<Value> {
  const found = new Set(sources);
  for (const node of nodes) if (node.ins.some((value) => found.has(value))) for (const out of node.outs) found.add(out);
  return found;
}

/** The nodes among those of `inside` that `results` need, walking back through such nodes only. */
export function neededNodes(
  nodes: readonly Node[],
  results: readonly Value[],
  inside: (node: Node) => boolean,
): Set<Node> {
  const needed = new Set(results);
  const found = new Set<Node>();
  for (let i = nodes.length - 1; i >= 0; i--) {
    const node = nodes[i];
    if (!node.outs.some((out) => needed.has(out)) || !inside(node)) continue;
    found.add(node);
    for (const value of node.ins) needed.add(value);
  }
  return found;
}

/** What a set of nodes and results reads, each value once. */
function inputsOf(nodes: ReadonlySet<Node>, results: readonly Value[]): Value[] {
  return [...new Set([...[...nodes].flatMap((node) => node.ins), ...results])];
}

/** Forward values that depend on constants only, with something dear on the way to them. */
function dearInvariants({ joint, carry, xs, cts }: JointStep): Value[] {
  const varying = dependentOn(joint.nodes, [...carry, ...xs, ...cts]);
  const dear = new Set<Value>();
  for (const node of joint.nodes) {
    if (node.outs.some((out) => varying.has(out))) continue;
    if (!traits[node.op].again || node.ins.some((value) => dear.has(value))) for (const out of node.outs) dear.add(out);
  }
  return [...dear];
}

function chooseSaved({ joint, ys }: JointStep, needed: readonly Value[], given: ReadonlySet<Value>): Value[] {
  const vertices = new Map<Value, number>();
  const edges: [number, number][] = [];
  const sources: number[] = [];
  const queue = needed.filter((value) => !given.has(value));
  for (const value of queue) vertices.set(value, vertices.size);
  const sinks = [...vertices.values()];
  for (let v = 0; v < queue.length; v++) {
    const node = joint.producer(queue[v]);
    if (node === undefined || !traits[node.op].again) sources.push(v);
    else for (const value of node.ins) if (!given.has(value)) edges.push([visit(value), v]);
  }
  const present = new Set(ys);
  const weights = queue.map((value) => (present.has(value) ? 0 : estimatedSize(value)));
  const cut = new Set(minimumCut({ weights, edges, sources, sinks }));
  return queue.filter((_, v) => cut.has(v));

  function visit(value: Value): number {
    const known = vertices.get(value);
    if (known !== undefined) return known;
    vertices.set(value, queue.length);
    queue.push(value);
    return queue.length - 1;
  }
}

/** Free sizes count as this much; only the order of such products matters. */
const assumedSize = 32;

function estimatedSize(value: Value): number {
  const size = sizeOf(value.shape);
  return Math.max(1, evaluateDim(size, Object.fromEntries(symbolsOf(size).map((name) => [name, assumedSize]))));
}
