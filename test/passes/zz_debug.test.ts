import { test } from "vitest";
import { randomGraph, randomArgs } from "../fuzz/graphs.ts";
import { optimise } from "../../src/passes/pipeline.ts";
import { printGraph } from "../../src/graph/print.ts";
import { forwardGraph, trainingGraph } from "./networks.ts";
test("count", () => {
  console.log(printGraph(optimise(forwardGraph("lstm"))));
  console.log(printGraph(optimise(trainingGraph("lstm", {wantX: true}))));
  for (const layers of [1,2,4,8]) for (let k=0;k<3;k++) { const g = trainingGraph("lstm", {layers}); const t0=performance.now(); const o = optimise(g); console.log(layers, "ms", performance.now()-t0, g.nodes.length); }
});
