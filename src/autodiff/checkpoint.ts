/**
 * Back-propagation through time in bounded memory. A scan with `checkpoint: k` means what it means without; where a
 * gradient goes through it, it becomes a scan over segments of k steps, and a scan of the steps that are left, which
 * comes first where the loop runs backwards:
 *
 *   for s in 0..T/k-1:  saved[s] = carry;  for i in 0..k-1:  carry, ys[s k + i] = f(consts, carry, xs[s k + i])
 *
 * The loop over segments saves the carry that enters each and nothing else (`split.ts`): its gradient computes the steps
 * of a segment again, with all that the gradient of a plain scan saves, and goes back through them.
 */
import { type Dim, divideDims, floorDivideDim, multiplyDims, subtractDims } from "../base/dims.ts";
import { Builder, newValue } from "../graph/build.ts";
import { bodyOuts, type Graph, type Input, type Node, type ScanNode, scanIns, type Value } from "../graph/graph.ts";
import type { OpParams } from "../graph/ops.ts";
import { plainRows, type Rows, rowsOf } from "./rows.ts";

/** Steps of a segment: a number, or "auto" for about the square root of the length. */
export type Checkpoint = number | "auto";

const withoutCheckpoint: Partial<OpParams["scan"]> = { checkpoint: undefined };

/** What "auto" takes where the length is free: from 2000 to 200 000 steps of an LSTM within twice the least memory. */
const segmentOfFreeLength = 64;

/**
 * The steps between two checkpoints. "auto" keeps the sum of saved carries and saved steps small: it is the square root
 * of the length, or the divisor of the length nearest to that within a factor of 2, so that no steps are left over.
 */
export function stepsOfSegment(checkpoint: Checkpoint, length: Dim): number {
  if (checkpoint !== "auto") return checkpoint;
  if (typeof length !== "number") return segmentOfFreeLength;
  const root = Math.max(1, Math.round(Math.sqrt(length)));
  const candidates = Array.from({ length: root + 1 }, (_, by) => [root + by, root - by]).flat();
  return candidates.find((k) => 2 * k >= root && k > 0 && length % k === 0) ?? root;
}

/** Puts loops over segments in the place of the scans that have a checkpoint and a result among `concerned`. */
export function cutIntoSegments(b: Builder, concerned: () => ReadonlySet<Value>): void {
  const asks = (node: Node): node is ScanNode => node.op === "scan" && node.params.checkpoint !== undefined;
  if (!b.nodes.some(asks)) return;
  const reached = concerned();
  const { scope } = b;
  for (const node of b.nodes.splice(0)) {
    b.scope = node.scope;
    if (asks(node) && node.outs.some((out) => reached.has(out))) cut(b, node);
    else b.push(node);
  }
  b.scope = scope;
}

/** Some of the steps of a scan. */
interface Steps {
  /** Where the body says when to stop, it carries whether it has, last. */
  readonly params: OpParams["scan"];
  readonly consts: readonly Value[];
  /** A row stands for a divisor of the steps of a segment. */
  readonly xs: readonly Rows[];
  readonly limit: Value | undefined;
}

/** What one part of the steps hands to the next. */
interface Progress {
  readonly carry: readonly Value[];
  /** The steps done, of a loop that says when to stop. */
  readonly count: Value | undefined;
}

interface Done extends Progress {
  readonly ys: readonly Value[];
}

function cut(b: Builder, node: ScanNode): void {
  const { checkpoint = "auto" } = node.params;
  const params = { ...node.params, ...withoutCheckpoint };
  const { length, until = false } = params;
  const segment = stepsOfSegment(checkpoint, length);
  if (typeof length === "number" && length <= segment) {
    b.push({ ...node, params });
    return;
  }
  const { init, consts, xs, limit } = scanIns(node);
  const rows = xs.map((x) => {
    const found = rowsOf(b, x);
    return segment % found.each === 0 ? found : plainRows(x);
  });
  const steps: Steps = { params: until ? withStopCarried(params) : params, consts, xs: rows, limit };
  const before: Progress = until
    ? { carry: [...init, no(b)], count: b.scalar(0, "int32") }
    : { carry: init, count: undefined };
  const { carry, ys, count } = runParts(b, steps, segment, before);
  const results = [...(until ? carry.slice(0, -1) : carry), ...ys, ...optional(count)];
  // The results keep their identity: what was traced before the gradient was asked for reads them.
  results.forEach((value, i) => {
    const { shape } = value;
    b.push({ op: "reshape", params: { shape }, ins: [value], outs: [node.outs[i]], scope: node.scope });
  });
}

/** All steps: the segments, and what is left. */
function runParts(b: Builder, steps: Steps, segment: number, before: Progress): Done {
  const { length, reverse } = steps.params;
  const whole = multiplyDims(segment, floorDivideDim(length, segment));
  if (whole === length) return runSegments(b, steps, segment, before);
  const segments = (progress: Progress): Done => runSegments(b, part(b, steps, 0, whole), segment, progress);
  const left = (progress: Progress): Done => runLeft(b, part(b, steps, whole, length), progress);
  const first = (reverse ? left : segments)(before);
  const second = (reverse ? segments : left)(first);
  const [low, high] = reverse ? [second, first] : [first, second];
  return { ...second, ys: low.ys.map((y, i) => b.add("concat", { axis: 0 }, [y, high.ys[i]])) };
}

/** Steps `start` to `stop - 1`. */
function part(b: Builder, { params, consts, xs, limit }: Steps, start: Dim, stop: Dim): Steps {
  return {
    params: { ...params, length: subtractDims(stop, start) },
    consts,
    xs: xs.map((x) => {
      const [from, to] = [start, stop].map((step) => divideDims(step, x.each) as Dim);
      return { ...x, stack: b.sliceAxis(x.stack, 0, from, to) };
    }),
    limit: limit && minus(b, limit, dimIn(b, start)),
  };
}

/** Some steps as one plain loop. */
function run(b: Builder, { params, consts, xs, limit }: Steps, before: Progress): Done {
  const { carry } = params;
  const all = { ...params, ...(limit && { limited: true }) };
  const spread = xs.map((x) => x.spread(b, x.stack));
  const operands = [...consts, ...before.carry, ...spread, ...optional(limit)];
  const outs = b.addAll("scan", all, operands, "checkpointed scan");
  const ys = outs.slice(carry, params.until === true ? -1 : undefined);
  const count = before.count && b.add("add", {}, [before.count, outs[outs.length - 1]]);
  return { carry: outs.slice(0, carry), ys, count };
}

/** The steps behind the segments; none of them where the loop has stopped before. */
function runLeft(b: Builder, steps: Steps, before: Progress): Done {
  if (steps.params.until !== true) return run(b, steps, before);
  const limit = steps.limit ?? dimIn(b, steps.params.length);
  const stopped = before.carry[before.carry.length - 1];
  return run(b, { ...steps, limit: b.add("select", {}, [stopped, b.scalar(0, "int32"), limit]) }, before);
}

/** Steps as a loop over segments, each a plain loop. Steps that a limit leaves out are left out of their segment. */
function runSegments(b: Builder, steps: Steps, segment: number, before: Progress): Done {
  const { params, consts, xs, limit } = steps;
  const length = floorDivideDim(params.length, segment);
  const starts = limit && startsOf(b, length, segment);
  const operands = [
    [...consts, ...optional(limit)],
    [...before.carry, ...optional(before.count)],
    [
      ...xs.map(({ stack, each }) => b.reshape(stack, [length, segment / each, ...stack.shape.slice(1)])),
      ...optional(starts),
    ],
    starts && limit ? [startsBelow(b, starts, limit)] : [],
  ];
  const outer = {
    body: segmentBody(steps, segment, before),
    length,
    reverse: params.reverse,
    consts: operands[0].length,
    carry: operands[1].length,
    segments: true,
    ...(limit && { limited: true }),
    ...(params.until === true && { until: true }),
  };
  const outs = b.addAll("scan", outer, operands.flat(), "checkpointed scan");
  const ys = outs.slice(outer.carry, params.until === true ? -1 : undefined);
  return {
    carry: outs.slice(0, params.carry),
    count: before.count && outs[params.carry],
    ys: ys.map((y) => b.reshape(y, [params.length, ...y.shape.slice(2)])),
  };
}

/** (consts, limit; carry, count; xs of a segment, its first step) -> (carry, count; ys of the segment; whether to stop). */
function segmentBody({ params, consts, xs: rows, limit }: Steps, segment: number, { count }: Progress): Graph {
  const b = new Builder(`${params.body.name} segment`);
  const input = ({ name, value }: Input, shape = value.shape): Value => b.input(name, { dtype: value.dtype, shape });
  const scalar = (name: string): Value => b.input(name, { dtype: "int32", shape: [] });
  const { inputs } = params.body;
  const end = consts.length + params.carry;
  const ins = inputs.slice(0, consts.length).map((one) => input(one));
  const steps = limit && scalar("steps");
  const carry = inputs.slice(consts.length, end).map((one) => input(one));
  const before = { carry, count: count && scalar("steps done") };
  const xs = inputs.slice(end).map((one, i) => {
    const { stack, each } = rows[i];
    return { ...rows[i], stack: input(one, [segment / each, ...stack.shape.slice(1)]) };
  });
  const own = { params: { ...params, length: segment }, consts: ins, xs };
  const done = run(b, { ...own, limit: steps && minus(b, steps, scalar("first step")) }, before);
  const stop = params.until === true ? done.carry.slice(-1) : [];
  return b.finish([...done.carry, ...optional(done.count), ...done.ys, ...stop]);
}

/** The first step of each segment. */
function startsOf(b: Builder, segments: Dim, segment: number): Value {
  const number = b.add("iota", { shape: [segments], axis: 0, dtype: "int32" }, []);
  return b.add("mul", {}, [number, b.full([segments], segment, "int32")]);
}

/** The number of segments that begin before a limit. */
function startsBelow(b: Builder, starts: Value, limit: Value): Value {
  return b.sum(b.cast(b.add("less", {}, [starts, b.broadcastTo(limit, starts.shape)]), "int32"), [0]);
}

/** The same loop with one carry more, the last: whether it has stopped. */
function withStopCarried(params: OpParams["scan"]): OpParams["scan"] {
  const { body, consts, carry } = params;
  const at = consts + carry;
  const stopped = { name: "stopped", value: newValue({ dtype: "bool", shape: [] }) };
  const { stop } = bodyOuts(params);
  const outputs = [...body.outputs.slice(0, carry), ...optional(stop), ...body.outputs.slice(carry)];
  const inputs = [...body.inputs.slice(0, at), stopped, ...body.inputs.slice(at)];
  return { ...params, body: { ...body, inputs, outputs }, carry: carry + 1 };
}

function optional(value: Value | undefined): Value[] {
  return value === undefined ? [] : [value];
}

function minus(b: Builder, x: Value, y: Value): Value {
  return b.add("sub", {}, [x, y]);
}

function dimIn(b: Builder, dim: Dim): Value {
  return b.add("dimSize", { dim, dtype: "int32" }, []);
}

function no(b: Builder): Value {
  return b.cast(b.scalar(0), "bool");
}
