/**
 * Where gradients flow, before any is built: which values depend on the sources of interest (`activeValues`), and which
 * of those a cotangent of the results reaches (`reachedValues`). Loops are solved to their fixed point.
 */
import type { Graph, Node, ScanNode, Value } from "../graph/graph.ts";
import { traits } from "./traits.ts";

/** The float values that depend on `sources` through differentiable ops; the sources themselves among them. */
export function activeValues(nodes: readonly Node[], sources: Iterable<Value>): Set<Value> {
  const active = new Set([...sources].filter(isFloat));
  for (const node of nodes) {
    if (!traits[node.op].flows) continue;
    const ins = node.ins.map((value) => active.has(value));
    if (!ins.includes(true)) continue;
    const outs = node.op === "scan" ? activeOuts(node, ins) : node.outs.map(() => true);
    node.outs.forEach((out, i) => {
      if (outs[i] && isFloat(out)) active.add(out);
    });
  }
  return active;
}

/** The active values from which one of `seeds` can be computed. */
export function reachedValues(nodes: readonly Node[], seeds: Iterable<Value>, active: ReadonlySet<Value>): Set<Value> {
  const reached = new Set([...seeds].filter((value) => active.has(value)));
  for (let i = nodes.length - 1; i >= 0; i--) {
    const node = nodes[i];
    const outs = node.outs.map((value) => reached.has(value));
    if (!outs.includes(true)) continue;
    const wants = node.ins.map((value) => active.has(value));
    const ins = node.op === "scan" ? scanFlow(node, wants, outs).ins : wants;
    node.ins.forEach((value, j) => {
      if (ins[j] && wants[j]) reached.add(value);
    });
  }
  return reached;
}

/** What of a scan takes part in its backward pass. */
export interface ScanFlow {
  /** Operands (consts, init, xs) whose cotangent may be non-zero; for a carry also if only later steps make it so. */
  readonly ins: readonly boolean[];
  /** Results (carry, ys) whose cotangent enters the backward pass. */
  readonly outs: readonly boolean[];
}

/** `wants` says which operands matter, `cts` which results have a cotangent. */
export function scanFlow(node: ScanNode, wants: readonly boolean[], cts: readonly boolean[]): ScanFlow {
  const { body, consts, carry } = node.params;
  const active = bodyActive(node, wants);
  const outs = cts.map((ct, i) => ct && active.has(i < carry ? body.inputs[consts + i].value : body.outputs[i]));
  for (;;) {
    const seeds = body.outputs.filter((_, i) => outs[i]);
    const reached = reachedValues(body.nodes, seeds, active);
    const ins = body.inputs.map(({ value }) => reached.has(value));
    // A carry entering a step is the carry that left the step before.
    const more = ins.slice(consts, consts + carry).flatMap((is, j) => (is && !outs[j] ? [j] : []));
    if (more.length === 0) return { ins: ins.map((is, i) => is || (isCarry(node, i) && outs[i - consts])), outs };
    for (const j of more) outs[j] = true;
  }
}

function activeOuts(node: ScanNode, ins: readonly boolean[]): boolean[] {
  const { body, consts, carry } = node.params;
  const active = bodyActive(node, ins);
  return body.outputs.map((value, i) => active.has(i < carry ? body.inputs[consts + i].value : value));
}

/** The active values of a body, where a carry is active also if its next value is. */
function bodyActive(node: ScanNode, ins: readonly boolean[]): Set<Value> {
  const { body, consts, carry } = node.params;
  const flags = [...ins];
  for (;;) {
    const active = activeValues(body.nodes, sourcesOf(body, flags));
    const more = body.outputs
      .slice(0, carry)
      .flatMap((next, j) => (active.has(next) && !flags[consts + j] ? [consts + j] : []));
    if (more.length === 0) return active;
    for (const i of more) flags[i] = true;
  }
}

function sourcesOf(body: Graph, flags: readonly boolean[]): Value[] {
  return body.inputs.filter((_, i) => flags[i]).map(({ value }) => value);
}

function isCarry(node: ScanNode, i: number): boolean {
  return i >= node.params.consts && i < node.params.consts + node.params.carry;
}

function isFloat(value: Value): boolean {
  return value.dtype === "float32";
}
