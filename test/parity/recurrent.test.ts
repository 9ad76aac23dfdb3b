/**
 * Recurrent networks against Keras, PyTorch, TensorFlow 1 and ONNX Runtime: outputs, final states and every gradient, on
 * random distinct weights. README.md tells what the fixtures hold, and which rule holds where frameworks disagree.
 */
import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import {
  add,
  type BackendName,
  compile,
  mul,
  reverse,
  runCell,
  sum,
  type Tensor,
  tensor,
  valueAndGrad,
} from "../../src/index.ts";
import { context } from "../../src/nn/index.ts";
import { compiledBackend } from "../backends.ts";
import { type ArrayJson, type Arrays, type Framework, type Params, paramsOf, read, readAll } from "./layouts.ts";
import { buildModel, cellOf, type NetworkConfig, partAt, runsOf, treeOf } from "./network.ts";

interface Fixture {
  readonly case: string;
  readonly framework: Framework;
  readonly config: NetworkConfig;
  readonly weights: readonly Arrays[];
  readonly x: ArrayJson;
  readonly initialState: readonly Arrays[] | null;
  readonly mask?: ArrayJson;
  readonly lengths?: readonly number[];
  readonly rule?: string;
  readonly outputs: readonly ArrayJson[];
  readonly finalState: readonly Arrays[];
  /** Not of ONNX. */
  readonly r?: readonly ArrayJson[];
  readonly s?: readonly Arrays[];
  readonly loss?: number;
  readonly grads?: {
    readonly weights: readonly Arrays[];
    readonly x: ArrayJson;
    readonly initialState: readonly Arrays[] | null;
  };
}

const frameworks = ["keras", "torch", "tf1", "onnx"] as const;
const folder = new URL("fixtures/", import.meta.url);
const fixtures = readdirSync(folder)
  .filter((file) => /^(keras|torch|tf1|onnx)-.*\.json$/.test(file))
  .flatMap((file) => {
    const { framework, cases } = JSON.parse(readFileSync(new URL(file, folder), "utf8"));
    return (cases as Fixture[]).map((one) => ({ ...one, framework, case: `${file.slice(0, -5)}, ${one.case}` }));
  });

// The others computed in float64 (ONNX Runtime in float32), Recurve in float32; the largest numbers here are near 10.
const tolerance = 1e-5;

const named = fixtures.map((one) => [one.case, one] as const);

test.each(named)("%s", (_name, fixture) => check(fixture, "interpreter"));

// Compiling a case takes twenty times as long as interpreting it, so a third of them has to do.
test.each(named.filter((_, i) => i % 3 === 0))("%s, compiled", (_name, fixture) => check(fixture, compiledBackend));

test("every framework has its cases, and three of them have gradients", () => {
  const count = (cases: readonly Fixture[]): object =>
    Object.fromEntries(frameworks.map((name) => [name, cases.filter(({ framework }) => framework === name).length]));
  expect(count(fixtures)).toEqual({ keras: 85, torch: 36, tf1: 31, onnx: 42 });
  expect(count(fixtures.filter(({ grads }) => grads))).toEqual({ keras: 85, torch: 36, tf1: 31, onnx: 0 });
});

function check(fixture: Fixture, backend: BackendName): void {
  const { framework, config, loss, grads } = fixture;
  const got = evaluate(fixture, backend);
  const runs = runsOf(config);
  const paths = { weights: runs.map(({ weights }) => weights), state: runs.map(({ state }) => state) };
  expectedOutputs(fixture).forEach((want, i) => void expectClose(got.outputs[i], want, `output ${i}`));
  expectAllClose(got.state, paths.state, expectedStates(fixture), "final");
  // Its gradient is not that of what it computed; README.md says more.
  if (grads === undefined || fixture.rule === "the gradient sees the clip") return;
  expectClose(got.value, { shape: [], data: [loss as number] }, "loss");
  expectClose(got.grads.x, grads.x, "gradient of x");
  const wanted = grads.weights.map((weights, i) => paramsOf(framework, runs[i].cell, weights, "gradients"));
  expectAllClose(got.grads.params, paths.weights, wanted.map(asArrays), "gradient of");
  expectAllClose(got.grads.state, paths.state, grads.initialState ?? [], "gradient of the initial");
}

/** Runs the network of a fixture, and differentiates its loss. */
function evaluate(fixture: Fixture, backend: BackendName) {
  const { config, framework, weights, initialState, r = [], s = [] } = fixture;
  const runs = runsOf(config);
  const paths = { weights: runs.map((run) => run.weights), state: runs.map((run) => run.state) };
  const values = weights.map((arrays, i) => paramsOf(framework, runs[i].cell, arrays, "values"));
  const given = {
    params: treeOf(paths.weights, values),
    x: read(fixture.x),
    state: treeOf(paths.state, (initialState ?? []).map(readAll)),
  };
  const forward = forwardOf(fixture);
  const loss = (args: typeof given) => {
    const { outputs, state } = forward(args);
    const terms = r.map((by, i) => sum(mul(outputs[i], read(by))));
    s.forEach((states, i) => {
      const own = partAt<Params>(state, paths.state[i]);
      for (const [name, by] of Object.entries(states)) terms.push(sum(mul(own[name], read(by))));
    });
    return { value: terms.reduce((a, b) => add(a, b), tensor(0)), aux: { outputs, state } };
  };
  if (fixture.grads === undefined) return { ...compile(forward, { backend })(given), value: tensor(0), grads: given };
  const { value, grads, aux } = compile((args: typeof given) => valueAndGrad(loss, { aux: true })(args), { backend })(
    given,
  );
  return { value, grads, outputs: aux.outputs, state: aux.state };
}

function forwardOf(fixture: Fixture) {
  const { config, framework, mask, lengths, initialState } = fixture;
  type Given = { params: object; x: Tensor; state: object };
  const beside = mask ? readMask(mask) : lengths ? tensor([...lengths], { dtype: "int32" }) : undefined;
  if (config.timeMajor) {
    const { cell, weights, state } = runsOf(config)[0];
    return (given: Given) => {
      const { y, state: after } = runCell(cellOf(cell), {
        params: partAt(given.params, weights),
        x: given.x,
        timeMajor: true,
        zeroOutputForMask: true,
        ...(beside === undefined ? {} : { lengths: beside }),
      });
      return { outputs: [y], state: treeOf([state], [after]) };
    };
  }
  const features = fixture.x.shape.slice(2);
  const net = buildModel(config, features, mask ? "mask" : lengths ? "lengths" : undefined);
  return ({ params, x, state }: Given) => {
    const inputs = beside === undefined ? [x] : [x, beside];
    const start = initialState === null ? {} : { state: state as never };
    const result = net.forward({ params: params as never, inputs, ...start, context: context() });
    // ONNX leaves what belongs to a step in its place; we, as Keras, begin with what was processed first.
    const turns = framework === "onnx" && config.network[0].direction === "backward";
    return { outputs: result.outputs.map((y) => (turns ? reverse(y, 1) : y)), state: result.state };
  };
}

/** The peer's outputs, with what is ours by another rule. There r is zero, so that the gradients agree. */
function expectedOutputs({ outputs, rule, mask, initialState }: Fixture): readonly ArrayJson[] {
  if (rule !== "initial state before the first valid step") return outputs;
  const [{ shape, data }] = outputs;
  const [, t, units] = shape;
  const { h } = (initialState as readonly Arrays[])[0];
  const valid = (mask as ArrayJson).data;
  const isBefore = (row: number, step: number): boolean =>
    valid.slice(row * t, row * t + step + 1).every((one) => one === 0);
  const own = data.map((x, i) => {
    const row = Math.floor(i / (t * units));
    return isBefore(row, Math.floor(i / units) % t) ? h.data[row * units + (i % units)] : x;
  });
  return [{ shape, data: own }];
}

function expectedStates({ finalState, rule, lengths, initialState }: Fixture): readonly Arrays[] {
  if (rule !== "an empty row returns its initial state") return finalState;
  const start = initialState as readonly Arrays[];
  const own = (value: ArrayJson, initial: ArrayJson): ArrayJson => {
    const units = value.shape[1];
    const data = value.data.map((x, i) => (lengths?.[Math.floor(i / units)] === 0 ? initial.data[i] : x));
    return { shape: value.shape, data };
  };
  return finalState.map((states, i) =>
    Object.fromEntries(Object.entries(states).map(([name, value]) => [name, own(value, start[i][name])])),
  );
}

function readMask({ shape, data }: ArrayJson): Tensor {
  return tensor([...data], { shape: [...shape], dtype: "bool" });
}

function asArrays(params: Params): Arrays {
  return Object.fromEntries(Object.entries(params).map(([name, value]) => [name, json(value)]));
}

function json(x: Tensor): ArrayJson {
  return { shape: x.shape as readonly number[], data: [...x.data()] };
}

/** Every array of every run, and no other. */
function expectAllClose(
  tree: unknown,
  paths: readonly (readonly string[])[],
  wanted: readonly Arrays[],
  what: string,
): void {
  wanted.forEach((want, i) => {
    const got = partAt<Params>(tree, paths[i]);
    expect(Object.keys(got).sort(), `${what}, run ${i}`).toEqual(Object.keys(want).sort());
    for (const [name, value] of Object.entries(want)) expectClose(got[name], value, `${what} ${name}, run ${i}`);
  });
}

function expectClose(got: Tensor, want: ArrayJson, what: string): void {
  const { shape, data } = json(got);
  expect(shape, what).toEqual(want.shape);
  const error = Math.max(...data.map((x, i) => Math.abs(x - want.data[i]) / Math.max(1, Math.abs(want.data[i]))));
  expect(error, what).toBeLessThanOrEqual(tolerance);
}
