/** The passes in order. The numbered list below is the whole optimiser; fusion is done later, by lowering. */
import type { Graph } from "../graph/graph.ts";
import { cse } from "./cse.ts";
import { dce } from "./dce.ts";
import { type FoldOptions, fold } from "./fold.ts";
import { hoist } from "./hoist.ts";
import { narrow } from "./narrow.ts";
import type { Pass } from "./rewrite.ts";
import { sink } from "./sink.ts";

/** Rounds of the whole list at most; two with an effect are usual. */
const maxRounds = 8;

/** Told the name of each pass that has just run, for measurements. */
export type Watch = (pass: string) => void;

/** A graph that computes the same faster. Meant for graphs whose gradients are taken already. */
export function optimise(graph: Graph, options: FoldOptions = {}, watch: Watch = () => {}): Graph {
  const passes: readonly (readonly [string, Pass])[] = [
    /* 1. Compute constants, apply laws.        */ ["fold", (current) => fold(current, options)],
    /* 2. Compute what is the same once.        */ ["cse", cse],
    /* 3. Drop what nobody reads.               */ ["dce", dce],
    /* 4. Simplify what loops take and give.    */ ["narrow", narrow],
    /* 5. Move work in front of loops.          */ ["hoist", hoist],
    /* 6. Move work behind loops.               */ ["sink", sink],
  ];
  return toFixpoint(passes, graph, watch);
}

/** Applies the passes in turn until each has found nothing to do since the last change. */
function toFixpoint(passes: readonly (readonly [string, Pass])[], graph: Graph, watch: Watch): Graph {
  let current = graph;
  let idle = 0;
  for (let i = 0; i < passes.length * maxRounds && idle < passes.length; i++) {
    const [name, pass] = passes[i % passes.length];
    const next = pass(current);
    watch(name);
    idle = next === current ? idle + 1 : 0;
    current = next;
  }
  return current;
}
