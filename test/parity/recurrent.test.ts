/** Recurrent layers against Keras and PyTorch: outputs, final states and every gradient, on random distinct weights. */
import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { leavesOf } from "../../src/base/trees.ts";
import { context, gru, type Layer, lstm, simpleRNN } from "../../src/nn/index.ts";
import { add, compile, concat, mul, reverse, sum, Tensor, tensor, valueAndGrad } from "../../src/trace/index.ts";
import { type ArrayJson, type Config, type Fixture, layouts, type Params } from "./layouts.ts";

const folder = new URL("fixtures/", import.meta.url);
const fixtures = readdirSync(folder)
  .filter((file) => /^(keras|torch)-.*\.json$/.test(file))
  .map((file) => JSON.parse(readFileSync(new URL(file, folder), "utf8")) as Fixture);

// Both frameworks computed in float64, Recurve in float32; the largest numbers here are near 10.
const tolerance = 1e-5;

/** What can not be asked of Recurve yet, with the reason. */
function notYet({ mask, lengths }: Fixture): string | undefined {
  return mask || lengths ? "lengths and masks are not offered yet" : undefined;
}

test.each(fixtures.filter((one) => notYet(one) === undefined).map((one) => [one.case, one] as const))(
  "%s: outputs, final states and all gradients are those of the framework",
  (_name, fixture) => {
    const got = evaluate(fixture);
    expectClose(got.outputs, fixture.outputs, "outputs");
    for (const state of Object.keys(fixture.finalState)) {
      expectClose(stackStates(got.state, state), fixture.finalState[state], `final ${state}`);
    }
    expect(got.loss.item()).toBeCloseTo(fixture.loss, 3);
    expectClose(got.grads.x, fixture.grads.x, "gradient of x");
    const expected = layouts[fixture.framework](fixture.config, fixture.grads.weights, "gradients");
    expected.forEach((params, i) => {
      for (const { path, leaf } of leavesOf<Tensor>(params)) {
        const ours = leavesOf<Tensor>(got.grads.params[i]).find((one) => one.path === path)?.leaf as Tensor;
        expectClose(ours, json(leaf), `gradient of ${path} of run ${i}`);
      }
    });
    if (fixture.initialState === null) return;
    for (const state of Object.keys(fixture.initialState)) {
      const want = fixture.grads.initialState?.[state] as ArrayJson;
      expectClose(stackStates(got.grads.initial, state), want, `gradient of the initial ${state}`);
    }
  },
);

test("the fixtures that are left out are those with lengths or masks", () => {
  const left = fixtures.filter((one) => notYet(one) !== undefined).map((one) => one.case);
  expect(left).toEqual([
    "keras-gru-mask",
    "keras-lstm-bidirectional-mask",
    "keras-lstm-mask-holes",
    "keras-lstm-mask",
    "torch-gru-lengths",
    "torch-lstm-bidirectional-lengths",
    "torch-lstm-lengths",
  ]);
});

type States = readonly { readonly [name: string]: Tensor }[];

/** Runs the network of a fixture: layers bottom first, and for each its directions. */
function evaluate(fixture: Fixture) {
  const { config } = fixture;
  const directions = config.bidirectional ? 2 : 1;
  const runs = config.layers * directions;
  const first = {
    params: layouts[fixture.framework](config, fixture.weights, "values"),
    x: read(fixture.x),
    initial: Array.from({ length: runs }, (_, i) => initialState(fixture, i)),
  };
  const r = read(fixture.r);
  const loss = (args: { params: Params[]; x: Tensor; initial: States }) => {
    let x = args.x;
    const state: { [name: string]: Tensor }[] = [];
    for (let layer = 0; layer < config.layers; layer++) {
      const outputs: Tensor[] = [];
      for (let d = 0; d < directions; d++) {
        const at = layer * directions + d;
        const { y, state: after } = layerOf(config, config.goBackwards || d === 1).apply({
          params: args.params[at],
          state: args.initial[at],
          inputs: [x],
          context: context(),
        });
        // A backward run gives its outputs in the order of processing.
        outputs.push(d === 1 ? reverse(y, 1) : y);
        state.push(after as { [name: string]: Tensor });
      }
      x = outputs.length === 1 ? outputs[0] : concat(outputs);
    }
    let value = sum(mul(x, r));
    state.forEach((one, i) => {
      for (const [name, h] of Object.entries(one)) value = add(value, sum(mul(h, part(fixture.s[name], i))));
    });
    return { value, aux: { outputs: x, state } };
  };
  const { value, grads, aux } = compile((args: typeof first) => valueAndGrad(loss, { aux: true })(args))(first);
  return { loss: value, grads, ...aux };
}

function layerOf(config: Config, goBackwards: boolean): Layer {
  const options = { units: config.units, activation: config.activation, returnSequences: true, goBackwards };
  if (config.kind === "rnn") return simpleRNN(options);
  if (config.kind === "gru") return gru({ ...options, resetAfter: config.resetAfter });
  return lstm(options);
}

function initialState(fixture: Fixture, i: number): { [name: string]: Tensor } {
  const names = Object.keys(fixture.finalState);
  const { batch, units } = fixture.config;
  const zeros = tensor(new Float32Array(batch * units), { shape: [batch, units] });
  return Object.fromEntries(
    names.map((name) => [name, fixture.initialState ? part(fixture.initialState[name], i) : zeros]),
  );
}

function read({ shape, data }: ArrayJson): Tensor {
  return tensor(data, { shape });
}

/** One layer and direction of a state of shape [layers * directions, b, units]. */
function part({ shape, data }: ArrayJson, i: number): Tensor {
  const size = shape[1] * shape[2];
  return tensor(data.slice(i * size, (i + 1) * size), { shape: shape.slice(1) });
}

function json(x: Tensor): ArrayJson {
  return { shape: [...(x.shape as readonly number[])], data: [...x.data()] };
}

function stackStates(states: States, name: string): ArrayJson {
  const parts = states.map((one) => one[name]);
  return { shape: [parts.length, ...(parts[0].shape as number[])], data: parts.flatMap((one) => [...one.data()]) };
}

function expectClose(got: Tensor | ArrayJson, want: ArrayJson, what: string): void {
  const { shape, data } = got instanceof Tensor ? json(got) : got;
  expect(shape, what).toEqual(want.shape);
  const error = Math.max(...data.map((x, i) => Math.abs(x - want.data[i]) / Math.max(1, Math.abs(want.data[i]))));
  expect(error, what).toBeLessThanOrEqual(tolerance);
}
