import { test } from "vitest";
import { interpret as gi } from "../../src/graph/interpret.ts";
import { interpret } from "../../src/loops/interpret.ts";
import { lower } from "../../src/loops/lower/index.ts";
import { decompose } from "../../src/loops/math.ts";
import { optimise } from "../../src/passes/pipeline.ts";
import { createRuntime } from "../../src/runtime/wasm.ts";
import { emitWasm } from "../../src/target/wasm/emit.ts";
import { randomGraph, withGradients } from "../fuzz/graphs.ts";

const rt = createRuntime();
const diff = (a: any, b: any) => {
  let w = 0;
  for (let i = 0; i < a.length; i++) {
    const d = Math.abs(a[i] - b[i]) / Math.max(1, Math.abs(b[i]));
    if (!(d <= w)) w = Number.isNaN(a[i]) && Number.isNaN(b[i]) ? w : Number.isNaN(d) ? Infinity : d;
  }
  return w;
};
test("x", () => {
  for (let seed = 0; seed < 100; seed++) {
    const { graph, args, dims } = randomGraph(seed);
    for (const g of [graph, optimise(withGradients(graph))]) {
      const p = decompose(lower(g));
      const l = interpret(p, args, dims, { precision: "float32" });
      const r = gi(g, args, dims);
      const w = rt.load(emitWasm(p)).run(
        args,
        g.outputs.map(() => "host" as const),
        dims,
      );
      g.outputs.forEach((_, i) => {
        const a = diff(l[i], r[i]),
          b = diff(w[i], r[i]),
          c = diff(w[i], l[i]);
        if (a > 1e-3 || b > 1e-3 || c > 0)
          console.log(
            "seed",
            seed,
            g === graph ? "plain" : "grad",
            "out",
            i,
            "loops vs graph",
            a,
            "wasm vs graph",
            b,
            "wasm vs loops",
            c,
          );
      });
    }
  }
});
