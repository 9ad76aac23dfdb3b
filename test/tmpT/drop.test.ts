import { test } from "vitest";
import { Builder } from "../../src/graph/build.ts";
import { lower } from "../../src/loops/lower/index.ts";
import { print } from "../../src/loops/print.ts";
test("x", () => {
  for (let n = 1; n < 8; n++) {
  const b = new Builder("r");
  let k = b.input("k", { dtype: "int32", shape: [2] });
  for (let i = 0; i < n; i++) k = b.add("random", { shape: [2], distribution: "bits" }, [k]);
  const g = b.finish([k]);
  let t = performance.now(); const lap = (n: string) => { const now = performance.now(); console.log(n, (now - t).toFixed(0)); t = now; };
  const l = lower(g); lap(n + " lower " + print(l).split("\n").length);
  }
});
