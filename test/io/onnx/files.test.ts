/** Files of PyTorch, Keras and onnx.helper: the same numbers as ONNX Runtime, the same gradients as PyTorch. */
import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import type { HostTensor } from "../../../src/io/hostTensor.ts";
import { decodeNpz } from "../../../src/io/node/npz.ts";
import { decodeOnnx, onnxDataFiles } from "../../../src/io/onnx/decode.ts";
import type { OnnxModel } from "../../../src/io/onnx/onnxModel.ts";
import { add, compile, concrete, mul, sum, type Tensor, valueAndGrad } from "../../../src/trace/index.ts";
import { expectClose as expectNumbers } from "../closeness.ts";

const folder = new URL("../fixtures/onnx/", import.meta.url);
const names = readdirSync(folder)
  .filter((file) => file.endsWith(".onnx"))
  .map((file) => file.slice(0, -5));

type Arrays = Readonly<Record<string, Tensor>>;

const read = (file: string): Uint8Array => new Uint8Array(readFileSync(new URL(file, folder)));

function modelOf(name: string): OnnxModel {
  const bytes = read(`${name}.onnx`);
  return decodeOnnx(bytes, `${name}.onnx`, new Map(onnxDataFiles(bytes).map((file) => [file, read(file)])));
}

function arraysOf(name: string): Arrays {
  const all = Object.entries(decodeNpz(read(`${name}.npz`)) as Record<string, HostTensor>);
  return Object.fromEntries(all.map(([key, { dtype, shape, data }]) => [key, concrete({ dtype, shape }, data)]));
}

function withPrefix(arrays: Arrays, prefix: string): Arrays {
  const own = Object.entries(arrays).filter(([key]) => key.startsWith(prefix));
  return Object.fromEntries(own.map(([key, value]) => [key.slice(prefix.length), value]));
}

function expectClose(got: Tensor, wanted: Tensor, what: string): void {
  expect(got.shape, what).toEqual(wanted.shape);
  expectNumbers(got.data(), wanted.data(), what);
}

test.each(names)("%s gives what ONNX Runtime gives", (name) => {
  const [model, arrays] = [modelOf(name), arraysOf(name)];
  for (const prefix of ["", "again."]) {
    const inputs = withPrefix(arrays, `${prefix}in.`);
    if (Object.keys(inputs).length === 0) continue;
    const known = new Set(model.inputs.map((one) => one.name));
    const results = model.run(Object.fromEntries(Object.entries(inputs).filter(([key]) => known.has(key))));
    const wanted = withPrefix(arrays, `${prefix}out.`);
    expect(Object.keys(wanted).length).toBeGreaterThan(0);
    for (const [key, value] of Object.entries(wanted)) expectClose(results[key], value, `${prefix}${key}`);
  }
});

const differentiated = names.filter((name) => Object.keys(arraysOf(name)).some((key) => key.startsWith("r.")));

test.each(differentiated)("%s has the gradients that PyTorch has", (name) => {
  const [model, arrays] = [modelOf(name), arraysOf(name)];
  const inputs = withPrefix(arrays, "in.");
  const [[output, r]] = Object.entries(withPrefix(arrays, "r."));
  const params = model.weights();
  const trained = {
    params,
    floats: Object.fromEntries(Object.entries(inputs).filter(([, x]) => x.dtype === "float32")),
  };
  const gradients = compile((given: typeof trained) =>
    valueAndGrad((leaves: typeof trained) => {
      const outs = model.forward({ params: leaves.params, inputs: { ...inputs, ...leaves.floats } });
      return sum(mul(outs[output], r));
    })(given),
  );
  const { grads } = gradients(trained);
  for (const [key, value] of Object.entries(withPrefix(arrays, "grad."))) expectClose(grads.params[key], value, key);
  for (const [key, value] of Object.entries(withPrefix(arrays, "gradin."))) expectClose(grads.floats[key], value, key);
});

test("the file is written again with the weights as they are", () => {
  const model = modelOf("classifier-script");
  const before = decodeOnnx(model.encode());
  expect(before.proto).toEqual(model.proto);
  const [name, weight] = Object.entries(model.weights())[0];
  model.setWeights({ [name]: add(weight, 1) });
  expect(decodeOnnx(model.encode()).weights()[name].data()).toEqual(model.weights()[name].data());
});

test("one program serves every batch and length where the graph allows it", () => {
  const model = modelOf("lstm-script");
  const arrays = arraysOf("lstm-script");
  const shapes = ["", "again."].map((prefix) => model.run(withPrefix(arrays, `${prefix}in.`)).y.shape);
  expect(shapes).toEqual([
    [5, 2, 4],
    [7, 3, 4],
  ]);
  expect(model.programs).toBe(1);
});
