/** The node tests of ONNX's recurrent operators, from their own files, where these are: see the README beside. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { decodeOnnx } from "../../src/io/onnx/decode.ts";
import { placeOf } from "../../src/io/onnx/fields.ts";
import { hostTensorOf, tensorMessage } from "../../src/io/onnx/tensors.ts";
import { concrete, type Tensor } from "../../src/trace/index.ts";

const folder = new URL("../../../shared/conformance/onnx/node/", import.meta.url);
const cases = existsSync(folder) ? readdirSync(folder) : [];

test("all 18 cases are there", ({ skip }) => {
  if (cases.length === 0) skip("the files of ONNX's node tests are not on this machine");
  expect(cases.length).toBe(18);
});

test.each(cases)("%s", (name) => {
  const read = (file: string): Uint8Array => new Uint8Array(readFileSync(new URL(`${name}/${file}`, folder)));
  const tensors = (kind: string): Tensor[] =>
    readdirSync(new URL(`${name}/test_data_set_0/`, folder))
      .filter((file) => file.startsWith(kind))
      .sort()
      .map((file) => tensorIn(read(`test_data_set_0/${file}`), file));
  const model = decodeOnnx(read("model.onnx"), name);
  const given = tensors("input");
  const inputs = Object.fromEntries(model.inputs.map((input, i) => [input.name, given[i]]));
  const results = model.run(inputs);
  for (const [i, wanted] of tensors("output").entries()) {
    const got = results[model.outputs[i].name];
    expect(got.shape).toEqual(wanted.shape);
    const apart = Math.max(...Array.from(got.data(), (x, at) => Math.abs(x - wanted.data()[at])));
    expect(apart).toBeLessThan(1e-6);
  }
});

function tensorIn(bytes: Uint8Array, where: string): Tensor {
  const { dtype, shape, data } = hostTensorOf(tensorMessage.read(bytes, placeOf(where)), where);
  return concrete({ dtype, shape }, data);
}
