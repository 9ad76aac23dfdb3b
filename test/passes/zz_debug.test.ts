import { test } from "vitest";
import { optimise } from "../../src/passes/pipeline.ts";
import { cse } from "../../src/passes/cse.ts";
import { dce } from "../../src/passes/dce.ts";
import { fold } from "../../src/passes/fold.ts";
import { hoist } from "../../src/passes/hoist.ts";
import { narrow } from "../../src/passes/narrow.ts";
import { sink } from "../../src/passes/sink.ts";
import { trainingGraph } from "./networks.ts";
test("count", () => {
  const total: Record<string, number> = {};
  for (let k=0;k<40;k++) { let g = trainingGraph("lstm", {layers: 2});
   for (let r = 0; r < 4; r++) for (const [n, p] of Object.entries({ fold: (x: any) => fold(x), cse, dce, narrow, hoist, sink })) { const t0 = performance.now(); g = p(g); const d = performance.now()-t0; total[n] = (total[n] ?? 0) + d; if (k === 0 || k === 39) console.log(k, r, n, d.toFixed(2)); }
  }
  console.log(total);
  for (let k=0;k<5;k++) {const g = trainingGraph("lstm", {layers: 2}); const t0 = performance.now(); optimise(g); console.log(performance.now()-t0); }
});
