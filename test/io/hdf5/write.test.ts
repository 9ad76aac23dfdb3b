/** Writing: what is written is read again, byte for byte the same each time. That h5py reads it is in fixtures/hdf5/verify.py. */
import { expect, test } from "vitest";
import { UnsupportedError } from "../../../src/base/errors.ts";
import { decodeHdf5, encodeHdf5, type Hdf5Dataset, type Hdf5Group, type Hdf5Tree } from "../../../src/io/hdf5/index.ts";
import { sample } from "./sample.ts";

function treeOf({ attributes, children }: Hdf5Group): Hdf5Tree {
  const members = [...children];
  const groups = members.flatMap(([name, one]) => (one.kind === "group" ? [[name, treeOf(one)] as const] : []));
  const datasets = members.flatMap(([name, one]) => (one.kind === "dataset" ? [[name, datasetOf(one)] as const] : []));
  return {
    attributes: Object.fromEntries(attributes),
    groups: Object.fromEntries(groups),
    datasets: Object.fromEntries(datasets),
  };
}

function datasetOf(one: Hdf5Dataset) {
  const { dtype, shape, data } = one.read();
  return { dtype, shape, data, attributes: Object.fromEntries(one.attributes) };
}

function whole({ attributes = {}, groups = {}, datasets = {} }: Hdf5Tree): unknown {
  const inner = Object.entries(groups).map(([name, group]) => [name, whole(group)]);
  const arrays = Object.entries(datasets).map(([name, { attributes: own = {}, dtype, shape, data }]) => [
    name,
    // A file has no truth values of this kind: they are whole numbers of one byte.
    { attributes: own, dtype: dtype === "bool" ? "int32" : dtype, shape, data: Array.from(data) },
  ]);
  return { attributes, groups: Object.fromEntries(inner), datasets: Object.fromEntries(arrays) };
}

test("a written tree is read again", () => {
  const bytes = encodeHdf5(sample);
  expect(whole(treeOf(decodeHdf5(bytes, "sample.h5")))).toEqual(whole(sample));
  expect(encodeHdf5(sample)).toEqual(bytes);
});

test.each([0, 1, 8, 9, 64, 65, 300])("a group of %i members is read again, in the order of names", (count) => {
  const datasets = Object.fromEntries(
    Array.from({ length: count }, (_, i) => [
      `v${i}`,
      { dtype: "float32" as const, shape: [1], data: Float32Array.of(i) },
    ]),
  );
  const { children } = decodeHdf5(encodeHdf5({ groups: { g: { datasets } } }), "many.h5");
  const group = children.get("g") as Hdf5Group;
  expect([...group.children.keys()]).toEqual(Object.keys(datasets).sort());
  for (const [name, one] of group.children) expect(`v${(one as Hdf5Dataset).read().data[0]}`).toBe(name);
});

test("a name with a slash, and an attribute that no header holds, are refused by name", () => {
  expect(() => encodeHdf5({ groups: { "a/b": {} } })).toThrow(UnsupportedError);
  const list = Array.from({ length: 9000 }, (_, i) => `name ${i}`);
  expect(() => encodeHdf5({ attributes: { list } })).toThrow(/@list.*65000 bytes/);
});
