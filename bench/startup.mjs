/**
 * What the first call of a program costs, stage by stage: `node bench/startup.mjs` after `npm run build`. Each start is a
 * process of its own, because code that runs once is code that no engine has optimised yet. "kept call" is a first call
 * in a process that finds its program kept by another. Medians over `--starts` (7 if not given); `--only R.train` for one
 * program, `--json` for JSON lines, `--dist <folder>` for another build.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";

const { values: options } = parseArgs({
  options: {
    starts: { type: "string", default: "7" },
    only: { type: "string" },
    json: { type: "boolean" },
    dist: { type: "string", default: fileURLToPath(new URL("../dist", import.meta.url)) },
    start: { type: "string" },
  },
});

const names = ["R.train", "R.infer", "P28.train", "stack4.train"];
const passes = ["fold", "cse", "dce", "narrow", "hoist", "sink"];
/** What the promise of 150 ms is about. */
const compiled = ["trace", ...passes, "lower", "decompose", "emit"];

/** The network, the loss and one batch of a program. */
function subject({ bidirectional, dense, embedding, lstm, sequential, tensor }, name) {
  const floats = (shape) =>
    tensor(
      Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(i)),
      { shape },
    );
  const whole = (shape, limit) =>
    tensor(
      Int32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => (i * 31) % limit),
      {
        shape,
        dtype: "int32",
      },
    );
  const seeded = { seed: 1 };
  if (name === "P28.train") {
    const layers = [
      embedding({ inputDim: 70, outputDim: 16 }),
      bidirectional(lstm({ units: 256, returnSequences: true })),
      dense({ units: 5068 }),
    ];
    const model = sequential(layers, { input: { shape: [null], dtype: "int32" }, ...seeded });
    return { model, x: whole([32, 50], 70), y: whole([32, 50], 5068) };
  }
  const depth = name === "stack4.train" ? 4 : 1;
  const layers = Array.from({ length: depth }, (_, i) => lstm({ units: 64, returnSequences: i < depth - 1 }));
  const model = sequential([...layers, dense({ units: 2 })], { input: { shape: [null, 12] }, ...seeded });
  return { model, x: floats([32, 100, 12]), y: whole([32], 2) };
}

/** A clock that gives the milliseconds since it was last asked to the stage that is named. */
function stopwatch(times) {
  let last = performance.now();
  return (stage) => {
    times[stage] = (times[stage] ?? 0) + performance.now() - last;
    last = performance.now();
  };
}

/** One start in this process, as users have it: the import, the model, the first two calls. */
async function wholeStart(name) {
  const times = {};
  const done = stopwatch(times);
  const recurve = await at("index.js");
  done("import");
  const { model, x, y } = subject(recurve, name);
  const trainer = recurve.createTrainer(model, { loss: "sparseCategoricalCrossentropy" });
  const call = name.endsWith(".train") ? () => trainer.step({ x, y }) : () => model.run(x);
  done("model");
  call();
  done("first call");
  call();
  done("second call");
  return times;
}

/** One start in this process with the compiler's stages done one by one, as `trace/pipeline.ts` does them. */
async function stagedStart(name) {
  const recurve = await at("index.js");
  const { model, x, y } = subject(recurve, name);
  const [{ optimise }, { lower }, { decompose }, { emitWasm }, { device }, { execute }] = await Promise.all(
    [
      ...["passes/pipeline.js", "loops/lower/index.js", "loops/math.js", "target/wasm/emit.js", "trace/device.js"],
      "trace/finish.js",
    ].map(at),
  );
  const trace = name.endsWith(".train")
    ? await trainingTrace(recurve, model, { x, y })
    : await inferenceTrace(model, x);
  const times = {};
  const done = stopwatch(times);
  const finished = trace();
  done("trace");
  const optimised = optimise(finished.graph, {}, done);
  const lowered = lower(optimised, { aliases: finished.aliases });
  done("lower");
  const loops = decompose(lowered);
  done("decompose");
  const artefact = emitWasm(loops);
  done("emit");
  new WebAssembly.Module(artefact.bytes);
  done("module");
  const executable = device().load(artefact);
  done("load");
  const args = name.endsWith(".train") ? [x, y] : [x];
  execute(finished, executable, args, { b: 32, t: x.shape[1] });
  done("run");
  return { ...times, nodes: optimised.nodes.length, bytes: artefact.bytes.length };
}

/** What traces the training step. */
async function trainingTrace(recurve, model, batch) {
  const [{ Trace, within }, { finish }, { trainingStep }, { argumentsOf, signatureOf }, { sumsLength }] =
    await Promise.all(
      ["trace/context.js", "trace/finish.js", "train/step.js", "train/signature.js", "train/measure.js"].map(at),
    );
  const { plan } = recurve.createTrainer(model, { loss: "sparseCategoricalCrossentropy" });
  const own = (value, name) => recurve.variable(value, { name, trainable: false });
  const tree = (value, path) =>
    value instanceof recurve.Tensor
      ? own(value, path)
      : Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, tree(inner, `${path}.${key}`)]));
  const variables = {
    slots: tree(plan.optimizer.slots(plan.trainable), "slots"),
    counter: own(recurve.tensor(0, { dtype: "int32" }), "step"),
    key: own(recurve.randomKey(0), "key"),
    sums: own(recurve.zeros([sumsLength(plan.objective)]), "sums"),
    state: undefined,
  };
  const step = trainingStep(plan, variables);
  const signature = signatureOf(model, argumentsOf(model, batch));
  return () => {
    const trace = new Trace("training");
    const [x, y] = [signature.x, signature.y].map((specs) =>
      specs.map((spec, i) => trace.argument(`argument ${i}`, spec)),
    );
    return finish(trace, [trace.lift(within(trace, () => step(x, y, undefined, undefined)))]);
  };
}

/** What traces a whole sequence without training. */
async function inferenceTrace(model) {
  const [{ Trace, within }, { finish }, { context }] = await Promise.all(
    ["trace/context.js", "trace/finish.js", "nn/layer.js"].map(at),
  );
  return () => {
    const trace = new Trace("run");
    const inputs = model.inputs.map(({ spec }, i) => trace.argument(`argument ${i}`, spec));
    const { outputs } = within(trace, () => model.forward({ params: model.params(), inputs, context: context() }));
    return finish(
      trace,
      outputs.map((one) => trace.lift(one)),
    );
  };
}

const at = (path) => import(new URL(path, `${pathToFileURL(options.dist)}/`).href);

/** One process of its own, which finds what others have kept in this folder, if one is given. */
function spawn(name, way, folder = "off") {
  const file = fileURLToPath(import.meta.url);
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    [...process.execArgv, file, "--start", `${name}:${way}`, "--dist", options.dist],
    { encoding: "utf8", env: { ...process.env, RECURVE_CACHE: folder } },
  );
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout);
}

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];

if (options.start !== undefined) {
  const [name, way] = options.start.split(":");
  console.log(JSON.stringify(await (way === "staged" ? stagedStart(name) : wholeStart(name))));
} else {
  const chosen = names.filter((name) => options.only === undefined || name === options.only);
  const samples = chosen.map((name) => ({ name, found: [] }));
  const folder = mkdtempSync(join(tmpdir(), "recurve-startup-"));
  for (const name of chosen) spawn(name, "whole", folder);
  // In turn, so that what else the machine does falls on all alike.
  for (let i = 0; i < Number(options.starts); i++)
    for (const { name, found } of samples) {
      const kept = spawn(name, "whole", folder)["first call"];
      found.push({ ...spawn(name, "whole"), "kept call": kept, ...spawn(name, "staged") });
    }
  rmSync(folder, { recursive: true });
  for (const { name, found } of samples) {
    const row = Object.fromEntries(
      Object.keys(found[0]).map((stage) => [stage, Number(median(found.map((one) => one[stage])).toFixed(1))]),
    );
    row.compile = Number(compiled.reduce((sum, stage) => sum + (row[stage] ?? 0), 0).toFixed(1));
    console.log(
      options.json ? JSON.stringify({ case: name, starts: found.length, ...row }) : `${name}\n${format(row)}`,
    );
  }
}

function format(row) {
  return Object.entries(row)
    .map(([stage, value]) => `  ${stage.padEnd(12)}${String(value).padStart(9)}`)
    .join("\n");
}
