import { test } from "vitest";
import { optimise } from "../../src/passes/pipeline.ts";
import { lower } from "../../src/loops/lower/index.ts";
import { decompose } from "../../src/loops/math.ts";
import { emitWasm } from "../../src/target/wasm/emit.ts";
import { compile } from "../../src/trace/index.ts";
import { trainingStep } from "../../src/train/step.ts";
import { argumentsOf, signatureOf } from "../../src/train/signature.ts";
import { createTrainer, globalClipNorm, lanes } from "../../src/train/index.ts";
import { idModel, randomIds } from "./models.ts";
test("x", () => {
  const data = lanes(randomIds(21, 161, 4), { lanes: 4, steps: 5 });
  for (let k = 0; k < 2; k++) {
  const model = idModel({ classes: 4, rate: 0.3 });
  const t = createTrainer(model, { loss: "sparseCategoricalCrossentropy", metrics: ["accuracy"], clip: globalClipNorm(1), target: "interpreter" });
  let t0 = performance.now(); const lap = (n: string) => { console.log(n, (performance.now() - t0).toFixed(0)); t0 = performance.now(); };
  const args = argumentsOf(model, data.batch(0, 0)); const sig = signatureOf(model, args);
  const p = (t as any); void p;
  const vars: any = (t as any).snapshot();
  void vars;
  let g: any;
  const orig = compile((...a: any) => 0 as any, {}); void orig;
  lap("prep");
  // trace via trainer internals
  const { variable, tensor, zeros } = T;
  const own = (v: any, name: string) => variable(v, { name, trainable: false });
  const vs: any = { slots: mapTree(t.plan.optimizer.slots(Object.fromEntries(Object.entries(model.weights())) as any) as any, (v: any, q: string) => own(v, q)), counter: own(tensor(0, { dtype: "int32" }), "step"), key: own(tensor([1, 2], { dtype: "int32" }), "key"), sums: own(zeros([4]), "sums"), state: undefined };
  g = (compile(trainingStep(t.plan, vs), { inputs: [sig.x, sig.y] as any, target: "interpreter" }) as any).inspect(args.x, args.y, undefined).graph;
  lap("trace " + g.nodes.length);
  const o = optimise(g); lap("optimise " + o.nodes.length);
  const l = lower(o); lap("lower");
  const d = decompose(l); lap("decompose");
  const a = emitWasm(d); lap("emit " + a.bytes.length);
  const m = new WebAssembly.Module(a.bytes as any); lap("module"); void m;
  }
});
import * as T from "../../src/trace/index.ts";
import { mapTree } from "../../src/base/trees.ts";
