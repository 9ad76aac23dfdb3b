/** Laws of `.npy` and `.npz`, with the archives checked against Node's own zlib. */
import { expect, test } from "vitest";
import type { HostTensors } from "../../src/io/hostTensor.ts";
import { decodeNpz, encodeNpz } from "../../src/io/node/npz.ts";
import { decodeNpy, encodeNpy } from "../../src/io/npy.ts";
import { brokenNpy, npyFile as npy } from "./broken.ts";

const sample: HostTensors = {
  input_0: { dtype: "float32", shape: [2, 2], data: Float32Array.of(1, -0, Number.NaN, 3e38) },
  lengths: { dtype: "int32", shape: [3], data: Int32Array.of(1, -2, 2147483647) },
  scalar: { dtype: "float32", shape: [], data: Float32Array.of(7) },
  flags: { dtype: "bool", shape: [0], data: new Int32Array(0) },
};

test("decodeNpz(encodeNpz(arrays)) gives back every array bit for bit, and equal arrays give equal bytes", () => {
  expect(decodeNpz(encodeNpz(sample))).toEqual(sample);
  expect(encodeNpz(sample)).toEqual(encodeNpz(decodeNpz(encodeNpz(sample))));
});

test("the data of a .npy begins at a multiple of 64 after a header that ends in a newline, as NumPy wants it", () => {
  const bytes = encodeNpy(sample.input_0);
  const start = 10 + bytes[8] + 256 * bytes[9];
  expect(start % 64).toBe(0);
  expect(bytes[start - 1]).toBe(10);
  expect(new TextDecoder().decode(bytes.subarray(10, start)).trim()).toBe(
    "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }",
  );
});

test.each([1, 2, 3])("format version %i is read", (version) => {
  const bytes = npy("{'descr': '<i4', 'fortran_order': False, 'shape': (1,), }\n", Uint8Array.of(5, 0, 0, 0), version);
  expect(decodeNpy(bytes)).toEqual({ dtype: "int32", shape: [1], data: Int32Array.of(5) });
});

test("Fortran order is read as the same array: element [i, j, k] keeps its index", () => {
  const shape = [2, 3, 4];
  const data = new Float32Array(24);
  for (let i = 0; i < 2; i++)
    for (let j = 0; j < 3; j++) for (let k = 0; k < 4; k++) data[i + 2 * (j + 3 * k)] = 100 * i + 10 * j + k;
  const bytes = npy("{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3, 4)}\n", new Uint8Array(data.buffer));
  const read = decodeNpy(bytes);
  expect(read.shape).toEqual(shape);
  expect(read.data[1 * 12 + 2 * 4 + 3]).toBe(123);
  expect(Array.from(read.data.subarray(0, 6))).toEqual([0, 1, 2, 3, 10, 11]);
});

test("big-endian elements and the keys in any order are read", () => {
  const bytes = npy("{'shape': (2,), 'fortran_order': False, 'descr': '>i2'}\n", Uint8Array.of(1, 2, 255, 255));
  expect(decodeNpy(bytes).data).toEqual(Int32Array.of(258, -1));
});

test.each(Object.entries(brokenNpy))("%s is refused with a sentence that names the array", (_, [bytes, sentence]) => {
  expect(() => decodeNpy(bytes, "x.npy")).toThrow(sentence);
  expect(() => decodeNpy(bytes, "x.npy")).toThrow(/^x\.npy: /);
});
