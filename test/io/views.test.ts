/** Numbers in files are views of the file's bytes where they can be, and copies where they can not. */
import { expect, test } from "vitest";
import { viewElements } from "../../src/io/elements.ts";
import { decodeNpy, encodeNpy } from "../../src/io/npy.ts";
import { decodeSafetensors, encodeSafetensors } from "../../src/io/safetensors.ts";

const w = { dtype: "float32", shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) } as const;
const n = { dtype: "int32", shape: [1], data: Int32Array.of(-7) } as const;

test("aligned float32 and int32 of a safetensors file are views of its bytes", () => {
  const bytes = encodeSafetensors({ w, n });
  const { tensors } = decodeSafetensors(bytes);
  for (const tensor of Object.values(tensors)) expect(tensor.data.buffer).toBe(bytes.buffer);
  expect(tensors).toEqual({ w, n });
});

test("bytes that are not aligned are copied, with the same numbers", () => {
  const bytes = encodeSafetensors({ w, n });
  const shifted = new Uint8Array(bytes.length + 1);
  shifted.set(bytes, 1);
  const { tensors } = decodeSafetensors(shifted.subarray(1));
  expect(tensors.w.data.buffer).not.toBe(shifted.buffer);
  expect(tensors).toEqual({ w, n });
});

test("an array of NumPy is a view, in Fortran order a copy", () => {
  const bytes = encodeNpy(w);
  expect(decodeNpy(bytes).data.buffer).toBe(bytes.buffer);
  const text = new TextDecoder("latin1").decode(bytes).replace("'fortran_order': False, ", "'fortran_order': True,  ");
  const turned = Uint8Array.from(text, (letter) => letter.charCodeAt(0));
  expect(decodeNpy(turned).data).toEqual(Float32Array.of(1, 3, 2, 4));
});

test("other types and the other byte order are converted into memory of their own", () => {
  const bytes = new Uint8Array(Float32Array.of(1.5).buffer);
  expect(viewElements("float32", bytes.toReversed(), "", true).data).toEqual(Float32Array.of(1.5));
  expect(viewElements("uint8", Uint8Array.of(255), "").data).toEqual(Int32Array.of(255));
});

test("a tensor that is called __proto__ is written and read as any other", () => {
  const tensors = Object.fromEntries([["__proto__", w]]);
  expect(Object.entries(decodeSafetensors(encodeSafetensors(tensors)).tensors)).toEqual([["__proto__", w]]);
});
