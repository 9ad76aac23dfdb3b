/** A tree with everything that the writer of HDF5 knows. */
import type { Hdf5Tree } from "../../../src/io/hdf5/index.ts";

const ramp = (count: number): Float32Array => Float32Array.from({ length: count }, (_, i) => i / 7 - 1);

export const sample: Hdf5Tree = {
  attributes: {
    text: "Recurve: öäü 漢字",
    empty: "",
    long: '{"class_name": "Sequential"}'.repeat(4000),
    names: ["lstm", "dense_1", "ä"],
    whole: 7,
    negative: -3,
    real: 0.25,
    row: [1, 2, 3],
  },
  groups: {
    layers: {
      groups: {
        lstm: {
          attributes: { name: "lstm" },
          groups: {
            vars: {
              datasets: {
                "0": { dtype: "float32", shape: [3, 4], data: ramp(12), attributes: { name: "kernel" } },
                "1": { dtype: "float32", shape: [4], data: ramp(4) },
              },
            },
          },
        },
        empty: {},
      },
    },
    optimizer: {
      datasets: {
        iteration: { dtype: "int32", shape: [], data: Int32Array.of(41) },
        flags: { dtype: "bool", shape: [3], data: Int32Array.of(1, 0, 1) },
        none: { dtype: "float32", shape: [0, 2], data: new Float32Array() },
      },
    },
  },
};
