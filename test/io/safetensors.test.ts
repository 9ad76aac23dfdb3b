/** Laws and broken inputs of the safetensors reader and writer. */
import { expect, test } from "vitest";
import { FormatError, ShapeError } from "../../src/base/errors.ts";
import type { HostTensors } from "../../src/io/hostTensor.ts";
import { decodeSafetensors, encodeSafetensors } from "../../src/io/safetensors.ts";
import { brokenSafetensors, safetensorsFile as file } from "./broken.ts";

const sample: HostTensors = {
  "gru.kernel": {
    dtype: "float32",
    shape: [2, 3],
    data: Float32Array.of(1, -2.5, 3, Number.NaN, Number.POSITIVE_INFINITY, -0),
  },
  mask: { dtype: "bool", shape: [3], data: Int32Array.of(1, 0, 1) },
  "größe.步": { dtype: "int32", shape: [], data: Int32Array.of(-2147483648) },
  empty: { dtype: "float32", shape: [0, 4], data: new Float32Array(0) },
};

test("decode(encode(tensors)) gives back every tensor bit for bit, and the metadata", () => {
  const { tensors, metadata } = decodeSafetensors(encodeSafetensors(sample, { a: "ü\n", b: "" }));
  expect(metadata).toEqual({ a: "ü\n", b: "" });
  expect(tensors).toEqual(sample);
});

test("encode is deterministic and encode(decode(bytes)) gives the same bytes", () => {
  const bytes = encodeSafetensors(sample, { a: "1" });
  const { tensors, metadata } = decodeSafetensors(bytes);
  expect(encodeSafetensors(tensors, metadata)).toEqual(bytes);
});

test("the data of every four-byte tensor lies at a multiple of four, also beside a bool of three bytes", () => {
  const bytes = encodeSafetensors(sample);
  const length = new DataView(bytes.buffer).getUint32(0, true);
  expect((8 + length) % 8).toBe(0);
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length)));
  for (const name of ["gru.kernel", "größe.步", "empty"]) expect(header[name].data_offsets[0] % 4).toBe(0);
});

test("a Buffer of Node, whose slices share memory, decodes like plain bytes", () => {
  expect(decodeSafetensors(Buffer.from(encodeSafetensors(sample))).tensors).toEqual(sample);
});

test("a view into a larger buffer decodes like its own bytes", () => {
  const bytes = encodeSafetensors(sample);
  const shifted = new Uint8Array(bytes.length + 3);
  shifted.set(bytes, 3);
  expect(decodeSafetensors(shifted.subarray(3)).tensors).toEqual(sample);
});

test("foreign element types convert: F64 rounds, F16 and BF16 are exact, I64 and U8 become int32", () => {
  const bytes = file(
    {
      d: { dtype: "F64", shape: [1], data_offsets: [0, 8] },
      l: { dtype: "I64", shape: [1], data_offsets: [8, 16] },
      h: { dtype: "F16", shape: [4], data_offsets: [16, 24] },
      g: { dtype: "BF16", shape: [1], data_offsets: [24, 26] },
      u: { dtype: "U8", shape: [2], data_offsets: [26, 28] },
    },
    28,
  );
  const view = new DataView(bytes.buffer, bytes.length - 28);
  view.setFloat64(0, 0.1, true);
  view.setBigInt64(8, -5n, true);
  [0x3c00, 0xc500, 0x0001, 0x7c00].forEach((half, i) => {
    view.setUint16(16 + 2 * i, half, true);
  });
  view.setUint16(24, 0x4049, true);
  view.setUint16(26, 0xff01, true);
  const { tensors } = decodeSafetensors(bytes);
  expect(tensors.d.data).toEqual(Float32Array.of(0.1));
  expect(tensors.l).toEqual({ dtype: "int32", shape: [1], data: Int32Array.of(-5) });
  expect(tensors.h.data).toEqual(Float32Array.of(1, -5, 2 ** -24, Number.POSITIVE_INFINITY));
  expect(tensors.g.data).toEqual(Float32Array.of(3.140625));
  expect(tensors.u.data).toEqual(Int32Array.of(1, 255));
});

test("numbers that do not fit are refused with their index: int64 outside of int32, float64 outside of float32", () => {
  const wide = file({ n: { dtype: "I64", shape: [1], data_offsets: [0, 8] } }, 8);
  new DataView(wide.buffer, wide.length - 8).setBigInt64(0, 1n << 40n, true);
  expect(() => decodeSafetensors(wide)).toThrow(/tensor "n": element 0 is 1099511627776, which is outside of int32/);
  const large = file({ n: { dtype: "F64", shape: [1], data_offsets: [0, 8] } }, 8);
  new DataView(large.buffer, large.length - 8).setFloat64(0, 1e300, true);
  expect(() => decodeSafetensors(large)).toThrow(/element 0 is 1e\+300, which is too large for float32/);
});

test.each(Object.entries(brokenSafetensors))("%s is a FormatError that names the file", (_, [bytes, sentence]) => {
  expect(() => decodeSafetensors(bytes, "w.safetensors")).toThrow(FormatError);
  expect(() => decodeSafetensors(bytes, "w.safetensors")).toThrow(sentence);
  expect(() => decodeSafetensors(bytes, "w.safetensors")).toThrow(/^w\.safetensors: /);
});

test("a tensor named __proto__ is an ordinary tensor", () => {
  const tensors = decodeSafetensors(file('{"__proto__":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}', 4)).tensors;
  expect(Object.keys(tensors)).toEqual(["__proto__"]);
});

test("data of another size than the shape is refused before anything is written", () => {
  expect(() => encodeSafetensors({ w: { dtype: "float32", shape: [3], data: new Float32Array(2) } })).toThrow(
    ShapeError,
  );
});
