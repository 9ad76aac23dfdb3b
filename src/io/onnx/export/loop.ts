/**
 * How a loop is spelled: as the operator Scan, whose body reads what is constant from the graph around it. A loop that
 * may end early does all steps, and keeps its carry in those that do not count.
 */
import { allocate, type DType } from "../../../base/dtypes.ts";
import type { Shape } from "../../../base/shapes.ts";
import { bodyIns, bodyOuts, type ScanNode, scanIns, type Value } from "../../../graph/graph.ts";
import type { OnnxGraph } from "../messages.ts";
import { castTo } from "./elementwise.ts";
import type { Place, Rule } from "./place.ts";
import { valueInfo } from "./types.ts";
import type { Attributes } from "./writer.ts";

/** One tensor that goes through the body: what it is called outside, and inside before and after a step. */
interface Thread {
  readonly outer: string;
  readonly inner: string;
  readonly type: { readonly dtype: DType; readonly shape: Shape };
}

/** A loop with everything that goes through its body. */
interface Loop {
  readonly node: ScanNode;
  readonly place: Place;
  readonly carry: readonly Thread[];
  readonly xs: readonly Thread[];
  /** Of a loop that stops by itself: whether it has, and the number of steps done. */
  readonly ending: readonly Thread[];
  /** Of a loop that is told how many steps to run: whether a step is one of these. */
  readonly running: Thread | undefined;
}

export const scan: Rule<"scan"> = (node, at) => {
  const loop = prepared(node, at);
  const results = scanNode(loop, at);
  const { carry, ending } = loop;
  const ends = carry.length + ending.length;
  const count = ending.length === 0 ? [] : [results[ends - 1]];
  return [...results.slice(0, carry.length), ...results.slice(ends), ...count];
};

/** Names what goes into the body, and what it reads from outside. */
function prepared(node: ScanNode, at: Place): Loop {
  const { writer } = at;
  const { params } = node;
  const ins = scanIns(node);
  const inside = bodyIns(params);
  const place = at.inside(params.body);
  for (const [i, value] of inside.consts.entries()) {
    if (place.isUsed(value)) place.define(value, at.name(ins.consts[i]));
  }
  const names = new Map(params.body.inputs.map(({ name, value }) => [value, name]));
  const thread = (value: Value, outer: string): Thread => {
    const inner = writer.name([writer.scope, names.get(value)].filter(Boolean).join("/"));
    place.define(value, inner);
    return { outer, inner, type: value };
  };
  const carry = inside.carry.map((value, i) => thread(value, at.name(ins.init[i])));
  const xs = inside.xs.map((value, i) => thread(value, at.name(ins.xs[i])));
  const running = ins.limit === undefined ? undefined : runningSteps(node, at.name(ins.limit), at);
  if (running !== undefined) xs.push(running);
  // The operator counts its steps by what it reads.
  if (xs.length === 0) xs.push({ outer: positions(node, at), inner: writer.name("position"), type: scalar("int32") });
  return { node, place, carry, xs, ending: params.until === true ? endThreads(at) : [], running };
}

/** The node itself: its results are the last carry, how it ended, and the ys. */
function scanNode(loop: Loop, at: Place): readonly string[] {
  const { writer, sizes } = at;
  const { node, place, carry, xs, ending } = loop;
  const outputs: string[] = [];
  const nodes = writer.body(() => {
    place.spellAll(node.params.body.nodes);
    outputs.push(...resultsOf(loop));
  });
  const own = writer.name(writer.scope === "" ? "Scan" : `${writer.scope}/Scan`);
  const given = [...carry, ...ending, ...xs];
  const body: OnnxGraph = {
    name: `${own} body`,
    nodes,
    initializers: [],
    inputs: given.map(({ inner, type }) => valueInfo(inner, type, sizes)),
    outputs: typesOfResults(node, ending).map((type, i) => valueInfo(outputs[i], type, sizes)),
    values: [],
  };
  const ys = outputs.length - carry.length - ending.length;
  const attributes: Attributes = {
    body: { kind: "graph", value: body },
    num_scan_inputs: { kind: "int", value: xs.length },
    ...(node.params.reverse ? directions(xs.length, ys) : {}),
  };
  return writer.node(
    "Scan",
    given.map(({ outer }) => outer),
    { name: own, outputs: outputs.map((_, i) => writer.name(`${own}.${i}`)), attributes },
  );
}

function directions(xs: number, ys: number) {
  const backwards = (count: number) => ({ kind: "ints", value: Array.from({ length: count }, () => 1) }) as const;
  return {
    scan_input_directions: backwards(xs),
    ...(ys === 0 ? {} : { scan_output_directions: backwards(ys) }),
  };
}

/** 0, 1, 2, ... for the steps of a loop. */
function positions({ params: { length } }: ScanNode, { writer, sizes }: Place): string {
  return writer.one("Range", [sizes.scalar(0, "int32"), sizes.scalar(length, "int32"), sizes.scalar(1, "int32")]);
}

/** For each step whether it is run. All are done, and what the others compute is left out: sizes are not made of data. */
function runningSteps(node: ScanNode, limit: string, at: Place): Thread {
  const { writer } = at;
  const outer = writer.one("Less", [positions(node, at), limit]);
  return { outer, inner: writer.name([writer.scope, "running"].filter(Boolean).join("/")), type: scalar("bool") };
}

function scalar(dtype: DType): Thread["type"] {
  return { dtype, shape: [] };
}

/** What a loop that stops by itself carries besides: whether it has, and the number of steps done. */
function endThreads({ writer }: Place): Thread[] {
  const make = (dtype: "bool" | "int32", what: string): Thread => ({
    outer: writer.constant(dtype, [], Int32Array.of(0)),
    inner: writer.name(`${writer.scope}/${what}`),
    type: scalar(dtype),
  });
  return [make("bool", "stopped"), make("int32", "steps")];
}

function typesOfResults({ params }: ScanNode, ending: readonly Thread[]) {
  const { carry, ys } = bodyOuts(params);
  return [...carry, ...ending.map(({ type }) => type), ...ys];
}

/** The names of a body's results. */
function resultsOf(loop: Loop): string[] {
  const { node, place, carry, ending } = loop;
  const { writer } = place;
  const outs = bodyOuts(node.params);
  const active = activeStep(loop);
  if (active === undefined) return eachOnce([...outs.carry, ...outs.ys], place);
  const zero = (dtype: DType): string => writer.constant(dtype, [], allocate(dtype, 1));
  const kept = outs.carry.map((value, i) => choose(active, { value, other: carry[i].inner }, place));
  const ys = outs.ys.map((value) => choose(active, { value, other: zero(value.dtype) }, place));
  if (outs.stop === undefined) return [...kept, ...ys];
  const [stopped, steps] = ending.map(({ inner }) => inner);
  const next = [
    writer.one("Or", [stopped, place.name(outs.stop)]),
    writer.one("Add", [steps, castTo("int32", active, place)]),
  ];
  return [...kept, ...next, ...ys];
}

/** bool []: whether what this step computes counts; undefined where all steps do. */
function activeStep({ place: { writer }, ending: [stopped], running }: Loop): string | undefined {
  const isOpen = stopped === undefined ? undefined : writer.one("Not", [stopped.inner]);
  if (isOpen === undefined || running === undefined) return isOpen ?? running?.inner;
  return writer.one("And", [isOpen, running.inner]);
}

/** Each made in the body, and each once, as the operator wants its results. */
function eachOnce(values: readonly Value[], place: Place): string[] {
  const names = values.map((value) => place.name(value));
  const isOwn = (name: string, i: number): boolean => place.writer.hasMade(name) && names.indexOf(name) === i;
  return names.map((name, i) => (isOwn(name, i) ? name : place.writer.one("Identity", [name])));
}

/** A value, or another where a truth value is false. */
function choose(
  condition: string,
  { value, other }: { readonly value: Value; readonly other: string },
  place: Place,
): string {
  const { writer } = place;
  const name = place.name(value);
  if (value.dtype !== "bool") return writer.one("Where", [condition, name, other]);
  const numbers = [name, other].map((one) => castTo("int32", one, place));
  return castTo("bool", writer.one("Where", [condition, ...numbers]), place);
}
