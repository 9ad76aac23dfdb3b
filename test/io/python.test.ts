/** Files that Python's safetensors and NumPy wrote, read as they are. `test/parity/make_files.py` makes them. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { decodeNpy, decodeSafetensors, type HostTensor } from "../../src/io/index.ts";
import { decodeNpz } from "../../src/io/node/npz.ts";

interface Described {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data: readonly number[];
}

const fixture = (name: string): Uint8Array =>
  new Uint8Array(readFileSync(new URL(`../parity/fixtures/${name}`, import.meta.url)));
const described = (name: string) => JSON.parse(new TextDecoder().decode(fixture(name)));
const inside = described("numpy.json") as {
  files: Record<string, Described>;
  archives: Record<string, Record<string, Described>>;
};

/** The JSON has ten digits, which name one float32; float64 is read as the nearest float32. */
function expectArray(got: HostTensor, { dtype, shape, data }: Described): void {
  expect(got.dtype).toBe(dtype === "float64" ? "float32" : dtype);
  expect(got.shape).toEqual(shape);
  expect(got.data).toEqual(got.dtype === "float32" ? Float32Array.from(data) : Int32Array.from(data));
}

test.each(Object.entries(inside.files))("%s of NumPy is read, in row-major order", (name, expected) => {
  expectArray(decodeNpy(fixture(name), name), expected);
});

test.each(Object.entries(inside.archives))("%s of NumPy is read, every array of it", (name, expected) => {
  const arrays = decodeNpz(fixture(name), name);
  expect(Object.keys(arrays)).toEqual(Object.keys(expected));
  for (const [key, array] of Object.entries(expected)) expectArray(arrays[key], array);
});

test("a file of Python's safetensors is read, with its metadata", () => {
  const expected = described("python.safetensors.json") as { metadata: object; tensors: Record<string, Described> };
  const { tensors, metadata } = decodeSafetensors(fixture("python.safetensors"));
  expect(metadata).toEqual(expected.metadata);
  expect(Object.keys(tensors).sort()).toEqual(Object.keys(expected.tensors).sort());
  for (const [name, array] of Object.entries(expected.tensors)) expectArray(tensors[name], array);
});
