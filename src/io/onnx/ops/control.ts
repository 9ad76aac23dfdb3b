/** Operators that hold graphs: If, Loop and Scan. Loops become one rolled scan. */
import type { Dim } from "../../../base/dims.ts";
import { equalShapes } from "../../../base/shapes.ts";
import {
  add,
  dimension,
  logicalNot,
  maximum,
  reshape,
  reverse,
  scan,
  where as select,
  type Tensor,
  transpose,
  zeros,
} from "../../../trace/index.ts";
import { type Call, evaluateInner } from "../evaluate.ts";
import { isKnown, isSequence, type Sequence, tensorOf, type Value } from "../value.ts";
import { as, attribute, graph, int, type Rules, refuse, tensor, value } from "./call.ts";

/** A condition that is known chooses a graph; else both are computed, and chosen from. */
function ifRule(call: Call): readonly Value[] {
  const condition = value(call, 0);
  const run = (name: string): readonly Value[] => evaluateInner(graph(call, name), [], call);
  if (isKnown(condition)) return run(condition.elements[0] !== 0 ? "then_branch" : "else_branch");
  const [then, other] = [run("then_branch"), run("else_branch")];
  const holds = reshape(as(tensor(call, 0), "bool"), []);
  return then.map((one, i) => {
    const [a, b] = [plain(one, call), plain(other[i], call)];
    if (equalShapes(a.shape, b.shape) && a.dtype === b.dtype) return select(holds, a, b);
    return refuse(call, "branches of one shape, or a condition that follows from shapes", "two shapes");
  });
}

function plain(one: Value | undefined, call: Call): Tensor {
  if (one !== undefined && !isSequence(one)) return tensorOf(one, call.where);
  return refuse(call, "tensors", "a list of tensors");
}

/** What a loop carries from step to step, in order: tensors, and lists to which each step adds one. */
interface Carried {
  readonly initial: readonly Value[];
  /** The places of lists among them. */
  readonly lists: readonly number[];
}

/** More steps than any loop without a known number of them takes. */
const endless = 2 ** 31 - 1;

/** Loop(M, condition, carried...): body(step, condition, carried...) -> condition, carried..., outputs of steps. */
function loop(call: Call): readonly Value[] {
  const body = graph(call, "body");
  const initial = call.ins.slice(2).map((_, i) => call.ins[i + 2] as Value);
  const carried: Carried = { initial, lists: initial.flatMap((one, i) => (isSequence(one) ? [i] : [])) };
  const begins = call.ins[1];
  const never = isKnown(begins) && begins.elements[0] === 0;
  const length = never ? 0 : stepsOf(call);
  const limit =
    call.ins[0] === undefined || isKnown(call.ins[0]) ? undefined : as(reshape(tensor(call, 0), []), "int32");
  const isEndless = length === endless && limit === undefined;
  // How the body ends is seen when it is traced: a first time for nothing but that.
  const stops = needsStop(call, carried);
  if (isEndless && !stops) return refuse(call, "a loop that ends", "one without a number of steps or a condition");
  const stepOutputs = body.outputs.length - 1 - initial.length;
  const starts = begins === undefined || isKnown(begins) ? undefined : as(reshape(tensor(call, 1), []), "bool");
  const isOpen = stops || isEndless || limit !== undefined || starts !== undefined;
  if (isOpen && !never && (stepOutputs > 0 || carried.lists.length > 0))
    return refuse(call, "a known number of steps", "one that is computed from data, with an output for each step");
  const steps = limit === undefined ? undefined : maximum(limit, 0);
  return runLoop(call, carried, { length, steps, stops, starts });
}

interface LoopPlan {
  readonly length: Dim;
  /** How many of these, where that is known in the call only. */
  readonly steps: Tensor | undefined;
  readonly stops: boolean;
  /** Whether to begin, where that is not known. */
  readonly starts: Tensor | undefined;
}

interface LoopState {
  readonly step: Tensor;
  readonly goesOn: Tensor;
  readonly values: readonly Tensor[];
}

function runLoop(call: Call, carried: Carried, { length, steps, stops, starts }: LoopPlan): readonly Value[] {
  const init: LoopState = {
    step: zeros([], "int32"),
    goesOn: logicalNot(zeros([], "bool")),
    values: tensorsOf(carried, call),
  };
  const count = carried.initial.length;
  const step = (state: LoopState) => {
    const outs = bodyOf(call, carried, state);
    const next = outs.slice(1, 1 + count).filter((_, i) => !carried.lists.includes(i));
    const goesOn = reshape(as(plain(outs[0], call), "bool"), []);
    const carry: LoopState = {
      step: add(state.step, 1),
      goesOn,
      values: next.map((one, i) => as(reshapedLike(plain(one, call), init.values[i]), init.values[i].dtype)),
    };
    const added = carried.lists.map((i) => addedBy(outs[1 + i], call));
    return { carry, y: [...added, ...outs.slice(1 + count).map((one) => plain(one, call))] };
  };
  const most = steps ?? (starts && dimension(length, "int32"));
  const limit = starts && most ? select(starts, most, 0) : most;
  const options = { init, length, ...(limit && { steps: limit }) };
  const result = stops ? scan(step, { ...options, until: ({ goesOn }) => logicalNot(goesOn) }) : scan(step, options);
  const { carry, ys } = result as { carry: LoopState; ys: readonly Tensor[] };
  const [lists, outputs] = [ys.slice(0, carried.lists.length), ys.slice(carried.lists.length)];
  const values = [...carry.values];
  const ends = carried.initial.map((one, i): Value => {
    const at = carried.lists.indexOf(i);
    if (at < 0) return values.shift() as Tensor;
    const before = (one as Sequence).items;
    return before.length === 0
      ? { items: [], stacked: lists[at] }
      : refuse(call, "a list that begins empty", `${before.length} items`);
  });
  return [...ends, ...outputs];
}

/** A scalar where a vector of one was, and the other way round: exporters are not strict there. */
function reshapedLike(x: Tensor, like: Tensor): Tensor {
  return x.rank !== like.rank && x.shape.every((size) => size === 1) ? reshape(x, like.shape) : x;
}

function tensorsOf({ initial, lists }: Carried, call: Call): readonly Tensor[] {
  return initial.filter((_, i) => !lists.includes(i)).map((one) => plain(one, call));
}

/** The body at one step. Lists are empty in it, so that what it adds is seen. */
function bodyOf(call: Call, { initial, lists }: Carried, { step, goesOn, values }: LoopState): readonly Value[] {
  const rest = [...values];
  const given = initial.map((_, i): Value => (lists.includes(i) ? { items: [] } : (rest.shift() as Tensor)));
  return evaluateInner(graph(call, "body"), [step, goesOn, ...given], call);
}

function addedBy(one: Value | undefined, call: Call): Tensor {
  if (isSequence(one) && one.items.length === 1 && one.stacked === undefined) return plain(one.items[0], call);
  return refuse(call, "one tensor added to the list in each step", "another number");
}

/** Whether the body's condition can become false: it is neither known nor what came in. */
function needsStop(call: Call, carried: Carried): boolean {
  let stops = false;
  const probe: LoopState = {
    step: zeros([], "int32"),
    goesOn: logicalNot(zeros([], "bool")),
    values: tensorsOf(carried, call),
  };
  // Traced into a loop of no steps, which is dropped with all that is in it.
  scan(
    (state: LoopState) => {
      const [condition] = bodyOf(call, carried, state);
      const isTrue = isKnown(condition) && condition.elements[0] !== 0;
      stops = !isTrue && condition !== state.goesOn;
      return { carry: state };
    },
    { init: probe, length: 0 },
  );
  return stops;
}

/** How many steps, at most. */
function stepsOf(call: Call): Dim {
  const given = call.ins[0];
  if (given === undefined) return endless;
  // How many is known in the call only.
  if (!isKnown(given)) return endless;
  const [count] = Array.from(given.elements);
  return typeof count === "number" ? Math.min(Math.max(count, 0), endless) : count;
}

/** Scan of opset 9 and later: body(states..., slices...) -> states..., slices. */
function scanRule(call: Call): readonly Value[] {
  if (call.version < 9)
    return refuse(
      call,
      "Scan of opset 9 or later",
      `opset ${call.version}`,
      "Convert the model with onnx.version_converter",
    );
  const body = graph(call, "body");
  const scanned = int(call, "num_scan_inputs", 1);
  const count = call.ins.length - scanned;
  const init = call.ins.slice(0, count).map((_, i) => tensor(call, i));
  const turned = attribute(call, "scan_input_directions", "ints") ?? [];
  const axes = attribute(call, "scan_input_axes", "ints") ?? [];
  const xs = Array.from({ length: scanned }, (_, i) => {
    const x = toFront(tensor(call, count + i), axes[i] ?? 0);
    return turned[i] === 1 ? reverse(x, 0) : x;
  });
  const { carry, ys } = scan(
    (state: readonly Tensor[], now: readonly Tensor[]) => {
      const outs = evaluateInner(body, [...state, ...now], call).map((one) => plain(one, call));
      return { carry: outs.slice(0, count).map((one, i) => as(one, init[i].dtype)), y: outs.slice(count) };
    },
    { init: init as readonly Tensor[], xs: xs as readonly Tensor[] },
  );
  const outTurned = attribute(call, "scan_output_directions", "ints") ?? [];
  const outAxes = attribute(call, "scan_output_axes", "ints") ?? [];
  const outs = ys.map((y, i) => fromFront(outTurned[i] === 1 ? reverse(y, 0) : y, outAxes[i] ?? 0));
  return [...carry, ...outs];
}

function toFront(x: Tensor, axis: number): Tensor {
  const at = axis < 0 ? axis + x.rank : axis;
  return at === 0 ? x : transpose(x, [at, ...x.shape.flatMap((_, i) => (i === at ? [] : [i]))]);
}

function fromFront(x: Tensor, axis: number): Tensor {
  const at = axis < 0 ? axis + x.rank : axis;
  if (at === 0) return x;
  const rest = x.shape.slice(1).map((_, i) => i + 1);
  return transpose(x, [...rest.slice(0, at), 0, ...rest.slice(at)]);
}

export const controlRules: Rules = { If: ifRule, Loop: loop, Scan: scanRule };
