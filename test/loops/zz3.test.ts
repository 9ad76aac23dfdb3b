import { test } from "vitest";
import { randomGraph } from "../fuzz/graphs.ts";
import { agreeWith } from "./agree.ts";
import { printGraph as pg } from "../../src/graph/print.ts";
import { print } from "../../src/loops/print.ts";
import { lower } from "../../src/loops/lower/index.ts";
test("min", () => {
  let best: any;
  for (let size = 0; size < 14; size++) for (const seed of [246]) for (const depth of [1, 2]) {
    const { graph, args, dims } = randomGraph(seed, { size, depth });
    try { agreeWith(graph, args, dims); } catch (e) { if (!best || graph.nodes.length < best.graph.nodes.length) best = { graph, e, dims }; }
  }
  if (!best) { const { graph, args, dims } = randomGraph(246, { depth: 2 }); try { agreeWith(graph, args, dims); } catch (e) { best = { graph, e, dims }; } }
  if (best) { console.log(best.e.message, best.dims); console.log(pg(best.graph)); console.log(print(lower(best.graph))); }
});
