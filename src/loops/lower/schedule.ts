/**
 * The schedule of one graph: which values are put into memory, by which loop nests, in which order. Elementwise work
 * on one shape that shares something becomes one group. Written here is no statement yet: places that turn out to be
 * needless (in-place updates) can still be replaced.
 */
import { type Dim, equalDims } from "../../base/dims.ts";
import { formatShape, sizeOf } from "../../base/shapes.ts";
import type { Graph, Node, Value } from "../../graph/graph.ts";
import { claimRules, planRules, planSiblings, planSum } from "./plans.ts";
import { siblingProducts } from "./siblings.ts";
import type { Group, Step } from "./steps.ts";
import { type ProductSum, productSums, productsOf } from "./sums.ts";
import { ruleOf, type Values } from "./values.ts";
import { equalViews, isContiguous, isWhole, reshapeView, type View } from "./view.ts";

/** Where an output of the graph goes; `overwrites` is an input that may share that place. */
export interface Destination {
  readonly view: View;
  readonly overwrites?: Value;
}

/** What computing a value reads. */
export interface Reach {
  /** Values in memory, and whether each is read at the index of the result only. */
  readonly leaves: Map<Value, boolean>;
  /** Values computed on the way at the index of the result. */
  readonly inner: Set<Value>;
  /** Values computed on the way that are not cheap, and whether at the index of the result only. */
  readonly costly: Map<Value, boolean>;
  /** What must be put into memory first. */
  readonly blockers: Set<Value>;
  /** Steps up to this one must be over. */
  after: number;
}

const costlyFrom = 4;

export class Schedule {
  readonly graph: Graph;
  readonly values: Values;
  readonly destinations: readonly Destination[];
  readonly steps: Step[] = [];
  /** The step that first writes to the home of a value, or to the place of an output. */
  readonly #firstWrite = new Map<Value, number>();
  readonly outputWrite: (number | undefined)[] = [];
  readonly #claims = new Map<Value, View>();
  readonly #claimedBy = new Map<Value, number>();
  readonly #uses = new Map<Value, Node[]>();
  readonly #outputs: ReadonlySet<Value>;
  /** Steps that a virtual value must wait for. */
  readonly #floors = new Map<Value, number>();
  readonly #computedIn = new Map<Value, Group>();
  /** The groups of each shape, and where they stand among the steps. */
  readonly #groups = new Map<string, Group[]>();
  readonly #positions = new Map<Group, number>();
  readonly #sums: ReadonlyMap<Node, ProductSum>;
  readonly live: ReadonlySet<Node>;

  constructor(graph: Graph, values: Values, destinations: readonly Destination[]) {
    this.graph = graph;
    this.values = values;
    this.destinations = destinations;
    this.#outputs = new Set(graph.outputs);
    this.live = liveNodes(graph, values);
    for (const node of this.live) for (const x of node.ins) append(this.#uses, x, node);
    for (const i of graph.outputs.keys()) this.#claimOutput(i);
    const nodes = graph.nodes.filter((node) => this.live.has(node));
    this.#sums = productSums(nodes, this, values.context.machine.tile.depth);
    const planned = new Set<Node>([...this.#sums.values()].flatMap(productsOf));
    const siblings = siblingProducts(
      nodes.filter((node) => !planned.has(node)),
      this,
    );
    for (const products of siblings.values()) for (const node of products) planned.add(node);
    for (const node of nodes.toReversed()) claimRules[node.op]?.(this, node as never);
    for (const node of nodes) {
      const sum = this.#sums.get(node);
      const together = siblings.get(node);
      if (sum !== undefined) planSum(this, sum);
      else if (together !== undefined) planSiblings(this, together);
      else if (!planned.has(node)) planRules[node.op]?.(this, node as never);
    }
    for (const i of graph.outputs.keys()) this.#finishOutput(i);
  }

  // ---- outputs -------------------------------------------------------------------------------------------------

  /** Follows an output through renamings and reshapes to the value whose memory it can be. */
  #outputRoot(i: number): { root: Value; view: View } {
    return this.rootOf(this.graph.outputs[i], this.destinations[i].view);
  }

  /** The value that one is the same elements of, in the same order, and the place of it where that of the one is `view`. */
  rootOf(value: Value, place: View): { root: Value; view: View } {
    let root = value;
    let view = place;
    for (let node = this.values.producer(root); node !== undefined; node = this.values.producer(root)) {
      const rule = ruleOf(node);
      if (rule?.sameOrder !== true) break;
      const before = rule.pointwise ? view : reshapeView(view, root.shape, node.ins[0].shape);
      if (before === undefined) break;
      [root, view] = [node.ins[0], before];
    }
    return { root, view };
  }

  #claimOutput(i: number): void {
    const { root, view } = this.#outputRoot(i);
    if (this.values.isInput(root) || this.#claims.has(root) || !this.claim(root, view)) return;
    this.#claimedBy.set(root, i);
  }

  /** Makes a place the home of a value that is not yet in memory. Says whether it can. */
  claim(value: Value, view: View): boolean {
    const node = this.values.producer(value);
    if (node === undefined || this.#claims.has(value) || this.values.home(value) !== undefined) return false;
    if (ruleOf(node)?.needsMemory?.(node) === true && node.ins.length === 0) return false;
    if (isCarry(node, value) && !isWhole(view, value.shape)) return false;
    this.#claims.set(value, view);
    return true;
  }

  /** Whether the home of a value is a place that was claimed for it. */
  isClaimed(value: Value, view: View): boolean {
    const claimed = this.#claims.get(value);
    return claimed !== undefined && equalViews(claimed, view);
  }

  hasClaim(value: Value): boolean {
    return this.#claims.has(value);
  }

  /** Whether a value comes from a node with loops of its own. */
  hasLoops(value: Value): boolean {
    const node = this.values.producer(value);
    return node !== undefined && (ruleOf(node) === undefined || this.#sums.has(node));
  }

  /** Whether a node becomes a step at its place among the nodes, or asks for one. */
  isStep(node: Node): boolean {
    return planRules[node.op] !== undefined || this.#sums.has(node);
  }

  producer(value: Value): Node | undefined {
    return this.values.producer(value);
  }

  #finishOutput(i: number): void {
    const { root } = this.#outputRoot(i);
    const { view, overwrites } = this.destinations[i];
    if (overwrites !== undefined && root === overwrites) return;
    if (this.#claimedBy.get(root) === i) {
      this.materialise(root);
      this.outputWrite[i] = this.#firstWrite.get(root);
    } else this.outputWrite[i] = this.addItem(this.graph.outputs[i], view, false);
  }

  /** Whether an output is the input that it may overwrite, unchanged. */
  isUnchanged(i: number): boolean {
    return this.#outputRoot(i).root === this.destinations[i].overwrites;
  }

  // ---- putting values into memory ------------------------------------------------------------------------------

  /** The nodes that read a value. */
  usesOf(value: Value): readonly Node[] {
    return this.#uses.get(value) ?? [];
  }

  isOutput(value: Value): boolean {
    return this.#outputs.has(value);
  }

  /** Makes sure that a value is in memory, computing it with others of its shape if need be. */
  materialise(value: Value): void {
    if (this.values.home(value) === undefined) this.addItem(value, this.#freshHome(value), true);
  }

  /** Makes sure that a value can be read as a view. */
  ensureView(value: Value): View {
    const known = this.values.place(value);
    if (known !== undefined) return known.view;
    const node = this.values.producer(value);
    const rule = node === undefined ? undefined : ruleOf(node);
    // A view of the operand is cheaper than a copy, unless it would drag along much more than is asked for.
    const viewed = rule?.sameOrder === true || (node?.ins[0] !== undefined && fitsInto(node.ins[0], value));
    if (node !== undefined && rule?.view !== undefined && viewed && !this.#isComputedInPlace(node)) {
      this.ensureView(node.ins[0]);
      const view = this.values.place(value)?.view;
      if (view !== undefined) return view;
      if (rule.sameOrder === true) this.#copyInOrder(node.ins[0]);
      const again = this.values.place(value)?.view;
      if (again !== undefined) return again;
    }
    this.materialise(value);
    return (this.values.place(value) as { view: View }).view;
  }

  /** A transpose of what is computed for it alone: that goes to its place at once, for it has to be written anyway. */
  #isComputedInPlace(node: Node): boolean {
    const [operand] = node.ins;
    if (node.op !== "transpose" || node.params.permutation.at(-1) !== operand.shape.length - 1) return false;
    const producer = this.values.producer(operand);
    if (producer === undefined || this.values.place(operand) !== undefined || this.isOutput(operand)) return false;
    const rule = ruleOf(producer);
    return rule !== undefined && rule.view === undefined && this.usesOf(operand).length === 1;
  }

  /** Puts a value into memory in row-major order, though it may be in memory already. */
  #copyInOrder(value: Value): void {
    this.materialise(value);
    const home = this.values.home(value);
    if (home !== undefined && isContiguous(home, value.shape)) return;
    const view = this.values.context.place("copy", value);
    this.addItem(value, view, true);
  }

  /** Gives a result of a step its home. */
  freshHome(value: Value): View {
    const view = this.#freshHome(value);
    return this.values.setHome(value, view);
  }

  #freshHome(value: Value): View {
    const claimed = this.#claims.get(value);
    if (claimed !== undefined) return claimed;
    const node = this.values.producer(value);
    return this.values.context.place(nameOf(node), value);
  }

  /** Appends a step that completes some values. */
  addStep(step: Step, outs: readonly Value[] = []): number {
    const at = this.steps.push(step) - 1;
    for (const out of outs) this.complete(out, at);
    return at;
  }

  /** Notes that a step writes (the rest of) a value. */
  complete(value: Value, step: number): void {
    this.values.complete(value, step);
    this.#firstWrite.set(value, Math.min(step, this.#firstWrite.get(value) ?? step));
  }

  /** Makes every reader of a virtual value wait for a step. */
  wait(value: Value, step: number): void {
    this.#floors.set(value, step);
  }

  readyAt(value: Value): number {
    return this.values.readyAt(value);
  }

  /** Adds "value to view" to a group of its shape, after step `after`; returns the group's position. */
  addItem(value: Value, view: View, home: boolean, after = -1): number {
    const reach = this.prepare(value, true);
    reach.after = Math.max(reach.after, after);
    const [group, at] = this.#chooseGroup(value, reach);
    group.members.push({ value, view, home });
    for (const inner of reach.inner) {
      group.shared.add(inner);
      if (!this.#computedIn.has(inner)) this.#computedIn.set(inner, group);
    }
    for (const [leaf, identity] of reach.leaves) if (identity) group.shared.add(leaf);
    group.shared.add(value);
    if (home) {
      this.values.setHome(value, view);
      this.complete(value, at);
    }
    return at;
  }

  /** The same for a value that may have been given another shape on the way. */
  addReshaped(value: Value, view: View, after = -1): number {
    const found = this.rootOf(value, view);
    return this.addItem(found.root, found.view, false, after);
  }

  /** Settles what of a value's operands is put into memory first; then says what computing it reads. */
  prepare(value: Value, inGroup: boolean): Reach {
    for (;;) {
      const reach = this.reach(value);
      const [blocker] = reach.blockers;
      if (blocker !== undefined) {
        this.ensureView(blocker);
        continue;
      }
      if (this.#settleCostly(value, reach, inGroup)) continue;
      return reach;
    }
  }

  /** Puts one costly value that would be computed twice into memory; says whether there was one. */
  #settleCostly(value: Value, reach: Reach, inGroup: boolean): boolean {
    if (reach.costly.size === 0) return false;
    const chosen = inGroup ? this.#sharingGroup(value, reach) : undefined;
    for (const [costly, identity] of reach.costly) {
      if (costly === value && inGroup) continue;
      const group = this.#computedIn.get(costly);
      if (group !== undefined && group === chosen && identity) continue;
      if (group !== undefined) {
        const view = this.#freshHome(costly);
        group.members.push({ value: costly, view, home: true });
        this.values.setHome(costly, view);
        this.complete(costly, this.#positionOf(group));
        return true;
      }
      if ((!identity || !inGroup) && this.usesOf(costly).length > 1) {
        this.materialise(costly);
        return true;
      }
    }
    return false;
  }

  // ---- groups --------------------------------------------------------------------------------------------------

  #chooseGroup(value: Value, reach: Reach): [Group, number] {
    const found = this.#sharingGroup(value, reach);
    if (found !== undefined) return [found, this.#positionOf(found)];
    const scope = this.values.producer(value)?.scope ?? "";
    const group: Group = { kind: "group", shape: value.shape, scope, members: [], shared: new Set() };
    const at = this.addStep(group);
    append(this.#groups, formatShape(value.shape), group);
    this.#positions.set(group, at);
    return [group, at];
  }

  #positionOf(group: Group): number {
    return this.#positions.get(group) ?? -1;
  }

  /** The group to join: one that computes a costly part already, else the last that shares something. */
  #sharingGroup(value: Value, reach: Reach): Group | undefined {
    let best: Group | undefined;
    const groups = this.#groups.get(formatShape(value.shape)) ?? [];
    for (let i = groups.length - 1; i >= 0; i--) {
      const group = groups[i];
      if (!this.#mayJoin(group, this.#positionOf(group), reach)) continue;
      if (!group.members.every((member) => this.#isDividedAlike(member.value, value))) continue;
      if (sharesHere(reach.costly, group)) return group;
      if (best === undefined && (sharesHere(reach.leaves, group) || sharesAny(reach.inner, group))) best = group;
    }
    return best;
  }

  /** Whether threads go through two values in the same stretches. */
  #isDividedAlike(a: Value, b: Value): boolean {
    const { context } = this.values;
    return context.part(a)?.axis === context.part(b)?.axis;
  }

  #mayJoin(group: Group, at: number, reach: Reach): boolean {
    if (reach.after >= at) return false;
    for (const [leaf, identity] of reach.leaves) {
      const ready = this.readyAt(leaf);
      if (ready > at) return false;
      if (ready === at && !(identity && group.members.some((m) => m.home && m.value === leaf))) return false;
    }
    return true;
  }

  // ---- what computing a value reads ------------------------------------------------------------------------------

  /** `members` are values that the kernel computes itself at its index, though they are in memory. */
  reach(value: Value, members: ReadonlySet<Value> = new Set()): Reach {
    const reach: Reach = { leaves: new Map(), inner: new Set(), costly: new Map(), blockers: new Set(), after: -1 };
    const seen = new Map<Value, boolean>();
    const visit = (x: Value, identity: boolean): void => {
      const before = seen.get(x);
      if (before !== undefined && (before === identity || !before)) return;
      seen.set(x, identity);
      this.#visit(x, identity, members, reach, visit);
    };
    visit(value, true);
    return reach;
  }

  #visit(
    x: Value,
    identity: boolean,
    members: ReadonlySet<Value>,
    reach: Reach,
    visit: (x: Value, identity: boolean) => void,
  ): void {
    reach.after = Math.max(reach.after, this.#floors.get(x) ?? -1);
    const place = identity && members.has(x) ? undefined : this.values.place(x);
    if (place !== undefined) {
      const same = identity && place.root === x;
      reach.leaves.set(place.root, same && (reach.leaves.get(place.root) ?? true));
      return;
    }
    const node = this.values.producer(x);
    if (node === undefined) return;
    const rule = ruleOf(node) as NonNullable<ReturnType<typeof ruleOf>>;
    if (identity) reach.inner.add(x);
    if (rule.cost >= costlyFrom) reach.costly.set(x, identity && (reach.costly.get(x) ?? true));
    this.#block(node, rule.repeats === true, reach);
    for (const operand of node.ins) visit(operand, identity && rule.pointwise);
  }

  /** An operand of which one element is needed many times, and a reshape that joins axes, want memory. */
  #block(node: Node, repeats: boolean, reach: Reach): void {
    const [operand] = node.ins;
    if (repeats && this.values.place(operand) === undefined) {
      const many =
        operand.shape.some((dim) => dim !== 1) && !equalDims(sizeOf(operand.shape), sizeOf(node.outs[0].shape));
      if (many && this.cost(operand) >= costlyFrom) reach.blockers.add(operand);
    }
    if (ruleOf(node)?.needsMemory?.(node) === true) reach.blockers.add(node.outs[0]);
  }

  /** What one element costs that is computed where it is read. */
  cost(value: Value): number {
    let total = 0;
    const seen = new Set<Value>();
    const visit = (x: Value): void => {
      if (seen.has(x) || this.values.place(x) !== undefined) return;
      seen.add(x);
      const node = this.values.producer(x);
      if (node === undefined) return;
      total += ruleOf(node)?.cost ?? 0;
      node.ins.forEach(visit);
    };
    visit(value);
    return total;
  }
}

/** Whether a group reads or computes one of these values at its own index. */
function sharesHere(values: ReadonlyMap<Value, boolean>, { shared }: Group): boolean {
  for (const [value, identity] of values) if (identity && shared.has(value)) return true;
  return false;
}

function sharesAny(values: ReadonlySet<Value>, { shared }: Group): boolean {
  for (const value of values) if (shared.has(value)) return true;
  return false;
}

function append<K, V>(lists: Map<K, V[]>, key: K, value: V): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [value]);
  else list.push(value);
}

function nameOf(node: Node | undefined): string {
  if (node === undefined) return "copy";
  const last = node.scope.split("/").at(-1) ?? "";
  return last === "" ? node.op : `${last}.${node.op}`;
}

function isCarry(node: Node, value: Value): boolean {
  return node.op === "scan" && node.outs.indexOf(value) < node.params.carry;
}

function fitsInto(operand: Value, value: Value): boolean {
  const [a, b]: [Dim, Dim] = [sizeOf(operand.shape), sizeOf(value.shape)];
  return (
    equalDims(a, b) ||
    (typeof a === "number" && typeof b === "number" && a <= b) ||
    operand.shape.every((dim) => value.shape.some((other) => equalDims(dim, other)) || dim === 1)
  );
}

/** The nodes that an output needs. */
function liveNodes(graph: Graph, values: Values): Set<Node> {
  const live = new Set<Node>();
  const pending = [...graph.outputs];
  for (let value = pending.pop(); value !== undefined; value = pending.pop()) {
    const node = values.producer(value);
    if (node === undefined || live.has(node)) continue;
    live.add(node);
    pending.push(...node.ins);
  }
  return live;
}
