/** Operations on tensors in files of Keras 3: what is refused, by name, and that masks end there. Numbers are in `files.test.ts`. */
import { expect, test } from "vitest";
import { UnsupportedError } from "../../../src/base/errors.ts";
import { encodeKeras, type KerasModel, modelFromKerasConfig } from "../../../src/io/keras/index.ts";
import { lastStep, masking, sequential } from "../../../src/nn/index.ts";

type Json = Readonly<Record<string, unknown>>;

const tensor = (layer: string, shape: readonly (number | null)[] = [null, null, 3]): Json => ({
  class_name: "__keras_tensor__",
  config: { shape, dtype: "float32", keras_history: [layer, 0, 0] },
});

const all: Json = { class_name: "__slice__", config: { start: null, stop: null, step: null } };
const from = (start: number | null, stop: number | null, step: number | null = null): Json => ({
  class_name: "__slice__",
  config: { start, stop, step },
});

/** A model of x [batch, time, 3] and one operation on it. */
function reading(className: string, config: Json, ...args: readonly unknown[]): KerasModel {
  return modelOf(operation(className, config, ...args));
}

const operation = (className: string, config: Json, ...args: readonly unknown[]): Json => ({
  module: "keras.src.ops.numpy",
  class_name: className,
  name: "op",
  config: { name: "op", ...config },
  inbound_nodes: [{ args, kwargs: {} }],
});

function modelOf(...layers: readonly Json[]): KerasModel {
  const source = { class_name: "InputLayer", name: "x", config: { name: "x", batch_shape: [null, null, 3] } };
  const last = layers.at(-1)?.name;
  const config = {
    name: "m",
    layers: [{ ...source, inbound_nodes: [] }, ...layers],
    input_layers: [["x", 0, 0]],
    output_layers: [[last, 0, 0]],
  };
  const zeros =
    () =>
    ({ shape }: { readonly shape: readonly number[] }) =>
      ({ dtype: "float32", shape, data: new Float32Array(shape.reduce((a, b) => a * b, 1)) }) as const;
  const facts = { version: "3.15.1", dialect: "keras3" } as const;
  return modelFromKerasConfig({ class_name: "Functional", config }, zeros, "m.keras", facts, {});
}

const x = tensor("x");
const refused: readonly (readonly [said: string, read: () => KerasModel])[] = [
  ['"GetItem" with [:, :, :2]. Build', () => reading("GetItem", {}, x, [all, all, from(null, 2)])],
  ['"GetItem" with [:, 2]. Build', () => reading("GetItem", {}, x, [all, 2])],
  ['"GetItem" with [:, :5]. Build', () => reading("GetItem", {}, x, [all, from(null, 5)])],
  ['"GetItem" with [:, :0]. Build', () => reading("GetItem", {}, x, [all, from(null, 0)])],
  ['"GetItem" with [:, ::2]. Build', () => reading("GetItem", {}, x, [all, from(null, null, 2)])],
  ['"GetItem" with [0, -1]. Build', () => reading("GetItem", {}, x, [0, -1])],
  ['"GetItem" with [:, -1]. Build', () => reading("GetItem", {}, tensor("x", [null, 3]), [all, -1])],
  ['"Split" with indices_or_sections=3, axis=-1', () => reading("Split", { indices_or_sections: 3, axis: -1 }, x)],
  ['"Mean" with axis=-1, keepdims=false', () => reading("Mean", { axis: -1, keepdims: false }, x)],
  ['"Max" with axis=1, keepdims=false, initial=0', () => reading("Max", { axis: 1, keepdims: false, initial: 0 }, x)],
  ['"Reshape" with newshape=[-1, 6]', () => reading("Reshape", { newshape: [-1, 6] }, x)],
  ['"Reshape" with newshape=[4, 15]', () => reading("Reshape", { newshape: [4, 15] }, tensor("x", [null, 5, 3]))],
  ['"Transpose" with axes=[1, 0, 2]', () => reading("Transpose", { axes: [1, 0, 2] }, x)],
  ['"Concatenate" with axis=0', () => reading("Concatenate", { axis: 0 }, [x, x])],
  ['"Softmax" with axis=1', () => reading("Softmax", { axis: 1 }, x)],
  ['"Gelu" with approximate=true', () => reading("Gelu", { approximate: true }, x)],
  ['"Maximum" with 0', () => reading("Maximum", {}, x, 0)],
  ['"TrueDivide" with 1', () => reading("TrueDivide", {}, 1, x)],
  ['"TrueDivide" with 0', () => reading("TrueDivide", {}, x, 0)],
  ['"Add". Build', () => reading("Add", {}, x, tensor("x", [null, 3]))],
  ['"Sum" with axis=1', () => reading("Sum", { axis: 1 }, x)],
  ['"constructor"', () => reading("constructor", {}, x)],
];

test.each(refused)("refused: %s", (said, read) => {
  expect(read).toThrow(UnsupportedError);
  expect(read).toThrow(`m.keras: layer "op": expected an operation on tensors that is a layer of Recurve, got ${said}`);
  expect(read).toThrow("or export the model to ONNX, of which Recurve runs any graph.");
});

test("the last step of a masked sequence is the last one, since operations of Keras see no masks", () => {
  const masked = {
    module: "keras.layers",
    class_name: "Masking",
    name: "masked",
    config: { name: "masked", mask_value: 0 },
    inbound_nodes: [{ args: [x], kwargs: {} }],
  };
  const { model } = modelOf(masked, operation("GetItem", {}, tensor("masked"), [all, -1]));
  expect(model.layers.map(({ kind }) => kind)).toEqual(["masking", "permute", "permute", "lastStep"]);
});

test("a last step under a mask is not what Keras computes, and is not written", () => {
  const model = sequential([masking(), lastStep({ name: "last" })], { input: { shape: [null, 3] } });
  expect(() => encodeKeras(model)).toThrow('layer "last": expected an input without a mask');
});

test("a model within TimeDistributed whose layers read several values is refused", () => {
  const inner = {
    class_name: "Functional",
    config: {
      name: "inner",
      layers: [
        { class_name: "InputLayer", name: "i", config: { batch_shape: [null, 3] }, inbound_nodes: [] },
        {
          class_name: "Add",
          name: "sum",
          config: { name: "sum", trainable: true },
          inbound_nodes: [{ args: [[tensor("i", [null, 3]), tensor("i", [null, 3])]], kwargs: {} }],
        },
      ],
      input_layers: [["i", 0, 0]],
      output_layers: [["sum", 0, 0]],
    },
  };
  const around = {
    module: "keras.layers",
    class_name: "TimeDistributed",
    name: "around",
    config: { name: "around", layer: inner },
    inbound_nodes: [{ args: [x], kwargs: {} }],
  };
  expect(() => modelOf(around)).toThrow(
    'm.keras: layer "around": expected a model within TimeDistributed whose layers read one value each, and make no masks and give no states, got Add "sum". Put TimeDistributed around each layer',
  );
});
