/**
 * Lowers one graph: the program itself, or the body of a scan. Schedules it, decides which outputs may overwrite the
 * input that they replace, then writes the statements of each step.
 */
import { type Dim, formatDim, subtractDims } from "../../base/dims.ts";
import { equalShapes } from "../../base/shapes.ts";
import type { Graph, Node, NodeOf, Value } from "../../graph/graph.ts";
import { indexMessage } from "../../graph/messages.ts";
import type { OpName } from "../../graph/ops.ts";
import { binary, cast, constant, i32, kernel, letIn, loop, mul, ref, size } from "../build.ts";
import { type Expr, type Stmt, types } from "../ir.ts";
import { type Context, memoryScalar } from "./context.ts";
import type { Index } from "./elements.ts";
import type { Round } from "./fewRows.ts";
import { type Body, elementwiseNest, moveAll, type Target } from "./nest.ts";
import { type Destination, Schedule } from "./schedule.ts";
import type { CheckStep, FillStep, Group, SiblingsStep, Step, SumStep } from "./steps.ts";
import { addendsOf, productsOf } from "./sums.ts";
import { type Source, Values } from "./values.ts";
import { indexOf, isContiguous, partView, type View } from "./view.ts";
import { workOfStep } from "./work.ts";

/** How the body of a scan finds the values of outside that stay the same in its loop. */
export interface Outside {
  readonly lowering: GraphLowering;
  readonly constants: ReadonlyMap<Value, Value>;
  readonly round: Omit<Round, "preheader">;
}

export class GraphLowering {
  readonly rules: EmitRules;
  readonly context: Context;
  readonly graph: Graph;
  readonly values: Values;
  /** Of ys of loops that leave steps out: how many steps were done, and how many there are. */
  readonly done = new Map<Value, { readonly count: Expr; readonly length: Dim }>();
  /** Statements to run before the loop that this graph is the body of. */
  readonly preheader: Stmt[] = [];
  /** Whether each step is divided over the threads of the team by itself. */
  readonly divides: boolean;
  readonly #schedule: Schedule;
  readonly #outside: Outside | undefined;
  /** What each step reads, as far as that has been asked. */
  readonly #reads = new Map<Step, ReadonlyMap<Value, boolean>>();

  constructor(
    rules: EmitRules,
    context: Context,
    graph: Graph,
    sources: readonly Source[],
    destinations: readonly Destination[],
    divides: boolean,
    outside?: Outside,
  ) {
    this.rules = rules;
    this.divides = divides;
    this.context = context;
    this.graph = graph;
    this.#outside = outside;
    this.values = new Values(context, graph, sources);
    this.#schedule = new Schedule(graph, this.values, destinations);
  }

  /** The lowering of the body of a scan of this graph. */
  inside(
    body: Graph,
    sources: readonly Source[],
    destinations: readonly Destination[],
    constants: ReadonlyMap<Value, Value>,
    round: Outside["round"],
    divides: boolean,
  ): GraphLowering {
    const outside = { lowering: this, constants, round };
    return new GraphLowering(this.rules, this.context, body, sources, destinations, divides, outside);
  }

  /** The statements of the graph. Copies to places that could not be overwritten earlier come last. */
  run(): Stmt[] {
    const copies = this.#overwrite();
    const steps = this.#schedule.steps.flatMap((step, at) => {
      this.#lookAt(at);
      return this.#divided(step);
    });
    return [...steps, ...copies];
  }

  /** Statements that run before the outermost loop in which a value stays the same; undefined if there is none. */
  preheaderOf(value: Value): Stmt[] | undefined {
    const root = this.values.place(value)?.root ?? value;
    // What the body has copied is not there before the loop.
    if (this.values.home(root) !== undefined) return undefined;
    const outer = this.#outside?.constants.get(root);
    if (this.#outside === undefined || outer === undefined) return undefined;
    return this.#outside.lowering.preheaderOf(outer) ?? this.preheader;
  }

  /** The loop that this graph is the body of, for a value that it is given anew at each step. */
  roundOf(value: Value): Round | undefined {
    const root = this.values.place(value)?.root ?? value;
    const given = this.values.isInput(root) && this.values.home(root) === undefined;
    return given && this.#outside !== undefined ? { ...this.#outside.round, preheader: this.preheader } : undefined;
  }

  /** From here on a value is read from memory only if an earlier step has put it there. */
  #lookAt(step: number): void {
    this.values.now = step;
  }

  // ---- in place --------------------------------------------------------------------------------------------------

  #overwrite(): Stmt[] {
    const copies: Stmt[] = [];
    this.#schedule.destinations.forEach(({ view, overwrites }, i) => {
      if (overwrites === undefined) return;
      const place = this.values.view(overwrites);
      if (this.#schedule.isUnchanged(i) || this.#isSafe(overwrites, this.#schedule.outputWrite[i] ?? 0))
        this.context.replace(view.buffer, place.buffer);
      else copies.push(...this.#copyAll(overwrites, place, view));
    });
    return copies.length === 0 ? [] : [kernel("keep", copies)];
  }

  /** Whether nothing reads an input after the step that overwrites it, or in it at another index. */
  #isSafe(input: Value, write: number): boolean {
    return this.#schedule.steps.every((step, at) => {
      if (at < write) return true;
      this.#lookAt(at);
      const reads = this.#readsOf(step).get(input);
      if (reads === undefined) return true;
      return at === write && reads && step.kind === "group" && equalShapes(step.shape, input.shape);
    });
  }

  /** What a step reads from memory, and whether it does so at its own index only. */
  #readsOf(step: Step): ReadonlyMap<Value, boolean> {
    const known = this.#reads.get(step);
    if (known !== undefined) return known;
    const found = new Map<Value, boolean>();
    if (step.kind === "group") {
      const members = new Set(step.members.filter((m) => m.home).map((m) => m.value));
      for (const { value } of step.members)
        for (const [leaf, here] of this.#schedule.reach(value, members).leaves)
          found.set(leaf, here && (found.get(leaf) ?? true));
    } else
      for (const x of readsOf(step)) for (const leaf of this.#schedule.reach(x).leaves.keys()) found.set(leaf, false);
    this.#reads.set(step, found);
    return found;
  }

  // ---- steps -----------------------------------------------------------------------------------------------------

  #divided(step: Step): Stmt[] {
    // A scan decides for itself.
    if (!this.divides || (step.kind === "node" && step.node.op === "scan")) return this.#step(step);
    const work = workOfStep(step);
    if (work < this.context.machine.grain) return this.#step(step);
    this.context.divided += work;
    return this.context.sharingAs("even", () => this.#step(step));
  }

  #step(step: Step): Stmt[] {
    switch (step.kind) {
      case "group":
        return this.#group(step);
      case "sum":
        return this.rules.sum(this, step);
      case "siblings":
        return this.rules.siblings(this, step);
      case "check":
        return [this.context.kernel(nameOf(step.node, "check"), this.#check(step))];
      case "fill":
        return [this.context.kernel(nameOf(step.node), this.#fill(step))];
      case "node":
        return (this.rules[step.node.op] as EmitRule)(this, step.node as never);
      default:
        return step satisfies never;
    }
  }

  #group(group: Group): Stmt[] {
    const homes = new Set(group.members.filter((m) => m.home).map((m) => m.value));
    const members = group.members
      .map((m) => ({ ...m, view: this.values.resolve(m.view) }))
      .filter((m) => !this.#isThere(m.value, m.view, m.home));
    if (members.length === 0) return [];
    const body = (index: Index): Target[] => {
      const session = this.values.session(homes, index);
      return members.map(({ value, view }) => {
        const x = this.values.element(value, index, session);
        return { buffer: view.buffer, index: indexOf(view, index), value: cast(x, memoryScalar(value.dtype)) };
      });
    };
    const part = this.context.part(members[0].value);
    const filled = part === undefined ? this.#zeroFill(group, members, body) : undefined;
    const statements = filled ?? elementwiseNest(this.context, group.shape, body, part);
    return [this.context.kernel(this.#nameOf(group), statements)];
  }

  /** Whether a copy would put a value where it is already. */
  #isThere(value: Value, view: View, home: boolean): boolean {
    if (home) return false;
    const place = this.values.place(value);
    if (place === undefined) return false;
    const from = this.values.resolve(place.view);
    const zeros = value.shape.map(() => i32(0));
    const sameStart =
      from.buffer === view.buffer && JSON.stringify(indexOf(from, zeros)) === JSON.stringify(indexOf(view, zeros));
    return sameStart && from.strides.every((s, i) => JSON.stringify(s) === JSON.stringify(view.strides[i]));
  }

  /** Fills instead of loops where everything is zero. */
  #zeroFill(
    group: Group,
    members: readonly { readonly view: View }[],
    body: (index: Index) => Target[],
  ): Stmt[] | undefined {
    const zeros = group.shape.map(() => i32(0));
    // At an index that is not known: an iota is zero at index zero only.
    const anywhere = body(group.shape.map(() => ref(this.context.variable("i"))));
    const all = anywhere.every(
      ({ value }, i) =>
        value.kind === "const" && Object.is(value.value, 0) && isContiguous(members[i].view, group.shape),
    );
    if (!all) return undefined;
    return body(zeros).map(({ buffer, index }) => ({ kind: "fill", buffer, index, count: countOf(group.shape) }));
  }

  #nameOf(group: Group): string {
    const ops = group.members.map((m) => this.values.producer(m.value)?.op ?? "copy");
    const names = [...new Set(ops)].slice(0, 4).join(" ");
    return group.scope === "" ? names : `${group.scope}: ${names}`;
  }

  #check({ indices, rows, name }: CheckStep): Stmt[] {
    const check = this.context.check(indexMessage(name, formatDim(subtractDims(rows, 1)), "{value}"));
    const read = this.values.reader(indices);
    const counters = indices.shape.map(() => this.context.variable("i"));
    const value = this.context.variable("row", types.i32);
    const inside = binary("and", binary("lessEqual", i32(0), ref(value)), binary("less", ref(value), size(rows)));
    const body: Stmt[] = [
      letIn(value, read(counters.map(ref))),
      { kind: "require", condition: inside, check, value: ref(value) },
    ];
    return counters.reduceRight<Stmt[]>(
      (inner, counter, i) => [loop(counter, i32(0), size(indices.shape[i]), 1, inner)],
      body,
    );
  }

  #fill({ target, value, parts }: FillStep): Stmt[] {
    const whole = this.values.target(target);
    const x = constant(memoryScalar(target.dtype), value);
    return parts.flatMap(({ start, shape }) => {
      const view = partView(whole, start);
      const store: Body = (index) => [{ buffer: view.buffer, index: indexOf(view, index), value: x }];
      return elementwiseNest(this.context, shape, store, this.context.part(target));
    });
  }

  #copyAll(value: Value, to: View, from: View): Stmt[] {
    const part = this.context.part(value);
    if (part !== undefined || this.context.isOwn(value)) return moveAll(this.context, value, to, from, part);
    const zero = i32(0);
    return [
      { kind: "copy", to: to.buffer, toIndex: zero, from: from.buffer, fromIndex: zero, count: size(to.buffer.size) },
    ];
  }
}

/** What a step reads that goes through loops of its own. */
function readsOf(step: Exclude<Step, Group>): readonly Value[] {
  switch (step.kind) {
    case "check":
      return [step.indices];
    case "fill":
      return [];
    case "node":
      return step.reads;
    case "sum":
      return [...addendsOf(step), ...productsOf(step).flatMap(({ ins }) => ins)];
    case "siblings":
      return step.products.flatMap(({ ins }) => ins);
    default:
      return step satisfies never;
  }
}

/** The statements of an op that takes loops of its own. */
export type EmitRule<K extends OpName = OpName> = (lowering: GraphLowering, node: NodeOf<K>) => Stmt[];

/** A rule for each op that takes loops of its own, and for products that belong together: `emits.ts`, handed in because the rule of scan lowers graphs itself. */
export type EmitRules = { readonly [K in OpName]?: EmitRule<K> } & {
  readonly sum: (lowering: GraphLowering, step: SumStep) => Stmt[];
  readonly siblings: (lowering: GraphLowering, step: SiblingsStep) => Stmt[];
};

/** What a kernel is called: the path of the layer, then what it does. */
export function nameOf(node: Node, what: string = node.op): string {
  return node.scope === "" ? what : `${node.scope}: ${what}`;
}

function countOf(shape: readonly CheckStep["rows"][]): ReturnType<typeof size> {
  return shape.reduce<ReturnType<typeof size>>((n, dim) => mul(n, size(dim)), i32(1));
}
