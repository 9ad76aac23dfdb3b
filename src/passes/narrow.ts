/**
 * Scans with fewer and simpler operands and results. A carry that never changes is a constant, equal operands are one,
 * an x that is the same at every step is a constant, a broadcast constant is broadcast inside, and a y that repeats an
 * operand or another y is taken from there: what a carry is when it enters a step is what it was when it left the one before.
 */
import { addDims, type Dim, equalDims } from "../base/dims.ts";
import { type Builder, newValue } from "../graph/build.ts";
import type { Graph, Node, NodeOf, ScanNode, Value } from "../graph/graph.ts";
import { spread } from "./lift.ts";
import { isFree, Outside, producersOf } from "./outside.ts";
import { type Carry, leavesOut, type Operand, putTogether, type ScanParts, takeApart } from "./parts.ts";
import { rewrite, withIns } from "./rewrite.ts";

/** Simplifies the interfaces of scans. */
export function narrow(graph: Graph): Graph {
  return rewrite(graph, (builder) => (node) => (node.op === "scan" ? narrowScan(builder, node) : undefined));
}

/** Values of the body, or results of the scan, and what stands for them now. */
type Renaming = Map<Value, Value>;

function narrowScan(builder: Builder, scan: ScanNode): readonly Value[] | undefined {
  const parts = takeApart(scan);
  const renamed: Renaming = new Map();
  const results: Renaming = new Map();
  const steady = (carry: Carry): boolean => carry.next === carry.input.value;
  const changing = parts.carry.filter((carry) => !steady(carry));
  for (const { out, init } of parts.carry.filter(steady)) results.set(out, init);
  const sameEveryStep = parts.xs.map((x) => withoutTime(builder, x));
  const consts = unique(
    [
      ...parts.consts,
      ...parts.carry.filter(steady).map(({ input, init }) => ({ input, value: init })),
      ...sameEveryStep.filter((x) => x !== undefined),
    ],
    renamed,
  );
  const inside = consts.map((one) => bringIn(builder, one));
  const carry = uniqueCarry(changing, renamed, results);
  const xs = unique(
    parts.xs.filter((_, i) => sameEveryStep[i] === undefined),
    renamed,
  );
  const simpler: ScanParts = {
    consts: inside.flatMap(({ consts: some }) => some),
    carry,
    xs,
    ys: parts.ys,
    nodes: [...inside.flatMap(({ nodes }) => nodes), ...parts.nodes],
    limit: narrowLimit(builder, parts.limit, scan.params.length),
    stop: parts.stop,
  };
  const all = rename(simpler, renamed);
  const entering = enteringStacks(scan, all);
  const others = { ...all, ys: all.ys.filter(({ out }) => !entering.has(out)) };
  const ys = keptStacks(builder, scan, others, results);
  const unchanged =
    entering.size === 0 &&
    renamed.size === 0 &&
    results.size === 0 &&
    simpler.nodes.length === parts.nodes.length &&
    simpler.limit === parts.limit &&
    consts.length === parts.consts.length;
  if (unchanged) return undefined;
  const next = putTogether(scan, { ...all, ys });
  builder.push(next);
  for (const [out, { init, stack }] of entering)
    results.set(out, shift(builder, scan, { init, stack: results.get(stack) ?? stack }));
  return scan.outs.map((out) => results.get(out) ?? out);
}

function rename({ consts, carry, xs, ys, nodes, limit, stop }: ScanParts, renamed: Renaming): ScanParts {
  const get = (value: Value): Value => renamed.get(value) ?? value;
  return {
    consts,
    carry: carry.map((one) => ({ ...one, next: get(one.next) })),
    xs,
    ys: ys.map(({ step, out }) => ({ step: get(step), out })),
    nodes: nodes.map((node) => withIns(node, get)),
    limit,
    stop: stop && { ...stop, step: get(stop.step) },
  };
}

/** Undefined for a limit that is the length or more. */
function narrowLimit(builder: Builder, limit: Value | undefined, length: Dim): Value | undefined {
  const node = limit && builder.producer(limit);
  if (node?.op === "dimSize" && equalDims(node.params.dim, length)) return undefined;
  const number = limit && builder.numberOf(limit);
  return number !== undefined && typeof length === "number" && number >= length ? undefined : limit;
}

/** One operand for each outer value. */
function unique(operands: readonly Operand[], renamed: Renaming): Operand[] {
  const first = new Map<Value, Operand>();
  for (const operand of operands) {
    const same = first.get(operand.value);
    if (same === undefined) first.set(operand.value, operand);
    else renamed.set(operand.input.value, same.input.value);
  }
  return [...first.values()];
}

/** Carries that start equal and go on equal are one. */
function uniqueCarry(carry: readonly Carry[], renamed: Renaming, results: Renaming): Carry[] {
  const first = new Map<string, Carry>();
  for (const one of carry) {
    const key = `${one.init.id} ${one.next.id}`;
    const same = first.get(key);
    if (same === undefined) first.set(key, one);
    else {
      renamed.set(one.input.value, same.input.value);
      results.set(one.out, same.out);
    }
  }
  return [...first.values()];
}

/** An x that was broadcast over time, as the constant that it is. */
function withoutTime(builder: Builder, { input, value }: Operand): Operand | undefined {
  const node = builder.producer(value);
  if (node?.op !== "broadcast" || node.params.axes[0] === 0) return undefined;
  const params = { shape: node.params.shape.slice(1), axes: node.params.axes.map((axis) => axis - 1) };
  return { input, value: builder.add("broadcast", params, node.ins) };
}

/** A constant that costs nothing to compute is computed in the body: its operands become constants in its place. */
function bringIn(builder: Builder, operand: Operand): { consts: Operand[]; nodes: Node[] } {
  const { input, value } = operand;
  const node = builder.producer(value);
  if (node === undefined || !isFree(node.op) || !isSmall(node)) return { consts: [operand], nodes: [] };
  const consts = node.ins.map((source) => ({ input: { name: input.name, value: newValue(source) }, value: source }));
  const copy = { ...node, ins: consts.map((one) => one.input.value), outs: [input.value] } as Node;
  return { consts, nodes: [copy] };
}

function isSmall(node: Node): boolean {
  return node.op !== "constant" || (node as NodeOf<"constant">).params.data.length === 1;
}

/** The ys that the loop must hand out. */
function keptStacks(builder: Builder, scan: ScanNode, parts: ScanParts, results: Renaming): ScanParts["ys"] {
  const outside = new Outside(builder, scan, parts, producersOf(parts.nodes));
  // Where steps are left out a y is zero there, which neither its x nor its constant is.
  const whole = !leavesOut(parts);
  const known = new Map<Value, Value>((whole ? parts.xs : []).map(({ input, value }) => [input.value, value]));
  const constants = new Set(parts.consts.map(({ input }) => input.value));
  for (const node of parts.nodes) {
    if (isFree(node.op) && node.ins.every((value) => constants.has(value))) constants.add(node.outs[0]);
  }
  return parts.ys.filter(({ step, out }) => {
    const same =
      known.get(step) ??
      (whole && constants.has(step) ? spread(builder, outside.get(step), scan.params.length) : undefined);
    known.set(step, same ?? out);
    if (same !== undefined) results.set(out, same);
    return same === undefined;
  });
}

/** A carry before the first step, and the stack of what it is when it leaves each. */
interface Leaving {
  readonly init: Value;
  readonly stack: Value;
}

/** The ys that are a carry as it enters each step, where another is that carry as it leaves. */
function enteringStacks({ params }: ScanNode, parts: ScanParts): Map<Value, Leaving> {
  // Where steps are left out the last one done is not the last of the stack; a carry of segments is far smaller than that.
  if (leavesOut(parts) || params.segments === true) return new Map();
  const stacks = new Map(parts.ys.map(({ step, out }) => [step, out]));
  const inputs = new Set(parts.carry.map(({ input }) => input.value));
  const leaving = new Map(
    parts.carry.flatMap(({ input, init, next }) => {
      const stack = inputs.has(next) ? undefined : stacks.get(next);
      return stack === undefined ? [] : [[input.value, { init, stack }] as const];
    }),
  );
  return new Map(
    parts.ys.flatMap(({ step, out }) => {
      const found = leaving.get(step);
      return found === undefined ? [] : [[out, found] as const];
    }),
  );
}

/** The stack of what enters each step. */
function shift(builder: Builder, { params: { length, reverse } }: ScanNode, { init, stack }: Leaving): Value {
  const first = builder.reshape(init, [1, ...init.shape]);
  const all = builder.add("concat", { axis: 0 }, reverse ? [stack, first] : [first, stack]);
  return reverse ? builder.sliceAxis(all, 0, 1, addDims(length, 1)) : builder.sliceAxis(all, 0, 0, length);
}
