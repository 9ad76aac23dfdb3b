/** The passes in order. The numbered list below is the whole optimiser; fusion is done later, by lowering. */
import type { Graph } from "../graph/graph.ts";
import { cse } from "./cse.ts";
import { dce } from "./dce.ts";
import { type FoldOptions, fold } from "./fold.ts";
import { hoist } from "./hoist.ts";
import { narrow } from "./narrow.ts";
import type { Pass } from "./rewrite.ts";
import { sink } from "./sink.ts";

/** Rounds of the whole list at most; two are usual, and a third that finds nothing. */
const maxRounds = 6;

/** A graph that computes the same faster. Meant for graphs whose gradients are taken already. */
export function optimise(graph: Graph, options: FoldOptions = {}): Graph {
  const passes: readonly Pass[] = [
    /* 1 */ (current) => fold(current, options),
    /* 2 */ cse,
    /* 3 */ dce,
    /* 4 */ narrow,
    /* 5 */ hoist,
    /* 6 */ sink,
  ];
  let current = graph;
  for (let round = 0; round < maxRounds; round++) {
    const next = passes.reduce((before, pass) => pass(before), current);
    if (next === current) return current;
    current = next;
  }
  return dce(cse(current));
}
