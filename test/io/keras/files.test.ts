/**
 * Files of real Keras: outputs and gradients as Keras computed them (fixtures/keras/make.py), and the same outputs to the last
 * bit after a round trip through every format that Recurve writes.
 */
import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import {
  decodeKeras,
  decodeKerasH5,
  encodeKeras,
  encodeKerasH5,
  encodeKerasWeights,
  readKerasWeights,
} from "../../../src/io/keras/index.ts";
import { decodeNpz } from "../../../src/io/node/npz.ts";
import { context, type Model, modelFromDefinition } from "../../../src/nn/index.ts";
import { add, compile, concrete, grad, mul, sum, type Tensor } from "../../../src/trace/index.ts";

const folder = new URL("../fixtures/keras/", import.meta.url);
const files = readdirSync(folder).filter((name) => /\.(keras|h5)$/.test(name));
const bytesOf = (name: string): Uint8Array => new Uint8Array(readFileSync(new URL(name, folder)));
const caseOf = (name: string): string => name.replace(/(\.weights)?\.(keras|h5)$/, "");

/** Arrays of a case by what their names begin with. */
function arraysOf(name: string, prefix: string): Tensor[] {
  const arrays = decodeNpz(bytesOf(`${caseOf(name)}.npz`));
  const found = Object.entries(arrays).filter(([key]) => key.startsWith(`${prefix}.`));
  return found.map(([, { dtype, shape, data }]) => concrete({ dtype, shape }, data));
}

async function load(name: string): Promise<Model> {
  if (name.endsWith(".keras")) return (await decodeKeras(bytesOf(name), name)).model;
  if (!name.endsWith(".weights.h5")) return decodeKerasH5(bytesOf(name), name).model;
  // Weights for the same layers with other numbers.
  const { model } = await decodeKeras(bytesOf(`${caseOf(name)}.keras`), name);
  const other = modelFromDefinition(model.definition(), { seed: 5 });
  readKerasWeights(bytesOf(name), other, name);
  return other;
}

function run(model: Model, inputs: readonly Tensor[]): readonly Tensor[] {
  const { outputs } = model.run(inputs);
  return Array.isArray(outputs) ? outputs : [outputs as Tensor];
}

function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  expect(a.length).toBe(b.length);
  return Array.from(a).reduce((most, x, i) => Math.max(most, Math.abs(x - b[i])), 0);
}

test.each(files)("%s gives the outputs of Keras", async (name) => {
  const outputs = run(await load(name), arraysOf(name, "in"));
  const expected = arraysOf(name, "out");
  expect(outputs.map(({ shape }) => shape)).toEqual(expected.map(({ shape }) => shape));
  for (const [i, output] of outputs.entries())
    expect(largestDifference(output.data(), expected[i].data())).toBeLessThan(1e-5);
});

const withGradients = files.filter((name) => name.endsWith(".keras") && arraysOf(name, "grad").length > 0);

test.each(withGradients)("%s gives the gradients of Keras", async (name) => {
  const { model } = await decodeKeras(bytesOf(name), name);
  const [inputs, rs, expected] = ["in", "r", "grad"].map((prefix) => arraysOf(name, prefix));
  const loss = (params: ReturnType<Model["params"]>): Tensor => {
    const { outputs } = model.forward({ params, state: {}, inputs, context: context() });
    return outputs.map((y, i) => sum(mul(y, rs[i]))).reduce((a, b) => add(a, b));
  };
  const found = Object.entries(flat(compile(grad(loss))(model.params())));
  // Keras has the weights of the file's layers in order, as Recurve does.
  const trained = found.filter(([path]) => !/moving/.test(path)).map(([, gradient]) => gradient);
  const byShape = [...expected];
  expect(trained.length).toBe(expected.length);
  for (const gradient of trained) {
    const at = byShape.findIndex(
      (one) =>
        JSON.stringify(one.shape) === JSON.stringify(gradient.shape) &&
        largestDifference(one.data(), gradient.data()) < 2e-5,
    );
    expect(at).toBeGreaterThanOrEqual(0);
    byShape.splice(at, 1);
  }
});

function flat(tree: unknown, path = ""): Record<string, Tensor> {
  if (typeof tree === "object" && tree !== null && "shape" in tree && "dtype" in tree)
    return { [path]: tree as Tensor };
  return Object.assign({}, ...Object.entries(tree as object).map(([key, value]) => flat(value, `${path}.${key}`)));
}

const whole = files.filter((name) => name.endsWith(".keras"));

test.each(whole)("%s comes back from .keras, .h5 and .weights.h5 with the same bits", async (name) => {
  const { model } = await decodeKeras(bytesOf(name), name);
  const inputs = arraysOf(name, "in");
  const before = run(model, inputs).map((y) => y.data());
  const other = modelFromDefinition(model.definition(), { seed: 3 });
  readKerasWeights(encodeKerasWeights(model), other);
  const again = [(await decodeKeras(encodeKeras(model))).model, decodeKerasH5(encodeKerasH5(model)).model, other];
  for (const one of again) expect(run(one, inputs).map((y) => y.data())).toEqual(before);
  expect(encodeKeras(again[0])).toEqual(encodeKeras(model));
});
