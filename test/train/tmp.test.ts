import { expect, test } from "vitest";
import { check } from "../../src/graph/check.ts";
import { interpret } from "../../src/graph/interpret.ts";
import { optimise } from "../../src/passes/pipeline.ts";
import * as lowerMod from "../../src/loops/lower.ts";
import { evaluateShape } from "../../src/base/shapes.ts";
import { trainingStep } from "../../src/train/step.ts";
import { argumentsOf, signatureOf } from "../../src/train/signature.ts";
import { adam, rmsprop, sgd, adamW, createTrainer, globalClipNorm, clipNorm, clipValue, cosineDecay } from "../../src/train/index.ts";
import { compile, tensor, variable, zeros } from "../../src/trace/index.ts";
import { mapTree } from "../../src/base/trees.ts";
import { idModel, rowModel, randomIds, meansTask } from "./models.ts";
import { sequential, lstm, dense, dropout, embedding, simpleRNN } from "../../src/nn/index.ts";

function program(model: any, batch: any, opts: any, lanes?: number) {
  const t = createTrainer(model, opts);
  const own = (v: any, name: string) => variable(v, { name, trainable: false });
  const args = argumentsOf(model, batch);
  const sig = signatureOf(model, args, lanes);
  const vars: any = {
    slots: mapTree(t.plan.optimizer.slots(Object.fromEntries(Object.entries(model.weights())) as any) as any, (v: any, p: string) => own(v, p)),
    counter: own(tensor(0, { dtype: "int32" }), "step"), key: own(tensor([1, 2], { dtype: "int32" }), "key"),
    sums: own(zeros([2 * (1 + t.objective.metrics.length)]), "sums"),
    state: lanes ? mapTree(model.zeroState(lanes), (v: any, p: string) => own(v, p)) : undefined,
  };
  const f = compile(trainingStep(t.plan, vars), { inputs: [sig.x, sig.y] as any });
  return (f as any).inspect(args.x, args.y, undefined).graph;
}
const cases: [string, () => any, any][] = [
  ["gru carry", () => program(idModel({ classes: 5, rate: 0.3 }), { x: tensor(randomIds(1, 12, 5), { shape: [3, 4] }), y: tensor(randomIds(2, 12, 5), { shape: [3, 4] }) }, { loss: "sparseCategoricalCrossentropy", metrics: ["accuracy"], clip: globalClipNorm(1), learningRate: cosineDecay({ initialLearningRate: 0.1, decaySteps: 10, warmupTarget: 0.2, warmupSteps: 3 }) }, 3), { b: 3, t: 4 }],
  ["gru mse rms", () => program(rowModel(), meansTask(1, 3), { loss: "meanSquaredError", metrics: ["meanAbsoluteError"], clip: clipNorm(0.1), optimizer: rmsprop({ momentum: 0.9, centered: true }) }), { b: 3, t: 5 }],
  ["lstm stack", () => program(sequential([lstm({ units: 3, returnSequences: true }), dropout({ rate: 0.5 }), lstm({ units: 4 }), dense({ units: 1 })], { input: { shape: [null, 2] } }), meansTask(1, 3), { loss: "huber", clip: clipValue(0.1), optimizer: adamW() }), { b: 3, t: 5 }],
  ["rnn sgd", () => program(sequential([simpleRNN({ units: 3 }), dense({ units: 1 })], { input: { shape: [null, 2] } }), meansTask(1, 3), { loss: "binaryCrossentropy", metrics: ["accuracy"], optimizer: sgd({ momentum: 0.9, nesterov: true }) }), { b: 3, t: 5 }],
];
for (const [name, make, dims] of cases) test(name, () => {
  const g = make();
  check(g);
  const o = optimise(g);
  check(o);
  const ins = g.inputs.map(({ name, value }: any, k: number) => {
    const n = evaluateShape(value.shape, dims).reduce((a, b) => a * b, 1);
    return Float64Array.from({ length: n }, (_, i) => value.dtype === "int32" ? (i + k) % 3 : name.includes("velocity") || name.includes("correction") ? 0.3 + 0.01 * i : Math.sin(i * 7.1 + k) * 0.5);
  });
  const a = interpret(g, ins, dims), b = interpret(o, ins, dims);
  let worst = 0;
  a.forEach((x: any, i: number) => { for (let j = 0; j < x.length; j++) worst = Math.max(worst, Math.abs(x[j] - b[i][j]) / Math.max(1, Math.abs(x[j]))); if ([...x].some((v: number) => !Number.isFinite(v))) console.log("nonfinite out", i); });
  console.log(name, "nodes", g.nodes.length, "->", o.nodes.length, "report", [...a[0]], "worst", worst);
  expect(worst).toBeLessThan(1e-9);
  console.log(Object.keys(lowerMod));
});
