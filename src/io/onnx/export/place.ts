/**
 * Where a node of a graph is spelled: what its operands are called in the file, and how they broadcast. ONNX broadcasts
 * by itself where Recurve has an op for it, so that most of these ops need no node.
 */
import { equalDims } from "../../../base/dims.ts";
import { internal } from "../../../base/errors.ts";
import { equalShapes, type Shape } from "../../../base/shapes.ts";
import type { Graph, Node, NodeOf, Value } from "../../../graph/graph.ts";
import type { OpName } from "../../../graph/ops.ts";
import { reduced } from "./contract.ts";
import { type Patterns, patternsIn } from "./patterns.ts";
import type { Sizes } from "./sizes.ts";
import type { Writer } from "./writer.ts";

/** Spells one node: adds what it needs to the file and returns the names of its results. */
export type Rule<K extends OpName> = (node: NodeOf<K>, at: Place) => readonly string[];

/** A tensor of the file with the shape that it has there. */
export interface Operand {
  readonly name: string;
  readonly shape: Shape;
}

/** What is spelled only where somebody reads it: mostly nobody does, since ONNX broadcasts and has constants. */
const putOff: ReadonlySet<OpName> = new Set<OpName>(["broadcast", "constant", "dimSize", "reduce"]);

/** One graph, or the body of a loop, on its way into the file. */
export class Place {
  readonly writer: Writer;
  readonly sizes: Sizes;
  readonly #names = new Map<Value, string>();
  readonly #narrowed = new Map<Value, Operand>();
  readonly #producers: ReadonlyMap<Value, Node>;
  readonly #spell: (node: Node, at: Place) => readonly string[];
  readonly #used: ReadonlySet<Value>;
  readonly #patterns: Patterns;

  constructor(
    graph: { readonly nodes: readonly Node[]; readonly reads: readonly Value[] },
    how: {
      readonly writer: Writer;
      readonly sizes: Sizes;
      readonly spell: (node: Node, at: Place) => readonly string[];
    },
  ) {
    this.writer = how.writer;
    this.sizes = how.sizes;
    this.#spell = how.spell;
    this.#producers = new Map(graph.nodes.flatMap((node) => node.outs.map((out) => [out, node] as const)));
    this.#used = new Set(graph.reads);
    this.#patterns = patternsIn(graph.nodes, (value) => this.#producers.get(value));
  }

  /** The place of a loop's body, in the same file. */
  inside({ nodes, outputs }: Graph): Place {
    const reads = [...outputs, ...nodes.flatMap((node) => node.ins)];
    return new Place({ nodes, reads }, { writer: this.writer, sizes: this.sizes, spell: this.#spell });
  }

  /** Whether anybody reads a value. */
  isUsed(value: Value): boolean {
    return this.#used.has(value);
  }

  define(value: Value, name: string): void {
    this.#names.set(value, name);
  }

  /** What a value is called; it is spelled now if it was put off. */
  name(value: Value): string {
    const known = this.#names.get(value);
    if (known !== undefined) return known;
    const node = this.#producers.get(value);
    if (node === undefined) return internal("ONNX export: a value is read before it is there", { id: value.id });
    this.spell(node);
    return this.name(value);
  }

  /** Spells nodes in order. */
  spellAll(nodes: readonly Node[]): void {
    for (const node of nodes) {
      const isDone = this.#names.has(node.outs[0]);
      if (!isDone && !putOff.has(node.op) && !this.#patterns.inner.has(node)) this.spell(node);
    }
  }

  /** Spells a node under the name of its layer. */
  spell(node: Node): void {
    const instead = this.#patterns.instead.get(node);
    const names = this.inScope(node, () => (instead === undefined ? this.#spell(node, this) : [instead(this)]));
    for (const [i, out] of node.outs.entries()) this.define(out, names[i]);
  }

  /** Writes nodes under the name of a node's layer. */
  inScope<R>({ scope }: Node, write: () => R): R {
    const { writer } = this;
    const before = writer.scope;
    writer.scope = scope;
    const result = write();
    writer.scope = before;
    return result;
  }

  /** A value as the operand of something that broadcasts: as small as it is known to be. */
  narrow(value: Value): Operand {
    const node = this.#producers.get(value);
    if (node?.op === "stopGradient" || node?.op === "named") return this.narrow(node.ins[0]);
    if (node?.op !== "broadcast") return { name: this.name(value), shape: value.shape };
    const known = this.#narrowed.get(value) ?? this.#aligned(node);
    this.#narrowed.set(value, known);
    return known;
  }

  /** Operands of one elementwise node: what they broadcast to among themselves is `shape`. */
  broadcasting(values: readonly Value[], shape: Shape): readonly string[] {
    const operands = values.map((value) => this.narrow(value));
    const reaches = shape.every((dim, axis) =>
      operands.some((one) => equalDims(one.shape[axis - shape.length + one.shape.length] ?? 1, dim)),
    );
    if (reaches) return operands.map(({ name }) => name);
    return [this.name(values[0]), ...operands.slice(1).map(({ name }) => name)];
  }

  /** The number that a value holds everywhere, where that is known. */
  numberOf(value: Value): number | undefined {
    const node = this.#producers.get(value);
    switch (node?.op) {
      case "constant": {
        const { data } = node.params;
        return data.length > 0 && data.every((x) => x === data[0]) ? data[0] : undefined;
      }
      case "broadcast":
      case "reshape":
      case "transpose":
      case "slice":
      case "stopGradient":
        return this.numberOf(node.ins[0]);
      case "concat": {
        const numbers = new Set(node.ins.map((one) => this.numberOf(one)));
        return numbers.size === 1 ? [...numbers][0] : undefined;
      }
      default:
        return undefined;
    }
  }

  /** The operand of a broadcast with axes of size 1 where it has none, so that ONNX's rule does the rest. */
  #aligned({ ins: [x], params: { shape, axes } }: NodeOf<"broadcast">): Operand {
    if (axes.length === 0) return { name: this.name(x), shape: [] };
    const lead = axes[0];
    const aligned = shape.slice(lead).map((_, i) => (axes.includes(i + lead) ? x.shape[axes.indexOf(i + lead)] : 1));
    if (equalShapes(aligned, x.shape)) return { name: this.name(x), shape: aligned };
    const missing = aligned.flatMap((_, i) => (axes.includes(i + lead) ? [] : [i]));
    const maker = this.#producers.get(x);
    if (lead === 0 && maker?.op === "reduce" && maker.params.axes.join() === missing.join()) {
      return { name: this.inScope(maker, () => reduced(maker, { keeps: true }, this)), shape: aligned };
    }
    return { name: this.writer.one("Unsqueeze", [this.name(x), this.writer.int64s(missing)]), shape: aligned };
  }
}
