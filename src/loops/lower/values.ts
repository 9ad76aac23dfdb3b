/**
 * Where the values of one graph are: in memory (a home), with the caller (an input), or nowhere (virtual: computed
 * where they are read). Gives each element of any of them as an expression.
 */
import { internal } from "../../base/errors.ts";
import type { Graph, Node, Value } from "../../graph/graph.ts";
import type { OpName } from "../../graph/ops.ts";
import { keyOf } from "../affine.ts";
import { cast, load } from "../build.ts";
import type { Expr } from "../ir.ts";
import { type Context, registerScalar } from "./context.ts";
import { type ElementRule, elementRules, type Index, type Read } from "./elements.ts";
import { indexOf, type View } from "./view.ts";

/** What the caller gives for an input: a place in memory, or a way to compute its elements. */
export type Source = { readonly view: View } | { readonly read: Read };

/** Elements computed in one kernel so far, each once; and what the kernel computes itself at the index it is at. */
export interface Session {
  readonly memo: Map<string, Map<Value, Expr>>;
  readonly members: ReadonlySet<Value>;
  readonly identity: string;
}

interface Home {
  readonly view: View;
  /** The step that completes it. */
  ready: number;
}

export class Values {
  readonly context: Context;
  readonly #inputs = new Map<Value, Source>();
  readonly #producers = new Map<Value, Node>();
  /** Later homes are copies of earlier ones. */
  readonly #homes = new Map<Value, Home[]>();
  /** The step whose statements are being written: homes that it or a later one completes do not count yet. */
  now = Number.POSITIVE_INFINITY;
  readonly #keys = new Map<Expr, string>();
  /** What a node's result is as a view, for the view of its operand that was asked for last. */
  readonly #views = new Map<Node, { readonly of: View; readonly view: View | undefined }>();

  constructor(context: Context, graph: Graph, sources: readonly Source[]) {
    this.context = context;
    for (const [i, { value }] of graph.inputs.entries()) this.#inputs.set(value, sources[i]);
    for (const node of graph.nodes) for (const out of node.outs) this.#producers.set(out, node);
  }

  producer(value: Value): Node | undefined {
    return this.#producers.get(value);
  }

  isInput(value: Value): boolean {
    return this.#inputs.has(value);
  }

  /** The home of a value, whether or not it has been written yet. */
  home(value: Value): View | undefined {
    return this.#homes.get(value)?.at(-1)?.view;
  }

  setHome(value: Value, view: View): View {
    const homes = this.#homes.get(value);
    if (homes === undefined) this.#homes.set(value, [{ view, ready: -1 }]);
    else homes.push({ view, ready: -1 });
    return view;
  }

  /** Notes that a step writes (the rest of) a value to its home. */
  complete(value: Value, step: number): void {
    const home = this.#homes.get(value)?.at(-1);
    if (home !== undefined) home.ready = Math.max(home.ready, step);
  }

  /** The step that completes a value in memory; -1 for what is there from the beginning. */
  readyAt(value: Value): number {
    return this.#homes.get(value)?.at(-1)?.ready ?? -1;
  }

  /** The value whose memory holds `value`, and the view of it there; undefined where that is not in memory. */
  place(value: Value): { root: Value; view: View } | undefined {
    const home = this.#homes.get(value)?.findLast(({ ready }) => ready < this.now);
    if (home !== undefined) return { root: value, view: home.view };
    const source = this.#inputs.get(value);
    if (source !== undefined) return "view" in source ? { root: value, view: source.view } : undefined;
    return this.#derived(this.#producers.get(value) as Node);
  }

  /** The result of a node as a view of its operand's memory. */
  #derived(node: Node): { root: Value; view: View } | undefined {
    const rule = ruleOf(node);
    if (rule?.view === undefined) return undefined;
    const operand = this.place(node.ins[0]);
    if (operand === undefined) return undefined;
    let known = this.#views.get(node);
    if (known?.of !== operand.view) {
      known = { of: operand.view, view: rule.view(node, operand.view) };
      this.#views.set(node, known);
    }
    return known.view === undefined ? undefined : { root: operand.root, view: known.view };
  }

  /** The view of a value, with the buffer that is really accessed. */
  view(value: Value): View {
    const found = this.place(value) ?? internal("a value is read from memory but has no place there", { id: value.id });
    return this.resolve(found.view);
  }

  /** Where a step writes a value. */
  target(value: Value): View {
    return this.resolve(this.home(value) ?? internal("a result has no place in memory", { id: value.id }));
  }

  resolve(view: View): View {
    const buffer = this.context.resolve(view.buffer);
    return buffer === view.buffer ? view : { ...view, buffer };
  }

  /** A kernel that computes `members` itself at `index`. */
  session(members: ReadonlySet<Value> = new Set(), index: Index = []): Session {
    return { memo: new Map(), members, identity: this.#key(index) };
  }

  /** An element as registers hold it. */
  element(value: Value, index: Index, session: Session): Expr {
    const key = this.#key(index);
    const row = session.memo.get(key) ?? new Map<Value, Expr>();
    session.memo.set(key, row);
    const known = row.get(value);
    if (known !== undefined) return known;
    const inline = session.members.has(value) && key === session.identity;
    const place = inline ? undefined : this.place(value);
    const result = place === undefined ? this.compute(value, index, session) : this.#load(value, place.view, index);
    row.set(value, result);
    return result;
  }

  /** An element by the rule of its op, whether or not it also lies in memory. */
  compute(value: Value, index: Index, session: Session): Expr {
    const origin = this.#homes.get(value)?.findLast(({ ready }) => ready < this.now);
    if (origin !== undefined) return this.#load(value, origin.view, index);
    const source = this.#inputs.get(value);
    if (source !== undefined) return "view" in source ? this.#load(value, source.view, index) : source.read(index);
    const node = this.#producers.get(value) as Node;
    const derived = this.#derived(node);
    if (derived !== undefined) return this.#load(value, derived.view, index);
    const rule = ruleOf(node) ?? internal(`the result of ${node.op} has no place in memory`, { id: value.id });
    const ins = node.ins.map(
      (x): Read =>
        (at) =>
          this.element(x, at, session),
    );
    return (
      rule.at(node, ins, index) ?? internal(`an element of ${node.op} cannot be computed by itself`, { id: value.id })
    );
  }

  /** Reads elements of one value in a kernel of its own. */
  reader(value: Value): Read {
    const session = this.session();
    return (index) => this.element(value, index, session);
  }

  #load(value: Value, view: View, index: Index): Expr {
    const x = load(this.context.resolve(view.buffer), indexOf(view, index));
    return cast(x, registerScalar(value.dtype));
  }

  #key(index: Index): string {
    return index.map((x) => this.#keyOf(x)).join();
  }

  #keyOf(x: Expr): string {
    const known = this.#keys.get(x);
    if (known !== undefined) return known;
    const key = keyOf(x);
    const text = typeof key === "string" ? key : `@${this.#keys.size}`;
    this.#keys.set(x, text);
    return text;
  }
}

/** The element rule of a node; undefined for one that takes loops of its own. */
export function ruleOf(node: Node): ElementRule<OpName> | undefined {
  const rule = elementRules[node.op] as ElementRule<OpName> | "step";
  return rule === "step" ? undefined : rule;
}
