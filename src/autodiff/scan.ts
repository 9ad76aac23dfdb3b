/**
 * The gradient of scan: back-propagation through time, as a scan that runs the other way.
 *
 *   forward    for t up:    carry, ys[t] = f(consts, carry, xs[t])
 *   augmented  for t up:    carry, ys[t], saved[t] = f(consts, carry, xs[t])
 *   backward   for t down:  d carry, d consts, d xs[t] = pullback of f at (consts, xs[t], saved[t]), of (d carry, d ys[t])
 *
 * A loop that leaves steps out is differentiated over the steps that it has done: the backward scan is limited to the
 * operand that limits the forward one, or to the number of steps that it counted.
 * The augmented scan takes the place of the forward one. The carry of the backward scan is d carry, which starts from
 * the cotangents of the final carry, and the sum of d consts, which starts from zero.
 */
import { Builder, inline, newValue } from "../graph/build.ts";
import { bodyOuts, type Graph, type Input, type ScanNode, scanIns, scanOuts, type Value } from "../graph/graph.ts";
import type { OpName, OpParams } from "../graph/ops.ts";
import { type ScanFlow, scanFlow } from "./flow.ts";
import { add, type VjpRule, type Walk } from "./rule.ts";
import { type JointStep, neededNodes, type Split, split } from "./split.ts";

/** One step and its pullback in one graph. Entries are undefined where no gradient flows. */
interface Joint {
  readonly b: Builder;
  /** The step's inputs and outputs, in their order. */
  readonly ins: readonly Input[];
  readonly outs: readonly Value[];
  readonly ys: readonly Value[];
  /** Cotangents that enter, one for each of `outs`. */
  readonly cts: readonly (Value | undefined)[];
  /** Cotangents that leave, one for each of `ins`. */
  readonly grads: readonly (Value | undefined)[];
}

export const scanRule: VjpRule<"scan"> = (b, node, cts, wants, walk) => {
  const flow = scanFlow(
    node,
    wants,
    cts.map((ct) => ct !== undefined),
  );
  const joint = buildJoint(node, flow, walk);
  const parts = split(groupsOf(node, joint));
  const stacks = augment(b, node, joint, parts.saved);
  const results = emitBackward(b, node, joint, parts, bindingsOf(b, node, joint, parts, stacks, cts));
  return node.ins.map((_, i) => (wants[i] ? results[i] : undefined));
};

function buildJoint({ params }: ScanNode, flow: ScanFlow, walk: Walk): Joint {
  const { body, consts, carry } = params;
  const b = new Builder(body.name);
  for (const { name, value } of body.inputs) b.input(name, value);
  const ins = [...b.inputs];
  const outs = inline(
    b,
    body,
    ins.map(({ value }) => value),
  );
  const nameOf = (i: number): string => (i < carry ? ins[consts + i].name : `y${i - carry}`);
  const cts = outs.map((out, i) => (flow.outs[i] ? b.input(`d ${nameOf(i)}`, out) : undefined));
  const seeds = outs.flatMap((out, i) => (cts[i] === undefined ? [] : [[out, cts[i]] as const]));
  const sources = ins.filter((_, i) => flow.ins[i]).map(({ value }) => value);
  const found = walk(b, seeds, sources);
  const grads = ins.map(({ value }, i) => {
    if (!flow.ins[i]) return undefined;
    const isCarry = i >= consts && i < consts + carry;
    return found.get(value) ?? (isCarry ? b.full(value.shape, 0) : undefined);
  });
  return { b, ins, outs, ys: bodyOuts({ ...params, body: { ...body, outputs: outs } }).ys, cts, grads };
}

function groupsOf({ params }: ScanNode, { b, ins, ys, cts, grads }: Joint): JointStep {
  const { consts, carry } = params;
  const values = ins.map(({ value }) => value);
  return {
    joint: b,
    consts: values.slice(0, consts),
    carry: values.slice(consts, consts + carry),
    xs: values.slice(consts + carry),
    ys,
    cts: cts.filter((ct) => ct !== undefined),
    results: grads.filter((grad) => grad !== undefined),
    savesCarryOnly: params.segments === true,
  };
}

/** Puts a scan that also gives out `saved` in the place of `node`; returns the stacks of `saved`. */
function augment(b: Builder, node: ScanNode, { b: joint, ins, outs, ys }: Joint, saved: readonly Value[]): Value[] {
  const { body, length, carry } = node.params;
  const before = scanOuts(node);
  const extra = saved.filter((value) => !ys.includes(value));
  const fresh = extra.map(({ dtype, shape }) => newValue({ dtype, shape: [length, ...shape] }));
  const stacks = [...before.ys, ...fresh];
  if (extra.length > 0) {
    const outputs = [...outs.slice(0, carry), ...ys, ...extra, ...outs.slice(carry + ys.length)];
    const nodes = neededNodes(joint.nodes, outputs, () => true);
    const forward: Graph = { name: body.name, inputs: ins, nodes: joint.nodes.filter((n) => nodes.has(n)), outputs };
    const results = [...before.carry, ...stacks, ...(before.count ? [before.count] : [])];
    b.replace(node, { ...node, params: { ...node.params, body: forward }, outs: results });
  }
  const all = [...ys, ...extra];
  return saved.map((value) => stacks[all.indexOf(value)]);
}

/** An input of the backward step: the value it stands for in the joint graph, and what it is given outside. */
interface Binding {
  readonly inner: Value;
  readonly outer: Value;
}

/** The inputs of the backward step. `sums` are the running sums of d consts; their `inner` is the constant itself. */
type Bindings = Readonly<Record<"consts" | "dCarry" | "sums" | "xs", readonly Binding[]>>;

/** Adds the backward scan and returns the cotangents of the operands of `node`. */
function emitBackward(
  b: Builder,
  node: ScanNode,
  joint: Joint,
  parts: Split,
  bindings: Bindings,
): (Value | undefined)[] {
  const positions = positionsOf(node, joint);
  const body = backwardStep(`${node.params.body.name} backward`, joint, parts, bindings, positions);
  const { consts, dCarry, sums, xs } = bindings;
  const { length, reverse } = node.params;
  const { segments } = node.params;
  const limit = scanOuts(node).count ?? scanIns(node).limit;
  const groups = { consts: consts.length, carry: dCarry.length + sums.length, ...(limit && { limited: true }) };
  const params = { body, length, reverse: !reverse, ...groups, ...(segments === true && { segments }) };
  const operands = [...consts, ...dCarry, ...sums, ...xs].map(({ outer }) => outer).concat(limit ?? []);
  const outs = b.addAll("scan", params, operands, "scan backward");
  const results: (Value | undefined)[] = node.ins.map(() => undefined);
  [...positions.carry, ...positions.consts, ...positions.xs].forEach((position, i) => {
    results[position] = outs[i];
  });
  return results;
}

/** The step of the backward scan: (consts, d carry, sums, xs) -> (d carry, sums, d xs). */
function backwardStep(
  name: string,
  joint: Joint,
  { backward }: Split,
  bindings: Bindings,
  positions: Positions,
): Graph {
  const step = new Builder(name);
  const seen = new Map<Value, Value>();
  const bind = ({ inner }: Binding): unknown => seen.set(inner, step.input(nameOf(joint, inner), inner));
  bindings.consts.forEach(bind);
  bindings.dCarry.forEach(bind);
  const sums = bindings.sums.map(({ inner }) => step.input(`sum of d ${nameOf(joint, inner)}`, inner));
  bindings.xs.forEach(bind);
  copyNodes(step, backward, seen);
  const [carry, consts, xs] = [positions.carry, positions.consts, positions.xs].map((group) =>
    group.map((i) => seen.get(joint.grads[i] as Value) as Value),
  );
  return step.finish([...carry, ...consts.map((grad, i) => add(step, sums[i], grad)), ...xs]);
}

type Positions = Readonly<Record<"consts" | "carry" | "xs", readonly number[]>>;

/** Positions among the operands of those that get a cotangent. */
function positionsOf({ params: { consts, carry } }: ScanNode, { grads }: Joint): Positions {
  const live = grads.flatMap((grad, i) => (grad === undefined ? [] : [i]));
  return {
    consts: live.filter((i) => i < consts),
    carry: live.filter((i) => i >= consts && i < consts + carry),
    xs: live.filter((i) => i >= consts + carry),
  };
}

/** `stacks` are the saved values as the augmented scan gives them out; `cts` the cotangents of the results. */
function bindingsOf(
  b: Builder,
  node: ScanNode,
  joint: Joint,
  parts: Split,
  stacks: readonly Value[],
  cts: readonly (Value | undefined)[],
): Bindings {
  const { consts, carry } = node.params;
  const outside = new Map(joint.ins.map(({ value }, i) => [value, node.ins[i]]));
  const at = (value: Value): Binding => ({ inner: value, outer: outside.get(value) as Value });
  const zeros = ({ shape }: Value): Value => b.full(shape, 0);
  const entering = joint.cts.map((inner, i) =>
    inner === undefined ? [] : [{ inner, outer: cts[i] ?? zeros(node.outs[i]) }],
  );
  const positions = positionsOf(node, joint);
  return {
    consts: [...parts.consts.map(at), ...computeOutside(b, node, joint, parts.invariant)],
    dCarry: positions.carry.flatMap((i) => entering[i - consts]),
    sums: positions.consts.map((i) => ({ inner: joint.ins[i].value, outer: zeros(node.ins[i]) })),
    xs: [
      ...parts.xs.map(at),
      ...parts.saved.map((inner, i) => ({ inner, outer: stacks[i] })),
      ...entering.slice(carry).flat(),
    ],
  };
}

/** Computes values that are the same in every step once, beside the loop. */
function computeOutside(b: Builder, node: ScanNode, joint: Joint, values: readonly Value[]): Binding[] {
  const seen = new Map(joint.ins.map(({ value }, i) => [value, scanIns(node).consts[i]]));
  const nodes = neededNodes(joint.b.nodes, values, () => true);
  copyNodes(
    b,
    joint.b.nodes.filter((n) => nodes.has(n)),
    seen,
  );
  return values.map((inner) => ({ inner, outer: seen.get(inner) as Value }));
}

/** Adds copies of nodes to a builder; `seen` knows what they read and learns what they became. */
function copyNodes(b: Builder, nodes: Split["backward"], seen: Map<Value, Value>): void {
  const scope = b.scope;
  for (const node of nodes) {
    b.scope = node.scope;
    const ins = node.ins.map((value) => seen.get(value) as Value);
    const outs = b.addAll(node.op, node.params as OpParams[OpName], ins);
    node.outs.forEach((out, i) => {
      if (!seen.has(out)) seen.set(out, outs[i]);
    });
  }
  b.scope = scope;
}

/** What an input of the backward step is called: as in the forward step, or after the op that made it. */
function nameOf({ b }: Joint, value: Value): string {
  const input = b.inputs.find((candidate) => candidate.value === value);
  return input?.name ?? `saved ${b.producer(value)?.op}`;
}
