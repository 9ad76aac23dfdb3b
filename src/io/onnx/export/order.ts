/**
 * The order in which a traced model is spelled. Layers that are one node of the file were left out of the trace: it has
 * inputs in place of their results. Here they take their place among the nodes, after what they read.
 */
import type { Node, Value } from "../../../graph/graph.ts";
import type { Place } from "./place.ts";

/** A part of the model that is spelled by itself. */
export interface Site {
  readonly ins: readonly Value[];
  /** Inputs of the traced graph. */
  readonly outs: readonly Value[];
  /** Adds its node and returns the names of its results. */
  readonly spell: (at: Place) => readonly string[];
}

export type Item = Node | Site;

/** The items that `wanted` needs, each after those that it reads. */
export function inOrder(items: readonly Item[], wanted: readonly Value[]): Item[] {
  const makers = new Map<Value, Item>(items.flatMap((item) => item.outs.map((out) => [out, item] as const)));
  const state = new Map<Item, "begun" | "done">();
  const ordered: Item[] = [];
  const waiting = wanted.flatMap((value) => makers.get(value) ?? []).reverse();
  for (let item = waiting.at(-1); item !== undefined; item = waiting.at(-1)) {
    if (state.get(item) === undefined) {
      state.set(item, "begun");
      const needs = item.ins.flatMap((value) => makers.get(value) ?? []);
      waiting.push(...needs.filter((one) => state.get(one) === undefined).reverse());
      continue;
    }
    waiting.pop();
    if (state.get(item) === "begun") ordered.push(item);
    state.set(item, "done");
  }
  return ordered;
}
