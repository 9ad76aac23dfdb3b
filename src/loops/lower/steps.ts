/** What the schedule of a graph is made of. Data only. */
import type { Dim } from "../../base/dims.ts";
import type { Shape } from "../../base/shapes.ts";
import type { Node, NodeOf, Value } from "../../graph/graph.ts";
import type { ProductSum } from "./sums.ts";
import type { View } from "./view.ts";

/** One store of a group: `value` at each index of the group's shape, to a place of the same shape. */
export interface Member {
  readonly value: Value;
  readonly view: View;
  /** Whether this is where others read the value. */
  readonly home: boolean;
}

/** Elementwise work on one shape: one loop nest. Grows while the graph is scheduled. */
export interface Group {
  readonly kind: "group";
  readonly shape: Shape;
  readonly scope: string;
  readonly members: Member[];
  /** Values that it reads or computes at its own index: what other work may share. */
  readonly shared: Set<Value>;
}

/** A node with loops of its own. */
export interface NodeStep {
  readonly kind: "node";
  readonly node: Node;
  /** The operands that its loops read; others were copied to where it works. */
  readonly reads: readonly Value[];
}

/** Matrix products added up, and to what is there already. */
export interface SumStep extends ProductSum {
  readonly kind: "sum";
}

/** Products with one B, which is read once for all of them. */
export interface SiblingsStep {
  readonly kind: "siblings";
  readonly products: readonly NodeOf<"matmul">[];
}

/** Stops the program where an index is outside of 0..rows-1. */
export interface CheckStep {
  readonly kind: "check";
  readonly node: Node;
  readonly indices: Value;
  readonly rows: Shape[number];
  readonly name: string;
}

/** A part of a value: from which index on, and how large. */
export interface Part {
  readonly start: readonly Dim[];
  readonly shape: Shape;
}

/** Writes one number to parts of a value. */
export interface FillStep {
  readonly kind: "fill";
  readonly node: Node;
  readonly value: number;
  readonly target: Value;
  readonly parts: readonly Part[];
}

export type Step = Group | NodeStep | SumStep | SiblingsStep | CheckStep | FillStep;
